//! Costs of the whole server over real HTTP: load, timers, restarts, rebuilds, lists, KPIs, memory, growth.
//!
//! Starts the release binary as its own process on a directory of its own, drives it with
//! keep-alive clients, and prints one Markdown table. Each figure stands beside a limit of the same
//! run on the same machine: a handler that does nothing behind the same server loop, and
//! `fdatasync`'d appends of as many bytes as a group of commits has. Run with `cargo bench --bench load`.
//!
//! # Why
//! A figure of one machine says nothing about another; its ratio to a limit of the same run does.
//! An answer that is not the one expected fails its row: a server that refuses quickly is not fast.

mod client;
mod consultations;
mod drive;
mod kpis;
mod latency;
mod limits;
mod lists;
mod machine;
mod monitors;
#[allow(clippy::unwrap_used, reason = "a law that does not hold ends the row")]
#[path = "../../workflows/naive/mod.rs"]
mod naive;
#[allow(clippy::unwrap_used, reason = "a law that does not hold ends the row")]
#[path = "../../tests/organisation/mod.rs"]
mod organisation;
mod pages;
mod people;
mod place;
mod server;
mod soak;
mod standing;
mod table;
mod timers;
mod year;

use std::path::PathBuf;
use std::process::ExitCode;

/// What the numbers of `naive` are computed with.
use careflow::kernel;
use clap::{Parser, ValueEnum};

use machine::Machine;
use place::Place;
use table::Table;

/// As in the program: the year runs its engine in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a part of a run comes to; an error fails the row and is printed.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Instances that the rows over standing cases have.
const STANDING: usize = 100_000;
/// The scale that shows whether everything works.
const TRIAL_SCALE: f64 = 0.002;
/// What `growth` adds on both sides of them.
const GROWTH: [usize; 2] = [10_000, 1_000_000];

const AFTER_HELP: &str = "\
Examples:
  cargo bench --bench load                               everything; some 20 GB of disk
  cargo bench --bench load -- drive timers               these rows only
  cargo bench --bench load -- --scale 0.002              whether it works: the figures mean nothing
  cargo bench --bench load -- --dir /mnt/ssd --json load.json

Run it on a machine that does nothing else: it says how loaded the machine was when it began.
Exit codes: 0 every row ran; 1 a row failed, or nothing could be measured; 2 the arguments are wrong.";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Row {
    /// Consultations from intake to settled, with 1, 64 and 256 clients; bytes per transition.
    Drive,
    /// Timers due within one minute, and all due when the server starts.
    Timers,
    /// Timers due at one instant under a load of commands.
    Burst,
    /// The load of 64 clients while cases are archived and monitors told of them, and not.
    Monitors,
    /// A virtual year of a whole organisation: 20,000 linked instances of all flows, and every law checked.
    Organisation,
    /// The load of 64 clients while the console's pages are open and told of changes, and not.
    Open,
    /// The console's pages.
    Pages,
    /// Pages of 50 by state, by owner and of what is overdue.
    Lists,
    /// KPIs of a month that holds every instance.
    Kpis,
    /// Resident memory, and bytes on disk per instance.
    Memory,
    /// From the start of the process until it takes requests: after a clean stop, after SIGKILL.
    Restart,
    /// The index built anew from the journal.
    Rebuild,
    /// The six rows above, or those of them that are named, and a load of 64 clients, over 10,000, 100,000 and
    /// 1,000,000 instances.
    Growth,
    /// Twenty minutes at half the highest rate: latency and memory at their beginning and end.
    Soak,
}

/// Measures careflow over real HTTP and prints one Markdown table.
#[derive(Debug, Parser)]
#[command(name = "load", after_help = AFTER_HELP)]
struct Args {
    /// What to measure; everything where nothing is named.
    #[arg(value_enum)]
    rows: Vec<Row>,
    /// Multiplies every count of cases and requests [default: 1; 0.002 where `cargo test` runs it].
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    scale: Option<f64>,
    /// Where the server's directories are made: on the disk that is to be measured.
    #[arg(long, value_name = "DIR", default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// Write everything measured, percentiles too, to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if factor > 0.0 && factor <= 10.0 => Ok(factor),
        Ok(_) | Err(_) => Err("accepted is a number above 0, at most 10".to_owned()),
    }
}

impl Args {
    fn scale(&self) -> f64 {
        self.scale.unwrap_or(if self.bench { 1.0 } else { TRIAL_SCALE })
    }

    fn wants(&self, row: Row) -> bool {
        self.rows.is_empty() || self.rows.contains(&row)
    }

    /// The rows over standing cases: `growth` is about those that are named or all of them, with a load over them.
    fn standing(&self) -> Vec<Row> {
        let all = [Row::Lists, Row::Pages, Row::Kpis, Row::Memory, Row::Restart, Row::Rebuild];
        let named = all.into_iter().filter(|row| self.rows.contains(row));
        match (self.wants(Row::Growth), named.clone().count()) {
            (true, 0) => all.into_iter().chain([Row::Drive]).collect(),
            (true, _) => named.chain([Row::Drive]).collect(),
            (false, _) => named.collect(),
        }
    }
}

/// What all rows share.
pub struct Run {
    /// Where directories are made.
    pub place: Place,
    /// The factor of every count.
    pub scale: f64,
}

impl Run {
    /// `count` scaled; at least `least`.
    pub fn scaled(&self, count: usize, least: usize) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small")]
        let scaled = (count as f64 * self.scale).round() as usize;
        scaled.max(least)
    }
}

async fn measure(args: &Args, run: &Run, table: &mut Table) {
    if args.wants(Row::Drive) {
        let done = drive::rows(run, table).await;
        table.ended("drive", done);
    }
    if args.wants(Row::Timers) {
        let done = timers::rows(run, table).await;
        table.ended("timers", done);
    }
    if args.wants(Row::Burst) {
        let done = timers::burst(run, table).await;
        table.ended("burst", done);
    }
    if args.wants(Row::Monitors) {
        let done = monitors::rows(run, table).await;
        table.ended("monitors", done);
    }
    if args.wants(Row::Organisation) {
        let done = year::rows(run, table).await;
        table.ended("organisation", done);
    }
    if args.wants(Row::Open) {
        let done = pages::open(run, table).await;
        table.ended("open", done);
    }
    if args.wants(Row::Soak) {
        let done = soak::rows(run, table).await;
        table.ended("soak", done);
    }
    let rows = args.standing();
    if rows.is_empty() {
        return;
    }
    let mut sizes = vec![STANDING];
    if args.wants(Row::Growth) {
        sizes.extend(GROWTH);
        sizes.sort_unstable();
    }
    for size in sizes {
        let done = standing::rows(run, table, run.scaled(size, 100), &rows).await;
        table.ended(&format!("{} instances", table::count(size as f64)), done);
    }
}

fn run(args: &Args) -> Outcome<bool> {
    let place = Place::below(&args.dir)?;
    let machine = Machine::look(place.path())?;
    println!("{machine}\n");
    let mut table = Table::new();
    let run = Run { place, scale: args.scale() };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(measure(args, &run, &mut table));
    table.foot();
    if run.scale < 1.0 {
        println!("\nScale {}: every count is that much smaller.", run.scale);
    }
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&table.json(&machine, run.scale))?)?;
    }
    Ok(table.is_whole())
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

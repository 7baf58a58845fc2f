//! `schedule`: what starts by itself and when; beside a running server, on its directory, or for an expression alone.

use std::io::Write as _;

use axum::http::Method;
use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Client;
use super::directory::OpenArgs;
use super::failure::Failure;
use crate::kernel::calendar::parse_zone;
use crate::kernel::cron::Cron;
use crate::kernel::instant::Instant;
use crate::time::{TimeSource, WallTime};

/// Path of the schedules in the API.
const PATH: &str = "/v1/schedules";
/// Most fire times told at once: that of the API.
const TIMES_MAX: u8 = 100;

/// Shows what starts by itself, and pauses, resumes or runs it; through the running server where there is one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow schedule list\n  careflow schedule next monthly_feedback -n 3\n  careflow schedule next --cron '30 8 * * Mon-Fri' --zone Asia/Shanghai\n  careflow schedule pause monthly_feedback --reason 'moving house'\n  careflow schedule run monthly_feedback --reason 'asked for by the board'"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the schedules, when each fires next, and what became of the last time.
    List {
        #[command(flatten)]
        open: OpenArgs,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tells when a schedule fires next, or an expression, which needs no directory.
    Next {
        #[command(flatten)]
        open: OpenArgs,
        /// The schedule: its id, its name, or `workflow/name`.
        #[arg(value_name = "SCHEDULE", required_unless_present = "cron")]
        schedule: Option<String>,
        /// A cron expression instead: five fields, six with the second first, or a name like `@daily`.
        #[arg(long, value_name = "EXPR", requires = "zone", conflicts_with = "schedule", value_parser = Cron::parse)]
        cron: Option<Cron>,
        /// The time zone of the expression, an IANA name.
        #[arg(long, value_name = "ZONE", requires = "cron")]
        zone: Option<String>,
        /// How many fire times.
        #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=i64::from(TIMES_MAX)))]
        n: u8,
        /// Only fire times after this time [default: now].
        #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
        after: Option<Instant>,
    },
    /// Stops a schedule from firing until it is resumed.
    Pause(Order),
    /// Lets a paused schedule fire again; what passed meanwhile is not made up for.
    Resume(Order),
    /// Starts now what a firing would start; the next fire time stays as it is.
    Run(Order),
}

/// A schedule, and why something is done to it.
#[derive(Debug, clap::Args)]
struct Order {
    #[command(flatten)]
    open: OpenArgs,
    /// The schedule: its id, its name, or `workflow/name`.
    #[arg(value_name = "SCHEDULE")]
    schedule: String,
    /// Why; it stands in the history.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::List { open, json } => list(&open, json).await,
            Command::Next { cron: Some(cron), zone, n, after, .. } => {
                preview(&cron, zone.as_deref().unwrap_or_default(), n, after)
            }
            Command::Next { open, schedule, n, after, .. } => {
                next(&open, &schedule.unwrap_or_default(), n, after).await
            }
            Command::Pause(order) => order.give("pause").await,
            Command::Resume(order) => order.give("resume").await,
            Command::Run(order) => order.give("run").await,
        }
    }
}

impl Order {
    async fn give(&self, what: &str) -> Result<(), Failure> {
        let mut client = Client::reach(&self.open.existing()?).await?;
        let body = json!({ "reason": self.reason });
        let done = match find(&mut client, &self.schedule).await {
            Ok(found) => {
                let path = format!("{PATH}/{}/{what}", text(&found, "id"));
                client.ask(Method::POST, &path, Some(&body)).await
            }
            Err(failure) => Err(failure),
        };
        // The engine is stopped cleanly even where it refused.
        client.leave().await?;
        let done = done?.body;
        let started =
            done["effects"].as_array().into_iter().flatten().find_map(|effect| effect["child"].as_str());
        match started {
            Some(id) => Ok(writeln!(std::io::stdout().lock(), "{id}")?),
            None => {
                eprintln!("`{}` is {}", self.schedule, text(&done, "to"));
                Ok(())
            }
        }
    }
}

/// The schedule that is meant by an id, a name, or `workflow/name`.
async fn find(client: &mut Client, wanted: &str) -> Result<Value, Failure> {
    let all = client.ask(Method::GET, PATH, None).await?.body;
    let all = all["schedules"].as_array().cloned().unwrap_or_default();
    let full = |schedule: &Value| format!("{}/{}", text(schedule, "workflow"), text(schedule, "name"));
    let means = |schedule: &&Value| {
        [text(schedule, "id"), text(schedule, "name")].contains(&wanted) || full(schedule) == wanted
    };
    let found: Vec<&Value> = all.iter().filter(means).collect();
    let names =
        |some: &[&Value]| some.iter().map(|one| format!("`{}`", full(one))).collect::<Vec<_>>().join(", ");
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let known: Vec<&Value> = all.iter().collect();
            let known = if known.is_empty() {
                "there is none".to_owned()
            } else {
                format!("there are {}", names(&known))
            };
            Err(Failure::Refused(format!("there is no schedule `{wanted}`; {known}")))
        }
        several => Err(Failure::Refused(format!("`{wanted}` is one of {}; name it in full", names(several)))),
    }
}

async fn list(open: &OpenArgs, json: bool) -> Result<(), Failure> {
    let mut client = Client::reach(&open.existing()?).await?;
    let answer = client.ask(Method::GET, PATH, None).await;
    client.leave().await?;
    let schedules = answer?.body;
    let mut out = std::io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{schedules}")?);
    }
    for schedule in schedules["schedules"].as_array().into_iter().flatten() {
        let (id, workflow, name) = (text(schedule, "id"), text(schedule, "workflow"), text(schedule, "name"));
        let (state, next) = (text(schedule, "state"), text(schedule, "next"));
        let (cron, zone) = (text(schedule, "cron"), text(schedule, "zone"));
        let last = &schedule["last"];
        let (outcome, at) = (text(last, "outcome"), text(last, "scheduled_for"));
        writeln!(
            out,
            "{id}  {state:<9}  next {next}  last {at} {outcome}  {cron}  {zone}  {workflow}/{name}"
        )?;
    }
    Ok(())
}

async fn next(open: &OpenArgs, schedule: &str, n: u8, after: Option<Instant>) -> Result<(), Failure> {
    let mut client = Client::reach(&open.existing()?).await?;
    let answer = match find(&mut client, schedule).await {
        Ok(found) => {
            let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
            let path = format!("{PATH}/{}/next?n={n}{after}", text(&found, "id"));
            client.ask(Method::GET, &path, None).await
        }
        Err(failure) => Err(failure),
    };
    client.leave().await?;
    let mut out = std::io::stdout().lock();
    for time in answer?.body["times"].as_array().into_iter().flatten() {
        writeln!(out, "{}  {}", text(time, "at"), text(time, "local"))?;
    }
    Ok(())
}

fn preview(cron: &Cron, zone: &str, n: u8, after: Option<Instant>) -> Result<(), Failure> {
    let zone = parse_zone(zone).map_err(Failure::Usage)?;
    let after = after.unwrap_or_else(|| WallTime.now());
    let mut out = std::io::stdout().lock();
    for at in cron.after(after, zone).take(n.into()) {
        writeln!(out, "{at}  {}", at.utc().with_timezone(&zone).to_rfc3339())?;
    }
    Ok(())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("-")
}

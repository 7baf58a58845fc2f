//! Owns what Linux says of the machine and of processes: names, CPU time, resident memory, sizes of files.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

use crate::Outcome;

/// Ticks a second of `/proc/PID/stat`: the same on every architecture that this is built for.
const TICKS_PER_SECOND: f64 = 100.0;
/// A machine with more load than this is busy with something else.
const IDLE_LOAD_MAX: f64 = 0.5;

/// What the figures were measured on.
#[derive(Debug)]
pub struct Machine {
    cpu: String,
    cpus: usize,
    memory_bytes: u64,
    kernel: String,
    disk: String,
    load: f64,
}

impl Machine {
    /// Looks; `dir` is where the server's directories are made.
    pub fn look(dir: &Path) -> Outcome<Self> {
        let read = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("`{path}`: {error}"));
        let cpuinfo = read("/proc/cpuinfo")?;
        let named = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = named(&read("/proc/meminfo")?, "MemTotal").unwrap_or_default();
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        let load = read("/proc/loadavg")?;
        Ok(Self {
            cpu: named(&cpuinfo, "model name").unwrap_or_else(|| "unnamed CPU".into()),
            cpus: std::thread::available_parallelism()?.get(),
            memory_bytes: kilobytes * 1_024,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            disk: mounted(dir, &read("/proc/self/mounts")?)?,
            load: load.split(' ').next().unwrap_or_default().parse()?,
        })
    }

    /// The same as data.
    pub fn json(&self) -> Value {
        json!({
            "cpu": self.cpu, "cpus": self.cpus, "memory_bytes": self.memory_bytes, "kernel": self.kernel,
            "disk": self.disk, "load_at_start": self.load, "careflow": env!("CARGO_PKG_VERSION"),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Measured on {} × {}, {:.0} GB of memory, Linux {}, {}; careflow {}; load average {:.2} at the start. \
             Clients and server share the machine.",
            self.cpus,
            self.cpu,
            self.memory_bytes as f64 / 1e9,
            self.kernel,
            self.disk,
            env!("CARGO_PKG_VERSION"),
            self.load
        )?;
        if self.load > IDLE_LOAD_MAX {
            write!(f, "\n\n**Something else was running: these figures are not results.**")?;
        }
        Ok(())
    }
}

/// The file system that `dir` lies on; one in memory makes no sync, so nothing is measured there.
fn mounted(dir: &Path, mounts: &str) -> Outcome<String> {
    let dir = dir.canonicalize()?;
    let below = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
        dir.starts_with(point).then_some((point.len(), device, kind))
    });
    // Of two mounts on one point the later one is seen.
    let Some((_, device, kind)) = below.max_by_key(|(length, ..)| *length) else {
        return Err(format!("no file system holds `{}`", dir.display()).into());
    };
    if ["tmpfs", "ramfs"].contains(&kind) {
        let dir = dir.display();
        return Err(
            format!("`{dir}` lies in memory, where no sync costs anything; --dir names a disk").into()
        );
    }
    Ok(format!("{kind} on {device}"))
}

/// CPU seconds that a process has used, of all its threads.
pub fn cpu_seconds(pid: u32) -> Outcome<f64> {
    ticks(Path::new(&format!("/proc/{pid}/stat")))
}

/// CPU seconds that this process's threads called `name` have used.
pub fn thread_cpu_seconds(name: &str) -> Outcome<f64> {
    let mut sum = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim_end() == name {
            sum += ticks(&task.join("stat"))?;
        }
    }
    Ok(sum)
}

fn ticks(stat: &Path) -> Outcome<f64> {
    let text = std::fs::read_to_string(stat)?;
    // The name in brackets may hold anything; what follows it is fields 3 and up.
    let after = text.rsplit_once(')').ok_or("a stat line without a name")?.1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).ok_or("a stat line that is too short");
    let (user, system): (f64, f64) = (field(14)?.parse()?, field(15)?.parse()?);
    Ok((user + system) / TICKS_PER_SECOND)
}

/// Megabytes of a process's memory that are resident now.
pub fn resident_megabytes(pid: u32) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1_024.0 / 1e6)
}

/// Bytes of all files below `dir`.
pub fn bytes_below(dir: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let about = entry.metadata()?;
        sum += if about.is_dir() { bytes_below(&entry.path())? } else { about.len() };
    }
    Ok(sum)
}

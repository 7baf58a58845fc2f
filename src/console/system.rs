//! The server: whether it takes commands, what waits, how long commits take, how large everything is.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::names::Names;
use super::shell::{Part, Shell, Visitor};
use super::times::Time;
use super::{Desk, page};
use crate::api::error::ApiError;
use crate::api::extract::Params;
use crate::api::health::{self, Numbers};
use crate::api::lists::PAGE_MAX;
use crate::api::standing::Standing;
use crate::api::timers::{ArmedTimerView, TimerParams, list_timers};
use crate::engine::Waiting;
use crate::metrics::Seen;
use crate::metrics::families::Queue;
use crate::rejected::Ring;

/// How far ahead timers are counted.
const AHEAD: Duration = Duration::from_secs(3_600);
/// Timers of the page.
const TIMERS: usize = 15;

/// One number with what it is.
struct Stat {
    text: &'static str,
    value: String,
    note: String,
}

/// What waits in one queue.
struct QueueRow {
    name: &'static str,
    text: &'static str,
    items: u64,
    max: Option<u64>,
    /// Percent of what may wait.
    percent: u64,
    class: &'static str,
}

/// How long something takes.
struct Latency {
    text: &'static str,
    count: u64,
    mean: String,
    p50: String,
    p99: String,
}

/// A timer that is due soon.
struct TimerRow {
    case: String,
    flow: String,
    state: String,
    timer: String,
    due: Time,
}

#[derive(Template)]
#[template(path = "system.html", config = "src/console/askama.toml")]
struct SystemPage {
    shell: Shell,
    ready: bool,
    standing: &'static str,
    /// Why no commands are taken, and what helps.
    trouble: Option<String>,
    held: u64,
    stats: Vec<Stat>,
    queues: Vec<QueueRow>,
    latencies: Vec<Latency>,
    refused: Vec<(&'static str, u64)>,
    timers: Vec<TimerRow>,
    /// How many are due within the hour.
    due: usize,
    /// Whether there are more.
    more_due: bool,
}

/// Shows the server.
///
/// # Errors
/// `role_not_allowed`.
pub async fn system(State(desk): State<Desk>, visitor: Visitor) -> Result<Response, ApiError> {
    let lang = visitor.lang;
    let numbers = health::read(&visitor.state, &visitor.caller)?;
    let until = visitor.engine.now().plus_millis(i64::try_from(AHEAD.as_millis()).unwrap_or(i64::MAX));
    let params = TimerParams { until: Some(until.to_string()), limit: Some(PAGE_MAX), cursor: None };
    let due = list_timers(State(visitor.state.clone()), visitor.caller.clone(), Params(params)).await?.1.0;
    let standing = standing(&numbers.standing, &visitor);
    let (held, trouble) = match numbers.standing.clone().ready() {
        Ok(held) => (held, None),
        Err(error) => (0, Some(error.into_problem().detail)),
    };
    page::page(&SystemPage {
        shell: visitor.shell(Part::System, lang.t("System", "系统")),
        ready: trouble.is_none(),
        standing,
        trouble,
        held,
        stats: stats(&numbers, &visitor, desk.sessions.count()),
        queues: numbers.queues.iter().map(|queue| queue_row(queue, &visitor)).collect(),
        latencies: latencies(&numbers, &visitor),
        timers: due.timers.iter().take(TIMERS).map(|timer| timer_row(timer, &visitor)).collect(),
        due: due.timers.len(),
        more_due: due.next_cursor.is_some(),
        refused: numbers.engine.refused,
    })
}

fn standing(standing: &Standing, visitor: &Visitor) -> &'static str {
    let lang = visitor.lang;
    match standing {
        Standing::Ready { .. } => lang.t("Commands are taken", "正常受理"),
        Standing::Starting { .. } => lang.t("Starting", "启动中"),
        Standing::DiskFull { .. } => lang.t("The disk is full: reading only", "磁盘已满，仅可读取"),
        Standing::Damaged(_) => lang.t("Stored data is damaged: reading only", "存储数据受损，仅可读取"),
        Standing::Stopped(_) => lang.t("Stopped: reading only", "已停止写入，仅可读取"),
        Standing::ShuttingDown => lang.t("Shutting down", "正在关闭"),
    }
}

fn stats(numbers: &Numbers, visitor: &Visitor, sessions: usize) -> Vec<Stat> {
    let (lang, engine) = (visitor.lang, &numbers.engine);
    let stat = |en, zh, value: String| Stat { text: lang.t(en, zh), value, note: String::new() };
    let noted = |en, zh, value: String, note: String| Stat { text: lang.t(en, zh), value, note };
    let mean = engine.groups.mean().map_or_else(|| "–".to_owned(), |mean| format!("{mean:.1}"));
    let mut stats = vec![
        stat("Position of the journal", "日志位置", engine.position.to_string()),
        noted(
            "Commits of a group, mean",
            "每批提交数（平均）",
            mean,
            lang.t(&format!("groups: {}", engine.groups.count), &format!("批数：{}", engine.groups.count))
                .to_owned(),
        ),
    ];
    if let Some((size, segments)) = engine.journal {
        let note = lang.t(&format!("segments: {segments}"), &format!("分段：{segments}")).to_owned();
        stats.push(noted("Journal", "日志大小", bytes(size), note));
    }
    if let Some(size) = engine.index_bytes {
        stats.push(stat("Index", "索引大小", bytes(size)));
    }
    if let Some(free) = engine.free_bytes {
        stats.push(stat("Free on the disk", "磁盘剩余", bytes(free)));
    }
    if let Some(size) = numbers.resident_bytes {
        stats.push(stat("Memory", "内存", bytes(size)));
    }
    if let Some(seconds) = numbers.cpu_seconds {
        stats.push(stat("CPU time", "CPU 时间", format!("{seconds:.1} s")));
    }
    let overdue = format!("{:.1} s", engine.overdue_seconds);
    stats.push(stat("The earliest timer is late by", "最早定时器延迟", overdue));
    stats.push(stat("People signed in", "登录会话", sessions.to_string()));
    if let Some(size) = numbers.ring_bytes {
        let most = bytes(Ring::BYTES_MAX);
        let note = lang.t(&format!("of at most {most}"), &format!("上限 {most}")).to_owned();
        stats.push(noted("Ring of refused events", "被拒事件环", bytes(size), note));
    }
    stats.push(stat("Found the queue full", "因队列满被拒", engine.shed.to_string()));
    stats.push(stat("Steps that failed", "失败的步骤", engine.steps_failed.to_string()));
    stats
}

fn queue_row((queue, items, max): &Waiting, visitor: &Visitor) -> QueueRow {
    let lang = visitor.lang;
    let text = match queue {
        Queue::Connections => lang.t("open connections", "打开的连接"),
        Queue::Requests => lang.t("requests under way", "处理中的请求"),
        Queue::Feed => lang.t("readers that wait for the next change", "等待变更的读者"),
        Queue::Writer => lang.t("commands that wait for the writer", "等待写入的命令"),
        Queue::Group => lang.t("commits of the next group", "下一批的提交"),
        Queue::Answers => lang.t("answers that wait for publication", "等待发布的应答"),
        Queue::Timers => lang.t("instances with a timer at hand", "就绪的定时实例"),
        Queue::Sends => lang.t("undelivered events between instances", "实例间未送达的事件"),
        Queue::Links => lang.t("instances with children to start", "待启动子实例的实例"),
        Queue::Index => lang.t("writes that the index holds in memory", "索引内存中的写入"),
    };
    let percent = max.map_or(0, |max| (items * 100).checked_div(max).unwrap_or(0).min(100));
    let class = match percent {
        0..50 => "good",
        50..80 => "warn",
        _ => "bad",
    };
    QueueRow { name: queue.name(), text, items: *items, max: *max, percent, class }
}

fn latencies(numbers: &Numbers, visitor: &Visitor) -> Vec<Latency> {
    let (lang, engine) = (visitor.lang, &numbers.engine);
    let row = |text, seen: &Seen| Latency {
        text,
        count: seen.count,
        mean: seconds(seen.mean()),
        p50: seconds(seen.quantile(0.50)),
        p99: seconds(seen.quantile(0.99)),
    };
    let mut rows = vec![
        row(lang.t("a command, from the queue to its answer", "命令：自入队至应答"), &engine.commands),
        row(lang.t("computing a commit", "计算一次提交"), &engine.steps),
    ];
    rows.extend(engine.syncs.as_ref().map(|seen| row(lang.t("a sync of the journal", "日志落盘"), seen)));
    rows.push(row(lang.t("applying a group to the index", "更新索引"), &engine.applied));
    rows.push(row(lang.t("a timer, from its due to its firing", "定时器：自到期至触发"), &engine.lateness));
    rows
}

fn timer_row(armed: &ArmedTimerView, visitor: &Visitor) -> TimerRow {
    let names = Names::new(&visitor.engine, &armed.workflow, visitor.lang);
    let definition = visitor.engine.definition(&armed.workflow);
    let flow = definition.map(|found| visitor.lang.of(&found.title).to_owned());
    TimerRow {
        case: armed.instance.clone(),
        flow: flow.unwrap_or_else(|| armed.workflow.clone()),
        state: names.state(&armed.state),
        timer: names.timer(&armed.timer.timer),
        due: Time::of_text(&armed.timer.due, visitor.zone, visitor.lang),
    }
}

/// A size in its largest unit.
fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (size as f64, 0);
    while value >= 1_024.0 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    if unit == 0 { format!("{size} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A time in the unit that leaves few digits.
fn seconds(time: Option<f64>) -> String {
    match time {
        None => "–".to_owned(),
        Some(time) if time < 0.001 => format!("{:.0} µs", time * 1e6),
        Some(time) if time < 1.0 => format!("{:.1} ms", time * 1e3),
        Some(time) => format!("{time:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_a_unit_of_their_own() {
        let sizes = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (3 << 30, "3.0 GiB"),
            (5 << 50, "5120.0 TiB"),
        ];
        for (size, expected) in sizes {
            assert_eq!(bytes(size), expected);
        }
        let times = [(0.000_042, "42 µs"), (0.0123, "12.3 ms"), (1.25, "1.2 s")];
        for (time, expected) in times {
            assert_eq!(seconds(Some(time)), expected);
        }
        assert_eq!(seconds(None), "–");
    }
}

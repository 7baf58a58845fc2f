//! `report`: KPIs of a window, from a running server or from its directory.

use std::io::Write as _;

use axum::http::Method;
use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use super::client::Client;
use super::directory::OpenArgs;
use super::failure::Failure;

/// Prints numbers over histories.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Kpis(Kpis),
}

/// Prints the KPIs of a window, each number with how many cases it counts.
///
/// A clock belongs to the window of its due or its stop, whichever is earlier; one that runs on past
/// its due counts as missed, one that is not due at the end of the window is pending. What reaches
/// no target of the policy is marked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow report kpis                                  this month\n  careflow report kpis --from 2026-03-01 --to 2026-04-01 --group-by channel --lang zh\n  careflow report kpis --workflow consultation,complaint --group-by flow\n  careflow report kpis --workflow callback --kpi K15 --group-by hour    when customers are reached\n  careflow report kpis --kpi K02,K04 --json | jq '.kpis[].rate'"
)]
struct Kpis {
    #[command(flatten)]
    open: OpenArgs,
    /// The workflow, several separated by commas, or `all`.
    #[arg(long, value_name = "WORKFLOW,…", default_value = "consultation")]
    workflow: String,
    /// From this local date or time [default: the start of this month].
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Up to and without this local date or time [default: the end of the month of --from].
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Time zone of local dates, months and hours [default: that of the workflow's calendar].
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// flow, channel, tier, priority, category, owner, first_owner, department, agent, month or hour (of the day).
    #[arg(long, value_name = "WHAT")]
    group_by: Option<String>,
    /// Only these KPIs, separated by commas.
    #[arg(long, value_name = "KPI,…")]
    kpi: Option<String>,
    /// `left_out`: K02 without breaches that only a raised priority made.
    #[arg(long, value_name = "HOW")]
    retargets: Option<String>,
    /// The language of the table.
    #[arg(long, value_enum, default_value = "en")]
    lang: Language,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// A language of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// English.
    En,
    /// 中文
    Zh,
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(self) -> Result<(), Failure> {
        let Command::Kpis(asked) = self.command;
        let mut client = Client::reach(&asked.open.existing()?).await?;
        let answer = client.ask(Method::GET, &asked.path(), None).await;
        // The engine is stopped cleanly even where it refused.
        client.leave().await?;
        let report = answer?.body;
        let mut out = std::io::stdout().lock();
        if asked.json {
            return Ok(writeln!(out, "{report}")?);
        }
        Ok(write!(out, "{}", table(&report, asked.lang))?)
    }
}

impl Kpis {
    fn path(&self) -> String {
        let mut path = format!("/v1/reports/kpis?workflow={}", encoded(&self.workflow));
        let given = [
            ("from", &self.from),
            ("to", &self.to),
            ("zone", &self.zone),
            ("group_by", &self.group_by),
            ("kpi", &self.kpi),
            ("retargets", &self.retargets),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        path
    }
}

/// `text` as a value of a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

/// The answer of `GET /v1/reports/kpis` as a table.
pub fn table(report: &Value, language: Language) -> String {
    let (names, heads) = match language {
        Language::En => ("en", ["KPI", "value", "n", "pending", "target", ""]),
        Language::Zh => ("zh", ["指标", "数值", "样本数", "未到期", "目标", ""]),
    };
    let mut rows = vec![heads.map(str::to_owned)];
    for line in report["kpis"].as_array().into_iter().flatten() {
        let title = format!("{} {}", text(&line["kpi"]), text(&line["title"][names]));
        let alarm = match (text(&line["status"]), language) {
            ("alarm", Language::En) => "below target",
            ("alarm", Language::Zh) => "未达标",
            _ => "",
        };
        rows.push(row(title, line, alarm));
        for (group, figure) in line["groups"].as_object().into_iter().flatten() {
            rows.push(row(format!("  {group}"), figure, ""));
        }
    }
    let mut widths = [0; 6];
    for row in &rows {
        widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(columns(cell)));
    }
    let mut table = format!(
        "{}  {} – {} ({})\n\n",
        text(&report["workflow"]),
        text(&report["from"]),
        text(&report["to"]),
        text(&report["zone"])
    );
    for row in &rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            let gap = " ".repeat(width - columns(cell));
            // The name stands left, numbers right.
            line.push_str(&if at == 0 { format!("{cell}{gap}") } else { format!("  {gap}{cell}") });
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

fn row(name: String, figure: &Value, alarm: &str) -> [String; 6] {
    let value = match (figure["rate"].as_str(), figure["mean_ms"].as_i64()) {
        (Some(rate), _) => format!("{rate} %"),
        (None, None) if let Some(mean) = figure["mean"].as_str() => mean.to_owned(),
        (None, Some(mean)) => match (figure["p50_ms"].as_i64(), figure["p90_ms"].as_i64()) {
            (Some(half), Some(most)) => {
                format!("{} (p50 {}, p90 {})", duration(mean), duration(half), duration(most))
            }
            (Some(_) | None, _) => duration(mean),
        },
        (None, None) => "–".to_owned(),
    };
    let unit = if figure["denominator"].is_null() { "" } else { " %" };
    let target = figure["target"].as_str().map(|target| format!("{target}{unit}")).unwrap_or_default();
    [name, value, number(&figure["n"]), number(&figure["pending"]), target, alarm.to_owned()]
}

/// Milliseconds as `1:02:03`: hours, minutes and seconds, rounded down.
fn duration(ms: i64) -> String {
    let seconds = ms / 1_000;
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> String {
    value.as_u64().map(|number| number.to_string()).unwrap_or_default()
}

/// Columns that `text` takes in a terminal: a Chinese character takes two.
fn columns(text: &str) -> usize {
    let wide = |letter: char| matches!(letter, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FF60}');
    text.chars().map(|letter| if wide(letter) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_a_table_in_either_language() {
        let report = json!({
            "workflow": "consultation", "from": "2026-02-28T16:00:00.000Z", "to": "2026-03-31T16:00:00.000Z",
            "zone": "Asia/Shanghai",
            "kpis": [
                { "kpi": "K02", "title": { "en": "First responses on time", "zh": "首次响应及时率" }, "target": "95",
                  "status": "alarm", "n": 3, "denominator": 3, "pending": 1, "rate": "66.66",
                  "groups": { "email": { "n": 3, "pending": 1, "rate": "66.66" } } },
                { "kpi": "K06", "title": { "en": "Time to resolution", "zh": "解决时长" }, "n": 1, "pending": 0,
                  "mean_ms": 3_723_000, "p50_ms": 3_723_000, "p90_ms": 3_723_000 },
                { "kpi": "K07", "title": { "en": "Promises kept", "zh": "承诺兑现率" }, "target": "100", "n": 0, "denominator": 0, "pending": 0 },
                { "kpi": "K09", "title": { "en": "Mean score", "zh": "满意度均分" }, "target": "4.2", "status": "alarm",
                  "n": 2, "pending": 0, "mean": "4.00" },
            ],
        });
        let english = "\
consultation  2026-02-28T16:00:00.000Z – 2026-03-31T16:00:00.000Z (Asia/Shanghai)

KPI                                                    value  n  pending  target
K02 First responses on time                          66.66 %  3        1    95 %  below target
  email                                              66.66 %  3        1
K06 Time to resolution       1:02:03 (p50 1:02:03, p90 1:02:03)  1        0
K07 Promises kept                                          –  0        0   100 %
K09 Mean score                                          4.00  2        0     4.2  below target
";
        let lines = |text: &str| {
            text.lines().map(|l| l.split_whitespace().map(str::to_owned).collect()).collect::<Vec<Vec<_>>>()
        };
        assert_eq!(lines(&table(&report, Language::En)), lines(english));
        let chinese = "\
consultation  2026-02-28T16:00:00.000Z – 2026-03-31T16:00:00.000Z (Asia/Shanghai)

指标                                              数值  样本数  未到期   目标
K02 首次响应及时率                             66.66 %       3       1   95 %  未达标
  email                                        66.66 %       3       1
K06 解决时长        1:02:03 (p50 1:02:03, p90 1:02:03)       1       0
K07 承诺兑现率                                       –       0       0  100 %
K09 满意度均分                                    4.00       2       0    4.2  未达标
";
        assert_eq!(table(&report, Language::Zh), chinese);
    }

    #[test]
    fn values_of_a_query_are_encoded() {
        assert_eq!(encoded("Asia/Shanghai"), "Asia%2FShanghai");
        assert_eq!(encoded("2026-03-01T00:00:00+08:00"), "2026-03-01T00%3A00%3A00%2B08%3A00");
    }
}

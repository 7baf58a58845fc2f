//! Owns schedules as a definition says them: when something starts by itself, and what that is.
//!
//! A schedule fires at the times of a [`Cron`] expression in a zone. Each firing starts
//! one instance: of a flow, with a payload from a template, or the named report of the
//! last whole period. Downtime and overlap are the definition's to decide; there is no
//! default, because each answer is a promise to somebody.

use chrono::{Datelike, Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::calendar::{Calendar, ZONE_FORMAT, date_of};
use super::cron::{self, Cron};
use super::fault::{Fault, join};
use super::instant::Instant;
use super::span::Span;
use super::title::Title;

/// Most schedules of one definition: each is looked at when a server starts.
pub const SCHEDULES_MAX: usize = 50;
/// The reports that a schedule can name.
pub const REPORTS: [&str; 3] = ["monthly_feedback", "quarterly_review", "service_report"];
/// The flow of a report.
pub const REPORT_WORKFLOW: &str = "report";

/// What a text of a payload's template may hold, each exchanged at the firing.
const PLACEHOLDERS: [&str; 4] = ["{scheduled_for}", "{date}", "{number}", "{due}"];

/// Something that starts by itself, again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Its name, unique within the definition.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub name: String,
    /// What people read.
    pub title: Title,
    /// When it fires.
    pub cron: Cron,
    /// The time zone whose clocks it follows; that of the definition's calendar where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = ZONE_FORMAT, "examples" = ["Asia/Shanghai"]))]
    pub zone: Option<String>,
    /// What becomes of the fire times that passed while no server ran.
    pub catch_up: CatchUp,
    /// Whether it fires while the instance of the firing before is not at its end.
    pub overlap: Overlap,
    /// The instance that each firing starts; this or `report`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// The report that each firing starts; this or `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// When it should be done, counted on the definition's calendar: after the end of a report's
    /// period, otherwise after the fire time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Span>,
}

/// What becomes of the fire times that passed while no server ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// None of them fires.
    Skip,
    /// One firing stands for all of them, at the last one's time.
    One,
    /// Each fires, in order.
    All,
}

/// Whether a schedule fires while the instance that it started before is not at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It does not; the fire time is recorded as skipped.
    Skip,
    /// It does.
    Allow,
}

/// The instance that a firing starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Its flow; the definition's own where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub workflow: Option<String>,
    /// Payload of its start event; in texts `{scheduled_for}`, `{date}`, `{number}` and `{due}` stand for the firing's own.
    pub payload: Map<String, Value>,
}

/// The report that a firing starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Which report.
    #[schemars(extend("enum" = REPORTS))]
    pub name: String,
    /// What it is about: the last one of these that is over at the fire time.
    pub period: Period,
    /// The department that submits it; the organisation's quality desk where absent (S0-24).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub dept: Option<String>,
}

/// A stretch of civil time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A civil day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// Three calendar months, the first from January.
    Quarter,
    /// A calendar year.
    Year,
}

impl Period {
    /// The last whole period before `at` in `zone`: its first instant, and the first one after it.
    pub fn before(self, at: Instant, zone: Tz) -> (Instant, Instant) {
        let first = self.first_day(date_of(zone, at));
        let earlier = self.first_day(first.pred_opt().unwrap_or(first));
        let begin = |date: NaiveDate| cron::instant(date.and_time(NaiveTime::MIN), zone);
        (begin(earlier), begin(first))
    }

    /// The first day of the period that `date` is in.
    fn first_day(self, date: NaiveDate) -> NaiveDate {
        let day = |month| NaiveDate::from_ymd_opt(date.year(), month, 1);
        let first = match self {
            Self::Day => Some(date),
            Self::Week => date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into())),
            Self::Month => day(date.month()),
            Self::Quarter => day((date.month() - 1) / 3 * 3 + 1),
            Self::Year => day(1),
        };
        // Only a date at the end of the calendar's years has none.
        first.unwrap_or(date)
    }
}

/// One firing: what the payload's placeholders stand for.
#[derive(Clone, Copy, Debug)]
pub struct Fired {
    /// The fire time.
    pub scheduled_for: Instant,
    /// How many firings there were, this one included.
    pub number: u64,
    /// The zone of the fire time.
    pub zone: Tz,
}

/// The instance that a firing starts, worked out.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// Its flow.
    pub workflow: String,
    /// Payload of its start event, personal values in clear.
    pub payload: Map<String, Value>,
    /// When it should be done.
    pub due: Option<Instant>,
}

impl Schedule {
    /// The flow that a firing starts, for a schedule of `own`.
    pub fn workflow<'a>(&'a self, own: &'a str) -> &'a str {
        match &self.start {
            Some(start) => start.workflow.as_deref().unwrap_or(own),
            None => REPORT_WORKFLOW,
        }
    }

    /// What a firing of a schedule of the flow `own` starts.
    pub fn started(&self, own: &str, calendar: &Calendar, fired: Fired) -> Started {
        let workflow = self.workflow(own).to_owned();
        match (&self.start, &self.report) {
            (Some(start), _) => {
                let due = self.due.map(|span| calendar.due(fired.scheduled_for, span));
                Started { workflow, payload: start.filled(fired, due), due }
            }
            (None, report) => {
                let period = report.as_ref().map_or(Period::Month, |report| report.period);
                let (from, to) = period.before(fired.scheduled_for, fired.zone);
                // The last day of the period is the start date, which is not counted (R2).
                let due = self.due.map(|span| calendar.due(to.plus_millis(-1), span));
                let name = report.as_ref().map(|report| report.name.clone());
                let values =
                    [("report", json!(name)), ("period_from", json!(from)), ("period_to", json!(to))];
                let due_value = due.map(|due| ("due", json!(due)));
                let dept = report.as_ref().and_then(|report| report.dept.as_ref());
                let dept = dept.map(|dept| ("dept", json!(dept)));
                let payload = values
                    .into_iter()
                    .chain(due_value)
                    .chain(dept)
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect();
                Started { workflow, payload, due }
            }
        }
    }

    /// What is wrong with it beside its schema, with paths below it.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        match (&self.start, &self.report) {
            (Some(_), Some(_)) => {
                let message = "`start` and `report` exclude each other; accepted is one of them";
                faults.push(Fault::key("/report", message));
            }
            (None, None) => {
                let message = "nothing says what it starts; accepted is `start` or `report`";
                faults.push(Fault::value("", message));
            }
            (Some(start), None) => self.check_texts(&start.payload, &mut faults),
            (None, Some(_)) => {
                if self.due.is_none() {
                    faults.push(Fault::value(
                        "/due",
                        "a report says when it is due; accepted is a duration like `5 working days`",
                    ));
                }
            }
        }
        faults
    }

    fn check_texts(&self, payload: &Map<String, Value>, faults: &mut Vec<Fault>) {
        for (key, value) in payload {
            let path = join("/start/payload", key);
            each_text(value, &path, &mut |path, text| {
                let unknown = braced(text).into_iter().find(|word| !PLACEHOLDERS.contains(word));
                if let Some(word) = unknown {
                    let known = PLACEHOLDERS.map(|name| format!("`{name}`")).join(", ");
                    faults.push(Fault::value(
                        path,
                        format!("`{word}` stands for nothing; accepted are {known}"),
                    ));
                } else if text.contains("{due}") && self.due.is_none() {
                    faults.push(Fault::value(
                        path,
                        "`{due}` stands for nothing, because the schedule has no `due`",
                    ));
                }
            });
        }
    }
}

/// The words in braces of `text`, braces included.
fn braced(text: &str) -> Vec<&str> {
    let ends = text.match_indices('{').filter_map(|(at, _)| {
        let rest = &text[at..];
        rest.find('}').map(|end| &rest[..=end])
    });
    let word =
        |text: &&str| text[1..text.len() - 1].bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    ends.filter(word).collect()
}

fn each_text(value: &Value, path: &str, tell: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => tell(path, text),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| each_text(item, &format!("{path}/{at}"), tell));
        }
        Value::Object(map) => map.iter().for_each(|(key, item)| each_text(item, &join(path, key), tell)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Start {
    /// The payload of one firing: the template with its placeholders exchanged.
    pub fn filled(&self, fired: Fired, due: Option<Instant>) -> Map<String, Value> {
        let date = date_of(fired.zone, fired.scheduled_for).to_string();
        let due = due.map(|due| due.to_string()).unwrap_or_default();
        let values = [fired.scheduled_for.to_string(), date, fired.number.to_string(), due];
        let fill = |text: &str| {
            let pairs = PLACEHOLDERS.iter().zip(&values);
            pairs.fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        self.payload.iter().map(|(key, value)| (key.clone(), filled_value(value, &fill))).collect()
    }
}

fn filled_value(value: &Value, fill: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => fill(text).into(),
        Value::Array(items) => items.iter().map(|item| filled_value(item, fill)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), filled_value(item, fill)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::calendar::{CalendarFile, parse_zone};

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]
    fn schedule(more: Value) -> Schedule {
        let mut whole = json!({
            "name": "daily", "title": { "en": "Daily", "zh": "每日" }, "cron": "0 9 * * *",
            "catch_up": "one", "overlap": "skip",
        });
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    fn calendar() -> Calendar {
        let day = ["09:00-12:00", "13:00-18:00"];
        let file = json!({
            "name": "cn", "version": 1, "title": { "en": "China", "zh": "中国" }, "zone": "Asia/Shanghai",
            "weekly": { "mon": day, "tue": day, "wed": day, "thu": day, "fri": day },
            "off": ["2026-04-04", "2026-04-05", "2026-04-06"],
        });
        serde_json::from_value::<CalendarFile>(file).unwrap().check().unwrap()
    }

    fn fired(text: &str) -> Fired {
        Fired { scheduled_for: at(text), number: 7, zone: parse_zone("Asia/Shanghai").unwrap() }
    }

    #[test]
    fn the_last_whole_period_is_the_one_before_the_fire_time() {
        for (period, fire, from, to) in [
            (
                Period::Day,
                "2026-03-11T09:00:00+08:00",
                "2026-03-10T00:00:00+08:00",
                "2026-03-11T00:00:00+08:00",
            ),
            (
                Period::Week,
                "2026-03-11T09:00:00+08:00",
                "2026-03-02T00:00:00+08:00",
                "2026-03-09T00:00:00+08:00",
            ),
            (
                Period::Month,
                "2026-03-01T01:00:00+08:00",
                "2026-02-01T00:00:00+08:00",
                "2026-03-01T00:00:00+08:00",
            ),
            (
                Period::Month,
                "2026-01-31T23:00:00+08:00",
                "2025-12-01T00:00:00+08:00",
                "2026-01-01T00:00:00+08:00",
            ),
            (
                Period::Quarter,
                "2026-02-03T09:00:00+08:00",
                "2025-10-01T00:00:00+08:00",
                "2026-01-01T00:00:00+08:00",
            ),
            (
                Period::Year,
                "2026-03-11T09:00:00+08:00",
                "2025-01-01T00:00:00+08:00",
                "2026-01-01T00:00:00+08:00",
            ),
        ] {
            let zone = parse_zone("Asia/Shanghai").unwrap();
            assert_eq!(period.before(at(fire), zone), (at(from), at(to)), "{period:?} {fire}");
        }
    }

    #[test]
    fn a_report_is_due_on_the_nth_working_day_after_its_period() {
        let monthly = schedule(json!({
            "report": { "name": "monthly_feedback", "period": "month" }, "due": "5 working days",
        }));
        // April 2026 begins on a Wednesday; Monday the 6th is off, so Wednesday the 8th is the fifth working day.
        let started = monthly.started("consultation", &calendar(), fired("2026-04-01T01:00:00+08:00"));
        assert_eq!(started.workflow, "report");
        assert_eq!(started.payload["period_from"], json!(at("2026-03-01T00:00:00+08:00")));
        assert_eq!(started.payload["period_to"], json!(at("2026-04-01T00:00:00+08:00")));
        assert_eq!(started.payload["due"], json!(started.due));
        assert_eq!(started.due, Some(at("2026-04-08T18:00:00+08:00")));
    }

    #[test]
    fn placeholders_stand_for_the_firing() {
        let start = json!({ "payload": { "subject": "round {number} of {date}", "tags": ["{scheduled_for}"], "n": 1 } });
        let daily = schedule(json!({ "start": start }));
        assert_eq!(daily.check(), []);
        let started = daily.started("consultation", &calendar(), fired("2026-03-11T23:30:00+08:00"));
        assert_eq!(started.workflow, "consultation");
        let expected =
            json!({ "subject": "round 7 of 2026-03-11", "tags": ["2026-03-11T15:30:00.000Z"], "n": 1 });
        assert_eq!(Value::Object(started.payload), expected);
    }

    #[test]
    fn what_the_schema_cannot_say_is_checked() {
        let paths = |more: Value| -> Vec<String> {
            schedule(more).check().into_iter().map(|fault| fault.path).collect()
        };
        let start = |text: &str| json!({ "payload": { "a": [text] } });
        let report = json!({ "name": "monthly_feedback", "period": "month" });
        assert_eq!(paths(json!({})), [""]);
        assert_eq!(paths(json!({ "start": start("x"), "report": report })), ["/report"]);
        assert_eq!(paths(json!({ "report": report })), ["/due"]);
        assert_eq!(paths(json!({ "start": start("{dat}") })), ["/start/payload/a/0"]);
        assert_eq!(paths(json!({ "start": start("{due}") })), ["/start/payload/a/0"]);
        assert_eq!(paths(json!({ "start": start("{due}"), "due": "1 working day" })), [""; 0]);
        assert_eq!(paths(json!({ "start": start("{ a: 1 }") })), [""; 0]);
    }
}

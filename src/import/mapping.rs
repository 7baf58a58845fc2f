//! Owns the written form of a mapping: how the rows of a log become events of a workflow.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{MappedLocalTime, NaiveDateTime, TimeZone};
use chrono_tz::{GapInfo, Tz};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ImportError, template};
use crate::definition::file::state_paths;
use crate::definition::report::Report;
use crate::definition::schema::Checker;
use crate::definition::yaml::Document;
use crate::kernel::actor::Role;
use crate::kernel::calendar::{ZONE_FORMAT, parse_zone};
use crate::kernel::fault::{Fault, join};
use crate::kernel::instant::Instant;
use crate::kernel::machine::{Workflow, schema_of};

/// Longest that an import may run on after the last row.
const RUN_ON_DAYS_MAX: u32 = 366;

/// How the rows of a log become events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Mapping of a log")]
pub struct Mapping {
    /// Version of this format.
    #[schemars(schema_with = "format_version")]
    pub mapping: u32,
    /// What it is called; also the batch's name unless the command says another.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._-]{0,63}$"))]
    pub name: String,
    /// The workflow that its cases run in.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub workflow: String,
    /// The column that says which case a row belongs to.
    #[schemars(length(min = 1))]
    pub case: String,
    /// When a row happened.
    pub time: TimeColumn,
    /// How many days after the last row timers still fire, never past the real clock.
    #[serde(default)]
    #[schemars(range(max = 366))]
    pub run_on_days: u32,
    /// Tables for `{table:column}`.
    #[serde(default)]
    pub lookup: BTreeMap<String, Lookup>,
    /// What is sent before the first row of a case; the first event starts the case.
    #[schemars(length(min = 1))]
    pub start: Vec<Send>,
    /// What a row becomes: the first rule that fits decides.
    #[schemars(length(min = 1))]
    pub rows: Vec<Rule>,
    /// Where a case should stand at the end, by its last row; the first that fits decides.
    #[serde(default)]
    pub expect: Vec<Expect>,
}

/// When a row happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeColumn {
    /// The column.
    #[schemars(length(min = 1))]
    pub column: String,
    /// `iso` (with an offset or without), or a format of strftime such as `%d-%m-%Y %H:%M`.
    #[schemars(length(min = 1))]
    pub format: String,
    /// The zone of times without an offset. What a clock change skips is the first moment after it,
    /// what it repeats is the first of both.
    #[schemars(extend("format" = ZONE_FORMAT))]
    pub zone: String,
    /// Further columns with times: a row is replayed once more at each of them that it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub also: Vec<String>,
}

/// Values of the log and what they are here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Value of the log: value here.
    pub values: BTreeMap<String, String>,
    /// For every other value; without it such a value stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// One event that is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The event.
    pub event: String,
    /// The role it is sent in.
    pub role: Role,
    /// Who sends it; a template.
    #[schemars(length(min = 1))]
    pub actor: String,
    /// Its payload; every text in it is a template.
    #[serde(default)]
    pub payload: Map<String, Value>,
}

/// What rows of one kind become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What the report calls it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Columns that have one of these values; all that is said of a row must hold.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// The time column at whose time the row is replayed; any where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Whether it is the first row of its case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<bool>,
    /// Columns of which at least one differs from the case's row before; on a first row all do.
    #[serde(default)]
    pub changed: Vec<String>,
    /// Columns of numbers of which at least one is higher than on the case's row before; on a first row none is.
    #[serde(default)]
    pub increased: Vec<String>,
    /// Alternatives in order: the first whose first event is accepted wins.
    #[serde(rename = "try")]
    #[schemars(length(min = 1))]
    pub alternatives: Vec<Alternative>,
}

/// One way to take a row: `send` or `skip`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// Only where the case is in one of these states or below one of these superstates.
    #[serde(default, rename = "in")]
    pub within: Vec<String>,
    /// What is sent. The first event decides whether the alternative is accepted; a later one that is
    /// refused is reported, and what went before it stands.
    #[serde(default)]
    pub send: Vec<Send>,
    /// Nothing is sent, for this reason; the row is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub skip: Option<String>,
}

/// Where cases should stand at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What the report calls it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Columns of the case's last row that have one of these values.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// The states, or superstates above them.
    #[schemars(length(min = 1))]
    pub states: Vec<String>,
}

fn format_version(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "const": 1 })
}

/// JSON Schema of a mapping, as `schemas/mapping.schema.json` has it.
pub fn schema() -> Value {
    schema_of::<Mapping>()
}

impl Lookup {
    /// What `value` is here.
    pub fn of<'a>(&'a self, value: &'a str) -> &'a str {
        self.values.get(value).or(self.default.as_ref()).map_or(value, String::as_str)
    }
}

/// Whether `state` is one of `paths` or below one of them.
pub fn is_within(state: &str, paths: &[String]) -> bool {
    paths.iter().any(|path| {
        state.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// A mapping that was read, with the place of everything it says.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub mapping: Mapping,
    /// The file as it was read.
    pub text: String,
    zone: Tz,
    document: Document,
}

impl Loaded {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// A file that cannot be read, or everything wrong with it.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ImportError::File { file: file.clone(), reason: error.to_string() })?;
        Self::parse(&file, &text).map_err(ImportError::Mapping)
    }

    /// Reads the text of a mapping.
    ///
    /// # Errors
    /// Everything wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Report> {
        let plain = Document::parse(file, text)?;
        let unusable = |reason: String| plain.report([Fault::value("", reason)]);
        let checker = Checker::new(schema()).map_err(|e| unusable(e.to_string()))?;
        let document = Document::check(file, text, &checker)?;
        let mapping = Mapping::deserialize(document.value()).map_err(|e| unusable(e.to_string()))?;
        let zone = parse_zone(&mapping.time.zone)
            .map_err(|reason| document.report([Fault::value("/time/zone", reason)]))?;
        let mut faults = Vec::new();
        for (r, rule) in mapping.rows.iter().enumerate() {
            for (a, alternative) in rule.alternatives.iter().enumerate() {
                if alternative.skip.is_some() != alternative.send.is_empty() {
                    let message =
                        "an alternative has either `send` with at least one event or `skip` with a reason";
                    faults.push(Fault::value(format!("/rows/{r}/try/{a}"), message));
                }
            }
        }
        if mapping.run_on_days > RUN_ON_DAYS_MAX {
            faults.push(Fault::value("/run_on_days", format!("at most {RUN_ON_DAYS_MAX} days are accepted")));
        }
        document.report(faults).into_result()?;
        Ok(Self { mapping, text: text.to_owned(), zone, document })
    }

    /// Checks it against the workflow it names and the columns of the log.
    ///
    /// # Errors
    /// Everything that does not fit, in one report.
    pub fn check(
        &self,
        workflows: &[std::sync::Arc<dyn Workflow>],
        columns: &BTreeMap<String, usize>,
    ) -> Result<(), Report> {
        let Some(workflow) = workflows.iter().find(|w| w.name() == self.mapping.workflow) else {
            let known: Vec<&str> = workflows.iter().map(|w| w.name()).collect();
            let message = format!(
                "`{}` is no workflow of this program; it has {}",
                self.mapping.workflow,
                known.join(", ")
            );
            return Err(self.document.report([Fault::value("/workflow", message)]));
        };
        let mut fit = Fit {
            lookup: &self.mapping.lookup,
            columns,
            events: workflow.events().iter().map(|spec| spec.name).collect(),
            states: state_paths(workflow.as_ref()),
            faults: Vec::new(),
        };
        fit.mapping(&self.mapping, workflow.start_event());
        self.document.report(fit.faults).into_result()
    }

    /// The moment that `text` of the time column says.
    ///
    /// # Errors
    /// Text that is no such time.
    pub fn moment(&self, text: &str) -> Result<Instant, String> {
        let format = &self.mapping.time.format;
        let unreadable = |_| format!("`{text}` is not a time of the format `{format}`");
        let local = if format == "iso" {
            if let Ok(instant) = Instant::parse(text) {
                return Ok(instant);
            }
            NaiveDateTime::parse_from_str(&text.replacen(' ', "T", 1), "%Y-%m-%dT%H:%M:%S%.f")
        } else {
            NaiveDateTime::parse_from_str(text, format)
        };
        let local = local.map_err(unreadable)?;
        let moment = match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(moment, _) => Some(moment),
            MappedLocalTime::None => GapInfo::new(&local, &self.zone).and_then(|gap| gap.end),
        };
        let moment =
            moment.ok_or_else(|| format!("`{text}` does not exist in `{}`", self.mapping.time.zone))?;
        Ok(Instant::from_millis(moment.timestamp_millis()))
    }
}

/// What a mapping is checked against, and what was found.
struct Fit<'a> {
    lookup: &'a BTreeMap<String, Lookup>,
    columns: &'a BTreeMap<String, usize>,
    events: Vec<&'static str>,
    states: Vec<String>,
    faults: Vec<Fault>,
}

impl Fit<'_> {
    fn mapping(&mut self, mapping: &Mapping, start: &str) {
        self.column("/case", &mapping.case);
        self.column("/time/column", &mapping.time.column);
        for (c, column) in mapping.time.also.iter().enumerate() {
            self.column(&format!("/time/also/{c}"), column);
        }
        if let Some(first) = mapping.start.first().filter(|first| first.event != start) {
            let message = format!("`{}` starts no case; accepted is `{start}`", first.event);
            self.faults.push(Fault::value("/start/0/event", message));
        }
        self.sends("/start", &mapping.start);
        for (r, rule) in mapping.rows.iter().enumerate() {
            let path = format!("/rows/{r}");
            self.when(&format!("{path}/when"), &rule.when);
            let times = || std::iter::once(&mapping.time.column).chain(&mapping.time.also);
            if let Some(at) = rule.at.as_ref().filter(|at| !times().any(|time| time == *at)) {
                let known = times().map(String::as_str).collect::<Vec<_>>().join(", ");
                let message = format!("`{at}` is no time column of the mapping; accepted are {known}");
                self.faults.push(Fault::value(format!("{path}/at"), message));
            }
            for (name, columns) in [("changed", &rule.changed), ("increased", &rule.increased)] {
                for (c, column) in columns.iter().enumerate() {
                    self.column(&format!("{path}/{name}/{c}"), column);
                }
            }
            for (a, alternative) in rule.alternatives.iter().enumerate() {
                self.paths(&format!("{path}/try/{a}/in"), &alternative.within);
                self.sends(&format!("{path}/try/{a}/send"), &alternative.send);
            }
        }
        for (e, expect) in mapping.expect.iter().enumerate() {
            self.when(&format!("/expect/{e}/when"), &expect.when);
            self.paths(&format!("/expect/{e}/states"), &expect.states);
        }
    }

    fn column(&mut self, path: &str, column: &str) {
        if !self.columns.contains_key(column) {
            self.faults.push(Fault::value(path, template::no_column(column, self.columns)));
        }
    }

    fn when(&mut self, path: &str, when: &BTreeMap<String, Vec<String>>) {
        for column in when.keys().filter(|column| !self.columns.contains_key(*column)) {
            self.faults.push(Fault::key(join(path, column), template::no_column(column, self.columns)));
        }
    }

    fn paths(&mut self, path: &str, states: &[String]) {
        for (i, state) in states.iter().enumerate() {
            if !self.states.contains(state) {
                let message = format!("`{state}` is no state; states are {}", self.states.join(", "));
                self.faults.push(Fault::value(format!("{path}/{i}"), message));
            }
        }
    }

    fn sends(&mut self, path: &str, sends: &[Send]) {
        for (i, send) in sends.iter().enumerate() {
            if !self.events.contains(&send.event.as_str()) {
                let message = format!("`{}` is no event; events are {}", send.event, self.events.join(", "));
                self.faults.push(Fault::value(format!("{path}/{i}/event"), message));
            }
            self.template(&format!("{path}/{i}/actor"), &send.actor);
            for (name, value) in &send.payload {
                self.value(&join(&format!("{path}/{i}/payload"), name), value);
            }
        }
    }

    fn template(&mut self, path: &str, text: &str) {
        let found = template::faults(text, self.lookup, self.columns);
        self.faults.extend(found.into_iter().map(|message| Fault::value(path, message)));
    }

    fn value(&mut self, path: &str, value: &Value) {
        match value {
            Value::String(text) => self.template(path, text),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| self.value(&format!("{path}/{i}"), item));
            }
            Value::Object(map) => map.iter().for_each(|(name, item)| self.value(&join(path, name), item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

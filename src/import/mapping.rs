//! Owns the written form of a mapping: how the rows of a log become events of a workflow.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveTime;
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::moments::{MIDNIGHT, TimeColumn};
use super::template::Values;
use super::{ImportError, template};
use crate::definition::report::Report;
use crate::definition::schema::Checker;
use crate::definition::yaml::Document;
use crate::kernel::actor::Role;
use crate::kernel::calendar::parse_zone;
use crate::kernel::fault::Fault;
use crate::kernel::machine::schema_of;

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
    /// The column that says which case a row belongs to, or a template of columns, lookups and `{@line}`.
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
    /// Rows of cases that the cases above start: enrolments of a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<Children>,
}

/// Cases of the log that other cases of the log start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Children {
    /// Columns that, with one of these values, make a row one of a child; `case` above then says whose.
    #[schemars(extend("minProperties" = 1))]
    pub when: BTreeMap<String, Vec<String>>,
    /// The workflow that they run in.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub workflow: String,
    /// Which child a row belongs to: a column, or a template.
    #[schemars(length(min = 1))]
    pub case: String,
    /// What is sent before the first row of a child: the first event goes to the case, which starts the
    /// child by it; the others go to the child.
    #[schemars(length(min = 1))]
    pub start: Vec<Send>,
    /// What a row becomes: the first rule that fits decides.
    #[schemars(length(min = 1))]
    pub rows: Vec<Rule>,
    /// Where a child should stand at the end, by its last row; the first that fits decides.
    #[serde(default)]
    pub expect: Vec<Expect>,
}

/// What a mapping says of cases, or of the children that they start.
#[derive(Clone, Copy, Debug)]
pub struct Flow<'a> {
    /// The workflow.
    pub workflow: &'a str,
    /// What is sent before the first row.
    pub start: &'a [Send],
    /// What rows become.
    pub rows: &'a [Rule],
    /// Where cases should stand at the end.
    pub expect: &'a [Expect],
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
    /// The time column or derived time at which the row is replayed; any where there is none.
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

impl Mapping {
    /// What it says of cases, and of the children that they start: by level.
    pub fn flows(&self) -> Vec<Flow<'_>> {
        let Self { workflow, start, rows, expect, .. } = self;
        let children = self.children.iter().map(|children| {
            let Children { workflow, start, rows, expect, .. } = children;
            Flow { workflow, start, rows, expect }
        });
        std::iter::once(Flow { workflow, start, rows, expect }).chain(children).collect()
    }
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
    pub(super) zone: Tz,
    pub(super) day_at: NaiveTime,
    pub(super) document: Document,
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
        let day_at = mapping.time.day_at.as_deref().unwrap_or(MIDNIGHT);
        // What the schema's pattern lets pass is a time.
        let day_at = NaiveTime::parse_from_str(day_at, "%H:%M").unwrap_or_default();
        let mut faults = mapping.time.faults();
        alternatives("/rows", &mapping.rows, &mut faults);
        row_alone("/case", &mapping.case, &mut faults);
        if let Some(children) = &mapping.children {
            alternatives("/children/rows", &children.rows, &mut faults);
            row_alone("/children/case", &children.case, &mut faults);
        }
        if mapping.run_on_days > RUN_ON_DAYS_MAX {
            faults.push(Fault::value("/run_on_days", format!("at most {RUN_ON_DAYS_MAX} days are accepted")));
        }
        document.report(faults).into_result()?;
        Ok(Self { mapping, text: text.to_owned(), zone, day_at, document })
    }

    /// Which case a row belongs to.
    pub fn place(&self, values: &Values<'_>) -> Place {
        let case = self.key(&self.mapping.case, values);
        match self.mapping.children.as_ref().filter(|children| values.has(&children.when)) {
            Some(children) => Place { level: 1, case: self.key(&children.case, values), parent: Some(case) },
            None => Place { level: 0, case, parent: None },
        }
    }

    fn key(&self, key: &str, values: &Values<'_>) -> String {
        if key.contains('{') { values.text(key) } else { values.column(key).to_owned() }
    }
}

/// Which case a row belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// 0 is a case, 1 a child that a case starts.
    pub level: usize,
    /// What it is called in the log.
    pub case: String,
    /// The case that starts it; of a child.
    pub parent: Option<String>,
}

/// An alternative either sends or skips.
fn alternatives(path: &str, rules: &[Rule], faults: &mut Vec<Fault>) {
    for (r, rule) in rules.iter().enumerate() {
        for (a, alternative) in rule.alternatives.iter().enumerate() {
            if alternative.skip.is_some() != alternative.send.is_empty() {
                let message =
                    "an alternative has either `send` with at least one event or `skip` with a reason";
                faults.push(Fault::value(format!("{path}/{r}/try/{a}"), message));
            }
        }
    }
}

/// A template that is filled before it is known which case a row belongs to, and when it happened.
pub(super) fn row_alone(path: &str, text: &str, faults: &mut Vec<Fault>) {
    if let Some(reason) = template::beyond_row(text) {
        faults.push(Fault::value(path, reason));
    }
}

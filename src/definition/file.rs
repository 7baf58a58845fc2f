//! Owns the written form of a definition: `definition.yaml`, its schema, and what a step needs of it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::clocks;
use super::report::{Finding, Report};
use super::schedules;
use super::schema::{BadSchema, Checker};
use super::yaml::Document;
use crate::kernel::actor::Role;
use crate::kernel::calendar::{Calendar, CalendarFile};
use crate::kernel::canonical;
use crate::kernel::definition::Definition;
use crate::kernel::fault::{Fault, join};
use crate::kernel::instant::Instant;
use crate::kernel::machine::{Workflow, schema_of};
use crate::kernel::schedule::{SCHEDULES_MAX, Schedule};
use crate::kernel::sla::rule::{Rule, resolve};
use crate::kernel::title::Title;

/// A definition as its file says it, whatever the workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Definition")]
pub struct DefinitionFile {
    /// The workflow it is for.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub workflow: String,
    /// Goes up with every change; a published version never changes.
    #[schemars(range(min = 1))]
    pub version: u32,
    /// What people read.
    pub title: Title,
    /// Name of the calendar that business time is counted on.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub calendar: String,
    /// Who may send which event; a role includes the roles below it.
    pub roles: BTreeMap<String, Vec<Role>>,
    /// The values that the workflow's guards, timers and targets read.
    pub policy: Value,
    /// What is promised, measured on a calendar: clocks by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clocks: BTreeMap<String, Rule>,
    /// Titles of states and superstates by dotted path.
    pub states: BTreeMap<String, Title>,
    /// Titles of events.
    pub events: BTreeMap<String, Title>,
    /// What starts by itself, at the times of a cron expression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = SCHEDULES_MAX))]
    pub schedules: Vec<Schedule>,
}

/// JSON Schema of a definition of any workflow.
pub fn shared_schema() -> Value {
    schema_of::<DefinitionFile>()
}

/// JSON Schema of the definition of `workflow`: its events, states and policy by name.
pub fn schema(workflow: &dyn Workflow) -> Value {
    let mut schema = shared_schema();
    let events: Vec<&str> = workflow.events().iter().map(|spec| spec.name).collect();
    let states = state_paths(workflow);
    let states: Vec<&str> = states.iter().map(String::as_str).collect();
    let title = schema_of::<Title>();
    let roles = json!({
        "type": "array",
        "minItems": 1,
        "uniqueItems": true,
        "items": { "type": "string", "enum": Role::ALL.map(Role::name) },
    });
    schema["title"] = json!(format!("Definition of {}", workflow.name()));
    schema["properties"]["workflow"] =
        json!({ "const": workflow.name(), "description": "The workflow it is for." });
    schema["properties"]["roles"] =
        named(&events, &roles, "Who may send which event; a role includes the roles below it.");
    schema["properties"]["events"] = named(&events, &title, "Titles of events.");
    schema["properties"]["states"] =
        named(&states, &title, "Titles of states and superstates by dotted path.");
    clocks::narrow(&mut schema["properties"]["clocks"], workflow);
    let mut policy = workflow.policy_schema();
    policy["description"] = json!("The values that the workflow's guards, timers and targets read.");
    schema["properties"]["policy"] = policy;
    schema
}

/// Every state of `workflow` and every superstate above one, sorted.
pub fn state_paths(workflow: &dyn Workflow) -> Vec<String> {
    let mut paths = Vec::new();
    for state in workflow.states() {
        let dots = state.path.match_indices('.').map(|(at, _)| at).chain([state.path.len()]);
        paths.extend(dots.map(|end| state.path[..end].to_owned()));
    }
    paths.sort();
    paths.dedup();
    paths
}

/// An object with exactly the members `names`, each of `shape`.
fn named(names: &[&str], shape: &Value, description: &str) -> Value {
    let properties: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), shape.clone())).collect();
    json!({
        "type": "object",
        "description": description,
        "properties": properties,
        "required": names,
        "additionalProperties": false,
    })
}

/// What the files of one folder are checked against; compiled once.
pub struct Reader<'a> {
    workflows: &'a [std::sync::Arc<dyn Workflow>],
    checkers: BTreeMap<&'static str, Checker>,
    calendar: Checker,
}

/// One file that was read and found right.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, for messages.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub value: Value,
    /// 32 hex digits over what it says; comments and layout do not count.
    pub hash: String,
    /// What kind of file it is.
    pub content: Content,
}

/// The checked content of a file.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a folder has a handful of files")]
pub enum Content {
    /// A workflow's definition.
    Definition(Definition),
    /// A calendar.
    Calendar(Calendar),
}

impl<'a> Reader<'a> {
    /// A reader for the definitions of `workflows` and for calendars.
    ///
    /// # Errors
    /// A workflow whose policy schema cannot be used: a fault of its code.
    pub fn new(workflows: &'a [std::sync::Arc<dyn Workflow>]) -> Result<Self, BadSchema> {
        let mut checkers = BTreeMap::new();
        for workflow in workflows {
            checkers.insert(workflow.name(), Checker::new(schema(workflow.as_ref()))?);
        }
        Ok(Self { workflows, checkers, calendar: Checker::of::<CalendarFile>()? })
    }

    /// Reads a definition or calendar, whichever it is: a definition says `workflow`.
    ///
    /// # Errors
    /// Everything wrong with it in one report.
    pub fn read(&self, file: &str, text: &str) -> Result<Source, Report> {
        let plain = Document::parse(file, text)?;
        match plain.value().get("workflow") {
            None if plain.value().get("zone").is_some() || plain.value().get("weekly").is_some() => {
                self.calendar(file, text)
            }
            name => {
                let found = name
                    .and_then(Value::as_str)
                    .and_then(|name| self.workflows.iter().find(|workflow| workflow.name() == name));
                match found {
                    Some(workflow) => self.definition(file, text, workflow.as_ref()),
                    None => Err(plain.report([self.unknown(name)])),
                }
            }
        }
    }

    fn unknown(&self, name: Option<&Value>) -> Fault {
        let known: Vec<&str> = self.workflows.iter().map(|workflow| workflow.name()).collect();
        let known = known.join(", ");
        match name {
            Some(name) => {
                Fault::value("/workflow", format!("{name} is no workflow of this program; it has {known}"))
            }
            None => Fault::value(
                "",
                format!(
                    "neither a definition (key `workflow`: {known}) nor a calendar (keys `zone`, `weekly`)"
                ),
            ),
        }
    }

    fn calendar(&self, file: &str, text: &str) -> Result<Source, Report> {
        let document = Document::parse(file, text)?;
        let mut faults = self.calendar.check(document.value());
        let parsed = CalendarFile::deserialize(document.value());
        if let Ok(Err(wrong)) = parsed.as_ref().map(CalendarFile::check) {
            // What both say of one value the schema has said.
            let said: BTreeSet<String> = faults.iter().map(|fault| fault.path.clone()).collect();
            faults.extend(wrong.into_iter().filter(|fault| !said.contains(&fault.path)));
        }
        document.report(faults).into_result()?;
        let parsed = parsed.map_err(|e| document.report([Fault::value("", e.to_string())]))?;
        let calendar = parsed.check().map_err(|faults| document.report(faults))?;
        source(file, text, &document, Content::Calendar(calendar))
    }

    fn definition(&self, file: &str, text: &str, workflow: &dyn Workflow) -> Result<Source, Report> {
        let checker = &self.checkers[workflow.name()];
        let document = Document::parse(file, text)?;
        let mut faults = checker.check(document.value());
        // What the types say beyond the schema is asked only where the schema is content.
        let policy = document.value().get("policy").cloned().unwrap_or_default();
        let policy = if faults.iter().any(|fault| fault.path.starts_with("/policy")) {
            None
        } else {
            match workflow.policy(&policy) {
                Ok(policy) => Some(policy),
                Err(wrong) => {
                    faults.extend(wrong.into_iter().map(|fault| Fault {
                        path: format!("{}{}", join("", "policy"), fault.path),
                        ..fault
                    }));
                    None
                }
            }
        };
        let declared = document.value().get("clocks").cloned().unwrap_or_else(|| json!({}));
        if !faults.iter().any(|fault| fault.path.starts_with("/clocks"))
            && let Ok(declared) = BTreeMap::<String, Rule>::deserialize(declared)
        {
            faults.extend(clocks::check(workflow, &declared));
        }
        let report = document.report(faults);
        report.into_result()?;
        let parsed = DefinitionFile::deserialize(document.value())
            .map_err(|e| document.report([Fault::value("", e.to_string())]))?;
        let Some(policy) = policy else { return Err(document.report([])) };
        let faults = schedules::check(&parsed.schedules, &parsed.workflow, self.workflows);
        document.report(faults).into_result()?;
        let definition = Definition {
            workflow: parsed.workflow,
            version: parsed.version,
            hash: String::new(),
            calendar: parsed.calendar,
            title: parsed.title,
            roles: parsed.roles,
            states: parsed.states,
            events: parsed.events,
            clocks: resolve(parsed.clocks, workflow.ladder(policy.as_ref())),
            schedules: parsed.schedules,
            policy,
        };
        source(file, text, &document, Content::Definition(definition))
    }
}

fn source(file: &str, text: &str, document: &Document, mut content: Content) -> Result<Source, Report> {
    let hash = canonical::hash(document.value())
        .map_err(|e| document.report([Fault::value("", e.to_string())]))?
        .short();
    if let Content::Definition(definition) = &mut content {
        definition.hash.clone_from(&hash);
    }
    let (file, text, value) = (file.to_owned(), text.to_owned(), document.value().clone());
    Ok(Source { file, text, value, hash, content })
}

/// Reads every file and checks what they say of each other: calendars, and who may send what schedules start.
///
/// # Errors
/// Everything wrong with all of them in one report.
pub fn read_all(reader: &Reader<'_>, files: &[(String, String)]) -> Result<Vec<Source>, Report> {
    let mut sources = Vec::new();
    let mut report = Report::default();
    for (file, text) in files {
        match reader.read(file, text) {
            Ok(source) => sources.push(source),
            Err(wrong) => report = report.merge(wrong),
        }
    }
    report = report.merge(told_twice(&sources));
    // A calendar with faults is there all the same: its users are not at fault.
    let named = files.iter().filter_map(|(_, text)| name_of(text));
    let named: Vec<String> = named.filter(|(kind, _)| *kind == "calendar").map(|(_, name)| name).collect();
    let calendars: Vec<&str> = named.iter().map(String::as_str).collect();
    for source in &sources {
        let Content::Definition(definition) = &source.content else { continue };
        let Ok(document) = Document::parse(&source.file, &source.text) else { continue };
        let main = ("/calendar".to_owned(), definition.calendar.as_str());
        let mut faults: Vec<Fault> = std::iter::once(main)
            .chain(clocks::calendars(&definition.clocks))
            .filter(|(_, name)| !calendars.contains(name))
            .map(|(path, name)| {
                let message = format!("`{name}` is no calendar here; calendars are {}", calendars.join(", "));
                Fault::value(path, message)
            })
            .collect();
        faults.extend(schedules::check_senders(definition, &sources, reader.workflows));
        report = report.merge(document.report(faults));
    }
    report.into_result()?;
    Ok(sources)
}

/// Files that say the same thing's name as one before them.
fn told_twice(sources: &[Source]) -> Report {
    let mut seen: BTreeMap<(&str, String), &str> = BTreeMap::new();
    let mut report = Report::default();
    for source in sources {
        let (kind, name) = match &source.content {
            Content::Definition(definition) => ("workflow", definition.workflow.clone()),
            Content::Calendar(calendar) => ("name", calendar.name().to_owned()),
        };
        if let Some(first) = seen.get(&(kind, name.clone()))
            && let Ok(document) = Document::parse(&source.file, &source.text)
        {
            let message = format!("`{name}` is defined by {first} already; accepted is one file for each");
            report = report.merge(document.report([Fault::value(join("", kind), message)]));
        } else {
            seen.insert((kind, name), &source.file);
        }
    }
    report
}

/// The workflow or calendar that a file is for, where it says one: (kind, name).
pub fn name_of(text: &str) -> Option<(&'static str, String)> {
    let document = Document::parse("", text).ok()?;
    let text_at = |key: &str| document.value().get(key).and_then(Value::as_str).map(str::to_owned);
    let workflow = text_at("workflow").map(|name| ("workflow", name));
    workflow.or_else(|| text_at("name").map(|name| ("calendar", name)))
}

impl Source {
    /// What is right but should be looked after at `now`: a calendar whose horizon is near (R4).
    pub fn warning(&self, now: Instant) -> Option<Finding> {
        let Content::Calendar(calendar) = &self.content else { return None };
        let near = calendar.horizon_near(now)?;
        let document = Document::parse(&self.file, &self.text).ok()?;
        document.report([Fault::value("/horizon", near.to_string())]).items.pop()
    }
}

//! Owns the fields of an event's form: made from its payload's schema, filled with what was sent, and read back.
//!
//! A field is named by its path (`p.to.person.id`), so that a form without JavaScript says everything. Members
//! that the system alone sets (`x-set-by`) have no field. [`read`] makes the payload; it leaves what does
//! not fit as it was typed, so that the schema, not this file, says what is wrong with it.

mod html;
mod read;

use serde_json::Value;

use super::form::Fields;
use super::lang::Lang;
use super::words;
use crate::api::error::FaultView;

pub use html::rendered;
pub use read::read;

/// What the names of all fields of a payload begin with.
pub const ROOT: &str = "p";
/// The button that asks for one more group of fields; its value is the list's name.
pub const MORE: &str = "_more";
/// Ends the name of the hidden field that says how many groups a list has.
const COUNT: &str = ".#";
/// Longest text that gets one line; a longer one may be a paragraph.
const LINE_LENGTH_MAX: u64 = 300;

/// One field, or several that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name in the form.
    pub name: String,
    /// What people read beside it.
    pub label: String,
    /// What else helps.
    pub hint: String,
    /// Whether it must be filled.
    pub required: bool,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// What it takes.
    pub kind: Kind,
}

/// What a field takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// One line, or several, of text.
    Text {
        /// What stands in it.
        value: String,
        /// Most characters.
        max: Option<u64>,
        /// The browser's own kind: `text`, `date`, `datetime-local`.
        of: &'static str,
        /// Whether it may be several lines.
        long: bool,
    },
    /// A whole number.
    Number {
        /// What stands in it.
        value: String,
        /// The least.
        min: Option<i64>,
        /// The most.
        max: Option<i64>,
    },
    /// One of some values; of no value where it is not required.
    Choice(Vec<Pick>),
    /// Fields of an object.
    Group(Vec<Input>),
    /// One of several groups.
    Union {
        /// What can be chosen.
        choices: Vec<Pick>,
        /// The fields of each.
        groups: Vec<Vec<Input>>,
    },
    /// A list of groups.
    Items(Vec<Vec<Input>>),
}

/// A value that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub text: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// What fields are made with.
#[derive(Clone, Copy)]
pub struct Maker<'m> {
    /// What was sent before; empty for a fresh form.
    pub fields: &'m Fields,
    /// What is wrong with it.
    pub faults: &'m [FaultView],
    /// The language of the page.
    pub lang: Lang,
}

/// What the schema says of a member, in English.
fn about(member: &Value) -> &str {
    member["description"].as_str().or(inner(member)["description"].as_str()).unwrap_or_default()
}

/// A schema without the `null` that lets its member be absent.
pub(super) fn inner(schema: &Value) -> &Value {
    let any = schema.get("anyOf").and_then(Value::as_array);
    let other = any.and_then(|choices| choices.iter().find(|choice| choice["type"] != "null"));
    other.unwrap_or(schema)
}

/// Whether a schema is of the JSON type `name`, perhaps or null.
pub(super) fn is(schema: &Value, name: &str) -> bool {
    match &schema["type"] {
        Value::String(only) => only == name,
        Value::Array(several) => several.iter().any(|one| one == name),
        _ => false,
    }
}

/// The values of an enumeration: each with its own schema.
pub(super) fn constants(schema: &Value) -> Option<Vec<(&str, Option<&str>)>> {
    let choices = schema.get("oneOf")?.as_array()?;
    choices
        .iter()
        .map(|choice| Some((choice.get("const")?.as_str()?, choice["description"].as_str())))
        .collect()
}

/// The groups of a union of objects: the member that tells each apart, and its schema.
pub(super) fn variants(schema: &Value) -> Option<Vec<(&str, &Value)>> {
    let choices = schema.get("oneOf")?.as_array()?;
    choices
        .iter()
        .map(|choice| Some((choice["properties"].as_object()?.keys().next()?.as_str(), choice)))
        .collect()
}

/// Whether the system alone sets a member.
pub(super) fn is_systems(schema: &Value) -> bool {
    schema["x-set-by"] == "system"
}

/// Whether an object must have the member `name`.
pub(super) fn needs(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
}

/// Whether a member is a list that may hold nothing.
pub(super) fn may_be_empty(member: &Value) -> bool {
    let schema = inner(member);
    is(schema, "array") && schema["minItems"].as_u64().unwrap_or(0) == 0
}

/// How many groups of the list `name` a form has.
pub(super) fn count(fields: &Fields, name: &str) -> usize {
    let said = fields.get(&format!("{name}{COUNT}")).and_then(|text| text.parse().ok()).unwrap_or(0);
    let more = fields.get(MORE) == Some(name);
    (said + usize::from(more)).min(100)
}

impl Maker<'_> {
    /// The fields of a payload.
    pub fn payload(&self, schema: &Value) -> Vec<Input> {
        self.members(schema, ROOT, true)
    }

    /// Within a group that may be left out nothing must be filled.
    fn members(&self, schema: &Value, base: &str, needed: bool) -> Vec<Input> {
        let properties = schema["properties"].as_object();
        let shown = properties.into_iter().flatten().filter(|(_, member)| !is_systems(member));
        let required = |name: &str, member: &Value| needed && needs(schema, name) && !may_be_empty(member);
        let inputs = shown.map(|(name, member)| {
            self.input(member, &format!("{base}.{name}"), name, required(name, member))
        });
        let mut inputs: Vec<Input> = inputs.collect();
        inputs.sort_by_key(|input| !input.required);
        inputs
    }

    fn input(&self, member: &Value, name: &str, word: &str, required: bool) -> Input {
        let schema = inner(member);
        let about = about(member);
        let (kind, more) = self.kind(schema, name, required);
        let example = schema["examples"][0].as_str().map(|example| match self.lang {
            Lang::ZH => format!("例如 {example}"),
            _ => format!("For example {example}"),
        });
        let hints = [
            self.lang.t(about, words::hints::chinese(about).unwrap_or_default()).to_owned(),
            more,
            example.unwrap_or_default(),
        ];
        Input {
            name: name.to_owned(),
            label: words::field(word, self.lang),
            hint: hints.iter().filter(|hint| !hint.is_empty()).cloned().collect::<Vec<_>>().join(" "),
            required,
            errors: self.errors(name, schema),
            kind,
        }
    }

    /// What a field takes, and a hint on how.
    fn kind(&self, schema: &Value, name: &str, required: bool) -> (Kind, String) {
        let value = || self.fields.get(name).unwrap_or_default().to_owned();
        let text = |of, long, max| Kind::Text { value: value(), max, of, long };
        let none = String::new();
        if let Some(constants) = constants(schema) {
            let choice = |(value, about)| (value, words::value(value, about, self.lang));
            return (self.choice(name, constants.into_iter().map(choice).collect(), required), none);
        }
        if let Some(variants) = variants(schema) {
            return (self.union(name, &variants), none);
        }
        if is(schema, "boolean") {
            let yes_no = vec![
                ("true", self.lang.t("Yes", "是").to_owned()),
                ("false", self.lang.t("No", "否").to_owned()),
            ];
            return (self.choice(name, yes_no, required), none);
        }
        if is(schema, "integer") {
            let (min, max) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
            return (Kind::Number { value: value(), min, max }, none);
        }
        if is(schema, "array") {
            let items = inner(&schema["items"]);
            if items["properties"].is_object() || variants(items).is_some() {
                return (self.items(items, name, required), none);
            }
            let hint = self.lang.t("One for each line.", "每行一项。");
            return (text("text", true, None), hint.to_owned());
        }
        if schema["properties"].is_object() {
            return (Kind::Group(self.members(schema, name, required)), none);
        }
        if is(schema, "object") {
            let hint =
                self.lang.t("One for each line, as `question: answer`.", "每行一项，格式为“问题: 回答”。");
            return (text("text", true, None), hint.to_owned());
        }
        let max = schema["maxLength"].as_u64();
        match schema["format"].as_str() {
            Some("date-time") => (text("datetime-local", false, None), none),
            Some("date") => (text("date", false, None), none),
            Some(_) | None => (text("text", max.is_none_or(|max| max > LINE_LENGTH_MAX), max), none),
        }
    }

    fn choice(&self, name: &str, choices: Vec<(&str, String)>, required: bool) -> Kind {
        let sent = self.fields.get(name).unwrap_or_default();
        let blank = if required { self.lang.t("Choose …", "请选择…") } else { "–" };
        let blank = Pick { value: String::new(), text: blank.to_owned(), chosen: sent.is_empty() };
        let choice =
            |(value, text): (&str, String)| Pick { value: value.to_owned(), text, chosen: sent == value };
        Kind::Choice(std::iter::once(blank).chain(choices.into_iter().map(choice)).collect())
    }

    fn union(&self, name: &str, variants: &[(&str, &Value)]) -> Kind {
        let choices = variants.iter().map(|(tag, _)| (*tag, words::field(tag, self.lang))).collect();
        let Kind::Choice(choices) = self.choice(name, choices, true) else { return Kind::Group(Vec::new()) };
        let groups = variants.iter().map(|(_, schema)| self.members(schema, name, true)).collect();
        Kind::Union { choices, groups }
    }

    fn items(&self, items: &Value, name: &str, required: bool) -> Kind {
        let rows = count(self.fields, name).max(usize::from(required));
        let row = |number: usize| {
            let base = format!("{name}.{number}");
            match variants(items) {
                Some(variants) => vec![Input {
                    name: base.clone(),
                    label: String::new(),
                    hint: String::new(),
                    required: true,
                    errors: Vec::new(),
                    kind: self.union(&base, &variants),
                }],
                None => self.members(items, &base, true),
            }
        };
        Kind::Items((0..rows).map(row).collect())
    }

    /// What is wrong with the field `name`: in the language of the page where the schema tells it.
    fn errors(&self, name: &str, schema: &Value) -> Vec<String> {
        let pointer = pointer(name);
        let own = |fault: &&FaultView| {
            fault.path == pointer || (self.is_text(schema) && fault.path.starts_with(&format!("{pointer}/")))
        };
        let told = |fault: &FaultView| self.told(fault, name, schema);
        let mut errors: Vec<String> = self.faults.iter().filter(own).map(told).collect();
        errors.dedup();
        errors
    }

    /// Whether a list or map is typed as text, so that what is wrong within is wrong with the field.
    fn is_text(&self, schema: &Value) -> bool {
        let flat = is(schema, "array") && !inner(&schema["items"])["properties"].is_object();
        flat || (is(schema, "object") && !schema["properties"].is_object())
    }

    fn told(&self, fault: &FaultView, name: &str, schema: &Value) -> String {
        let typed = self.fields.get(name).unwrap_or_default().trim();
        let (min, max) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
        let length = typed.chars().count() as u64;
        if typed.is_empty() && !schema["properties"].is_object() {
            self.lang.t("This is needed.", "此项必填。").to_owned()
        } else if let (Some(min), Some(max), true) = (min, max, is(schema, "integer")) {
            match self.lang {
                Lang::ZH => format!("请填 {min} 到 {max} 的整数。"),
                _ => format!("A whole number from {min} to {max} is accepted."),
            }
        } else if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
            match self.lang {
                Lang::ZH => format!("最多 {most} 个字符，现有 {length} 个。"),
                _ => format!("At most {most} characters are accepted; these are {length}."),
            }
        } else if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
            match self.lang {
                Lang::ZH => format!("至少 {least} 个字符，现有 {length} 个。"),
                _ => format!("At least {least} characters are needed; these are {length}."),
            }
        } else {
            fault.message.clone()
        }
    }
}

/// The JSON pointer into the payload that the field `name` stands for.
pub fn pointer(name: &str) -> String {
    name.split('.').skip(1).fold(String::new(), |path, part| path + "/" + part)
}

/// The faults that no field of `inputs` shows.
pub fn elsewhere<'f>(inputs: &[Input], faults: &'f [FaultView]) -> Vec<&'f FaultView> {
    let mut shown = Vec::new();
    collect(inputs, &mut shown);
    let hidden = |fault: &&FaultView| {
        !shown.iter().any(|(pointer, text)| {
            fault.path == *pointer || (*text && fault.path.starts_with(&format!("{pointer}/")))
        })
    };
    faults.iter().filter(hidden).collect()
}

/// The pointers of all fields, and whether each holds all below it.
fn collect(inputs: &[Input], shown: &mut Vec<(String, bool)>) {
    for input in inputs {
        shown.push((pointer(&input.name), matches!(input.kind, Kind::Text { .. })));
        match &input.kind {
            Kind::Group(members) => collect(members, shown),
            Kind::Union { groups, .. } | Kind::Items(groups) => {
                groups.iter().for_each(|group| collect(group, shown));
            }
            Kind::Text { .. } | Kind::Number { .. } | Kind::Choice(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;

//! Owns YAML with positions: every key and value of a file knows its line and column.
//!
//! # Why
//! The tree is plain data and JSON Schema decides what is accepted: integers stay
//! integers, `1.5` is a number that a schema may refuse, only `true` and `false`
//! are booleans, and `012`, `1_000`, `yes` and `2026-10-01` are text. Anchors,
//! aliases, merge keys and tags are refused: a definition says a thing where it
//! applies, so that a change shows in a diff where it takes effect.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Error, Location, MessageFormatter, Spanned};

use super::report::{Finding, Report};
use super::schema::Checker;
use crate::kernel::fault::{Fault, Part, join};

/// Longest file: every definition is stored whole in one entry, whose line has at
/// most 512 KiB, and escaping may double it.
pub const DOCUMENT_BYTES_MAX: usize = 192 * 1024;
/// Deepest nesting of maps and lists: three times what the shipped definitions need.
pub const DEPTH_MAX: usize = 32;
/// Most keys and values: no file below [`DOCUMENT_BYTES_MAX`] needs more.
pub const NODES_MAX: usize = 100_000;

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        let at_least_one = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).max(1);
        Self { line: at_least_one(location.line()), column: at_least_one(location.column()) }
    }
}

/// A file that could be read as YAML.
#[derive(Clone, Debug)]
pub struct Document {
    file: String,
    text: String,
    root: Node,
    value: Value,
    /// What is wrong already without a schema.
    findings: Vec<Finding>,
}

#[derive(Clone, Debug)]
struct Node {
    at: Place,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
struct Key {
    at: Place,
    name: String,
}

impl Document {
    /// Reads `text`; `file` names it in reports. Repeated keys are kept as findings for
    /// [`Document::report`], so that the rest of the file is checked too.
    ///
    /// # Errors
    /// A report with one finding: the first place at which the text is no YAML, or too large or deep.
    pub fn parse(file: &str, text: &str) -> Result<Self, Report> {
        let refuse = |place, message: String| {
            Err(Report::new(vec![Finding::new(file, text, place).about("", message)]))
        };
        if text.len() > DOCUMENT_BYTES_MAX {
            let bytes = text.len();
            let message = format!("the file has {bytes} bytes; accepted are at most {DOCUMENT_BYTES_MAX}");
            // No excerpt of a text that nobody wants to look at.
            return Err(Report::new(vec![Finding::new(file, "", (1, 1)).about("", message)]));
        }
        let root = match serde_saphyr::from_str_with_options::<Node>(text, options()) {
            Ok(root) => root,
            Err(error) => {
                let place = error.location().map_or(Place { line: 1, column: 1 }, Place::from);
                return refuse((place.line, place.column), reason(&error));
            }
        };
        if matches!(root.kind, Kind::Scalar(Value::Null)) {
            return refuse((1, 1), "the file is empty; accepted is a map of keys".to_owned());
        }
        let mut document = Self {
            file: file.to_owned(),
            text: text.to_owned(),
            root,
            value: Value::Null,
            findings: Vec::new(),
        };
        let mut repeated = Vec::new();
        document.value = document.root.value("", &mut repeated);
        document.findings =
            repeated.into_iter().map(|(place, fault)| document.finding(place, fault)).collect();
        Ok(document)
    }

    /// Reads `text` and checks it against a schema.
    ///
    /// # Errors
    /// Everything wrong with it.
    pub fn check(file: &str, text: &str, schema: &Checker) -> Result<Self, Report> {
        let document = Self::parse(file, text)?;
        document.report(schema.check(&document.value)).into_result()?;
        Ok(document)
    }

    /// The plain data, the first of repeated keys kept.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// `faults` with the positions of this file, and the repeated keys.
    pub fn report(&self, faults: impl IntoIterator<Item = Fault>) -> Report {
        let mut items = self.findings.clone();
        items.extend(faults.into_iter().map(|fault| self.finding(self.place(&fault), fault)));
        Report::new(items)
    }

    fn finding(&self, place: Place, fault: Fault) -> Finding {
        Finding::new(&self.file, &self.text, (place.line, place.column)).about(fault.path, fault.message)
    }

    /// Where `fault` lies: a plain value itself; for a map or list the key that
    /// introduces it; for a missing value the nearest that exists.
    pub fn place(&self, fault: &Fault) -> Place {
        let mut node = &self.root;
        let mut place = node.at;
        for step in fault.path.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let found = match &node.kind {
                Kind::Scalar(_) => None,
                Kind::List(items) => {
                    step.parse().ok().and_then(|i: usize| items.get(i)).map(|item| (item.at, item))
                }
                Kind::Map(members) => {
                    members.iter().find(|(key, _)| key.name == step).map(|(key, value)| (key.at, value))
                }
            };
            let Some((introduced, value)) = found else { return place };
            place = introduced;
            node = value;
        }
        match (&node.kind, fault.part) {
            (Kind::Scalar(_), Part::Value) => node.at,
            (Kind::Scalar(_) | Kind::List(_) | Kind::Map(_), Part::Key)
            | (Kind::List(_) | Kind::Map(_), Part::Value) => place,
        }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            // The scanner reads ahead of the depth above; only a hopeless text meets this limit first.
            flow_nesting_limit: 8 * DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_documents: 1,
            max_anchors: 0,
            max_aliases: 0,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        // Comments are for people; keeping them would also limit how many may follow each other.
        emit_comments: false,
        with_snippet: false,
    }
}

/// What the parser refused, in the words of this product where it has some.
fn reason(error: &Error) -> String {
    match error.without_snippet() {
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. } => {
                "anchors and aliases are refused; accepted is the value itself in each place".to_owned()
            }
            BudgetBreach::Depth { .. } => {
                format!("nested too deeply; accepted are at most {DEPTH_MAX} levels")
            }
            BudgetBreach::Nodes { .. } => {
                format!("too many keys and values; accepted are at most {NODES_MAX}")
            }
            BudgetBreach::Documents { .. } => {
                "a second document is refused; accepted is one document in each file".to_owned()
            }
            other => format!("too large: {other:?}"),
        },
        Error::MergeKeyNotAllowed { .. } => {
            "merge keys are refused; accepted are the keys themselves in each place".to_owned()
        }
        error => {
            let text = serde_saphyr::DefaultMessageFormatter.format_message(error);
            format!("this is not YAML that can be read here: {}", text.replace(char::is_control, " "))
        }
    }
}

impl Node {
    /// The plain data; a key that was there before goes to `repeated` with its place.
    fn value(&self, path: &str, repeated: &mut Vec<(Place, Fault)>) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => items
                .iter()
                .enumerate()
                .map(|(i, item)| item.value(&format!("{path}/{i}"), repeated))
                .collect(),
            Kind::Map(members) => {
                let mut map = Map::new();
                for (key, node) in members {
                    let path = join(path, &key.name);
                    let value = node.value(&path, repeated);
                    if map.contains_key(&key.name) {
                        let message =
                            format!("key `{}` is there already; accepted is each key once", key.name);
                        repeated.push((key.at, Fault::key(path, message)));
                    } else {
                        map.insert(key.name.clone(), value);
                    }
                }
                Value::Object(map)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self { at: spanned.referenced.into(), kind: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true, false, a list or a map")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Null))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Node>()? {
            members.push((Key { at: key.referenced.into(), name: key.value }, value));
        }
        Ok(Kind::Map(members))
    }
}

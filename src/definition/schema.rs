//! Owns checking data against a JSON Schema: every fault at once, in words.
//!
//! Knows no file format: definitions and the payloads of events are checked alike.
//! `wording` says each kind of fault; this file finds which ones matter.
//!
//! # Why
//! A validator reports every branch of an alternative that did not fit. People
//! want the one they meant: the branch of the same type, or with the same tag.

mod nearest;
mod wording;

use std::collections::BTreeMap;

use boon::{Compiler, Draft, ErrorKind, Format, SchemaIndex, Schemas, SchemeUrlLoader, ValidationError};
use serde_json::Value;

use crate::kernel::calendar::{self, Hours};
use crate::kernel::cron::{CRON_FORMAT, Cron};
use crate::kernel::fault::{Fault, Part, join};
use crate::kernel::span::{SPAN_FORMAT, Span};

/// Most faults that one check answers: nobody reads more, and a payload may hold thousands.
pub const FAULTS_MAX: usize = 100;

/// Where the schema stands for its own references; never fetched.
const ROOT: &str = "careflow:schema";

/// A schema that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("schema is refused: {0}")]
pub struct BadSchema(String);

/// A compiled schema: made once, used by many threads.
pub struct Checker {
    schemas: Schemas,
    root: SchemaIndex,
    source: Value,
}

/// A fault with what decides between several at one place.
#[derive(Debug)]
struct Leaf {
    fault: Fault,
    rank: Rank,
}

/// What a fault says about its value; of several at one value the first of these is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It is none of the values listed.
    Listed,
    /// It has another type.
    Type,
    /// It cannot be read, and the reader said why.
    Format,
    /// Length, range or pattern.
    Shape,
    /// About its members or keys: several may stand side by side.
    Members,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("title", &self.source.get("title")).finish_non_exhaustive()
    }
}

impl Checker {
    /// Compiles `schema` (JSON Schema 2020-12 without outside references).
    ///
    /// # Errors
    /// A schema that is not valid, or refers to something outside itself.
    pub fn new(schema: Value) -> Result<Self, BadSchema> {
        let bad = |error: boon::CompileError| BadSchema(format!("{error:#}"));
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.use_loader(Box::new(SchemeUrlLoader::new()));
        for (name, func) in FORMATS {
            compiler.register_format(Format { name, func });
        }
        compiler.add_resource(ROOT, schema.clone()).map_err(bad)?;
        let mut schemas = Schemas::new();
        let root = compiler.compile(ROOT, &mut schemas).map_err(bad)?;
        Ok(Self { schemas, root, source: schema })
    }

    /// Compiles the schema of a type.
    ///
    /// # Errors
    /// As [`Checker::new`].
    pub fn of<T: schemars::JsonSchema>() -> Result<Self, BadSchema> {
        Self::new(schemars::schema_for!(T).to_value())
    }

    /// The schema as it was given.
    pub const fn source(&self) -> &Value {
        &self.source
    }

    /// What of `value` the schema does not accept, in the order of paths; at most [`FAULTS_MAX`].
    ///
    /// Whole numbers written with a fraction (`1.0`) are refused besides: JSON
    /// Schema takes them for integers, readers of integers do not.
    pub fn check(&self, value: &Value) -> Vec<Fault> {
        let mut leaves = Vec::new();
        if let Err(error) = self.schemas.validate(value, self.root) {
            self.collect(&error, value, &mut leaves);
        }
        if has_fraction(value) {
            fractions(value, "", &mut leaves);
        }
        if leaves.is_empty() { Vec::new() } else { chosen(leaves) }
    }

    /// Every fault below `error`, with alternatives reduced to the one that was meant.
    fn collect(&self, error: &ValidationError, value: &Value, into: &mut Vec<Leaf>) {
        match &error.kind {
            ErrorKind::AnyOf | ErrorKind::OneOf(None) => self.alternatives(error, value, into),
            ErrorKind::PropertyName { prop } => self.name(error, prop, value, into),
            _ if error.causes.is_empty() => wording::say(error, value, &self.source, into),
            _ => error.causes.iter().for_each(|cause| self.collect(cause, value, into)),
        }
    }

    /// The faults of a key that `propertyNames` refuses, in each map that holds it.
    fn name(&self, error: &ValidationError, prop: &str, value: &Value, into: &mut Vec<Leaf>) {
        let mut inner = Vec::new();
        // The name itself is the value that the causes speak of.
        let name = Value::String(prop.to_owned());
        error.causes.iter().for_each(|cause| self.collect(cause, &name, &mut inner));
        let said = inner.into_iter().min_by_key(|leaf| leaf.rank).map(|leaf| leaf.fault.message);
        let message = said.unwrap_or_else(|| format!("key `{prop}` is not accepted here"));
        let mut maps = Vec::new();
        maps_with(prop, value, "", &mut maps);
        maps.truncate(FAULTS_MAX);
        // The validator does not say which map: it is one whose errors grow fewer without the key.
        let of_name = |value: &Value| {
            let result = self.schemas.validate(value, self.root);
            result.err().map_or(0, |found| names_refused(&found, (error.schema_url, prop)))
        };
        if maps.len() > 1 {
            let before = of_name(value);
            maps.retain(|path| {
                let mut without = value.clone();
                if let Some(map) = without.pointer_mut(path).and_then(Value::as_object_mut) {
                    map.remove(prop);
                }
                of_name(&without) < before
            });
        }
        into.extend(
            maps.into_iter().map(|path| Leaf {
                fault: Fault::key(join(&path, prop), message.clone()),
                rank: Rank::Members,
            }),
        );
    }

    /// The faults of the alternative that was meant.
    fn alternatives(&self, error: &ValidationError, value: &Value, into: &mut Vec<Leaf>) {
        let path = error.instance_location.to_string();
        let branches: Vec<Vec<Leaf>> = error
            .causes
            .iter()
            .map(|cause| {
                let mut leaves = Vec::new();
                self.collect(cause, value, &mut leaves);
                leaves
            })
            .collect();
        let of_type = |leaf: &Leaf| leaf.fault.path == path && leaf.rank <= Rank::Type;
        let of_tag = |leaf: &Leaf| {
            leaf.rank == Rank::Listed
                && leaf.fault.path.rfind('/').is_some_and(|end| leaf.fault.path[..end] == path)
        };
        let meant = branches
            .iter()
            .enumerate()
            .filter(|(_, leaves)| !leaves.iter().any(|leaf| of_type(leaf) || of_tag(leaf)))
            .min_by_key(|(_, leaves)| leaves.len())
            .map(|(i, _)| i);
        if let Some(i) = meant {
            into.extend(branches.into_iter().nth(i).into_iter().flatten());
            return;
        }
        // Another type, or a tag that no branch has: what all branches accept, in one line.
        let tags = branches.iter().flatten().filter(|leaf| of_tag(leaf));
        let tag = tags.map(|leaf| leaf.fault.path.clone()).next();
        let tag = tag.filter(|_| value.pointer(&path).is_some_and(Value::is_object));
        let key = tag.as_deref().and_then(|tag| tag.rsplit_once('/')).map(|(_, key)| key);
        let accepted = wording::accepted(&self.source, error.schema_url, key);
        let at = tag.as_deref().unwrap_or(&path);
        let refused = wording::showable(&self.source, error.schema_url, value.pointer(at));
        let message = wording::none_of(refused, &accepted);
        into.push(Leaf { fault: Fault::value(at, message), rank: Rank::Listed });
    }
}

type Check = fn(&Value) -> Result<(), Box<dyn std::error::Error>>;

/// The formats of this product; each answers what its reader says.
const FORMATS: [(&str, Check); 6] = [
    (SPAN_FORMAT, |value| read(value, Span::parse)),
    (calendar::HOURS_FORMAT, |value| read(value, Hours::parse)),
    (calendar::DATE_FORMAT, |value| read(value, calendar::parse_date)),
    (calendar::DATES_FORMAT, |value| read(value, calendar::parse_dates)),
    (calendar::ZONE_FORMAT, |value| read(value, calendar::parse_zone)),
    (CRON_FORMAT, |value| read(value, Cron::parse)),
];

fn read<T>(value: &Value, parse: fn(&str) -> Result<T, String>) -> Result<(), Box<dyn std::error::Error>> {
    // A format says nothing about values of other types.
    value.as_str().map_or(Ok(()), |text| parse(text).map(|_| ()).map_err(Into::into))
}

/// The pointer of every map in `value` that has `key`.
fn maps_with(key: &str, value: &Value, path: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if map.contains_key(key) {
                into.push(path.to_owned());
            }
            map.iter().for_each(|(name, item)| maps_with(key, item, &join(path, name), into));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| maps_with(key, item, &format!("{path}/{i}"), into));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// How often `error` refuses the key of `of`, a schema's URL and the key.
fn names_refused(error: &ValidationError, of: (&str, &str)) -> usize {
    let own =
        matches!(&error.kind, ErrorKind::PropertyName { prop } if (error.schema_url, prop.as_str()) == of);
    usize::from(own) + error.causes.iter().map(|cause| names_refused(cause, of)).sum::<usize>()
}

/// Whether any number in `value` is no plain integer; spares good values the pointers of [`fractions`].
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(map) => map.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Whole numbers written with a fraction.
fn fractions(value: &Value, path: &str, into: &mut Vec<Leaf>) {
    match value {
        Value::Number(number) => {
            if let Some(n) = number.as_f64().filter(|n| number.is_f64() && n.fract() == 0.0) {
                let message =
                    format!("`{number}` is refused; accepted are whole numbers without a fraction, `{n:.0}`");
                into.push(Leaf { fault: Fault::value(path, message), rank: Rank::Format });
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| fractions(item, &format!("{path}/{i}"), into));
        }
        Value::Object(map) => map.iter().for_each(|(key, item)| fractions(item, &join(path, key), into)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// One fault for each value, and every fault about members.
fn chosen(leaves: Vec<Leaf>) -> Vec<Fault> {
    let mut best: BTreeMap<String, Leaf> = BTreeMap::new();
    let mut faults = Vec::new();
    for leaf in leaves {
        if leaf.rank == Rank::Members || leaf.fault.part == Part::Key {
            faults.push(leaf.fault);
        } else if best.get(&leaf.fault.path).is_none_or(|other| leaf.rank < other.rank) {
            best.insert(leaf.fault.path.clone(), leaf);
        }
    }
    faults.extend(best.into_values().map(|leaf| leaf.fault));
    faults.sort_unstable();
    faults.dedup();
    faults.truncate(FAULTS_MAX);
    faults
}

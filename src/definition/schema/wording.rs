//! Owns the sentence for each kind of fault: what was refused, what would be accepted.

use boon::{ErrorKind, Type, Types, ValidationError};
use serde_json::Value;

use super::nearest::nearest;
use super::{Leaf, Rank};
use crate::kernel::fault::{Fault, join};

/// Most characters of an offending text that a message shows.
const SHOWN_CHARS_MAX: usize = 60;
/// Most accepted values or keys that a message lists.
const LISTED_MAX: usize = 40;
/// How many `$ref` and `allOf` steps are followed to find what is accepted; schemas may be recursive.
const STEPS_MAX: usize = 16;

/// Adds what `error`, a fault without causes, means for the value it is about.
pub(super) fn say(error: &ValidationError, document: &Value, schema: &Value, into: &mut Vec<Leaf>) {
    let path = error.instance_location.to_string();
    let node = node(schema, error.schema_url);
    let members = members(error, &path, schema, node);
    if members.is_empty() {
        let (message, rank) = about_value(&error.kind, document.pointer(&path), node);
        into.push(Leaf { fault: Fault::value(path, message), rank });
    } else {
        into.extend(members.into_iter().map(|fault| Leaf { fault, rank: Rank::Members }));
    }
}

/// The faults of single members, where `error` is about members.
fn members(error: &ValidationError, path: &str, schema: &Value, node: &Value) -> Vec<Fault> {
    match &error.kind {
        ErrorKind::AdditionalProperties { got } => {
            let accepted = keys(schema, node, 0);
            let fault = |key| Fault::key(join(path, key), unknown_key(key, &accepted, node));
            got.iter().map(|key| fault(key)).collect()
        }
        // `unevaluatedProperties: false` refuses each member by itself.
        ErrorKind::FalseSchema => {
            let (_, key) = path.rsplit_once('/').unwrap_or_default();
            let key = key.replace("~1", "/").replace("~0", "~");
            let (parent, _) = error.schema_url.rsplit_once('/').unwrap_or_default();
            let parent = self::node(schema, parent);
            vec![Fault::key(path, unknown_key(&key, &keys(schema, parent, 0), parent))]
        }
        ErrorKind::Required { want } => {
            want.iter().map(|key| Fault::value(join(path, key), missing(schema, node, key))).collect()
        }
        ErrorKind::Dependency { prop, missing } | ErrorKind::DependentRequired { prop, missing } => missing
            .iter()
            .map(|key| {
                let message = format!("key `{key}` is missing; it is needed where `{prop}` stands");
                Fault::value(join(path, key), message)
            })
            .collect(),
        ErrorKind::UniqueItems { got: [first, second] } => {
            let message = format!("the item is the same as item {}; accepted is each item once", first + 1);
            vec![Fault::value(format!("{path}/{second}"), message)]
        }
        _ => Vec::new(),
    }
}

/// The sentence about `value` itself, and its rank among several.
fn about_value(error: &ErrorKind, value: Option<&Value>, node: &Value) -> (String, Rank) {
    // Nothing of a personal value enters a message.
    let value = value.filter(|_| !is_personal(node));
    let shown = shown(value, node);
    let size = |got: usize, unit| count(got as u64, unit);
    match error {
        ErrorKind::Type { want, .. } => (wrong_type(*want, value, node), Rank::Type),
        ErrorKind::Enum { want } => (none_of(value, want), Rank::Listed),
        ErrorKind::Const { want } => (none_of(value, std::slice::from_ref(*want)), Rank::Listed),
        ErrorKind::Format { want, err, .. } => (wrong_format(want, err.as_ref(), &shown, node), Rank::Format),
        ErrorKind::Pattern { want, .. } => {
            let examples = examples(node);
            let accepted = format!("; accepted is text that matches `{want}`");
            let accepted = if examples.is_empty() { accepted } else { examples };
            (format!("{shown} is not accepted{accepted}"), Rank::Shape)
        }
        ErrorKind::Minimum { .. }
        | ErrorKind::Maximum { .. }
        | ErrorKind::ExclusiveMinimum { .. }
        | ErrorKind::ExclusiveMaximum { .. } => {
            (format!("{shown} is out of range; accepted is {}", range(node)), Rank::Shape)
        }
        ErrorKind::MultipleOf { want, .. } => {
            (format!("{shown} is not accepted; accepted is a multiple of {want}"), Rank::Shape)
        }
        ErrorKind::MinLength { got, .. } | ErrorKind::MaxLength { got, .. } => {
            let refused = match got {
                0 => "empty text is refused".to_owned(),
                got => format!("{shown} has {}", size(*got, "character")),
            };
            let accepted = between(node, "minLength", "maxLength", "character");
            (format!("{refused}; accepted is text of {accepted}"), Rank::Shape)
        }
        ErrorKind::MinItems { got, .. } | ErrorKind::MaxItems { got, .. } => {
            let accepted = between(node, "minItems", "maxItems", "item");
            (format!("the list has {}; accepted are {accepted}", size(*got, "item")), Rank::Shape)
        }
        ErrorKind::MinProperties { got, .. } | ErrorKind::MaxProperties { got, .. } => {
            let accepted = between(node, "minProperties", "maxProperties", "key");
            (format!("the map has {}; accepted are {accepted}", size(*got, "key")), Rank::Members)
        }
        ErrorKind::AdditionalItems { got } => {
            (format!("the list has {} too many", size(*got, "item")), Rank::Members)
        }
        ErrorKind::OneOf(Some(_)) => {
            (format!("{shown} fits more than one alternative; accepted is exactly one"), Rank::Shape)
        }
        // Kinds that no schema of this product uses; the validator's words are better than none.
        other => (format!("{shown} is not accepted: {other}"), Rank::Shape),
    }
}

fn wrong_type(want: Types, value: Option<&Value>, node: &Value) -> String {
    if let Some(listed) = node.get("enum").and_then(Value::as_array) {
        return none_of(value, listed);
    }
    let want: Vec<_> = want.iter().map(type_name).collect();
    let refused = match value {
        Some(Value::Null) => "no value is given".to_owned(),
        Some(Value::Array(_) | Value::Object(_)) => format!("{} is refused", kind(value)),
        value => format!("{} is {}", shown(value, node), kind(value)),
    };
    format!("{refused}; accepted is {}{}", want.join(" or "), examples(node))
}

fn wrong_format(format: &str, error: &dyn std::error::Error, shown: &str, node: &Value) -> String {
    let own = super::FORMATS.iter().any(|(name, _)| *name == format);
    if own && !is_personal(node) {
        error.to_string()
    } else {
        format!("{shown} is not accepted; accepted is text of the format {format}{}", examples(node))
    }
}

/// The sentence for a value that is none of `accepted`.
pub(super) fn none_of(value: Option<&Value>, accepted: &[Value]) -> String {
    let texts: Vec<String> = accepted
        .iter()
        .map(|value| match value {
            Value::Object(one_type) if one_type.len() == 1 && one_type.contains_key("type") => {
                type_name_of(one_type["type"].as_str().unwrap_or_default()).to_owned()
            }
            value => shown(Some(value), &Value::Null),
        })
        .collect();
    let names: Vec<&str> = accepted.iter().filter_map(Value::as_str).collect();
    let hint = value.and_then(Value::as_str).and_then(|text| nearest(text, &names));
    let hint = hint.map_or_else(String::new, |name| format!("did you mean `{name}`? "));
    format!("{} is not accepted; {hint}accepted is {}", shown(value, &Value::Null), listed(&texts, "or"))
}

/// What the alternatives at `schema_url` accept: values, and `{"type": …}` for a whole
/// type. Alternatives of maps are told apart by a `tag`: then what they accept for it.
pub(super) fn accepted(schema: &Value, schema_url: &str, tag: Option<&str>) -> Vec<Value> {
    let mut found = Vec::new();
    gather(schema, node(schema, schema_url), tag, &mut found, 0);
    found.dedup();
    found
}

/// `value`, where the alternatives at `schema_url` let messages show it.
pub(super) fn showable<'v>(schema: &Value, schema_url: &str, value: Option<&'v Value>) -> Option<&'v Value> {
    value.filter(|_| !is_personal(node(schema, schema_url)))
}

fn gather(schema: &Value, node: &Value, tag: Option<&str>, found: &mut Vec<Value>, step: usize) {
    if step > STEPS_MAX {
        return;
    }
    let node = resolved(schema, node);
    for key in ["anyOf", "oneOf", "allOf"] {
        for branch in node.get(key).and_then(Value::as_array).into_iter().flatten() {
            gather(schema, branch, tag, found, step + 1);
        }
    }
    let tagged =
        tag.and_then(|tag| node.get("properties")?.get(tag)).filter(|tagged| tagged.get("const").is_some());
    let source = tagged.unwrap_or(node);
    if let Some(value) = source.get("const") {
        found.push(value.clone());
    } else if let Some(values) = source.get("enum").and_then(Value::as_array) {
        found.extend(values.iter().cloned());
    } else if tag.is_none() {
        let types = source
            .get("type")
            .map_or(&[][..], |types| types.as_array().map_or(std::slice::from_ref(types), Vec::as_slice));
        found.extend(types.iter().map(|name| serde_json::json!({ "type": name })));
    }
}

/// The part of the schema that a validator's URL points at.
fn node<'a>(schema: &'a Value, url: &str) -> &'a Value {
    let pointer = url.split_once('#').map_or("", |(_, pointer)| pointer);
    // Names of our schemas hold no character that a URL would escape.
    schema.pointer(pointer).unwrap_or(&Value::Null)
}

fn resolved<'a>(schema: &'a Value, mut node: &'a Value) -> &'a Value {
    for _ in 0..STEPS_MAX {
        match node.get("$ref").and_then(Value::as_str) {
            Some(reference) => node = self::node(schema, reference),
            None => break,
        }
    }
    node
}

/// The keys that a map checked by `node` may have.
fn keys<'a>(schema: &'a Value, node: &'a Value, step: usize) -> Vec<&'a str> {
    if step > STEPS_MAX {
        return Vec::new();
    }
    let own = node.get("properties").and_then(Value::as_object);
    let mut all: Vec<&str> = own.into_iter().flat_map(|map| map.keys().map(String::as_str)).collect();
    for key in ["allOf", "anyOf", "oneOf"] {
        for branch in node.get(key).and_then(Value::as_array).into_iter().flatten() {
            all.extend(keys(schema, branch, step + 1));
        }
    }
    if node.get("$ref").is_some() {
        all.extend(keys(schema, resolved(schema, node), step + 1));
    }
    all
}

fn unknown_key(key: &str, accepted: &[&str], node: &Value) -> String {
    let key_shown = shortened(key);
    if let Some(patterns) = node.get("patternProperties").and_then(Value::as_object) {
        let patterns: Vec<String> = patterns.keys().map(|pattern| format!("`{pattern}`")).collect();
        let patterns = format!("; accepted are keys that match {}", listed(&patterns, "or"));
        let examples = examples(node);
        return format!("unknown key `{key_shown}`{}", if examples.is_empty() { patterns } else { examples });
    }
    if accepted.is_empty() {
        return format!("unknown key `{key_shown}`; no keys are accepted here");
    }
    let hint = nearest(key, accepted).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    let names: Vec<String> = accepted.iter().map(|name| format!("`{name}`")).collect();
    format!("unknown key `{key_shown}`; {hint}accepted keys are {}", listed(&names, "and"))
}

fn missing(schema: &Value, node: &Value, key: &str) -> String {
    let member = node.get("properties").and_then(|all| all.get(key)).map(|member| resolved(schema, member));
    let examples = member.map_or_else(String::new, examples);
    format!("key `{key}` is missing{examples}")
}

/// Whether the schema, or an alternative of it, marks its value as personal.
fn is_personal(node: &Value) -> bool {
    let marked = |node: &Value| node.get("x-personal").and_then(Value::as_bool) == Some(true);
    let branches = ["anyOf", "oneOf"].into_iter().filter_map(|key| node.get(key)?.as_array());
    marked(node) || branches.flatten().any(marked)
}

/// The value as a message shows it; nothing of a personal or absent one.
fn shown(value: Option<&Value>, node: &Value) -> String {
    if is_personal(node) {
        return "the value".to_owned();
    }
    match value {
        None => "the value".to_owned(),
        Some(Value::Array(_)) => "the list".to_owned(),
        Some(Value::Object(_)) => "the map".to_owned(),
        Some(Value::String(text)) => format!("`{}`", shortened(text)),
        Some(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => format!("`{value}`"),
    }
}

fn shortened(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.chars().map(clean).collect();
    }
    text.chars().take(SHOWN_CHARS_MAX).map(clean).chain(['…']).collect()
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "of another type",
        Some(Value::String(_)) => "text",
        Some(Value::Null) => "no value",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(number)) if number.is_f64() => "a number with a fraction",
        Some(Value::Number(_)) => "a number",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "a map",
    }
}

const fn type_name(accepted: Type) -> &'static str {
    match accepted {
        Type::Null => "nothing",
        Type::Boolean => "true or false",
        Type::Number => "a number",
        Type::Integer => "a whole number",
        Type::String => "text",
        Type::Array => "a list",
        Type::Object => "a map of keys",
    }
}

fn type_name_of(name: &str) -> &'static str {
    match name {
        "null" => "nothing",
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "array" => "a list",
        "object" => "a map of keys",
        _ => "text",
    }
}

/// `; for example `a` or `b``, where the schema has examples.
fn examples(node: &Value) -> String {
    let examples = node.get("examples").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if examples.is_empty() {
        return String::new();
    }
    let texts: Vec<String> = examples.iter().map(|example| shown(Some(example), &Value::Null)).collect();
    format!("; for example {}", listed(&texts, "or"))
}

fn range(node: &Value) -> String {
    let bound = |inclusive: &str, exclusive: &str, words: [&str; 2]| {
        let inclusive = node.get(inclusive).map(|n| format!("{} {n}", words[0]));
        inclusive.or_else(|| node.get(exclusive).map(|n| format!("{} {n}", words[1])))
    };
    match (node.get("minimum"), node.get("maximum")) {
        (Some(low), Some(high)) => format!("{low} to {high}"),
        (Some(_) | None, _) => {
            let low = bound("minimum", "exclusiveMinimum", ["at least", "more than"]);
            let high = bound("maximum", "exclusiveMaximum", ["at most", "less than"]);
            [low, high].into_iter().flatten().collect::<Vec<_>>().join(" and ")
        }
    }
}

fn between(node: &Value, low: &str, high: &str, unit: &str) -> String {
    let bound = |name: &str| node.get(name).and_then(Value::as_u64);
    match (bound(low).filter(|low| *low > 0), bound(high)) {
        (Some(low), Some(high)) if low == high => format!("exactly {}", count(low, unit)),
        (Some(low), Some(high)) => format!("{low} to {}", count(high, unit)),
        (Some(low), None) => format!("at least {}", count(low, unit)),
        (None, Some(high)) => format!("at most {}", count(high, unit)),
        (None, None) => format!("another number of {unit}s"),
    }
}

fn count(n: u64, unit: &str) -> String {
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}

/// `a`, `b` and `c`; the rest is counted where there are too many.
fn listed(texts: &[String], last: &str) -> String {
    match texts {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [head @ .., _] if texts.len() > LISTED_MAX => {
            format!("{} {last} {} more", head[..LISTED_MAX].join(", "), texts.len() - LISTED_MAX)
        }
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}

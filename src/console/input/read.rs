//! Owns how a form becomes a payload: what is blank is absent, what cannot be read stays text.

use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{ROOT, constants, count, inner, is, is_systems, may_be_empty, needs, variants};
use crate::console::form::Fields;
use crate::kernel::calendar::{Edge, parse_time};

/// The payload that `fields` say, for an event with this schema; local times are those of `zone`.
pub fn read(schema: &Value, fields: &Fields, zone: Tz) -> Map<String, Value> {
    Reader { fields, zone }.members(schema, ROOT)
}

struct Reader<'f> {
    fields: &'f Fields,
    zone: Tz,
}

impl Reader<'_> {
    fn members(&self, schema: &Value, base: &str) -> Map<String, Value> {
        let properties = schema["properties"].as_object();
        let own = properties.into_iter().flatten().filter(|(_, member)| !is_systems(member));
        let read = own.filter_map(|(name, member)| {
            let value = self.value(member, &format!("{base}.{name}"));
            // A list that must be there and may be empty is there, and empty.
            let none = || (needs(schema, name) && may_be_empty(member)).then(|| Value::Array(Vec::new()));
            Some((name.clone(), value.or_else(none)?))
        });
        read.collect()
    }

    fn value(&self, member: &Value, name: &str) -> Option<Value> {
        let schema = inner(member);
        if constants(schema).is_some() {
            return self.fields.text(name).map(Value::from);
        }
        if let Some(variants) = variants(schema) {
            let chosen = self.fields.text(name)?;
            let (_, variant) = variants.into_iter().find(|(tag, _)| *tag == chosen)?;
            return Some(self.members(variant, name).into());
        }
        if is(schema, "array") {
            return self.list(inner(&schema["items"]), name);
        }
        if schema["properties"].is_object() {
            let members = self.members(schema, name);
            return (!members.is_empty()).then(|| members.into());
        }
        let typed = self.fields.text(name)?;
        Some(match schema["format"].as_str() {
            _ if is(schema, "object") => map(typed, &schema["additionalProperties"]),
            _ if is(schema, "boolean") => typed.parse::<bool>().map_or_else(|_| typed.into(), Value::from),
            _ if is(schema, "integer") => typed.parse::<i64>().map_or_else(|_| typed.into(), Value::from),
            Some("date-time") => parse_time(self.zone, typed, Edge::Open)
                .map_or_else(|_| typed.into(), |at| at.to_string().into()),
            Some(_) | None => typed.into(),
        })
    }

    fn list(&self, items: &Value, name: &str) -> Option<Value> {
        let listed: Vec<Value> = if items["properties"].is_object() || variants(items).is_some() {
            (0..count(self.fields, name).max(1))
                .filter_map(|row| self.value(items, &format!("{name}.{row}")))
                .collect()
        } else {
            let lines = self.fields.get(name).unwrap_or_default().lines().map(str::trim);
            lines.filter(|line| !line.is_empty()).map(|line| scalar(line, items)).collect()
        };
        (!listed.is_empty()).then(|| listed.into())
    }
}

fn scalar(text: &str, schema: &Value) -> Value {
    if is(schema, "integer") {
        text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
    } else {
        text.into()
    }
}

/// Lines of `name: value`, or an object as JSON.
fn map(text: &str, values: &Value) -> Value {
    if let Ok(value @ Value::Object(_)) = serde_json::from_str(text) {
        return value;
    }
    let pair = |line: &str| {
        let (name, value) = line.split_once([':', '：']).unwrap_or((line, ""));
        (name.trim().to_owned(), scalar(value.trim(), values))
    };
    json!(text.lines().filter(|line| !line.trim().is_empty()).map(pair).collect::<Map<_, _>>())
}

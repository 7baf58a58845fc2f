//! Owns payloads made by chance from an event's JSON Schema as the server publishes it.
//!
//! # Why
//! Made from the published schema they fit a user's own definitions as well. Names come from a small
//! stock, so that guards that compare people, customers and cases are met often enough.

use serde_json::{Map, Value, json};

use crate::chance::Chance;
use crate::kernel::instant::Instant;

/// Deepest nesting that is made.
const DEPTH_MAX: usize = 8;
/// Most items and characters that are made where a schema allows more.
const LENGTH_MAX: u64 = 12;

/// What values are taken from.
#[derive(Clone, Debug)]
pub struct Stock<'a> {
    /// Ids of people.
    pub people: &'a [String],
    /// Ids of customers.
    pub customers: &'a [String],
    /// Ids of instances.
    pub cases: &'a [String],
    /// The moment now.
    pub now: Instant,
}

/// A payload that fits `schema`.
pub fn make(schema: &Value, stock: &Stock<'_>, chance: &mut Chance) -> Value {
    Making { root: schema, stock, chance }.value("", schema, 0)
}

struct Making<'a> {
    root: &'a Value,
    stock: &'a Stock<'a>,
    chance: &'a mut Chance,
}

impl<'a> Making<'a> {
    fn value(&mut self, name: &str, schema: &'a Value, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return found.map_or(Value::Null, |schema| self.value(name, schema, depth + 1));
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        if let Some(one) = schema.get("enum").and_then(Value::as_array).filter(|all| !all.is_empty()) {
            return self.chance.pick(one).clone();
        }
        for several in ["oneOf", "anyOf"] {
            if let Some(all) = schema.get(several).and_then(Value::as_array).filter(|all| !all.is_empty()) {
                let one = self.chance.pick(all);
                return self.value(name, one, depth + 1);
            }
        }
        match self.kind(schema) {
            "object" => Value::Object(self.object(schema, depth)),
            "array" => self.array(name, schema, depth),
            "string" => Value::String(self.text(name, schema)),
            "integer" | "number" => self.number(schema),
            "boolean" => json!(self.chance.percent(50)),
            "null" => Value::Null,
            _ => json!("anything"),
        }
    }

    /// Its type; one of them where it has several.
    fn kind(&mut self, schema: &'a Value) -> &'a str {
        match schema.get("type") {
            Some(Value::String(kind)) => kind,
            Some(Value::Array(kinds)) if !kinds.is_empty() => {
                self.chance.pick(kinds).as_str().unwrap_or_default()
            }
            _ if schema.get("properties").is_some() => "object",
            _ => "",
        }
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Map<String, Value> {
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut made = Map::new();
        for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if required.contains(&name.as_str()) || (depth < 3 && self.chance.percent(40)) {
                made.insert(name.clone(), self.value(name, schema, depth + 1));
            }
        }
        made
    }

    fn array(&mut self, name: &str, schema: &'a Value, depth: usize) -> Value {
        let limit = |key: &str| schema.get(key).and_then(Value::as_u64);
        let least = limit("minItems").unwrap_or(0);
        let most = limit("maxItems").unwrap_or(least + 2).min(least + 2);
        let count = self.chance.between(least, most);
        let Some(items) = schema.get("items") else { return json!([]) };
        (0..count).map(|_| self.value(name, items, depth + 1)).collect()
    }

    fn number(&mut self, schema: &Value) -> Value {
        let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
        let least = limit("minimum").or(limit("exclusiveMinimum").map(|above| above + 1.0)).unwrap_or(0.0);
        let most = limit("maximum").or(limit("exclusiveMaximum").map(|below| below - 1.0));
        let span = (most.unwrap_or(least + 100.0) - least).clamp(0.0, 100.0);
        json!(least as i64 + self.chance.below(span as u64 + 1) as i64)
    }

    fn text(&mut self, name: &str, schema: &Value) -> String {
        match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => {
                // An hour ago to three days ahead, often enough within what promises allow.
                let ahead = self.chance.below(3 * 24 * 60) as i64 - 60;
                return self.stock.now.plus_millis(ahead * 60_000).to_string();
            }
            Some("date") => return self.stock.now.to_string().chars().take(10).collect(),
            _ => {}
        }
        if schema.get("pattern").is_some() {
            return self.patterned(schema);
        }
        let stock = match name {
            "customer_id" => self.stock.customers,
            "id" => self.stock.people,
            _ => &[],
        };
        let limit = |key: &str| schema.get(key).and_then(Value::as_u64);
        let least = limit("minLength").unwrap_or(0);
        let most = limit("maxLength").unwrap_or(u64::MAX);
        let fits = |text: &&String| (least..=most).contains(&(text.chars().count() as u64));
        let known: Vec<_> = stock.iter().filter(fits).collect();
        if !known.is_empty() {
            return (*self.chance.pick(&known)).clone();
        }
        let length = self.chance.between(least, most.min(least.max(1) + LENGTH_MAX)).max(least);
        (0..length).map(|_| *self.chance.pick(&['a', 'e', 'n', '客', '问', '0'])).collect()
    }

    /// What fits a pattern is an example of it, or a case's id where the examples look like one.
    fn patterned(&mut self, schema: &Value) -> String {
        let examples: Vec<&str> = schema
            .get("examples")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let is_case = examples.iter().any(|text| crate::kernel::id::InstanceId::parse(text).is_ok());
        if is_case && !self.stock.cases.is_empty() && self.chance.percent(80) {
            return self.chance.pick(self.stock.cases).clone();
        }
        if examples.is_empty() { "a".to_owned() } else { (*self.chance.pick(&examples)).to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::schema::Checker;
    use crate::workflows::Registry;

    #[test]
    fn payloads_fit_the_schemas_of_every_shipped_event() {
        let people = ["t-1".to_owned(), "t-2".to_owned()];
        let customers = ["c-1".to_owned()];
        let cases = ["3fa2-7f3k2m9qx4tbz8wd".to_owned()];
        let now = Instant::parse("2026-03-11T02:00:00Z").unwrap();
        let stock = Stock { people: &people, customers: &customers, cases: &cases, now };
        let mut chance = Chance::of(1);
        let mut checked = 0;
        for workflow in Registry::shipped().all() {
            for spec in workflow.events() {
                let schema = (spec.schema)();
                let checker = Checker::new(schema.clone()).unwrap();
                for _ in 0..40 {
                    let payload = make(&schema, &stock, &mut chance);
                    let faults = checker.check(&payload);
                    assert!(faults.is_empty(), "{} {payload} {faults:?}", spec.name);
                    checked += 1;
                }
            }
        }
        assert!(checked > 1_000, "{checked}");
    }

    #[test]
    fn references_alternatives_and_limits_are_followed() {
        let schema = json!({
            "type": "object", "required": ["a", "b", "c"], "$defs": { "n": { "type": "integer", "minimum": 3, "maximum": 3 } },
            "properties": {
                "a": { "$ref": "#/$defs/n" }, "b": { "anyOf": [{ "const": "x" }] },
                "c": { "type": "array", "items": { "enum": [7] }, "minItems": 2, "maxItems": 2 },
            },
        });
        let stock = Stock { people: &[], customers: &[], cases: &[], now: Instant::from_millis(0) };
        let made = make(&schema, &stock, &mut Chance::of(9));
        assert_eq!(made, json!({ "a": 3, "b": "x", "c": [7, 7] }));
    }
}

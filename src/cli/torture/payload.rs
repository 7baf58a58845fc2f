//! Owns payloads made by chance from an event's JSON Schema as the server publishes it.
//!
//! # Why
//! Made from the published schema they fit a user's own definitions as well. Names come from a small
//! stock, so that guards that compare people, customers and cases are met often enough.

use serde_json::{Map, Value, json};

use crate::chance::Chance;
use crate::kernel::calendar::ZONE_FORMAT;
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
        // A map of the caller's own keys.
        let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            for key in (made.len() as u64..least).map(|number| format!("key{number}")) {
                let value = self.value(&key, values, depth + 1);
                made.insert(key, value);
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
            Some(ZONE_FORMAT) => return self.patterned(schema),
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
        let pattern = schema.get("pattern").and_then(Value::as_str).unwrap_or_default();
        match patterned(pattern, self.chance) {
            Some(text) => text,
            None if examples.is_empty() => "a".to_owned(),
            None => (*self.chance.pick(&examples)).to_owned(),
        }
    }
}

/// Text that fits a pattern of characters and classes with their counts; absent for any other pattern.
fn patterned(pattern: &str, chance: &mut Chance) -> Option<String> {
    let mut rest = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let mut text = String::new();
    while let Some(first) = rest.chars().next() {
        let class: Vec<char>;
        (class, rest) = match first {
            '[' => {
                let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
                (members(inside)?, after)
            }
            '(' | ')' | '|' | '.' | '\\' | '*' | '+' | '?' | '{' => return None,
            other => (vec![other], &rest[other.len_utf8()..]),
        };
        let (least, most);
        (least, most, rest) = count(rest)?;
        let times = chance.between(least, most.min(least + LENGTH_MAX));
        text.extend((0..times).map(|_| *chance.pick(&class)));
    }
    Some(text)
}

/// The characters of a class: `0-9a-f`.
fn members(inside: &str) -> Option<Vec<char>> {
    let all: Vec<char> = inside.chars().collect();
    let mut found = Vec::new();
    let mut rest = all.as_slice();
    while let [first, others @ ..] = rest {
        rest = match others {
            ['-', last, others @ ..] => {
                found.extend(*first..=*last);
                others
            }
            others => {
                found.push(*first);
                others
            }
        };
    }
    (!found.is_empty() && all[0] != '^' && !all.contains(&'\\')).then_some(found)
}

/// How often what stands before may come: `{64}`, `{0,63}`, `?`, `*`, `+`, or once; and what follows.
fn count(rest: &str) -> Option<(u64, u64, &str)> {
    if let Some(rest) = rest.strip_prefix('{') {
        let (counts, after) = rest.split_once('}')?;
        let (least, most) = counts.split_once(',').unwrap_or((counts, counts));
        let most = if most.is_empty() { u64::MAX } else { most.parse().ok()? };
        return Some((least.parse().ok()?, most, after));
    }
    let open = [('?', 0, 1), ('*', 0, u64::MAX), ('+', 1, u64::MAX)];
    let found =
        open.into_iter().find_map(|(sign, least, most)| Some((least, most, rest.strip_prefix(sign)?)));
    Some(found.unwrap_or((1, 1, rest)))
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
    fn patterns_of_classes_and_counts_are_followed() {
        let mut chance = Chance::of(5);
        let text = patterned("^x-[0-9a-f]{64}$", &mut chance).unwrap();
        assert_eq!(text.len(), 66);
        assert!(
            text.strip_prefix("x-").unwrap().chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
            "{text}"
        );
        for _ in 0..20 {
            let name = patterned("^[a-z][a-z0-9_]{0,3}!?$", &mut chance).unwrap();
            assert!(
                (1..=5).contains(&name.len()) && name.starts_with(|c: char| c.is_ascii_lowercase()),
                "{name}"
            );
        }
        for other in ["[a-z]+", "^(a|b)$", "^[^a]$", "^\\d$"] {
            assert_eq!(patterned(other, &mut chance), None, "{other}");
        }
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

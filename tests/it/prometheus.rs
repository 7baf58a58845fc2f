//! A strict reader of Prometheus' text form (version 0.0.4): what the format allows and nothing else.

use std::collections::{BTreeMap, BTreeSet};

/// One family: its kind, and its samples in order.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub samples: Vec<Sample>,
}

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Reads a whole text; families in the order of their names.
pub fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current: Option<String> = None;
    let mut seen = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let failed = |reason: &str| format!("line {}: {reason}: {line}", number + 1);
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or_else(|| failed("no help"))?;
            if families.contains_key(name) || !is_name(name) {
                return Err(failed("a family again, or no name"));
            }
            families.insert(name.to_owned(), Family { help: help.to_owned(), ..Family::default() });
            current = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or_else(|| failed("no type"))?;
            if current.as_deref() != Some(name) || !["counter", "gauge", "histogram"].contains(&kind) {
                return Err(failed("a type without its help, or none that there is"));
            }
            let family = families.get_mut(name).ok_or_else(|| failed("no family"))?;
            if !family.kind.is_empty() {
                return Err(failed("a second type"));
            }
            kind.clone_into(&mut family.kind);
        } else {
            let sample = sample(line).map_err(|reason| failed(&reason))?;
            let name = current.clone().ok_or_else(|| failed("a sample without a family"))?;
            let family = families.get_mut(&name).ok_or_else(|| failed("no family"))?;
            if !belongs(&sample, &name, &family.kind) {
                return Err(failed("a sample of another family"));
            }
            if !seen.insert(line.rsplit_once(' ').map_or(line, |(series, _)| series).to_owned()) {
                return Err(failed("a series again"));
            }
            family.samples.push(sample);
        }
    }
    families.iter().try_for_each(|(name, family)| whole(name, family))?;
    Ok(families)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
}

fn belongs(sample: &Sample, family: &str, kind: &str) -> bool {
    let has_bound = sample.labels.contains_key("le");
    match sample.name.strip_prefix(family) {
        Some("") => kind != "histogram" && !kind.is_empty() && !has_bound,
        Some("_bucket") => kind == "histogram" && has_bound,
        Some("_sum" | "_count") => kind == "histogram" && !has_bound,
        Some(_) | None => false,
    }
}

fn sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name) {
        return Err("no name".into());
    }
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").ok_or("a label without a value")?;
            let (value, after) = quoted(after)?;
            if !is_name(label) || labels.insert(label.to_owned(), value).is_some() {
                return Err(format!("label `{label}`"));
            }
            rest = after;
            match rest.chars().next() {
                Some(',') => rest = &rest[1..],
                Some('}') => break,
                Some(_) | None => return Err("labels without an end".into()),
            }
        }
        rest = &rest[1..];
    }
    let text = rest.strip_prefix(' ').ok_or("no space before the value")?;
    let value = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// The value up to its quote, and what follows.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, one)) = chars.next() {
        match one {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, '\\')) => value.push('\\'),
                Some((_, '"')) => value.push('"'),
                Some((_, 'n')) => value.push('\n'),
                Some(_) | None => return Err("an escape that there is none of".into()),
            },
            other => value.push(other),
        }
    }
    Err("a value without an end".into())
}

/// Counters are not negative; each histogram's buckets rise to infinity, which is its count.
fn whole(name: &str, family: &Family) -> Result<(), String> {
    if family.kind.is_empty() || family.help.is_empty() {
        return Err(format!("`{name}` has no type or no help"));
    }
    if family.kind == "counter" && family.samples.iter().any(|sample| sample.value < 0.0) {
        return Err(format!("`{name}` is negative"));
    }
    if family.kind != "histogram" {
        return Ok(());
    }
    let mut series: BTreeMap<Vec<(String, String)>, Vec<&Sample>> = BTreeMap::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.remove("le");
        series.entry(labels.into_iter().collect()).or_default().push(sample);
    }
    for (labels, samples) in series {
        let buckets: Vec<_> = samples.iter().filter(|sample| sample.name.ends_with("_bucket")).collect();
        let bound = |sample: &Sample| match sample.labels["le"].as_str() {
            "+Inf" => f64::INFINITY,
            text => text.parse().unwrap_or(f64::NAN),
        };
        let rises =
            buckets.windows(2).all(|two| bound(two[0]) < bound(two[1]) && two[0].value <= two[1].value);
        let one = |ending: &str| samples.iter().filter(|sample| sample.name.ends_with(ending)).count();
        let last = buckets.last().ok_or_else(|| format!("`{name}` {labels:?} has no buckets"))?;
        let count = samples.iter().find(|sample| sample.name.ends_with("_count"));
        let ends = bound(last) == f64::INFINITY && count.is_some_and(|count| count.value == last.value);
        if !rises || !ends || one("_sum") != 1 || one("_count") != 1 {
            return Err(format!("`{name}` {labels:?} is no whole histogram"));
        }
    }
    Ok(())
}

#[test]
fn the_reader_refuses_what_the_format_does_not_have() {
    let good = "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"c\\\"\"} 1\n";
    assert_eq!(parse(good).unwrap()["a_total"].samples[0].labels["b"], "c\"");
    for bad in [
        "a_total 1\n",
        "# HELP a_total x\n# TYPE a_total counter\na_total 1",
        "# HELP a_total x\n# TYPE a_total counter\nb_total 1\n",
        "# HELP a_total x\n# TYPE a_total counter\na_total one\n",
        "# HELP a_total x\n# TYPE a_total counter\na_total -1\n",
        "# HELP a_total x\n# TYPE a_total counter\na_total 1\na_total 1\n",
        "# HELP a_total x\n# TYPE a_total counter\na_total{b=c} 1\n",
        "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"c} 1\n",
        "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
        "# HELP a x\na 1\n",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

//! Owns Prometheus' text form (version 0.0.4): how a family, its samples and their labels are written.

use std::fmt::{Display, Write};

use super::families::{Family, Kind};
use super::histogram::{Histogram, Seen};

/// Media type of the text.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text as it is being written: a family's head, then its samples, then the next family.
#[derive(Debug, Default)]
pub struct Text {
    text: String,
    family: Option<Family>,
}

impl Text {
    /// Begins a family: its samples follow.
    pub fn family(&mut self, family: Family) -> &mut Self {
        let Family { name, kind, help, .. } = family;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n")));
        self.line(format_args!("# TYPE {name} {kind}"));
        self.family = Some(family);
        self
    }

    /// A family with one sample without labels.
    pub fn single(&mut self, family: Family, value: impl Display) -> &mut Self {
        self.family(family).sample(&[], value)
    }

    /// A sample of the family begun last; `labels` are the values of its labels, in their order.
    pub fn sample(&mut self, labels: &[&str], value: impl Display) -> &mut Self {
        if let Some(family) = self.family {
            let labels = told(family, labels, None);
            self.line(format_args!("{}{labels} {value}", family.name));
        }
        self
    }

    /// A histogram of the family begun last.
    pub fn histogram(&mut self, labels: &[&str], histogram: &Histogram) -> &mut Self {
        let Some(family) = self.family else { return self };
        let Seen { below, count, sum } = histogram.seen();
        for (bound, count) in below {
            let labels = told(family, labels, Some(&bound.to_string()));
            self.line(format_args!("{}_bucket{labels} {count}", family.name));
        }
        let all = told(family, labels, Some("+Inf"));
        let labels = told(family, labels, None);
        self.line(format_args!("{}_bucket{all} {count}", family.name));
        self.line(format_args!("{}_sum{labels} {sum}", family.name));
        self.line(format_args!("{}_count{labels} {count}", family.name));
        self
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        writeln!(self.text, "{line}").ok();
    }

    /// What was written.
    pub fn done(self) -> String {
        self.text
    }
}

/// `{name="value",…}`, or nothing where there is no label.
fn told(family: Family, values: &[&str], bound: Option<&str>) -> String {
    debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
    let names = family.labels.iter().copied().zip(values.iter().copied());
    let labels: Vec<String> = names
        .chain(bound.map(|bound| ("le", bound)))
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        })
        .collect();
    if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::super::{COMMITS, families};
    use super::*;

    #[test]
    fn a_labels_value_is_escaped() {
        let mut text = Text::default();
        text.family(families::BUILD_INFO).sample(&["1.0 \"a\\b\"\n"], 1);
        assert!(text.done().ends_with("careflow_build_info{version=\"1.0 \\\"a\\\\b\\\"\\n\"} 1\n"));
    }

    #[test]
    fn a_histogram_ends_in_infinity_sum_and_count() {
        let histogram = Histogram::new(&COMMITS);
        histogram.add(3);
        let mut text = Text::default();
        text.family(families::GROUP_COMMITS).histogram(&[], &histogram);
        let text = text.done();
        assert!(text.contains("careflow_group_commits_bucket{le=\"2\"} 0\n"), "{text}");
        assert!(text.contains("careflow_group_commits_bucket{le=\"4\"} 1\n"), "{text}");
        let end = "careflow_group_commits_bucket{le=\"+Inf\"} 1\ncareflow_group_commits_sum 3\ncareflow_group_commits_count 1\n";
        assert!(text.ends_with(end), "{text}");
    }
}

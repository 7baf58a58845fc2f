//! Owns whether a mapping fits: its events and states the workflows, its columns the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::mapping::{Children, Expect, Loaded, Mapping, Rule, Send};
use super::moments::TimeColumn;
use super::template::{self, Known};
use crate::definition::file::state_paths;
use crate::definition::report::Report;
use crate::kernel::fault::{Fault, join};
use crate::kernel::machine::Workflow;

impl Loaded {
    /// Checks it against the workflows it names and the columns of the log.
    ///
    /// # Errors
    /// Everything that does not fit, in one report.
    pub fn check(
        &self,
        workflows: &[Arc<dyn Workflow>],
        columns: &BTreeMap<String, usize>,
    ) -> Result<(), Report> {
        let Mapping { time, lookup, .. } = &self.mapping;
        let known = Known { lookup, columns, derived: &time.derived };
        let mut fit = Fit { workflows, time, known, flow: None, faults: Vec::new() };
        fit.mapping(&self.mapping);
        self.document.report(fit.faults).into_result()
    }
}

/// What a mapping is checked against, and what was found.
struct Fit<'a> {
    workflows: &'a [Arc<dyn Workflow>],
    time: &'a TimeColumn,
    known: Known<'a>,
    flow: Option<&'a dyn Workflow>,
    faults: Vec<Fault>,
}

impl<'a> Fit<'a> {
    fn mapping(&mut self, mapping: &Mapping) {
        self.key("/case", &mapping.case);
        self.time();
        let cases = self.workflow("/workflow", &mapping.workflow);
        self.flow = cases;
        let start = cases.map(|workflow| workflow.start_event());
        let first = mapping.start.first();
        if let Some((start, first)) = start.zip(first).filter(|(start, first)| first.event != *start) {
            let message = format!("`{}` starts no case; accepted is `{start}`", first.event);
            self.faults.push(Fault::value("/start/0/event", message));
        }
        self.sends("/start", &mapping.start);
        self.rules("/rows", &mapping.rows);
        self.expects("/expect", &mapping.expect);
        if let Some(children) = &mapping.children {
            self.children(children);
        }
    }

    fn children(&mut self, children: &Children) {
        self.when("/children/when", &children.when);
        self.key("/children/case", &children.case);
        // The first event is the case's, which starts the child by it.
        let (first, rest) = children.start.split_at(children.start.len().min(1));
        self.sends("/children/start", first);
        self.flow = self.workflow("/children/workflow", &children.workflow);
        for (i, send) in rest.iter().enumerate() {
            self.send(&format!("/children/start/{}", i + 1), send);
        }
        self.rules("/children/rows", &children.rows);
        self.expects("/children/expect", &children.expect);
    }

    fn workflow(&mut self, path: &str, name: &str) -> Option<&'a dyn Workflow> {
        let found = self.workflows.iter().find(|workflow| workflow.name() == name);
        if found.is_none() {
            let known: Vec<&str> = self.workflows.iter().map(|w| w.name()).collect();
            let message = format!("`{name}` is no workflow of this program; it has {}", known.join(", "));
            self.faults.push(Fault::value(path, message));
        }
        found.map(|workflow| &**workflow)
    }

    fn time(&mut self) {
        self.column("/time/column", &self.time.column);
        for (name, text) in [("text", &self.time.text), ("origin", &self.time.origin)] {
            self.template(&format!("/time/{name}"), text.as_deref().unwrap_or_default());
        }
        for (c, column) in self.time.also.iter().enumerate() {
            self.column(&format!("/time/also/{c}"), column);
        }
        for (d, derived) in self.time.derived.iter().enumerate() {
            let path = format!("/time/derived/{d}");
            if self.known.columns.contains_key(&derived.name) {
                let message = format!("`{}` is a column of the log; accepted is another name", derived.name);
                self.faults.push(Fault::value(format!("{path}/name"), message));
            }
            self.when(&format!("{path}/when"), &derived.when);
            if let Some(message) = self.known.no_moment(&derived.from) {
                self.faults.push(Fault::value(format!("{path}/from"), message));
            }
            self.template(&format!("{path}/shift"), &derived.shift);
        }
    }

    fn rules(&mut self, path: &str, rules: &[Rule]) {
        for (r, rule) in rules.iter().enumerate() {
            let path = format!("{path}/{r}");
            self.when(&format!("{path}/when"), &rule.when);
            let derived = self.time.derived.iter().map(|derived| &derived.name);
            let times: Vec<&str> = self.time.columns().chain(derived).map(String::as_str).collect();
            if let Some(at) = rule.at.as_ref().filter(|at| !times.contains(&at.as_str())) {
                let known = times.join(", ");
                let message = format!("`{at}` is no time column of the mapping; accepted are {known}");
                self.faults.push(Fault::value(format!("{path}/at"), message));
            }
            for (name, columns) in [("changed", &rule.changed), ("increased", &rule.increased)] {
                for (c, column) in columns.iter().enumerate() {
                    self.column(&format!("{path}/{name}/{c}"), column);
                }
            }
            for (a, alternative) in rule.alternatives.iter().enumerate() {
                self.paths(&format!("{path}/try/{a}/in"), &alternative.within);
                self.sends(&format!("{path}/try/{a}/send"), &alternative.send);
            }
        }
    }

    fn expects(&mut self, path: &str, expects: &[Expect]) {
        for (e, expect) in expects.iter().enumerate() {
            self.when(&format!("{path}/{e}/when"), &expect.when);
            self.paths(&format!("{path}/{e}/states"), &expect.states);
        }
    }

    /// A column, or a template that says which case a row belongs to.
    fn key(&mut self, path: &str, key: &str) {
        if key.contains('{') { self.template(path, key) } else { self.column(path, key) }
    }

    fn column(&mut self, path: &str, column: &str) {
        if !self.known.columns.contains_key(column) {
            self.faults.push(Fault::value(path, template::no_column(column, self.known.columns)));
        }
    }

    fn when(&mut self, path: &str, when: &BTreeMap<String, Vec<String>>) {
        for column in when.keys().filter(|column| !self.known.columns.contains_key(*column)) {
            let message = template::no_column(column, self.known.columns);
            self.faults.push(Fault::key(join(path, column), message));
        }
    }

    fn paths(&mut self, path: &str, states: &[String]) {
        let Some(flow) = self.flow else { return };
        let known = state_paths(flow);
        for (i, state) in states.iter().enumerate() {
            if !known.contains(state) {
                let message = format!("`{state}` is no state; states are {}", known.join(", "));
                self.faults.push(Fault::value(format!("{path}/{i}"), message));
            }
        }
    }

    fn sends(&mut self, path: &str, sends: &[Send]) {
        for (i, send) in sends.iter().enumerate() {
            self.send(&format!("{path}/{i}"), send);
        }
    }

    fn send(&mut self, path: &str, send: &Send) {
        if let Some(flow) = self.flow {
            let events: Vec<&str> = flow.events().iter().map(|spec| spec.name).collect();
            if !events.contains(&send.event.as_str()) {
                let message = format!("`{}` is no event; events are {}", send.event, events.join(", "));
                self.faults.push(Fault::value(format!("{path}/event"), message));
            }
        }
        self.template(&format!("{path}/actor"), &send.actor);
        for (name, value) in &send.payload {
            self.value(&join(&format!("{path}/payload"), name), value);
        }
    }

    fn template(&mut self, path: &str, text: &str) {
        let found = template::faults(text, self.known);
        self.faults.extend(found.into_iter().map(|message| Fault::value(path, message)));
    }

    fn value(&mut self, path: &str, value: &Value) {
        match value {
            Value::String(text) => self.template(path, text),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| self.value(&format!("{path}/{i}"), item));
            }
            Value::Object(map) => map.iter().for_each(|(name, item)| self.value(&join(path, name), item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

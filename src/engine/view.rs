//! Owns the state that a step sees: the newest computed one in the writer, the published one for a dry run.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::directory::Directory;
use crate::index::{Index, IndexError, List, Raise, Range};
use crate::kernel::common::Stage;
use crate::kernel::fact::{CUSTOMER_CASES_MAX, Fact, Facts, Related};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::step::stage_of;

/// Instances computed but not published yet.
pub type Staged = HashMap<InstanceId, Arc<Instance>>;

/// State at one moment: what the index has, and over it what was computed since.
pub struct View<'a> {
    /// The published state.
    pub index: &'a dyn Index,
    /// What was computed since; empty for a dry run.
    pub staged: &'a Staged,
    /// Tallies raised since.
    pub counts: &'a [Raise],
}

impl View<'_> {
    /// The instance.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn instance(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, IndexError> {
        match self.staged.get(id) {
            Some(instance) => Ok(Some(instance.clone())),
            None => self.index.get(id),
        }
    }

    /// Answers the facts that a machine asked for.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn facts(&self, asked: &[Fact], workflow: &str, known: &Known<'_>) -> Result<Facts, IndexError> {
        let mut facts = Facts::new();
        for fact in asked {
            let answer = match fact {
                Fact::OpenCase { external_ref } => self.open_case(workflow, external_ref)?,
                Fact::CustomerCases { customer } => self.customer_cases(workflow, customer)?,
                Fact::OnShift { actor } => json!(known.directory.on_shift(actor)),
                Fact::Case { id } => related(self.instance(id)?.as_deref()),
                Fact::Registered { workflow } => json!((known.registered)(workflow)),
                Fact::Count { name, key } => json!(self.count(name, key)?),
                Fact::Definition { version } => json!((known.definition)(workflow, *version)),
            };
            facts.insert(fact.name().to_owned(), answer);
        }
        Ok(facts)
    }

    fn count(&self, name: &str, key: &str) -> Result<u64, IndexError> {
        let staged: u64 = self
            .counts
            .iter()
            .filter(|raise| raise.name == *name && raise.key == *key)
            .map(|raise| raise.by)
            .sum();
        Ok(self.index.count(name, key)? + staged)
    }

    fn open_case(&self, workflow: &str, external_ref: &str) -> Result<Value, IndexError> {
        let list = List::ExternalRef { workflow: workflow.to_owned(), reference: external_ref.to_owned() };
        let found = self.newest(list, &|instance| {
            instance.workflow == workflow
                && instance.data.get("external_ref").and_then(Value::as_str) == Some(external_ref)
        })?;
        let open = found.iter().find(|case| stage_of(&case.state) == Stage::Open);
        Ok(related(open.map(AsRef::as_ref)))
    }

    fn customer_cases(&self, workflow: &str, customer: &str) -> Result<Value, IndexError> {
        let found = self.newest(List::Customer(customer.to_owned()), &|instance| {
            instance.workflow == workflow && instance.case_text("customer_id") == Some(customer)
        })?;
        Ok(found
            .iter()
            .filter(|case| case.workflow == workflow)
            .take(CUSTOMER_CASES_MAX)
            .map(|case| related(Some(case)))
            .collect())
    }

    /// The newest rows of `list` as they are computed now, with the unpublished ones that `belongs` accepts.
    fn newest(
        &self,
        list: List,
        belongs: &dyn Fn(&Instance) -> bool,
    ) -> Result<Vec<Arc<Instance>>, IndexError> {
        let range = Range { newest_first: true, ..Range::default() };
        let published = self.index.page(&[list], &range, CUSTOMER_CASES_MAX)?.rows;
        let mut rows: Vec<Arc<Instance>> =
            published.into_iter().map(|row| self.staged.get(&row.id).cloned().unwrap_or(row)).collect();
        for instance in self.staged.values() {
            if belongs(instance) && !rows.iter().any(|row| row.id == instance.id) {
                rows.push(instance.clone());
            }
        }
        rows.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        Ok(rows)
    }
}

/// What facts need beside instances.
pub struct Known<'a> {
    /// People.
    pub directory: &'a Directory,
    /// Whether a flow is registered.
    pub registered: &'a dyn Fn(&str) -> bool,
    /// The content hash of a version of a flow's definition.
    pub definition: &'a dyn Fn(&str, u32) -> Option<String>,
}

fn related(instance: Option<&Instance>) -> Value {
    let Some(instance) = instance else { return Value::Null };
    let text = |name: &str| instance.data.get(name).and_then(Value::as_str).map(str::to_owned);
    let related = Related {
        id: instance.id.clone(),
        workflow: instance.workflow.clone(),
        state: instance.state.clone(),
        customer_id: instance.case_text("customer_id").map(str::to_owned),
        problem_type: text("problem_type"),
        auto_reply_period: text("auto_reply_period"),
    };
    serde_json::to_value(related).unwrap_or(Value::Null)
}

//! Owns the state that a step sees: the newest computed one in the writer, the published one for a dry run.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::directory::Directory;
use crate::index::{Index, IndexError, List, Raise, Range};
use crate::kernel::case::Tier;
use crate::kernel::common::Stage;
use crate::kernel::fact::{
    AMONG_MAX, CUSTOMER_CASES_MAX, Contact, Earlier, Fact, Facts, Glimpse, Related, Superiors, subject_key,
};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::pointer;
use crate::kernel::step::stage_of;

/// Most cases of a customer that are looked at for some of them: years of a quarrelsome one.
const CUSTOMER_SCAN_MAX: usize = 200;

/// Most instances of some states that are looked at for those that hold some values: more than an
/// organisation has classes that are planned.
const AMONG_SCAN_MAX: usize = 1_000;

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
                Fact::Superiors { actors } => superiors(known.directory, actors),
                Fact::SubjectCases { customer, subjects } => {
                    self.subject_cases(workflow, customer, subjects)?
                }
                Fact::Dealings { customer, members } => self.dealings(customer, members)?,
                Fact::Other { id, members } => {
                    json!(self.instance(id)?.map(|instance| glimpse(&instance, members)))
                }
                Fact::Contacts { customer } => self.contacts(customer)?,
                Fact::Among { workflow, states, holding, members } => {
                    self.among(workflow, states, holding, members)?
                }
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
        let found = self.newest(&[list], CUSTOMER_CASES_MAX, &|instance| {
            instance.workflow == workflow
                && instance.data.get("external_ref").and_then(Value::as_str) == Some(external_ref)
        })?;
        let open = found.iter().find(|case| stage_of(&case.state) == Stage::Open);
        Ok(related(open.map(AsRef::as_ref)))
    }

    fn among(
        &self,
        workflow: &str,
        states: &[&str],
        holding: &[(&str, Value)],
        members: &[&str],
    ) -> Result<Value, IndexError> {
        let list = |state: &&str| List::State { workflow: workflow.to_owned(), state: (*state).to_owned() };
        let lists: Vec<List> = states.iter().map(list).collect();
        let belongs = |instance: &Instance| {
            let holds =
                |(pointer, value): &(&str, Value)| pointer::find(&instance.data, pointer) == Some(value);
            instance.workflow == workflow
                && states.contains(&instance.state.as_str())
                && holding.iter().all(holds)
        };
        let found = self.newest(&lists, AMONG_SCAN_MAX, &belongs)?;
        let mut told: Vec<&Arc<Instance>> =
            found.iter().filter(|instance| belongs(instance)).take(AMONG_MAX).collect();
        told.reverse();
        Ok(told.iter().map(|instance| json!(glimpse(instance, members))).collect())
    }

    fn customer_cases(&self, workflow: &str, customer: &str) -> Result<Value, IndexError> {
        let list = List::Customer(customer.to_owned());
        let found = self.newest(&[list], CUSTOMER_CASES_MAX, &|instance| {
            instance.workflow == workflow && instance.case_text("customer_id") == Some(customer)
        })?;
        Ok(found
            .iter()
            .filter(|case| case.workflow == workflow)
            .take(CUSTOMER_CASES_MAX)
            .map(|case| related(Some(case)))
            .collect())
    }

    fn contacts(&self, customer: &str) -> Result<Value, IndexError> {
        let found = self.newest(&[List::Customer(customer.to_owned())], CUSTOMER_CASES_MAX, &|instance| {
            instance.case_text("customer_id") == Some(customer)
        })?;
        Ok(found.iter().take(CUSTOMER_CASES_MAX).map(|instance| contact(instance)).collect())
    }

    /// Cases of `customer` about one of `subjects`; of its last [`CUSTOMER_SCAN_MAX`] cases of all flows.
    fn subject_cases(
        &self,
        workflow: &str,
        customer: &str,
        subjects: &[String],
    ) -> Result<Value, IndexError> {
        let mine = |case: &Instance| case.workflow == workflow && is_about(case, subjects);
        let found = self.newest(&[List::Customer(customer.to_owned())], CUSTOMER_SCAN_MAX, &|case| {
            mine(case) && case.case_text("customer_id") == Some(customer)
        })?;
        let about = found.iter().filter(|case| mine(case)).take(CUSTOMER_CASES_MAX);
        Ok(about.map(|case| earlier(case)).collect())
    }

    /// Cases of `customer` that have one of `members`; of the last [`CUSTOMER_SCAN_MAX`] of all flows.
    fn dealings(&self, customer: &str, members: &[&str]) -> Result<Value, IndexError> {
        let mine = |case: &Instance| case.case_text("customer_id") == Some(customer);
        let found = self.newest(&[List::Customer(customer.to_owned())], CUSTOMER_SCAN_MAX, &mine)?;
        let told = found.iter().map(|case| glimpse(case, members)).filter(|told| !told.data.is_empty());
        Ok(told.take(CUSTOMER_CASES_MAX).map(|told| json!(told)).collect())
    }

    /// The newest rows of `lists` as they are computed now, with the unpublished ones that `belongs` accepts.
    fn newest(
        &self,
        lists: &[List],
        limit: usize,
        belongs: &dyn Fn(&Instance) -> bool,
    ) -> Result<Vec<Arc<Instance>>, IndexError> {
        let range = Range { newest_first: true, ..Range::default() };
        let published = self.index.page(lists, &range, limit)?.rows;
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

fn glimpse(instance: &Instance, members: &[&str]) -> Glimpse {
    let member =
        |pointer: &&str| Some(((*pointer).to_owned(), pointer::find(&instance.data, pointer)?.clone()));
    Glimpse {
        id: instance.id.clone(),
        workflow: instance.workflow.clone(),
        state: instance.state.clone(),
        data: members.iter().filter_map(member).collect(),
    }
}

fn superiors(directory: &Directory, actors: &[String]) -> Value {
    let all: Superiors = actors.iter().map(|actor| (actor.clone(), directory.superiors(actor))).collect();
    json!(all)
}

/// Whether one of `subjects` is among what `case` is about.
fn is_about(case: &Instance, subjects: &[String]) -> bool {
    let key = |subject: &Value| Some(subject_key(subject["kind"].as_str()?, subject["id"].as_str()?));
    let own = case.data.get("subjects").and_then(Value::as_array);
    own.is_some_and(|own| own.iter().filter_map(key).any(|key| subjects.contains(&key)))
}

fn earlier(case: &Instance) -> Value {
    let end = if case.kpi.reopened.is_some() { &case.kpi.last } else { &case.kpi.first };
    let closed = end.as_ref().and_then(|end| end.closed);
    json!(Earlier { id: case.id.clone(), state: case.state.clone(), closed })
}

fn contact(instance: &Instance) -> Value {
    let member = |name: &str| instance.data.get("case").and_then(|case| case.get(name));
    let ends = [&instance.kpi.last, &instance.kpi.first];
    let ended = ends.into_iter().flatten().map(|end| end.at).next();
    json!(Contact {
        id: instance.id.clone(),
        workflow: instance.workflow.clone(),
        state: instance.state.clone(),
        at: ended.unwrap_or(instance.created),
        tier: member("customer_tier").and_then(|tier| Tier::deserialize(tier).ok()).unwrap_or_default(),
        restricted: member("restricted").is_some() || member("erased").is_some(),
    })
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

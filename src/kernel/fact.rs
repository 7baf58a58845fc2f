//! Owns facts: what a guard needs to know about other instances.
//!
//! A machine names the facts that an event needs; the engine reads them in the
//! writer from the newest computed state and records them in the entry, so that
//! a re-execution uses the recorded ones. A guard without its fact refuses.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::case::Tier;
use super::id::InstanceId;
use super::instant::Instant;

/// Most cases of one customer that a fact names; a guard needs the newest only.
pub const CUSTOMER_CASES_MAX: usize = 20;

/// Most people above one that a fact names.
pub const SUPERIORS_MAX: usize = 16;

/// Most instances that one fact tells of.
pub const AMONG_MAX: usize = 20;

/// Recorded facts by [`Fact::name`].
pub type Facts = Map<String, Value>;

/// A question about other instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The open case of the flow with this outside reference: [`Related`] or null.
    OpenCase {
        /// The reference in the other system.
        external_ref: String,
    },
    /// The newest cases of the flow of a customer, at most [`CUSTOMER_CASES_MAX`]: list of [`Related`].
    CustomerCases {
        /// The customer.
        customer: String,
    },
    /// Whether a person is known, active and on shift: bool.
    OnShift {
        /// The person.
        actor: String,
    },
    /// Another instance by its case number: [`Related`] or null.
    Case {
        /// Its id.
        id: InstanceId,
    },
    /// Whether a flow is registered in this binary: bool.
    Registered {
        /// The flow.
        workflow: String,
    },
    /// A tally that [`Effect::Count`](super::effect::Effect::Count) raises: integer.
    Count {
        /// What is counted.
        name: String,
        /// For whom or what.
        key: String,
    },
    /// The content hash of a version of the flow's definition: text or null.
    Definition {
        /// The version.
        version: u32,
    },
    /// Whom people work for, nearest first, at most [`SUPERIORS_MAX`] each: [`Superiors`].
    Superiors {
        /// The people.
        actors: Vec<String>,
    },
    /// The cases of the flow of a customer about one of the subjects, newest first, at most
    /// [`CUSTOMER_CASES_MAX`]: list of [`Earlier`].
    SubjectCases {
        /// The customer.
        customer: String,
        /// The subjects, as [`subject_key`] writes them.
        subjects: Vec<String>,
    },
    /// The newest cases of a customer, of any flow, that have one of the members, at most
    /// [`CUSTOMER_CASES_MAX`], newest first: list of [`Glimpse`].
    Dealings {
        /// The customer.
        customer: String,
        /// JSON pointers to the members.
        members: &'static [&'static str],
    },
    /// Another instance, with members of its data: [`Glimpse`] or null.
    Other {
        /// Its id.
        id: InstanceId,
        /// JSON pointers to the members.
        members: &'static [&'static str],
    },
    /// The newest instances of a customer in all flows, at most [`CUSTOMER_CASES_MAX`], newest first: list
    /// of [`Contact`].
    Contacts {
        /// The customer.
        customer: String,
    },
    /// The newest instances of a flow in one of some states that hold some values, at most
    /// [`AMONG_MAX`], oldest first: list of [`Glimpse`].
    Among {
        /// The flow.
        workflow: &'static str,
        /// Paths of the states.
        states: &'static [&'static str],
        /// What their data must hold: a JSON pointer and the value there.
        holding: Vec<(&'static str, Value)>,
        /// JSON pointers to the members that are told.
        members: &'static [&'static str],
    },
}

impl Fact {
    /// The name under which the answer is recorded.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OpenCase { .. } => "open_case",
            Self::CustomerCases { .. } => "customer_cases",
            Self::OnShift { .. } => "on_shift",
            Self::Case { .. } => "case",
            Self::Registered { .. } => "registered",
            Self::Count { .. } => "count",
            Self::Definition { .. } => "definition",
            Self::Superiors { .. } => "superiors",
            Self::SubjectCases { .. } => "subject_cases",
            Self::Dealings { .. } => "dealings",
            Self::Other { .. } => "other",
            Self::Contacts { .. } => "contacts",
            Self::Among { .. } => "among",
        }
    }
}

/// What a fact tells of another instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// Its case number.
    pub id: InstanceId,
    /// Its flow.
    pub workflow: String,
    /// Its state path.
    pub state: String,
    /// Its customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// What its customer asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem_type: Option<String>,
    /// The closed period in which it was answered automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_reply_period: Option<String>,
}

/// Whom people work for: ids by the id of the person, nearest first.
pub type Superiors = BTreeMap<String, Vec<String>>;

/// An earlier case about one of the subjects asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// Its case number.
    pub id: InstanceId,
    /// Its state path.
    pub state: String,
    /// When it was closed, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Instant>,
}

/// When a customer and the organisation had to do with each other in one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its case number.
    pub id: InstanceId,
    /// Its flow.
    pub workflow: String,
    /// Its state path.
    pub state: String,
    /// When it last ended, and while it never did, when it began.
    pub at: Instant,
    /// How valued the customer is, as it says.
    pub tier: Tier,
    /// Whether the customer's data may not be used any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
}

/// What a case is about as facts compare it: kind and id.
pub fn subject_key(kind: &str, id: &str) -> String {
    format!("{kind}:{id}")
}

/// What a fact tells of another instance's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Glimpse {
    /// Its id.
    pub id: InstanceId,
    /// Its flow.
    pub workflow: String,
    /// Its state path.
    pub state: String,
    /// The members asked for, by JSON pointer, where it has them.
    pub data: Map<String, Value>,
}

impl Glimpse {
    /// The member at `pointer`, where it is there and of this shape.
    pub fn get<T: DeserializeOwned>(&self, pointer: &str) -> Option<T> {
        answer(&self.data, pointer)
    }
}

/// The recorded answer, where there is one of the expected shape.
pub fn answer<T: DeserializeOwned>(facts: &Facts, name: &str) -> Option<T> {
    facts.get(name).and_then(|value| T::deserialize(value).ok())
}

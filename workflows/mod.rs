//! Owns the registry: which flows this binary runs, and the documents it ships with.
//!
//! A flow is a folder here: its machine (code) beside its definition (data).
//! Flows see the kernel and nothing else; what several of them say alike stands
//! beside their folders: [`row`], [`payload`], [`links`], [`response`], [`satisfaction`], [`scale`], [`spans`], [`unread`].

pub mod callback;
pub mod certificate;
pub mod complaint;
pub mod consequence;
pub mod consultation;
#[cfg(test)]
mod driven;
pub mod effect_review;
#[cfg(test)]
mod held;
pub mod links;
pub mod monitor;
#[cfg(test)]
mod naive;
pub mod payload;
pub mod report;
pub mod response;
pub mod row;
pub mod satisfaction;
pub mod scale;
pub mod spans;
pub mod training;
pub mod training_enrollment;
pub mod training_plan;
pub mod training_session;
pub mod unread;

use std::sync::Arc;

use crate::kernel::machine::Workflow;
use crate::kernel::step::Typed;

/// A document embedded in the binary: its file name below `workflows/`, and its text.
pub type Shipped = (&'static str, &'static str);

/// The shipped definitions, one for each flow.
pub const DEFINITIONS: &[Shipped] = &[
    ("consultation/definition.yaml", include_str!("consultation/definition.yaml")),
    ("complaint/definition.yaml", include_str!("complaint/definition.yaml")),
    ("callback/definition.yaml", include_str!("callback/definition.yaml")),
    ("report/definition.yaml", include_str!("report/definition.yaml")),
    ("training_plan/definition.yaml", include_str!("training_plan/definition.yaml")),
    ("training_session/definition.yaml", include_str!("training_session/definition.yaml")),
    ("training_enrollment/definition.yaml", include_str!("training_enrollment/definition.yaml")),
    ("consequence/definition.yaml", include_str!("consequence/definition.yaml")),
    ("certificate/definition.yaml", include_str!("certificate/definition.yaml")),
    ("effect_review/definition.yaml", include_str!("effect_review/definition.yaml")),
    ("monitor/definition.yaml", include_str!("monitor/definition.yaml")),
];

/// The shipped calendars; first the one that the shipped definitions name.
pub const CALENDARS: &[Shipped] = &[
    ("calendars/cn.yaml", include_str!("calendars/cn.yaml")),
    ("calendars/always.yaml", include_str!("calendars/always.yaml")),
    ("calendars/us_east.yaml", include_str!("calendars/us_east.yaml")),
];

/// The flows that an engine runs.
#[derive(Clone)]
pub struct Registry {
    all: Vec<Arc<dyn Workflow>>,
}

impl Registry {
    /// Every flow of this binary.
    pub fn shipped() -> Self {
        Self {
            all: vec![
                Arc::new(Typed::<consultation::Consultation>::new()),
                Arc::new(Typed::<complaint::Complaint>::new()),
                Arc::new(Typed::<callback::Callback>::new()),
                Arc::new(Typed::<report::Report>::new()),
                Arc::new(Typed::<training_plan::Plan>::new()),
                Arc::new(Typed::<training_session::Session>::new()),
                Arc::new(Typed::<training_enrollment::Enrollment>::new()),
                Arc::new(Typed::<consequence::Consequence>::new()),
                Arc::new(Typed::<certificate::Certificate>::new()),
                Arc::new(Typed::<effect_review::EffectReview>::new()),
                Arc::new(Typed::<monitor::Monitor>::new()),
            ],
        }
    }

    /// The flow called `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Workflow>> {
        self.all.iter().find(|workflow| workflow.name() == name)
    }

    /// Every flow, in the order of the specification.
    pub fn all(&self) -> &[Arc<dyn Workflow>] {
        &self.all
    }
}

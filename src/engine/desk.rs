//! Owns what the console keeps in the journal: who saw personal values of which case, and people's saved views.
//!
//! # Why
//! Seeing a customer's words is an act that must be provable later, so that it is an entry like any
//! other, chained by case. A view that somebody saved must outlive the session, so that it is one too.

use serde::{Deserialize, Serialize};

use super::Engine;
use super::command::{Accepted, CommandError};
use super::system::SystemChange;
use crate::kernel::actor::Actor;
use crate::kernel::id::InstanceId;

/// Workflow name of the record of who saw personal values of a case.
pub const REVEAL: &str = "$reveal";
/// Workflow name of a person's saved views.
pub const VIEWS: &str = "$views";
/// Most views that one person saves: what fits above a list.
pub const VIEWS_MAX: usize = 20;

/// Who saw personal values, the last time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reveal {
    /// Of which case.
    pub case: InstanceId,
    /// What for: one of the reasons that the console offers.
    pub reason: String,
}

/// A list with its filters, under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// What its owner calls it.
    pub name: String,
    /// The query of its list.
    pub query: String,
}

/// What a person saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Views {
    /// Whose they are.
    pub actor: String,
    /// In the order in which they were saved.
    pub views: Vec<View>,
}

impl Engine {
    /// Records that `by` sees the personal values of `case`, before they are shown.
    ///
    /// # Errors
    /// [`CommandError`]; nothing may be shown then.
    pub async fn record_reveal(
        &self,
        case: &InstanceId,
        reason: &str,
        by: Actor,
    ) -> Result<Accepted, CommandError> {
        let id = InstanceId::derive(REVEAL, &[REVEAL, case.as_str()]);
        let data = Reveal { case: case.clone(), reason: reason.to_owned() };
        self.system(SystemChange::new(REVEAL, id, "revealed", "recorded", &data, by)).await
    }

    /// The views that `actor` saved.
    pub fn views(&self, actor: &str) -> Views {
        let stored = self.shared.index.get(&views_id(actor)).ok().flatten();
        let views = stored.and_then(|instance| Views::deserialize(&*instance.data).ok());
        views.unwrap_or_else(|| Views { actor: actor.to_owned(), views: Vec::new() })
    }

    /// Saves the views of `by`, in place of those before.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn put_views(&self, views: &Views, by: Actor) -> Result<Accepted, CommandError> {
        let id = views_id(&views.actor);
        self.system(SystemChange::new(VIEWS, id, "saved", "active", views, by)).await
    }
}

fn views_id(actor: &str) -> InstanceId {
    InstanceId::derive(VIEWS, &[VIEWS, actor])
}

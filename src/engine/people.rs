//! Owns tokens and people as administrators change them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::command::CommandError;
use super::directory::{self, ACTOR, ActorData, TOKEN, TokenData};
use super::submit::hash_key;
use super::system::{self, Outgoing, SystemChange};
use super::{ActorInfo, Changed, Engine, Identity, NewToken, TokenInfo};
use crate::index::{IndexError, List, Range};
use crate::kernel::actor::Actor;
use crate::kernel::canonical;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::outcome::{Refusal, RefusalKind};

/// Most cases given back in one go when a person is deactivated: their sends fit one entry.
const REASSIGN_MAX: usize = 500;

/// What a person is from now on, and who says so.
#[derive(Clone, Debug)]
pub struct PutActor {
    /// The person.
    pub actor: ActorInfo,
    /// Who becomes first owner of the open cases of one who is deactivated.
    pub successor: Option<String>,
    /// Who says so.
    pub by: Actor,
}

impl Engine {
    /// Makes a token; the secret is told once and never stored. A person it speaks for becomes known.
    ///
    /// # Crash safety
    /// Token and person stand in one commit. Asked again with the same `key` it tells whether there is
    /// one, and makes no second; without a key each call makes a token.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn create_token(
        &self,
        identity: Identity,
        by: Actor,
        key: Option<&str>,
    ) -> Result<NewToken, CommandError> {
        let secret = format!("cft_{}", crate::random::hex_of(24));
        let secret_hash = directory::secret_hash(&secret);
        let id = match key {
            Some(key) => directory::keyed_token_id(&by.id, key),
            None => directory::token_id(&secret_hash),
        };
        let told = json!({ "actor": identity.actor, "kind": identity.kind, "roles": identity.roles });
        let told = canonical::to_string(&told).unwrap_or_default();
        let idempotency = key.map(|key| hash_key(&by.id, key, &["create_token", &told]));
        let person = ActorData {
            id: identity.actor.clone(),
            active: true,
            on_shift: identity.roles.iter().any(|role| role.is_staff()),
            department: None,
            manager: None,
        };
        let data = TokenData {
            secret_hash,
            actor: identity.actor,
            actor_kind: identity.kind,
            roles: identity.roles,
            revoked: false,
        };
        let mut change = SystemChange::new(TOKEN, id.clone(), "created", "active", &data, by);
        change.idempotency = idempotency;
        change.introduces = Some(person);
        let accepted = self.system(change).await?;
        let secret = (!accepted.replayed).then_some(secret);
        Ok(NewToken { made: Changed::new(self.token(&id)?, &accepted), secret })
    }

    fn token(&self, id: &InstanceId) -> Result<TokenInfo, CommandError> {
        let directory = self.shared.directory();
        directory.token(id).cloned().ok_or_else(|| CommandError::UnknownInstance(id.clone()))
    }

    /// Revokes a token; one that is revoked stays so, and nothing is recorded.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn revoke_token(
        &self,
        id: &InstanceId,
        by: Actor,
        key: Option<&str>,
    ) -> Result<Changed<TokenInfo>, CommandError> {
        let known = self.token(id)?;
        let stored = self.stored(id)?.ok_or_else(|| CommandError::UnknownInstance(id.clone()))?;
        let idempotency = key.map(|key| hash_key(&by.id, key, &["revoke_token", id.as_str()]));
        let used = idempotency.as_ref().is_some_and(|asked| stored.keys.contains_key(&asked.key));
        if known.revoked && !used {
            // Its revocation is the last thing that happens to a token.
            let (seq, position) = (stored.seq, stored.position);
            return Ok(Changed { object: known, seq, position, replayed: false });
        }
        let mut data = Value::clone(&stored.data);
        data["revoked"] = json!(true);
        let mut change = SystemChange::new(TOKEN, id.clone(), "revoked", "revoked", &data, by);
        change.idempotency = idempotency;
        let accepted = self.system(change).await?;
        Ok(Changed::new(self.token(id)?, &accepted))
    }

    fn stored(&self, id: &InstanceId) -> Result<Option<Arc<Instance>>, CommandError> {
        self.shared.index.get(id).map_err(|e| CommandError::Stopped(e.to_string()))
    }

    /// Every token.
    pub fn tokens(&self) -> Vec<TokenInfo> {
        self.shared.directory().tokens()
    }

    /// Who the secret speaks for; absent for an unknown or revoked one.
    pub fn authenticate(&self, secret: &str) -> Option<Identity> {
        self.shared.directory().authenticate(secret)
    }

    /// The token whose secret this is, where it still opens something.
    pub fn opened_by(&self, secret: &str) -> Option<InstanceId> {
        let directory = self.shared.directory();
        let token = directory.opened_by(secret)?;
        directory.identity(token).is_some().then(|| token.clone())
    }

    /// Who the token speaks for; absent once it is revoked or the person deactivated.
    pub fn identity(&self, token: &InstanceId) -> Option<Identity> {
        self.shared.directory().identity(token)
    }

    /// Known people and services.
    pub fn actors(&self) -> Vec<ActorInfo> {
        self.shared.directory().actors()
    }

    /// Adds or changes a person. Deactivating gives open cases back to their queues, and first
    /// ownership to `successor` (X16).
    ///
    /// # Crash safety
    /// Cases beyond one commit are given back in further ones, and the last uses up the key: asking
    /// again with the same key after dying in between does what is left.
    ///
    /// # Errors
    /// [`CommandError`]; a person who is first owner somewhere is not deactivated without a successor.
    pub async fn put_actor(
        &self,
        put: PutActor,
        key: Option<&str>,
    ) -> Result<Changed<ActorInfo>, CommandError> {
        let PutActor { actor, successor, by } = put;
        let id = directory::actor_id(&actor.id);
        let data = ActorData {
            id: actor.id.clone(),
            active: actor.active,
            on_shift: actor.on_shift && actor.active,
            department: actor.department.clone(),
            manager: actor.manager.clone(),
        };
        let body = canonical::to_string(&data).unwrap_or_default();
        let told = successor.as_deref().unwrap_or_default();
        let idempotency = key.map(|key| hash_key(&by.id, key, &["put_actor", &body, told]));
        if let Some(asked) = &idempotency
            && let Some(position) = self.stored(&id)?.and_then(|known| known.keys.get(&asked.key).copied())
        {
            let accepted = self.shared.replay(&id, asked, position).await?;
            return Ok(Changed::new(self.actor(&id, &actor.id)?, &accepted));
        }
        let (event, state) = if actor.active { ("changed", "active") } else { ("deactivated", "inactive") };
        let mut before = Vec::new();
        loop {
            let sends =
                if actor.active { Vec::new() } else { self.reassignments(&actor.id, successor.as_deref())? };
            // Cases that refuse to be given back are left to people: their refusals stand in the history.
            let more = sends.len() >= REASSIGN_MAX && sends != before;
            before.clone_from(&sends);
            let mut change = SystemChange::new(ACTOR, id.clone(), event, state, &data, by.clone());
            change.sends = sends;
            change.idempotency = idempotency.clone().filter(|_| !more);
            let accepted = self.system(change).await?;
            if !actor.active {
                self.settle().await;
            }
            if !more {
                return Ok(Changed::new(self.actor(&id, &actor.id)?, &accepted));
            }
        }
    }

    fn actor(&self, id: &InstanceId, name: &str) -> Result<ActorInfo, CommandError> {
        let directory = self.shared.directory();
        directory.actor(name).cloned().ok_or_else(|| CommandError::UnknownInstance(id.clone()))
    }

    /// What takes the open cases of a person away.
    fn reassignments(&self, actor: &str, successor: Option<&str>) -> Result<Vec<Outgoing>, CommandError> {
        let stopped = |e: IndexError| CommandError::Stopped(e.to_string());
        let mut sends = Vec::new();
        let mut range = Range::default();
        let lists = self.unfinished_lists();
        loop {
            let page = self.page(&lists, &range, crate::index::PAGE_SCAN_MAX).map_err(stopped)?;
            let moving = page.rows.iter().filter(|case| self.shared.holds(case.origin.as_deref()).is_none());
            for case in moving {
                let held = |member: &str, inner: &str| {
                    case.data.pointer(member).and_then(|v| v.pointer(inner)).and_then(Value::as_str)
                        == Some(actor)
                };
                if held("/case/owner", "/person/id") {
                    let queue = self.queue_of(case);
                    sends.push((case.id.clone(), "assigned", system::back_to_queue(&queue, actor)));
                }
                if held("/case/first_owner", "/id") {
                    let Some(successor) = successor else {
                        let reason = format!(
                            "`{actor}` is first owner of `{}`: name a supervisor as `successor`",
                            case.id
                        );
                        let refusal = Refusal::new(RefusalKind::Input, "successor_needed", reason);
                        let accepted = Vec::new();
                        return Err(CommandError::Refused { refusal, accepted, instance: None });
                    };
                    sends.push((case.id.clone(), "handover_accepted", system::auto_handover(successor)));
                }
                if sends.len() >= REASSIGN_MAX {
                    return Ok(sends);
                }
            }
            match page.rows.last() {
                Some(last) if page.more => range.after = Some((last.created, last.id.clone())),
                Some(_) | None => return Ok(sends),
            }
        }
    }

    /// The queue that a case goes back to, by its own flow and definition.
    fn queue_of(&self, case: &Instance) -> String {
        let flow = self.workflow(&case.workflow).zip(self.pinned(case));
        let queue = flow.and_then(|(workflow, definition)| workflow.queue(&definition, &case.data));
        queue.unwrap_or_else(|| case.workflow.clone())
    }

    /// The lists of every state that is not final, over all workflows.
    fn unfinished_lists(&self) -> Vec<List> {
        let states = self.shared.listed.iter().flat_map(|workflow| {
            let name = workflow.name();
            let open = workflow.states().iter().filter(|state| !state.is_final);
            open.map(move |state| List::State { workflow: name.to_owned(), state: state.path.clone() })
        });
        states.collect()
    }
}

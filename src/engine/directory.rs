//! Owns who may come in: tokens and people, read from their instances whenever one is published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ActorInfo, Identity, TokenInfo};
use crate::kernel::actor::{ActorKind, Role};
use crate::kernel::fact::SUPERIORS_MAX;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;

/// Workflow name of token objects.
pub const TOKEN: &str = "$token";
/// Workflow name of people and services.
pub const ACTOR: &str = "$actor";

/// What a token's instance holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenData {
    /// SHA-256 of the secret.
    pub secret_hash: String,
    /// Who it speaks for.
    pub actor: String,
    /// What kind of thing that is.
    pub actor_kind: ActorKind,
    /// The roles it may act in.
    pub roles: Vec<Role>,
    /// Whether it still opens anything.
    pub revoked: bool,
}

/// What a person's instance holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActorData {
    /// The person's id.
    pub id: String,
    /// False once deactivated.
    pub active: bool,
    /// Whether work may be given now.
    pub on_shift: bool,
    /// The department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// The person it works for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

/// Tokens and people as published.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    by_secret: BTreeMap<String, InstanceId>,
    tokens: BTreeMap<InstanceId, TokenInfo>,
    actors: BTreeMap<String, ActorInfo>,
}

/// The id of the instance of a person.
pub fn actor_id(actor: &str) -> InstanceId {
    InstanceId::derive(ACTOR, &[ACTOR, actor])
}

/// The id of the instance of a token that was made without a key.
pub fn token_id(secret_hash: &str) -> InstanceId {
    InstanceId::derive(TOKEN, &[TOKEN, secret_hash])
}

/// The id of the instance of a token that `by` makes under `key`: made again, it meets itself.
pub fn keyed_token_id(by: &str, key: &str) -> InstanceId {
    InstanceId::derive(TOKEN, &[by, TOKEN, key])
}

/// What is stored of a secret.
pub fn secret_hash(secret: &str) -> String {
    Hash::of(&[b"careflow token", secret.as_bytes()]).to_string()
}

impl Directory {
    /// Takes up a published token or person; other instances are passed over.
    pub fn take(&mut self, instance: &Instance) {
        match instance.workflow.as_str() {
            TOKEN => {
                if let Ok(token) = TokenData::deserialize(&*instance.data) {
                    self.by_secret.insert(token.secret_hash.clone(), instance.id.clone());
                    let identity =
                        Identity { actor: token.actor, kind: token.actor_kind, roles: token.roles };
                    let info = TokenInfo {
                        id: instance.id.clone(),
                        identity,
                        created: instance.created,
                        revoked: token.revoked,
                    };
                    self.tokens.insert(instance.id.clone(), info);
                }
            }
            ACTOR => {
                if let Ok(actor) = ActorData::deserialize(&*instance.data) {
                    let info = ActorInfo {
                        id: actor.id.clone(),
                        active: actor.active,
                        on_shift: actor.on_shift,
                        department: actor.department,
                        manager: actor.manager,
                    };
                    self.actors.insert(actor.id, info);
                }
            }
            _ => {}
        }
    }

    /// Who the secret speaks for; absent for an unknown or revoked one, and for a deactivated person.
    ///
    /// The lookup is by the secret's digest, so its time tells nothing about the secret.
    pub fn authenticate(&self, secret: &str) -> Option<Identity> {
        self.identity(self.opened_by(secret)?)
    }

    /// The token whose secret this is, revoked or not.
    pub fn opened_by(&self, secret: &str) -> Option<&InstanceId> {
        self.by_secret.get(&secret_hash(secret))
    }

    /// Who the token speaks for; absent for an unknown or revoked one, and for a deactivated person.
    pub fn identity(&self, token: &InstanceId) -> Option<Identity> {
        let token = self.tokens.get(token)?;
        let active = self.actors.get(&token.identity.actor).is_none_or(|actor| actor.active);
        (!token.revoked && active).then(|| token.identity.clone())
    }

    /// Whether a person is known, active and on shift.
    pub fn on_shift(&self, actor: &str) -> bool {
        self.actors.get(actor).is_some_and(|actor| actor.active && actor.on_shift)
    }

    /// Whom a person works for, nearest first; ends where somebody would be named twice.
    pub fn superiors(&self, actor: &str) -> Vec<String> {
        let mut above: Vec<String> = Vec::new();
        let mut next = self.actors.get(actor).and_then(|actor| actor.manager.clone());
        while let Some(manager) = next.take() {
            if manager == actor || above.contains(&manager) || above.len() == SUPERIORS_MAX {
                break;
            }
            next = self.actors.get(&manager).and_then(|actor| actor.manager.clone());
            above.push(manager);
        }
        above
    }

    /// Every token, by id.
    pub fn tokens(&self) -> Vec<TokenInfo> {
        self.tokens.values().cloned().collect()
    }

    /// One token.
    pub fn token(&self, id: &InstanceId) -> Option<&TokenInfo> {
        self.tokens.get(id)
    }

    /// Everybody known, by id.
    pub fn actors(&self) -> Vec<ActorInfo> {
        self.actors.values().cloned().collect()
    }

    /// One person.
    pub fn actor(&self, id: &str) -> Option<&ActorInfo> {
        self.actors.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn superiors_are_named_nearest_first_and_a_circle_ends() {
        let works_for = |id: &str, manager: Option<&str>| {
            let info = ActorInfo {
                id: id.into(),
                active: true,
                on_shift: true,
                department: None,
                manager: manager.map(str::to_owned),
            };
            (id.to_owned(), info)
        };
        let directory = Directory {
            actors: BTreeMap::from([
                works_for("ann", Some("sue")),
                works_for("sue", Some("max")),
                works_for("max", Some("gone")),
                works_for("one", Some("two")),
                works_for("two", Some("one")),
            ]),
            ..Directory::default()
        };
        assert_eq!(directory.superiors("ann"), ["sue", "max", "gone"]);
        assert_eq!(directory.superiors("one"), ["two"]);
        assert_eq!(directory.superiors("nobody"), Vec::<String>::new());
    }
}

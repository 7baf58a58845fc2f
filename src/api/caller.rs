//! Owns who calls: the token or the control socket, the role that is used, and what may be read.
//!
//! | role | reads |
//! |---|---|
//! | staff and `gateway` | every instance, history and the feed, personal values shown |
//! | `administrator` alone | the same, personal values left sealed |
//! | `customer`, `trainee` | own instances, of their data only `case`; no history, no feed |

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use super::access::Who;
use super::error::{ApiError, Code};
use super::extract::single;
use super::request::{self, Peer, RequestId};
use super::state::AppState;
use crate::engine::Identity;
use crate::kernel::actor::{Actor, ActorKind, Role};
use crate::kernel::definition::Definition;
use crate::kernel::instance::Instance;

/// The header that chooses among the token's roles.
pub const ROLE: HeaderName = HeaderName::from_static("careflow-role");
/// The header that names whom the caller acts for.
pub const ON_BEHALF_OF: HeaderName = HeaderName::from_static("careflow-on-behalf-of");
/// Longest name of a person in a header: that of ids in payloads.
const NAME_LENGTH_MAX: usize = 100;

/// Who sent the request.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Identity,
    chosen: Option<Role>,
    on_behalf_of: Option<String>,
    request_id: String,
}

/// How much a caller may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// Own instances only, of their data the member `case`.
    Own,
    /// Every instance, personal values left sealed.
    Sealed,
    /// Every instance, personal values shown.
    Full,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<Peer>().copied();
        let identity = match peer {
            Some(Peer::Local { uid }) => local(uid),
            Some(Peer::Network(_)) | None => {
                // Tokens are in the journal: before it is open nobody is known.
                let engine = state.engine()?;
                let secret = bearer(&parts.headers)?;
                let known = engine.authenticate(secret);
                known.ok_or_else(|| {
                    let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
                    match request::limit(state, &peer, Instant::now()) {
                        Ok(()) => ApiError::new(Code::WrongToken, "the token is unknown or revoked"),
                        Err(limited) => limited,
                    }
                })?
            }
        };
        let known = Self::known(parts, state, identity)?;
        let chosen = single(&parts.headers, &ROLE)?.map(|name| choose(&known.identity, name)).transpose()?;
        let on_behalf_of = single(&parts.headers, &ON_BEHALF_OF)?.map(name).transpose()?;
        Ok(Self { chosen, on_behalf_of, ..known })
    }
}

/// Whoever may open the control socket administers and audits; there is no token to look at.
fn local(uid: u32) -> Identity {
    Identity {
        actor: format!("local:{uid}"),
        kind: ActorKind::Local,
        roles: vec![Role::Administrator, Role::Auditor],
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let missing = || {
        ApiError::new(
            Code::MissingToken,
            "the request carries no token; accepted is `Authorization: Bearer <token>`",
        )
    };
    let value = headers.get(AUTHORIZATION).ok_or_else(missing)?.to_str().map_err(|_| missing())?;
    let (scheme, secret) = value.split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(secret.trim()) } else { Err(missing()) }
}

fn choose(identity: &Identity, text: &str) -> Result<Role, ApiError> {
    let role = Role::parse(text).map_err(|reason| ApiError::new(Code::InvalidHeader, reason))?;
    if identity.roles.iter().any(|held| held.includes(role)) {
        return Ok(role);
    }
    let held = identity.roles.iter().map(|role| role.name());
    Err(ApiError::new(Code::RoleNotAllowed, format!("the token does not carry the role `{role}`"))
        .accepting(held))
}

fn name(text: &str) -> Result<String, ApiError> {
    if (1..=NAME_LENGTH_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    let detail = format!("`{ON_BEHALF_OF}` is the id of a person, at most {NAME_LENGTH_MAX} characters");
    Err(ApiError::new(Code::InvalidHeader, detail))
}

impl Caller {
    /// The sender of a request who is known by then: counted, limited and named in the log.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn known(parts: &Parts, state: &AppState, identity: Identity) -> Result<Self, ApiError> {
        request::limit(state, &identity.actor, Instant::now())?;
        if let Some(who) = parts.extensions.get::<Who>() {
            who.is(&identity);
        }
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        Ok(Self { identity, chosen: None, on_behalf_of: None, request_id })
    }

    /// The caller's id.
    pub fn id(&self) -> &str {
        &self.identity.actor
    }

    /// The id of the request.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The chosen role alone, else all of the token's.
    pub fn roles(&self) -> &[Role] {
        self.chosen.as_ref().map_or(&self.identity.roles, std::slice::from_ref)
    }

    fn actor_in(&self, role: Role) -> Actor {
        Actor {
            id: self.identity.actor.clone(),
            kind: self.identity.kind,
            role,
            on_behalf_of: self.on_behalf_of.clone(),
        }
    }

    /// The caller as the sender of `event`: in the chosen role, else in the first that may send it, else the first.
    pub fn sender(&self, definition: Option<&Definition>, event: &str) -> Actor {
        let allows = |role: &&Role| definition.is_some_and(|definition| definition.allows(event, **role));
        let roles = self.roles();
        let role = roles.iter().find(allows).or(roles.first()).copied();
        self.actor_in(role.unwrap_or(Role::Customer))
    }

    /// The caller in the first of its roles that is, or includes, one of `allowed`.
    ///
    /// # Errors
    /// `role_not_allowed`, with those that are.
    pub fn in_role(&self, allowed: &[Role]) -> Result<Actor, ApiError> {
        let fits = |role: &&Role| allowed.iter().any(|wanted| role.includes(*wanted));
        self.roles().iter().find(fits).map(|role| self.actor_in(*role)).ok_or_else(|| self.refused(allowed))
    }

    fn refused(&self, allowed: &[Role]) -> ApiError {
        let names = |roles: &[Role]| roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
        let detail = format!("this needs one of {}; the caller is {}", names(allowed), names(self.roles()));
        ApiError::new(Code::RoleNotAllowed, detail).accepting(allowed.iter().map(|role| role.name()))
    }

    /// How much the caller may read: as its most trusted role.
    pub fn sight(&self) -> Sight {
        let sight = |role: &Role| match role {
            Role::Customer | Role::Trainee | Role::System => Sight::Own,
            Role::Administrator => Sight::Sealed,
            Role::Gateway
            | Role::Agent
            | Role::SeniorAgent
            | Role::Supervisor
            | Role::DeptHandler
            | Role::DeptManager
            | Role::QaInspector
            | Role::TrainingAdmin
            | Role::Trainer
            | Role::ProcessOwner
            | Role::Auditor
            | Role::PrivacyOfficer => Sight::Full,
        };
        self.roles().iter().map(sight).max().unwrap_or(Sight::Own)
    }

    /// Lets only those pass who may read every instance.
    ///
    /// # Errors
    /// `role_not_allowed`.
    pub fn reads_all(&self) -> Result<Sight, ApiError> {
        match self.sight() {
            Sight::Own => {
                let reads =
                    |role: &Role| role.is_staff() || matches!(role, Role::Gateway | Role::Administrator);
                let allowed: Vec<Role> = Role::ALL.into_iter().filter(reads).collect();
                Err(self.refused(&allowed))
            }
            sight @ (Sight::Sealed | Sight::Full) => Ok(sight),
        }
    }

    /// Whether the caller may send an event to `instance`: whoever may read it, and a trainee to any case of
    /// the organisation's own people. That a class takes only oneself, and that nobody speaks for another,
    /// is the flow's to say.
    pub fn may_address(&self, instance: &Instance) -> bool {
        let internal = instance.case_text("customer_id").is_none();
        self.may_read(instance) || (internal && self.roles().contains(&Role::Trainee))
    }

    /// Whether the caller may read `instance`.
    pub fn may_read(&self, instance: &Instance) -> bool {
        self.sight() > Sight::Own
            || instance.case_text("customer_id") == Some(self.id())
            || instance.case_text("subject_id") == Some(self.id())
    }
}

#[cfg(test)]
pub(super) fn caller(id: &str, roles: &[Role]) -> Caller {
    let identity = Identity { actor: id.into(), kind: ActorKind::Person, roles: roles.to_vec() };
    Caller { identity, chosen: None, on_behalf_of: None, request_id: "r1".into() }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::api::testing;

    #[test]
    fn the_first_role_that_may_send_the_event_is_used() {
        let definition =
            testing::definition(&[("accept", &[Role::Agent]), ("assigned", &[Role::Supervisor])]);
        let caller = caller("u1", &[Role::Auditor, Role::Supervisor]);
        assert_eq!(caller.sender(Some(&definition), "accept").role, Role::Supervisor);
        assert_eq!(caller.sender(Some(&definition), "nothing").role, Role::Auditor);
    }

    #[test]
    fn a_chosen_role_is_the_only_one() {
        let mut caller = caller("u1", &[Role::Supervisor, Role::Auditor]);
        caller.chosen = Some(choose(&caller.identity, "agent").unwrap());
        assert_eq!(caller.sender(None, "accept").role, Role::Agent);
        assert!(caller.in_role(&[Role::Supervisor]).is_err());
        assert_eq!(choose(&caller.identity, "trainer").unwrap_err().code(), Code::RoleNotAllowed);
        assert_eq!(choose(&caller.identity, "boss").unwrap_err().code(), Code::InvalidHeader);
    }

    #[test]
    fn customers_read_own_cases_and_administrators_no_personal_values() {
        let instance = testing::instance();
        assert!(caller("c-1", &[Role::Customer]).may_read(&instance));
        assert!(!caller("c-2", &[Role::Customer]).may_read(&instance));
        assert!(caller("c-2", &[Role::Customer]).reads_all().is_err());
        assert_eq!(caller("root", &[Role::Administrator]).reads_all().unwrap(), Sight::Sealed);
        assert_eq!(caller("root", &[Role::Administrator, Role::Auditor]).sight(), Sight::Full);
        assert!(caller("u1", &[Role::Agent]).may_read(&instance));
    }

    #[test]
    fn trainees_read_their_own_and_speak_to_every_class() {
        let mut class = testing::instance();
        *class.data_mut() = serde_json::json!({ "case": { "owner": { "queue": "training" } } });
        let mut own = class.clone();
        own.data_mut()["case"]["subject_id"] = "ann".into();
        let ann = caller("ann", &[Role::Trainee]);
        assert!(ann.may_read(&own) && !ann.may_read(&class) && ann.may_address(&class));
        assert!(!caller("bo", &[Role::Trainee]).may_read(&own));
        assert!(!ann.may_address(&testing::instance()), "a customer's case is another matter");
        assert!(!caller("c-2", &[Role::Customer]).may_address(&class));
    }

    #[test]
    fn only_a_bearer_token_is_a_token() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers).map(str::to_owned).map_err(|error| error.code())
        };
        assert_eq!(with("Bearer abc"), Ok("abc".into()));
        assert_eq!(with("bearer abc"), Ok("abc".into()));
        assert_eq!(with("Basic abc"), Err(Code::MissingToken));
        assert_eq!(with("abc"), Err(Code::MissingToken));
        assert_eq!(bearer(&HeaderMap::new()).unwrap_err().code(), Code::MissingToken);
    }
}

//! Tokens: an administrator makes, lists and revokes them; a secret is told once and stored hashed.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::entries::kind_name;
use super::error::{ApiError, Code};
use super::extract::{NoParams, Params, Segments, StrictJson, WriteHeaders};
use super::headers;
use super::responses::group;
use super::roles::RoleName;
use super::state::AppState;
use crate::engine::{self, Identity, TokenInfo};
use crate::kernel::actor::{ActorKind, Role};
use crate::kernel::id::InstanceId;

/// Longest id of an actor: that of ids in payloads.
const ACTOR_LENGTH_MAX: usize = 100;

/// Whom a new token speaks for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// Id of the person or service.
    #[schema(min_length = 1, max_length = 100, example = "u-17")]
    actor: String,
    /// Whether it is a human being or another system.
    #[serde(default)]
    #[schema(required = false)]
    kind: TokenKind,
    /// The roles it may act in; the first is used where nothing else decides.
    #[schema(min_items = 1)]
    roles: Vec<RoleName>,
}

/// What a token speaks for.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TokenKind {
    /// A human being.
    #[default]
    Person,
    /// Another system.
    Service,
}

/// A token; its secret is not stored.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// Whom it speaks for.
    pub actor: String,
    /// `person` or `service`.
    pub kind: &'static str,
    /// The roles it may act in.
    pub roles: Vec<RoleName>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// Whether it opens nothing any more.
    pub revoked: bool,
}

/// A new token with its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NewToken {
    /// The token.
    pub token: TokenView,
    /// What goes after `Authorization: Bearer`. It is told once and not stored: absent where the key was
    /// used before (`Idempotent-Replayed: true`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub secret: Option<String>,
}

/// Every token.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenList {
    /// In the order they were made.
    pub tokens: Vec<TokenView>,
}

impl From<&TokenInfo> for TokenView {
    fn from(info: &TokenInfo) -> Self {
        Self {
            id: info.id.to_string(),
            actor: info.identity.actor.clone(),
            kind: kind_name(info.identity.kind),
            roles: info.identity.roles.iter().copied().map(RoleName).collect(),
            created: info.created.to_string(),
            revoked: info.revoked,
        }
    }
}

/// Makes a token and tells its secret, once.
///
/// Only for administrators. With an `Idempotency-Key` a repeated request makes
/// no second token. The secret is told once: a replayed answer has the token as
/// it is now and no `secret`; revoke a token whose secret you did not receive.
#[utoipa::path(
    post, path = "/v1/tokens", operation_id = "create_token", tag = "tokens",
    params(("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender")),
    request_body = CreateToken,
    responses((status = 201, body = NewToken, description = "The token and its secret", headers(("Location" = String, description = "Path of the token"), ("ETag" = String, description = "The token's sequence, quoted"), ("Careflow-Position" = u64, description = "Position of the commit"), ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was used before"))), group::Administering),
)]
pub async fn create_token(
    State(state): State<AppState>,
    caller: Caller,
    Params(NoParams {}): Params<NoParams>,
    write: WriteHeaders,
    StrictJson(body): StrictJson<CreateToken>,
) -> Result<(StatusCode, HeaderMap, Json<NewToken>), ApiError> {
    let engine = state.engine()?;
    let by = caller.in_role(&[Role::Administrator])?;
    let key = write.key_only("tokens")?;
    let engine::NewToken { made, secret } = engine.create_token(identity(body)?, by, key).await?;
    let mut headers = headers::changed(&made);
    headers::located(&mut headers, &format!("/v1/tokens/{}", made.object.id));
    Ok((StatusCode::CREATED, headers, Json(NewToken { token: (&made.object).into(), secret })))
}

fn identity(body: CreateToken) -> Result<Identity, ApiError> {
    let refuse = |detail: String| Err(ApiError::new(Code::InvalidBody, detail));
    let visible = body.actor.bytes().all(|byte| byte.is_ascii_graphic());
    if body.actor.is_empty() || body.actor.len() > ACTOR_LENGTH_MAX || !visible {
        return refuse(format!("`actor` is 1 to {ACTOR_LENGTH_MAX} visible ASCII characters"));
    }
    if body.actor == "system" || body.actor.contains(':') {
        return refuse("`actor` is refused: `system` and names with a colon are the engine's own".into());
    }
    let mut roles = Vec::new();
    for RoleName(role) in body.roles {
        if role == Role::System {
            return refuse("the role `system` is the engine's own".into());
        }
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if roles.is_empty() {
        return refuse("a token needs at least one role".into());
    }
    let kind = match body.kind {
        TokenKind::Person => ActorKind::Person,
        TokenKind::Service => ActorKind::Service,
    };
    Ok(Identity { actor: body.actor, kind, roles })
}

/// Lists every token, revoked ones included.
///
/// Only for administrators and auditors.
#[utoipa::path(
    get, path = "/v1/tokens", operation_id = "list_tokens", tag = "tokens",
    responses((status = 200, body = TokenList, description = "The tokens"), group::Listing),
)]
pub async fn list_tokens(
    State(state): State<AppState>,
    caller: Caller,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<TokenList>, ApiError> {
    caller.in_role(&[Role::Administrator, Role::Auditor])?;
    let mut tokens = state.engine()?.tokens();
    tokens.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    Ok(Json(TokenList { tokens: tokens.iter().map(TokenView::from).collect() }))
}

/// Revokes a token; from then on it opens nothing.
///
/// Only for administrators. Revoking twice is the same as once.
#[utoipa::path(
    delete, path = "/v1/tokens/{id}", operation_id = "revoke_token", tag = "tokens",
    params(
        ("id" = String, Path, description = "The token"),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "1 to 200 visible ASCII characters that make the command unique for its sender"),
    ),
    responses((status = 200, body = TokenView, description = "The token, revoked", headers(("ETag" = String, description = "The token's sequence, quoted"), ("Careflow-Position" = u64, description = "Position of the commit"), ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was used before"))), group::Administering),
)]
pub async fn revoke_token(
    State(state): State<AppState>,
    caller: Caller,
    Segments(id): Segments<String>,
    Params(NoParams {}): Params<NoParams>,
    write: WriteHeaders,
) -> Result<(HeaderMap, Json<TokenView>), ApiError> {
    let engine = state.engine()?;
    let by = caller.in_role(&[Role::Administrator])?;
    let unknown = || ApiError::new(Code::UnknownToken, format!("there is no token `{id}`"));
    let token = InstanceId::parse(&id).map_err(|_| unknown())?;
    let key = write.key_only("tokens")?;
    if !engine.tokens().iter().any(|info| info.id == token) {
        return Err(unknown());
    }
    let revoked = engine.revoke_token(&token, by, key).await?;
    Ok((headers::changed(&revoked), Json((&revoked.object).into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        let body: CreateToken = serde_json::from_str(body).unwrap();
        identity(body).unwrap_err().into_problem().detail
    }

    #[test]
    fn a_token_speaks_for_a_named_actor_in_roles_that_people_have() {
        let body =
            "{\"actor\": \"u1\", \"kind\": \"service\", \"roles\": [\"agent\", \"auditor\", \"agent\"]}";
        let made = identity(serde_json::from_str(body).unwrap()).unwrap();
        assert_eq!(made.roles, [Role::Agent, Role::Auditor]);
        assert_eq!(made.kind, ActorKind::Service);
        assert!(refusal("{\"actor\": \"u1\", \"roles\": []}").contains("at least one role"));
        assert!(refusal("{\"actor\": \"u1\", \"roles\": [\"system\"]}").contains("engine's own"));
        assert!(refusal("{\"actor\": \"local:0\", \"roles\": [\"agent\"]}").contains("engine's own"));
        assert!(refusal("{\"actor\": \"\", \"roles\": [\"agent\"]}").contains("1 to 100"));
    }

    #[test]
    fn an_unknown_role_is_refused_with_the_roles_there_are() {
        let read = serde_json::from_str::<CreateToken>("{\"actor\": \"u1\", \"roles\": [\"boss\"]}");
        let error = read.unwrap_err().to_string();
        assert!(error.contains("`boss` is not a role; roles are customer, gateway, agent"), "{error}");
    }
}

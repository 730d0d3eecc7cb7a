//! Access tokens: list, make, revoke.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use axum::Json as Body;
use axum::extract::State;
use interlock_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::http::auth::Caller;
use crate::http::body::{Json, Path};
use crate::http::error::Problem;
use crate::http::reply::{Created, Done};
use crate::tokens::{Holder, NewToken, Scope, Tokens};

/// A token as it is listed: never the token itself.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TokenView {
    /// Its public id.
    id: String,
    /// For people.
    name: String,
    /// What it may do.
    scopes: BTreeSet<Scope>,
    /// Requests a minute, where it differs from the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_minute: Option<u32>,
    /// When it was made.
    created: Timestamp,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    /// When it was last used, since the host started.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<Timestamp>,
}

/// A token to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenBody {
    /// For people, 1 to 100 characters.
    name: String,
    /// What it may do; at least one.
    scopes: BTreeSet<Scope>,
    /// Requests a minute, where it differs from the default.
    per_minute: Option<u32>,
    /// When it ends, in Unix milliseconds; absent for never.
    expires: Option<u64>,
}

/// A token that was just made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MadeToken {
    /// Its public id.
    id: String,
    /// The token itself. It is shown this once.
    token: String,
}

/// All tokens
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "operator",
    responses((status = 200, description = "All tokens, without the tokens themselves", body = Vec<TokenView>)),
    security(("bearer" = ["admin"]))
)]
pub(crate) async fn list_tokens(State(tokens): State<Tokens>) -> Body<Vec<TokenView>> {
    Body(tokens.list().iter().map(|holder| view(holder)).collect())
}

/// Make a token
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "operator",
    request_body = TokenBody,
    responses((status = 201, description = "The token, shown once", body = MadeToken,
        headers(("Location" = String, description = "Where to revoke it")))),
    security(("bearer" = ["admin"]))
)]
pub(crate) async fn make_token(
    State(tokens): State<Tokens>,
    caller: Caller,
    Json(body): Json<TokenBody>,
) -> Result<Created<MadeToken>, Problem> {
    let TokenBody { name, scopes, per_minute, expires } = body;
    let new = NewToken { name, scopes, per_minute, expires: expires.map(Timestamp) };
    let made = tokens.make(new, &caller.name()).await?;
    let location = format!("/api/v1/tokens/{}", made.id);
    Ok(Created { location, body: MadeToken { id: made.id, token: made.token } })
}

/// Revoke a token
///
/// It is good for nothing at once; live connections it had opened are closed.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "operator",
    params(("id" = String, Path, description = "Its public id")),
    responses((status = 204, description = "It is revoked")),
    security(("bearer" = ["admin"]))
)]
pub(crate) async fn revoke_token(
    State(tokens): State<Tokens>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Done, Problem> {
    tokens.revoke(&id, &caller.name()).await?;
    Ok(Done)
}

fn view(holder: &Holder) -> TokenView {
    let row = &holder.row;
    let last_used = holder.last_used.load(Ordering::Relaxed);
    TokenView {
        id: row.id.clone(),
        name: row.name.clone(),
        scopes: holder.scopes.clone(),
        per_minute: row.per_minute,
        created: row.created,
        expires: row.expires,
        last_used: (last_used > 0).then_some(Timestamp(last_used)),
    }
}

//! The journal: what happened, in order, and whether it is all still there.

use axum::Json as Body;
use axum::extract::State;
use interlock_core::time::Seq;
use serde::{Deserialize, Serialize};

use crate::http::auth::Caller;
use crate::http::body::{Path, Query};
use crate::http::error::Problem;
use crate::journal::Journal;
use crate::journal::query::{Filter, Page};
use crate::journal::record::Record;
use crate::journal::verify::Verification;
use crate::tokens::Scope;

/// Records of one answer, unless fewer are asked for.
const DEFAULT_LIMIT: usize = 100;
/// Records of one answer at most.
const MAX_LIMIT: usize = 1_000;

/// Which part.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Only what came after this record, oldest first.
    pub(crate) after: Option<Seq>,
    /// Only what came before this record, newest first. Without `after` and `before`, the newest.
    pub(crate) before: Option<Seq>,
    /// At most so many; 100 without it, 1000 at most.
    pub(crate) limit: Option<usize>,
}

/// Which records.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JournalQuery {
    /// Only what came after this record, oldest first.
    after: Option<Seq>,
    /// Only what came before this record, newest first. Without `after` and `before`, the newest.
    before: Option<Seq>,
    /// At most so many; 100 without it, 1000 at most.
    limit: Option<usize>,
    /// Only these kinds, separated by commas: `decision,fault`, or an event's own kind, `reading`.
    kind: Option<String>,
    /// Only what is about this policy.
    policy: Option<String>,
    /// Only what is about this device.
    device: Option<String>,
    /// Only what is about this actuator.
    actuator: Option<String>,
}

/// A part of the journal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RecordPage {
    /// In the order asked for.
    records: Vec<Record>,
    /// The `after` or `before` of the next part; absent at the end. A part can be empty and still have a next one: one
    /// call looks at 10 000 records at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Seq>,
    /// The newest record there is.
    head: Seq,
}

/// Which way to read.
pub(crate) enum Direction {
    /// Oldest first, after a record.
    After(Seq),
    /// Newest first, before a record.
    Before(Seq),
}

impl Direction {
    /// The way a query asks for.
    pub(crate) fn of(after: Option<Seq>, before: Option<Seq>) -> Result<Self, Problem> {
        match (after, before) {
            (Some(after), None) => Ok(Self::After(after)),
            (None, before) => Ok(Self::Before(before.unwrap_or(Seq::MAX))),
            (Some(_), Some(_)) => Err(Problem::malformed("`after` and `before` exclude each other")),
        }
    }
}

/// Records of the journal
#[utoipa::path(
    get, path = "/api/v1/journal", tag = "operator",
    params(JournalQuery),
    responses((status = 200, description = "A part of the journal", body = RecordPage)),
    security(("bearer" = ["audit:read"]))
)]
pub(crate) async fn read_journal(
    State(journal): State<Journal>,
    Query(query): Query<JournalQuery>,
) -> Result<Body<RecordPage>, Problem> {
    let direction = Direction::of(query.after, query.before)?;
    let kinds = query.kind.iter().flat_map(|kinds| kinds.split(',')).map(|kind| kind.trim().to_owned()).collect();
    let JournalQuery { policy, device, actuator, .. } = query;
    let filter = Filter { kinds, policy, device, actuator, with_personal: true };
    records(journal, direction, query.limit, filter).await
}

/// One record
#[utoipa::path(
    get, path = "/api/v1/journal/{seq}", tag = "operator",
    params(("seq" = u64, Path, description = "Its place")),
    responses((status = 200, description = "The record", body = Record)),
    security(("bearer" = ["audit:read"]))
)]
pub(crate) async fn get_record(
    State(journal): State<Journal>,
    caller: Caller,
    Path(seq): Path<Seq>,
) -> Result<Body<Record>, Problem> {
    let record = one(journal, seq, &caller).await?;
    record.map(Body).ok_or_else(|| Problem::not_found("record", &seq.to_string()))
}

/// Recompute the hash chain
///
/// Takes seconds per million records. What is wrong with the journal is not an error but the answer.
#[utoipa::path(
    post, path = "/api/v1/journal/verify", tag = "operator",
    responses((status = 200, description = "What was found", body = Verification)),
    security(("bearer" = ["audit:read"]))
)]
pub(crate) async fn verify_journal(State(journal): State<Journal>) -> Result<Body<Verification>, Problem> {
    reading(move || journal.verify(|_, _| {})).await.map(Body)
}

/// A part of the journal as it is answered.
pub(crate) async fn records(
    journal: Journal,
    direction: Direction,
    limit: Option<usize>,
    filter: Filter,
) -> Result<Body<RecordPage>, Problem> {
    let head = journal.head().seq;
    let Page { records, next } = scan(journal, direction, limit, filter).await?;
    Ok(Body(RecordPage { records, next, head }))
}

/// A part of the journal.
pub(crate) async fn scan(
    journal: Journal,
    direction: Direction,
    limit: Option<usize>,
    filter: Filter,
) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    reading(move || match direction {
        Direction::After(seq) => journal.after(seq, limit, &filter),
        Direction::Before(seq) => journal.before(seq, limit, &filter),
    })
    .await
}

/// One record, with what is personal in it if the caller may see that.
pub(crate) async fn one(journal: Journal, seq: Seq, caller: &Caller) -> Result<Option<Record>, Problem> {
    let with_personal = caller.may(Scope::AuditRead).is_ok();
    reading(move || journal.get(seq, with_personal)).await
}

/// Reads the store off the threads that answer requests.
async fn reading<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    read: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(read).await {
        Ok(answer) => answer.map_err(|error| Problem::unreadable(&error)),
        Err(error) => Err(Problem::unreadable(&error)),
    }
}

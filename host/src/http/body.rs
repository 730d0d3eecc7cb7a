//! What a request brings: path, query and body, read within bounds, with problems that say where the mistake is.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use std::time::Duration;

use super::error::Problem;
use super::state::Edge;

/// A JSON body. An empty one reads as `{}`; unknown fields are refused by the types themselves.
pub(crate) struct Json<T>(pub(crate) T);

/// The query. Unknown parameters are refused by the types themselves.
pub(crate) struct Query<T>(pub(crate) T);

/// The variable parts of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Edge> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Problem> {
        let config = &edge.own.config;
        let (parts, body) = request.into_parts();
        let wait = Duration::from_millis(config.body_timeout_ms);
        let bytes = read(&parts.headers, body, config.max_body_bytes, wait).await?;
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        if !is_json(&parts.headers) {
            return Err(Problem::wrong_type("application/json"));
        }
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequestParts<Edge> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| Problem::malformed(rejection.body_text()))
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<Edge> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, edge).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(rejection) => Err(Problem::malformed(rejection.body_text())),
        }
    }
}

/// The value of a JSON text.
///
/// # Errors
/// A problem with the path to the mistake.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Problem::wrong_json(error.path().to_string(), error.inner().to_string()))?;
    json.end().map_err(|error| Problem::wrong_json(".".into(), error.to_string()))?;
    Ok(value)
}

/// A whole body, counted while it streams in.
///
/// # Errors
/// When it is larger than `limit`, takes longer than `wait`, or breaks off.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize, wait: Duration) -> Result<Bytes, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit)) {
        return Err(Problem::too_large(limit));
    }
    match tokio::time::timeout(wait, collect(body, limit)).await {
        Ok(collected) => collected,
        Err(_) => Err(Problem::too_slow()),
    }
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Problem::malformed(format!("the body broke off: {error}")))?;
        if whole.len().saturating_add(chunk.len()) > limit {
            return Err(Problem::too_large(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

/// Whether the body says that it is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"))
}

/// The type of the body in lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        count: u32,
    }

    fn path(json: &str) -> serde_json::Value {
        serde_json::to_value(parse::<Order>(json.as_bytes()).unwrap_err()).unwrap()["path"].clone()
    }

    #[test]
    fn a_mistake_is_found_at_its_path() {
        assert_eq!(path(r#"{"lines": [{"count": 1}, {"count": "two"}]}"#), "lines[1].count");
        assert_eq!(path(r#"{"lines": [{"count": 1, "colour": 2}]}"#), "lines[0].colour");
        assert_eq!(path(r#"{"lines": []} {}"#), serde_json::Value::Null);
        assert_eq!(parse::<Order>(br#"{"lines": [{"count": 3}]}"#).unwrap().lines[0].count, 3);
    }

    #[tokio::test]
    async fn a_body_is_counted_while_it_streams() {
        let chunks = (0..4).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"0123456789")));
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let problem = read(&HeaderMap::new(), body, 25, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(problem.code(), "too_large");
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let body = Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
        let problem = read(&HeaderMap::new(), body, 25, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(problem.code(), "too_slow");
    }
}

//! Answers that say more than `200 OK`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Something was made: `201`, with where it is.
pub(crate) struct Created<T> {
    pub(crate) location: String,
    pub(crate) body: T,
}

/// Something has begun: `202`, with where to watch it.
pub(crate) struct Accepted<T> {
    pub(crate) location: String,
    pub(crate) body: T,
}

/// It is done, and there is nothing to say: `204`.
pub(crate) struct Done;

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        at(StatusCode::CREATED, &self.location, self.body)
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        at(StatusCode::ACCEPTED, &self.location, self.body)
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

fn at(status: StatusCode, location: &str, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

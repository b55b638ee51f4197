//! Answers that are not a query's result, in the form of one: `{"errors": [{"message", "extensions": {"code"}}]}`.

use async_graphql::Response as GraphQlResponse;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::super::errors::{Code, Refusal, finish};

/// A refusal under a status of its own.
pub(super) fn refuse(status: StatusCode, code: Code, message: &str) -> Response {
    let response = GraphQlResponse::from_errors(vec![Refusal::new(code, message).into_server_error()]);
    (status, Json(response)).into_response()
}

/// A query's result, or its refusal: HTTP 200 either way.
pub(super) fn result(response: GraphQlResponse, correlation_id: &str) -> Response {
    Json(finish(response, correlation_id)).into_response()
}

/// A query that was refused.
pub(super) fn refused(refusal: Refusal, correlation_id: &str) -> Response {
    result(GraphQlResponse::from_errors(vec![refusal.into_server_error()]), correlation_id)
}

/// An answer as it was written down: HTTP 200 like every result.
pub(super) fn written(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// A request that is wrong beside its query.
pub(super) fn bad_request(refusal: Refusal) -> Response {
    let response = GraphQlResponse::from_errors(vec![refusal.into_server_error()]);
    (StatusCode::BAD_REQUEST, Json(response)).into_response()
}

/// 401 as RFC 6750 (section 3) asks: `error` only when a token was given.
pub(super) fn unauthenticated(token_given: bool) -> Response {
    let challenge = if token_given { "Bearer error=\"invalid_token\"" } else { "Bearer" };
    let mut response = refuse(StatusCode::UNAUTHORIZED, Code::Unauthenticated, "a valid bearer token is needed");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// A mistake of ours outside of a query.
pub(super) fn internal() -> Response {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "something went wrong on our side")
}

//! `POST /graphql`, from the request's head to a query that may run.

use async_graphql::parser::types::{ExecutableDocument, OperationType};
use axum::{
    body::Body,
    extract::{Extension, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::{
    App,
    answer::{refuse, refused, unauthenticated},
    asked::Asked,
    correlation::CorrelationId,
    once, run,
};
use crate::{
    api::{
        auth::{Identity, Rejection},
        errors::Code,
    },
    traces::TraceContext,
};

/// A request's body. `extensions` are not looked at: none is offered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    query: String,
    operation_name: Option<String>,
    #[serde(default)]
    variables: async_graphql::Variables,
}

/// Answers a query.
///
/// Who is not known learns nothing and costs little: the token is checked before the body is read.
pub(super) async fn graphql(State(app): State<App>, Extension(id): Extension<CorrelationId>, request: Request) -> Response {
    let deadline = Instant::now() + app.settings.time_limit;
    let (head, body) = request.into_parts();
    let identity = match authenticate(&app, &head.headers).await {
        Ok(identity) => identity,
        Err(rejection) => {
            tracing::info!(reason = %rejection, "a caller was turned away");
            return unauthenticated(rejection != Rejection::Missing);
        }
    };
    if !is_json(&head.headers) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::BadUserInput, "the content type must be application/json");
    }
    let body = match timeout_at(deadline, collect(body, app.settings.max_body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(refusal)) => return refusal,
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, Code::LimitExceeded, "the body did not arrive in time"),
    };
    let question = match read(&body) {
        Ok(question) => question,
        Err(refusal) => return refusal,
    };
    let document = match app.gate.admit(&question.query, &question.variables) {
        Ok(document) => document,
        Err(refusal) => return refused(refusal, &id.0),
    };
    let kind = if changes_something(&document) { run::Kind::Mutation } else { run::Kind::Query };
    let mut request = async_graphql::Request::new(question.query).variables(question.variables);
    request.operation_name = question.operation_name;
    request.set_parsed_query(document);
    let asked = Asked { identity, body: &body, correlation_id: &id.0, trace: TraceContext::of_headers(&head.headers), deadline };
    match kind {
        run::Kind::Mutation => once::mutate(&app, &head.headers, &asked, request).await,
        run::Kind::Query => run::execute(&app, kind, asked.by_caller(request), &id.0, deadline).await,
    }
}

/// Whether any operation of the document is a mutation, whichever is executed.
fn changes_something(document: &ExecutableDocument) -> bool {
    document.operations.iter().any(|(_, operation)| operation.node.ty == OperationType::Mutation)
}

/// The caller, by the one bearer token among the headers.
async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Identity, Rejection> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Err(Rejection::Missing) };
    if given.next().is_some() {
        return Err(Rejection::Malformed);
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Rejection::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Rejection::Missing);
    }
    app.authenticator.authenticate(token.trim()).await
}

/// Only JSON: browsers send other types across origins without asking first.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn read(text: &[u8]) -> Result<Question, Response> {
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(bad_request("one query a request: lists of queries are not taken"));
    }
    serde_json::from_slice(text).map_err(|_| bad_request("the body must be a JSON object with the text \"query\""))
}

/// The body, if it is not longer than `limit` bytes; no more than that is ever held.
async fn collect(body: Body, limit: usize) -> Result<Vec<u8>, Response> {
    let mut parts = body.into_data_stream();
    let mut text = Vec::new();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| bad_request("the body ended early"))?;
        if text.len() + part.len() > limit {
            let message = format!("the body is longer than {limit} bytes");
            return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, Code::LimitExceeded, &message));
        }
        text.extend_from_slice(&part);
    }
    Ok(text)
}

fn bad_request(message: &str) -> Response {
    refuse(StatusCode::BAD_REQUEST, Code::BadUserInput, message)
}

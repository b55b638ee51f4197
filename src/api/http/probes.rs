//! What machines ask: alive, ready, how much, and which schema. Needs no token and tells nothing of any organisation but the
//! metrics' labels: keep the address inside.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{App, answer};

/// The longest that a probe may keep its caller waiting.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The process answers.
pub(super) async fn health() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// The process can do its work; 503 with the reasons when it cannot.
pub(super) async fn readiness(State(app): State<App>) -> Response {
    let reasons = match tokio::time::timeout(TIME_LIMIT, (app.readiness)()).await {
        Ok(Ok(())) => return Json(json!({ "status": "ready" })).into_response(),
        Ok(Err(reasons)) => reasons,
        Err(_) => vec!["the checks took too long".to_owned()],
    };
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready", "reasons": reasons }))).into_response()
}

/// The metrics. Gauges that could not be brought up to date in time are shown as they were.
pub(super) async fn metrics(State(app): State<App>) -> Response {
    if tokio::time::timeout(TIME_LIMIT, (app.refresh_metrics)()).await.is_err() {
        tracing::warn!("bringing the metrics up to date took too long");
    }
    match app.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "rendering the metrics");
            answer::internal()
        }
    }
}

/// The schema's text.
pub(super) async fn schema(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], app.sdl.clone()).into_response()
}

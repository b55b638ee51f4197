//! One id for a request: in every log line, in the audit trail, in the answer.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use super::App;

const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id taken over from a caller.
const MAX_LENGTH: usize = 128;

/// A request's correlation id, among its extensions.
#[derive(Debug, Clone)]
pub(super) struct CorrelationId(pub(super) String);

/// Takes over the caller's id when it is a sane one, else makes one, and hands it to everything that follows.
pub(super) async fn correlate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| app.ids.ordered(app.clock.now()).to_string());
    let span = tracing::info_span!("request", correlation_id = %id, method = %request.method(), path = request.uri().path());
    request.extensions_mut().insert(CorrelationId(id.clone()));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(CORRELATION_ID, value);
    }
    response
}

/// Letters, digits and a little punctuation: an id goes into logs and audit entries, and must not be able to forge a line there.
fn given(headers: &HeaderMap) -> Option<String> {
    let sane = |text: &&str| {
        (1..=MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
    };
    [CORRELATION_ID, REQUEST_ID].iter().filter_map(|name| headers.get(name)?.to_str().ok()).find(sane).map(str::to_owned)
}

//! One request to the token endpoint, and what its answer means.
//!
//! Client credentials, v2.0: Microsoft, "Microsoft identity platform and the OAuth 2.0 client credentials flow". Decisions rest
//! on the OAuth `error` and the status; AADSTS numbers may change at any time and are for people.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    Access, Credential, GraphError, ThrottleScope, Verdict,
    assertion::AssertionSigner,
    error_body, headers, retry_after, segment,
    transport::{Answer, Transport},
};
use crate::{
    clock::SharedClock,
    ids::Ids,
    metrics::Metrics,
    traces::{Span, SpanKind, TraceContext},
};

/// How long a 429 without a `Retry-After` holds.
const UNSAID: TimeDelta = TimeDelta::seconds(5);
/// A token's life when the answer does not say (RFC 6749 only recommends that it does).
const ASSUMED_LIFE: i64 = 300;
/// The longest life that is believed. Microsoft's longest is 28 hours.
const LONGEST_LIFE: i64 = 28 * 3600;

/// Asks for tokens.
pub(super) struct Login {
    pub(super) transport: Arc<Transport>,
    pub(super) root: Option<Url>,
    pub(super) clock: SharedClock,
    pub(super) ids: Ids,
    pub(super) metrics: Arc<Metrics>,
}

/// A granted token.
pub(super) struct Granted {
    /// The token.
    pub(super) token: SecretString,
    /// When it was asked for: its life counts from there, which is never too late.
    pub(super) asked_at: DateTime<Utc>,
    /// How long it is good.
    pub(super) life: TimeDelta,
    /// The round trip.
    pub(super) latency: Duration,
    /// Our clock minus Microsoft's.
    pub(super) clock_skew_ms: Option<i64>,
}

#[derive(Deserialize)]
struct TokenBody {
    access_token: SecretString,
    #[serde(default)]
    expires_in: Value,
}

impl Login {
    /// Asks for a token once, in the trace of the call that needs it. `claims` answers a claims challenge of Graph.
    pub(super) async fn ask(
        &self,
        access: &Access,
        claims: Option<&str>,
        cause: Option<&TraceContext>,
    ) -> Result<Granted, GraphError> {
        let started = Instant::now();
        let (span, trace) = begin(access, cause);
        let result = self.ask_timed(access, claims, trace.as_ref(), started).await;
        self.count(&span, result.as_ref().err());
        result.map_err(|error| GraphError { elapsed: started.elapsed(), ..error })
    }

    /// Counts a request to the token endpoint, by how it ended, and ends its span.
    pub(super) fn count(&self, span: &Span, error: Option<&GraphError>) {
        let outcome = match error.map(|error| &error.verdict) {
            None => "granted",
            Some(Verdict::Credential) => "refused",
            Some(Verdict::Throttled { .. }) => "throttled",
            Some(_) => "failed",
        };
        self.metrics.token_requests_total.with_label_values(&[outcome]).inc();
        span.note("argus.outcome", outcome);
        if let Some(error) = error {
            span.failed(error.code.clone());
        }
    }

    async fn ask_timed(
        &self,
        access: &Access,
        claims: Option<&str>,
        trace: Option<&TraceContext>,
        started: Instant,
    ) -> Result<Granted, GraphError> {
        let asked_at = self.clock.now();
        let mut request = self.request(access, claims, asked_at)?;
        if let Some(trace) = trace {
            trace.put_into(request.headers_mut());
        }
        let answer = self.transport.exchange(request).await.map_err(|broken| GraphError {
            // Asking a second time does no harm, however far the first got.
            source: broken.cause,
            ..GraphError::unsent(Verdict::Transient, broken.code, "")
        })?;
        let now = self.clock.now();
        if !answer.status.is_success() {
            return Err(scrub(refused(&answer, now), access));
        }
        let body: TokenBody = serde_json::from_slice(&answer.body).map_err(|_| malformed(&answer))?;
        if answer.cut.is_some() || body.access_token.expose_secret().is_empty() {
            return Err(malformed(&answer));
        }
        let latency = started.elapsed();
        let clock_skew_ms = headers::clock_skew_ms(&answer.headers, now, latency);
        Ok(Granted { token: body.access_token, asked_at, life: life(&body.expires_in), latency, clock_skew_ms })
    }

    fn request(&self, access: &Access, claims: Option<&str>, now: DateTime<Utc>) -> Result<reqwest::Request, GraphError> {
        let url = endpoint(self.root.as_ref(), access, "token")?;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        form.append_pair("client_id", &access.application_id);
        form.append_pair("scope", &access.cloud.scope());
        match &access.credential {
            Credential::Secret(secret) => {
                form.append_pair("client_secret", secret.expose_secret());
            }
            Credential::Certificate(pem) => {
                form.append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                let assertion = AssertionSigner::from_pem(pem.expose_secret())
                    .and_then(|signer| signer.sign(url.as_str(), &access.application_id, self.ids.random(), now))
                    .map_err(|cause| GraphError {
                        source: Some(Box::new(cause)),
                        ..GraphError::unsent(Verdict::Credential, "badCertificate", &cause.to_string())
                    })?;
                form.append_pair("client_assertion", &assertion);
            }
        }
        if let Some(claims) = claims {
            form.append_pair("claims", claims);
        }
        let mut request = reqwest::Request::new(Method::POST, url);
        *request.headers_mut() = form_headers(&self.ids);
        *request.body_mut() = Some(form.finish().into());
        Ok(request)
    }
}

/// Begins a token request's span below what caused it; with it, what the endpoint is told.
pub(super) fn begin(access: &Access, cause: Option<&TraceContext>) -> (Span, Option<TraceContext>) {
    let span = Span::under("token.request", SpanKind::Client, cause);
    span.organisation(&access.organisation);
    let trace = span.told(cause);
    (span, trace)
}

pub(super) fn form_headers(ids: &Ids) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers::introduce(&mut headers, ids);
    headers
}

/// One of the tenant's v2.0 endpoints; a directory id that would change the path is refused.
pub(super) fn endpoint(root: Option<&Url>, access: &Access, name: &str) -> Result<Url, GraphError> {
    let root = root.map_or(access.cloud.login_url(), Url::as_str).trim_end_matches('/');
    let tenant = segment(&access.directory_id);
    let url = Url::parse(&format!("{root}/{tenant}/oauth2/v2.0/{name}")).ok();
    let kept = url.filter(|url| !tenant.is_empty() && url.path().ends_with(&format!("/{tenant}/oauth2/v2.0/{name}")));
    kept.ok_or_else(|| GraphError::unsent(Verdict::Credential, "badDirectory", "the directory id is neither a GUID nor a domain"))
}

pub(super) fn refused(answer: &Answer, now: DateTime<Utc>) -> GraphError {
    let status = answer.status.as_u16();
    let described = error_body::read(&answer.body);
    let wait = retry_after::until(&answer.headers, now);
    let throttled = |until| Verdict::Throttled { until, scope: ThrottleScope::Login };
    let passing = ["temporarily_unavailable", "server_error"].contains(&described.code.as_str());
    let verdict = match (status, wait) {
        (429, wait) => throttled(wait.unwrap_or(now + UNSAID)),
        (500.., Some(until)) => throttled(until),
        (_, Some(until)) if passing => throttled(until),
        // Only the endpoint's own word condemns a credential: a 403 page of some proxy in between must not disable a connection.
        (400..=499, _) if described.oauth && !described.code.is_empty() && !passing => Verdict::Credential,
        _ => Verdict::Transient,
    };
    let code = if described.code.is_empty() { format!("http{status}") } else { described.code };
    GraphError {
        status: Some(status),
        request_id: described.request_id.or_else(|| headers::request_id(&answer.headers)),
        detail: described.detail,
        ..GraphError::unsent(verdict, &code, &described.message)
    }
}

pub(super) fn malformed(answer: &Answer) -> GraphError {
    // The parser's own text is left out: it may quote the token.
    GraphError {
        status: Some(answer.status.as_u16()),
        request_id: headers::request_id(&answer.headers),
        ..GraphError::unsent(Verdict::Transient, "malformedBody", "the token endpoint's answer is not a token")
    }
}

/// `expires_in`, a number, or a string as older endpoints send it.
pub(super) fn life(expires_in: &Value) -> TimeDelta {
    let seconds = expires_in.as_i64().or_else(|| expires_in.as_str()?.trim().parse().ok()).unwrap_or(ASSUMED_LIFE);
    TimeDelta::seconds(seconds.clamp(0, LONGEST_LIFE))
}

/// Should a refusal ever quote the secret back, it does not get into our records.
fn scrub(error: GraphError, access: &Access) -> GraphError {
    match &access.credential {
        Credential::Secret(secret) if !secret.expose_secret().is_empty() && error.message.contains(secret.expose_secret()) => {
            GraphError { message: error.message.replace(secret.expose_secret(), "(secret)"), ..error }
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::graph::testing::access;

    fn now() -> DateTime<Utc> {
        "2026-11-23T20:00:00Z".parse().unwrap()
    }

    fn judged(status: u16, wait: Option<&'static str>, body: &str) -> Verdict {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::from_iter(wait.map(|text| (header::RETRY_AFTER, HeaderValue::from_static(text)))),
            body: Bytes::copy_from_slice(body.as_bytes()),
            elapsed: Duration::ZERO,
            cut: None,
        };
        refused(&answer, now()).verdict
    }

    #[test]
    fn only_the_endpoints_own_word_condemns_a_credential() {
        for error in
            ["invalid_client", "unauthorized_client", "invalid_request", "invalid_grant", "invalid_scope", "access_denied"]
        {
            let body = json!({"error": error, "error_description": "AADSTS1: x"}).to_string();
            for status in [400, 401, 403] {
                assert_eq!(judged(status, None, &body), Verdict::Credential, "{status} {error}");
            }
            assert_eq!(judged(500, None, &body), Verdict::Transient);
        }
        for (status, body) in
            [(400, ""), (401, "<html>"), (403, "{}"), (407, "proxy"), (404, "{\"error\":{\"code\":\"x\"}}"), (302, "")]
        {
            assert_eq!(judged(status, None, body), Verdict::Transient, "{status}");
        }
    }

    #[test]
    fn overload_is_a_wait_when_one_is_named() {
        let until = |seconds| Verdict::Throttled { until: now() + TimeDelta::seconds(seconds), scope: ThrottleScope::Login };
        let busy = json!({"error": "temporarily_unavailable"}).to_string();
        assert_eq!(judged(429, Some("9"), ""), until(9));
        assert_eq!(judged(429, None, ""), until(5));
        assert_eq!(judged(503, Some("9"), ""), until(9));
        assert_eq!(judged(400, Some("9"), &busy), until(9));
        assert_eq!(judged(400, None, &busy), Verdict::Transient);
        assert_eq!(judged(503, None, ""), Verdict::Transient);
    }

    #[test]
    fn a_directory_id_stays_one_segment_of_the_endpoint() {
        let with = |directory: &str| Access { directory_id: directory.into(), ..access("acme", 1) };
        let url = endpoint(None, &with("contoso.example"), "token").unwrap();
        assert_eq!(url.as_str(), "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
        let root = Url::parse("http://127.0.0.1:1/sim/").unwrap();
        let odd = endpoint(Some(&root), &with("a/b?c#d"), "token").unwrap();
        assert_eq!(odd.as_str(), "http://127.0.0.1:1/sim/a%2Fb%3Fc%23d/oauth2/v2.0/token");
        for directory in ["", ".", ".."] {
            assert_eq!(endpoint(None, &with(directory), "token").unwrap_err().code, "badDirectory");
        }
    }

    #[test]
    fn a_life_is_read_from_a_number_or_a_text() {
        for (value, seconds) in
            [(json!(3599), 3599), (json!("3599"), 3599), (json!(null), 300), (json!(-1), 0), (json!(1e18), 300)]
        {
            assert_eq!(life(&value), TimeDelta::seconds(seconds), "{value}");
        }
    }
}

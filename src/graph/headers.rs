//! Policy: what every call says about itself, and what is kept of every answer's head.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{GraphError, Request, Verdict, retry_after::http_date};
use crate::ids::Ids;

/// How we introduce ourselves: undecorated traffic is throttled first (Microsoft, "Avoid getting throttled or blocked in
/// SharePoint Online").
pub(super) const USER_AGENT: &str = concat!("NONISV|Argus|M365Connector/", env!("CARGO_PKG_VERSION"));

/// A fresh id a call, by which Microsoft's support finds it (Microsoft, "Best practices for working with Microsoft Graph").
pub(super) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// The headers of one call: the request's own, and over them those that are ours to set.
pub(super) fn of_call(request: &Request, authorization: &HeaderValue, ids: &Ids) -> Result<HeaderMap, GraphError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    for (name, value) in &request.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(value)) else {
            return Err(GraphError::unsent(Verdict::Rejected, "badHeader", "a header that HTTP does not allow"));
        };
        // Several `Prefer` are as good as one with commas (RFC 7240).
        headers.append(name, value);
    }
    if request.body.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    introduce(&mut headers, ids);
    headers.insert(header::AUTHORIZATION, authorization.clone());
    Ok(headers)
}

/// Adds what calls to Graph and to the login host share.
pub(super) fn introduce(headers: &mut HeaderMap, ids: &Ids) {
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    // A UUID is always a valid header value; were it not, the call would go without.
    if let Ok(id) = HeaderValue::try_from(ids.random().to_string()) {
        headers.insert(CLIENT_REQUEST_ID, id);
    }
}

/// Microsoft's id of the call: at most 100 printable characters of it.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("request-id").or_else(|| headers.get("x-ms-request-id"))?.to_str().ok()?.trim();
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(100).collect();
    (!kept.is_empty()).then_some(kept)
}

/// Our clock minus Microsoft's, in milliseconds, to within a second: `Date` has whole seconds, so half of one is added, and it
/// was written somewhere between sending and receiving, so the middle is taken.
pub(super) fn clock_skew_ms(headers: &HeaderMap, received: DateTime<Utc>, elapsed: Duration) -> Option<i64> {
    let theirs = http_date(headers.get(header::DATE)?.to_str().ok()?)? + TimeDelta::milliseconds(500);
    let half = TimeDelta::from_std(elapsed / 2).ok()?;
    Some(received.checked_sub_signed(half)?.signed_duration_since(theirs).num_milliseconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Workload;

    #[test]
    fn ours_win_over_the_requests_own_and_every_call_has_a_fresh_id() {
        let request = Request::post(Workload::Outlook, "/x", serde_json::json!({}))
            .header("Prefer", "IdType=\"ImmutableId\"")
            .header("prefer", "outlook.timezone=\"UTC\"")
            .header("authorization", "Bearer stolen")
            .header("User-Agent", "other");
        let token = HeaderValue::from_static("Bearer t");
        let ids = Ids::seeded(1);
        let first = of_call(&request, &token, &ids).unwrap();
        assert_eq!(first.get_all("authorization").iter().collect::<Vec<_>>(), ["Bearer t"]);
        assert_eq!(first.get_all("user-agent").iter().collect::<Vec<_>>(), [USER_AGENT]);
        assert_eq!(first.get_all("prefer").iter().count(), 2);
        assert_eq!(first["content-type"], "application/json");
        assert!(USER_AGENT.starts_with("NONISV|Argus|M365Connector/"));

        let second = of_call(&request, &token, &ids).unwrap();
        assert_ne!(first["client-request-id"], second["client-request-id"]);
        assert!(uuid::Uuid::parse_str(first["client-request-id"].to_str().unwrap()).is_ok());
    }

    #[test]
    fn a_header_with_a_line_end_is_refused() {
        let request = Request::get(Workload::Outlook, "/x").header("Prefer", "a\r\nEvil: b");
        assert_eq!(of_call(&request, &HeaderValue::from_static("t"), &Ids::seeded(1)).unwrap_err().code, "badHeader");
    }

    #[test]
    fn skew_is_ours_minus_theirs() {
        let headers = HeaderMap::from_iter([(header::DATE, HeaderValue::from_static("Mon, 23 Nov 2026 20:00:00 GMT"))]);
        let received = "2026-11-23T20:05:01.500Z".parse().unwrap();
        assert_eq!(clock_skew_ms(&headers, received, Duration::from_secs(2)), Some(300_000));
        assert_eq!(clock_skew_ms(&HeaderMap::new(), received, Duration::ZERO), None);
    }

    #[test]
    fn a_request_id_is_bounded_and_printable() {
        let with =
            |value: &str| HeaderMap::from_iter([(HeaderName::from_static("request-id"), HeaderValue::from_str(value).unwrap())]);
        assert_eq!(request_id(&with("ab-1")).as_deref(), Some("ab-1"));
        assert_eq!(request_id(&with(&"x".repeat(5000))).map(|id| id.len()), Some(100));
        assert_eq!(request_id(&with(" ")), None);
    }
}

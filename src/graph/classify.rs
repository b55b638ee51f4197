//! Policy: what an answer, or its absence, means. Pure: the verdict table of the connector.
//!
//! | what happened | repeating does no harm | repeating might |
//! | --- | --- | --- |
//! | no connection was made | transient | transient |
//! | sent, then time-out, reset, or a 2xx cut off or garbled | transient | ambiguous |
//! | 408, 500, 502, 504 and other 5xx | transient | ambiguous |
//! | 429; 503 and 509 with a wait; 504 with a wait if harmless | throttled | throttled |
//! | 503, 423, 509 without a wait | transient | transient |
//! | 3xx: never followed, and no word on the request (a proxy, a front end that moves) | transient | transient |
//! | 401 / 403 / 404, 410 / 409, 412 | unauthorized / forbidden / not found / conflict | the same |
//! | the rest of 4xx, 501, 505, 507 | rejected | rejected |

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    GraphError, Request, Response, ThrottleScope, Verdict, Workload, error_body, headers, retry_after,
    transport::{Answer, Broken, Stage},
};

/// How long a 429 without a `Retry-After` holds.
const UNSAID: TimeDelta = TimeDelta::seconds(5);

/// Reads an answer: the response, or what its failure means.
pub(super) fn answer(answer: Answer, request: &Request, now: DateTime<Utc>) -> Result<Response, GraphError> {
    if !answer.status.is_success() {
        return Err(refused(&answer, request, now));
    }
    let request_id = headers::request_id(&answer.headers);
    let clock_skew_ms = headers::clock_skew_ms(&answer.headers, now, answer.elapsed);
    let status = answer.status.as_u16();
    let lost = |code: &str, message: &str| GraphError {
        status: Some(status),
        request_id: request_id.clone(),
        ..GraphError::unsent(unknown(request), code, message)
    };
    if let Some(cut) = answer.cut {
        return Err(GraphError { source: cut.cause, ..lost(cut.code, "the answer broke off") });
    }
    let body = if answer.body.trim_ascii().is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&answer.body) };
    match body {
        Ok(body) => Ok(Response { status, body, request_id, clock_skew_ms }),
        Err(cause) => Err(GraphError { source: Some(Box::new(cause)), ..lost("malformedBody", "the answer is not JSON") }),
    }
}

/// What it means that no answer came.
pub(super) fn unanswered(broken: Broken, request: &Request) -> GraphError {
    let verdict = match broken.stage {
        Stage::Unsent => Verdict::Transient,
        Stage::Sent => unknown(request),
    };
    GraphError { source: broken.cause, ..GraphError::unsent(verdict, broken.code, "") }
}

fn refused(answer: &Answer, request: &Request, now: DateTime<Utc>) -> GraphError {
    let status = answer.status.as_u16();
    let described = error_body::read(&answer.body);
    let code = match (described.code, status) {
        (code, _) if !code.is_empty() => code,
        (_, 300..=399) => "redirect".to_owned(),
        _ => format!("http{status}"),
    };
    GraphError {
        status: Some(status),
        request_id: headers::request_id(&answer.headers).or(described.request_id),
        detail: described.detail,
        ..GraphError::unsent(verdict(status, retry_after::until(&answer.headers, now), request, now), &code, &described.message)
    }
}

fn verdict(status: u16, wait: Option<DateTime<Utc>>, request: &Request, now: DateTime<Utc>) -> Verdict {
    let throttled = |until| Verdict::Throttled { until, scope: scope(request) };
    match (status, wait) {
        (429, wait) => throttled(wait.unwrap_or(now + UNSAID)),
        (503 | 509, Some(until)) => throttled(until),
        (504, Some(until)) if request.repeatable => throttled(until),
        (423 | 503 | 509 | 300..=399, _) => Verdict::Transient,
        (401, _) => Verdict::Unauthorized,
        (403, _) => Verdict::Forbidden,
        (404 | 410, _) => Verdict::NotFound,
        (409 | 412, _) => Verdict::Conflict,
        (501 | 505 | 507, _) => Verdict::Rejected,
        (408 | 500.., _) => unknown(request),
        _ => Verdict::Rejected,
    }
}

/// It may have taken effect: that matters only where a second time would be one too many.
fn unknown(request: &Request) -> Verdict {
    if request.repeatable { Verdict::Transient } else { Verdict::Ambiguous }
}

/// Exchange counts by mailbox and Teams, at its narrowest, by channel; the other services by application and tenant.
fn scope(request: &Request) -> ThrottleScope {
    match (&request.target, request.workload) {
        (Some(_), Workload::Outlook | Workload::Teams) => ThrottleScope::Target,
        _ => ThrottleScope::Workload,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode, header};
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T20:00:00Z".parse().unwrap()
    }

    fn came(status: u16, retry_after: Option<&str>, body: &str) -> Answer {
        let wait = retry_after.map(|text| (header::RETRY_AFTER, HeaderValue::from_str(text).unwrap()));
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::from_iter(wait),
            body: Bytes::copy_from_slice(body.as_bytes()),
            elapsed: std::time::Duration::ZERO,
            cut: None,
        }
    }

    fn post() -> Request {
        Request::post(Workload::Outlook, "/x", json!({})).target("ann")
    }

    fn judged(status: u16, retry_after: Option<&str>, request: &Request) -> Verdict {
        answer(came(status, retry_after, ""), request, now()).unwrap_err().verdict
    }

    #[test]
    fn the_verdict_follows_the_status_and_whether_a_repeat_does_harm() {
        use Verdict::{Ambiguous, Conflict, Forbidden, NotFound, Rejected, Transient, Unauthorized};
        let table = [
            (302, Transient, Transient),
            (307, Transient, Transient),
            (400, Rejected, Rejected),
            (401, Unauthorized, Unauthorized),
            (403, Forbidden, Forbidden),
            (404, NotFound, NotFound),
            (405, Rejected, Rejected),
            (408, Transient, Ambiguous),
            (409, Conflict, Conflict),
            (410, NotFound, NotFound),
            (412, Conflict, Conflict),
            (413, Rejected, Rejected),
            (422, Rejected, Rejected),
            (423, Transient, Transient),
            (500, Transient, Ambiguous),
            (501, Rejected, Rejected),
            (502, Transient, Ambiguous),
            (503, Transient, Transient),
            (504, Transient, Ambiguous),
            (507, Rejected, Rejected),
            (509, Transient, Transient),
            (520, Transient, Ambiguous),
            (599, Transient, Ambiguous),
        ];
        for (status, harmless, harmful) in table {
            assert_eq!(judged(status, None, &post().repeatable()), harmless, "{status}");
            assert_eq!(judged(status, None, &Request::get(Workload::Outlook, "/x")), harmless, "{status}");
            assert_eq!(judged(status, None, &post()), harmful, "{status}");
        }
    }

    #[test]
    fn a_wait_is_kept_in_full_and_names_what_it_is_for() {
        let until = |seconds, scope| Verdict::Throttled { until: now() + TimeDelta::seconds(seconds), scope };
        assert_eq!(judged(429, Some("7"), &post()), until(7, ThrottleScope::Target));
        assert_eq!(judged(503, Some("Mon, 23 Nov 2026 20:02:00 GMT"), &post()), until(120, ThrottleScope::Target));
        assert_eq!(judged(429, None, &post()), until(5, ThrottleScope::Target));
        assert_eq!(judged(429, Some("7"), &Request::get(Workload::Outlook, "/x")), until(7, ThrottleScope::Workload));
        assert_eq!(
            judged(429, Some("7"), &Request::get(Workload::SharePoint, "/x").target("l")),
            until(7, ThrottleScope::Workload)
        );
        assert_eq!(judged(504, Some("7"), &post()), Verdict::Ambiguous);
        assert_eq!(judged(504, Some("7"), &post().repeatable()), until(7, ThrottleScope::Target));
    }

    #[test]
    fn a_failure_keeps_code_text_annotations_and_id() {
        let body = json!({"error": {"code": "ErrorDuplicateTransactionId", "message": "used", "@event.existingEventId": "AAMk"}});
        let mut with_id = came(400, None, &body.to_string());
        with_id.headers.insert("request-id", HeaderValue::from_static("r-1"));
        let error = answer(with_id, &post(), now()).unwrap_err();
        assert!(error.is("errorduplicatetransactionid"));
        assert_eq!((error.message.as_str(), error.status, error.request_id.as_deref()), ("used", Some(400), Some("r-1")));
        assert_eq!(error.detail["@event.existingEventId"], "AAMk");
        assert_eq!(answer(came(503, None, "<html>"), &post(), now()).unwrap_err().code, "http503");
        assert_eq!(answer(came(307, None, ""), &post(), now()).unwrap_err().code, "redirect");
    }

    #[test]
    fn a_success_that_cannot_be_read_may_have_taken_effect() {
        for body in ["{\"id\":\"AAM", "<html>", "{}{}"] {
            assert_eq!(answer(came(201, None, body), &post(), now()).unwrap_err().verdict, Verdict::Ambiguous);
            assert_eq!(answer(came(200, None, body), &post().repeatable(), now()).unwrap_err().verdict, Verdict::Transient);
        }
        let broken = Broken { stage: Stage::Sent, code: "connection", cause: None };
        let cut = Answer { cut: Some(broken), ..came(201, None, "{}") };
        let error = answer(cut, &post(), now()).unwrap_err();
        assert_eq!((error.verdict, error.status), (Verdict::Ambiguous, Some(201)));
    }

    #[test]
    fn a_success_without_a_body_is_null() {
        for (status, body) in [(204, ""), (202, " \r\n"), (200, "null")] {
            assert_eq!(answer(came(status, None, body), &post(), now()).unwrap().body, Value::Null);
        }
        assert_eq!(answer(came(200, None, "{\"a\":1}"), &post(), now()).unwrap().body, json!({"a": 1}));
    }

    #[test]
    fn without_an_answer_it_matters_whether_anything_was_sent() {
        let broken = |stage| Broken { stage, code: "connection", cause: None };
        assert_eq!(unanswered(broken(Stage::Unsent), &post()).verdict, Verdict::Transient);
        assert_eq!(unanswered(broken(Stage::Sent), &post()).verdict, Verdict::Ambiguous);
        assert_eq!(unanswered(broken(Stage::Sent), &Request::delete(Workload::Outlook, "/x")).verdict, Verdict::Transient);
    }
}

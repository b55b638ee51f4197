//! Graph's error answers: `{"error": {"code", "message", "innerError": {"date", "request-id", "client-request-id"}}}`.
//!
//! Source: Microsoft, "Microsoft Graph error responses and resource types". `code` is data for programs, `message` is not.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::Reply;

/// How a `Retry-After` is written (RFC 9110 section 10.2.3 allows both).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RetryAfter {
    /// As a number of seconds.
    Seconds(u64),
    /// As an HTTP date this many seconds ahead.
    DateIn(u64),
}

impl RetryAfter {
    /// The header's text, and the first instant at which a call keeps to it.
    pub(crate) fn written(self, now: DateTime<Utc>) -> (String, DateTime<Utc>) {
        match self {
            Self::Seconds(seconds) => (seconds.to_string(), now + span(seconds)),
            Self::DateIn(seconds) => {
                let whole = (now + span(seconds)).timestamp();
                let at = DateTime::from_timestamp(whole, 0).unwrap_or(now);
                (httpdate::fmt_http_date(at.into()), at)
            }
        }
    }
}

fn span(seconds: u64) -> chrono::TimeDelta {
    i64::try_from(seconds).ok().and_then(chrono::TimeDelta::try_seconds).unwrap_or(chrono::TimeDelta::MAX)
}

/// Why a request is not answered with success.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) retry_after: Option<RetryAfter>,
    /// Further headers of the answer.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Annotations inside the error object.
    pub(crate) annotations: Vec<(&'static str, String)>,
    /// The request was malformed, undocumented or against a rule of ours: see `Reply::refused`.
    pub(crate) refused: bool,
}

impl Failure {
    /// A documented refusal of a well-formed request.
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { status, code, message, retry_after: None, headers: Vec::new(), annotations: Vec::new(), refused: false }
    }

    /// A 400 for what is malformed, unknown or undocumented.
    pub(crate) fn malformed(code: &'static str, message: impl Into<String>) -> Self {
        Self { refused: true, ..Self::new(400, code, message) }
    }

    /// 404, the item is not there (any more).
    pub(crate) fn item_not_found() -> Self {
        Self::new(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    }

    /// 429, this mailbox has too many calls at once.
    pub(crate) fn throttled(retry_after: RetryAfter) -> Self {
        let text = "Application is over its MailboxConcurrency limit.";
        Self { retry_after: Some(retry_after), ..Self::new(429, "ApplicationThrottled", text) }
    }

    /// 401, the access token is missing, unknown or over.
    pub(crate) fn token(message: &'static str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }

    /// The answer. `ids` are `request-id` and `client-request-id`.
    pub(crate) fn reply(self, now: DateTime<Utc>, ids: (&str, &str)) -> Reply {
        let mut error = Map::new();
        error.insert("code".into(), json!(self.code));
        error.insert("message".into(), json!(self.message));
        for (name, value) in self.annotations {
            error.insert(name.into(), json!(value));
        }
        let date = now.format("%Y-%m-%dT%H:%M:%S").to_string();
        error.insert("innerError".into(), json!({"date": date, "request-id": ids.0, "client-request-id": ids.1}));
        let body = Value::Object(Map::from_iter([("error".to_owned(), Value::Object(error))])).to_string().into_bytes();
        let mut reply = Reply::json(self.status, body);
        reply.refused = self.refused;
        reply.headers.extend(self.headers);
        if let Some(wait) = self.retry_after {
            reply = reply.with("retry-after", wait.written(now).0);
        }
        if self.status == 401 {
            reply = reply.with("www-authenticate", "Bearer realm=\"\"");
        }
        reply
    }
}

//! One call to Microsoft Graph as data: what is asked, and what came back.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Which of Microsoft's services answers: the label of metrics and the scope of throttling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Workload {
    /// Exchange Online: calendars. 4 calls at once per application and mailbox.
    Outlook,
    /// Teams channel messages.
    Teams,
    /// SharePoint lists; counted in resource units.
    SharePoint,
    /// Entra ID: users, groups, the organisation itself; counted in resource units.
    Directory,
}

impl Workload {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Outlook => "outlook",
            Self::Teams => "teams",
            Self::SharePoint => "sharepoint",
            Self::Directory => "directory",
        }
    }
}

/// A call, without host, version or token: the transport adds those.
#[derive(Debug, Clone)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The path below `/v1.0`, every segment already encoded (see [`segment`]): `/users/a%40b/events`.
    pub path: String,
    /// Query options, unencoded, in order.
    pub query: Vec<(&'static str, String)>,
    /// Headers beside those the transport sets (`Authorization`, `client-request-id`, `User-Agent`).
    pub headers: Vec<(&'static str, String)>,
    /// JSON body.
    pub body: Option<Value>,
    /// Who answers.
    pub workload: Workload,
    /// The mailbox, list or channel the call works on, lower-case: at most 4 calls for one are in flight, and a throttle that
    /// names it holds up nothing else. `None` for a call on the tenant as a whole.
    pub target: Option<String>,
    /// Whether sending it twice does no more than sending it once. The transport repeats a call whose connection broke only then.
    pub repeatable: bool,
    /// Whether Microsoft takes the call from a signed-in account alone: the organisation's account makes it, where there is one. Where
    /// there is none, a 401 that does not speak of the token itself is a word on the application, which a fresh token would not change.
    pub delegated: bool,
}

impl Request {
    /// A read. Always repeatable.
    pub fn get(workload: Workload, path: impl Into<String>) -> Self {
        Self::new(Method::GET, workload, path, true)
    }

    /// A creation: not repeatable unless the caller says so with [`Request::repeatable`].
    pub fn post(workload: Workload, path: impl Into<String>, body: Value) -> Self {
        Self { body: Some(body), ..Self::new(Method::POST, workload, path, false) }
    }

    /// A change to the values given; repeatable.
    pub fn patch(workload: Workload, path: impl Into<String>, body: Value) -> Self {
        Self { body: Some(body), ..Self::new(Method::PATCH, workload, path, true) }
    }

    /// A removal; repeatable (the second answers 404).
    pub fn delete(workload: Workload, path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, workload, path, true)
    }

    fn new(method: Method, workload: Workload, path: impl Into<String>, repeatable: bool) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            workload,
            target: None,
            repeatable,
            delegated: false,
        }
    }

    /// Adds a query option; the value is encoded by the transport.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Names the mailbox, list or channel the call works on.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Asks for the signed-in account to make the call: Microsoft takes it from nobody else.
    #[must_use]
    pub fn delegated(mut self) -> Self {
        self.delegated = true;
        self
    }

    /// Says that a repeat does no harm (a creation behind an idempotency key).
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }
}

/// What Graph answered to a call that succeeded (2xx).
#[derive(Debug, Clone)]
pub struct Response {
    /// The status, 200 to 299.
    pub status: u16,
    /// The JSON body; [`Value::Null`] when there was none (204).
    pub body: Value,
    /// Microsoft's `request-id`, for support cases and the audit trail.
    pub request_id: Option<String>,
    /// The difference between Microsoft's `Date` and our clock, in milliseconds (positive: ours is ahead).
    pub clock_skew_ms: Option<i64>,
}

/// Sends calls for one connection. The transport implements it; tests of the capabilities may stand in for it.
pub trait Graph: Send + Sync {
    /// Sends one call and waits for the answer. Never waits for a `Retry-After`: that verdict goes back to the caller.
    fn send(&self, request: Request) -> impl Future<Output = Result<Response, super::GraphError>> + Send;

    /// Follows a link that Graph gave (`@odata.nextLink`) as it is, with the headers, workload and target of the request whose
    /// answer held it. Only to the configured Graph's own origin: anything else is refused unsent (code `foreignLink`).
    fn follow(&self, link: &str, like: &Request) -> impl Future<Output = Result<Response, super::GraphError>> + Send;

    /// Sends up to 20 calls that do not depend on each other, all of one workload and target, as one `$batch` where that is
    /// possible. The answers are in the order of the calls, each judged as if it had been sent alone.
    fn send_all(&self, requests: Vec<Request>) -> impl Future<Output = Vec<Result<Response, super::GraphError>>> + Send {
        async move {
            let mut answers = Vec::with_capacity(requests.len());
            for request in requests {
                answers.push(self.send(request).await);
            }
            answers
        }
    }
}

/// All of `A-Z a-z 0-9 - . _ ~` stay (RFC 3986's unreserved characters), everything else is encoded.
pub(super) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes one path segment, so that no text can add a segment, a query or a fragment of its own.
///
/// A segment of dots alone (`..`) means a step upwards to URL parsers even when it is encoded, as `%2E%2E`; nothing in
/// Graph is called so, and the transport refuses such a path unsent (code `badPath`).
pub fn segment(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(|byte| byte == b'.') {
        return "%2E".repeat(text.len());
    }
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Quotes a text for an OData literal: single quotes doubled, as OData 4.01 (5.1.1.14.1) asks.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_segment() {
        assert_eq!(segment("Ann@x.example"), "Ann%40x.example");
        assert_eq!(segment("a/b?c#d%e\\f g"), "a%2Fb%3Fc%23d%25e%5Cf%20g");
        assert_eq!(segment("\u{e9}"), "%C3%A9");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment(""), "");
    }

    #[test]
    fn a_quote_in_a_literal_is_doubled() {
        assert_eq!(literal("o'Neil' or 1 eq 1"), "'o''Neil'' or 1 eq 1'");
    }
}

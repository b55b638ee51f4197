//! Why a call failed, with the verdict made where the failure is born: what the caller may do next never depends on texts.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// What a caller may do about a failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Passing trouble: nothing was changed, or repeating is harmless. Try again later.
    Transient,
    /// Told to wait. Nothing for this scope may be sent before `until`.
    Throttled {
        /// The earliest instant the server allows (its `Retry-After` in full).
        until: DateTime<Utc>,
        /// What the wait applies to.
        scope: ThrottleScope,
    },
    /// The token endpoint refused the credential or the tenant; nothing will work until an administrator acts.
    Credential,
    /// Graph refused a fresh token (401 twice).
    Unauthorized,
    /// Graph knows us but does not allow this (403).
    Forbidden,
    /// The object, or what holds it, is not there (404, 410).
    NotFound,
    /// The object changed meanwhile, or the key is taken (409, 412).
    Conflict,
    /// The request itself is refused, and will be again.
    Rejected,
    /// Sent, but the answer was lost: it may or may not have taken effect.
    Ambiguous,
}

/// How far a throttle reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThrottleScope {
    /// One mailbox, list or channel: the request's target.
    Target,
    /// The connection's whole use of one workload.
    Workload,
    /// The token endpoint.
    Login,
}

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.summary())]
pub struct GraphError {
    /// What may be done about it.
    pub verdict: Verdict,
    /// The most specific error code of the body (`ErrorItemNotFound`), the token endpoint's `error`, or our own word:
    /// `httpNNN` and `redirect` for an answer that names none; `connect`, `timeout`, `connection`, `tooLarge`, `malformedBody`
    /// for one that did not come or cannot be read; `heldBack`, `foreignLink`, `badPath`, `badHeader`, `badDirectory`,
    /// `badCertificate`, `unsafeUrl` for a call that was refused unsent. Compare without case.
    pub code: String,
    /// Microsoft's text, shortened; for people, never branched on. Empty when there was none.
    pub message: String,
    /// The status, when there was an answer.
    pub status: Option<u16>,
    /// Microsoft's `request-id` (or the token endpoint's `trace_id`).
    pub request_id: Option<String>,
    /// Facts of the error object that a capability may need (`@event.existingEventId`).
    pub detail: serde_json::Value,
    /// How long the call took until it failed.
    pub elapsed: Duration,
    /// The transport's own failure, if that is what it was.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl GraphError {
    /// Compares the code as Microsoft's services spell it: without case.
    pub fn is(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }

    /// A failure without an answer: refused by ourselves, or lost on the way.
    pub(super) fn unsent(verdict: Verdict, code: &str, message: &str) -> Self {
        Self {
            verdict,
            code: code.to_owned(),
            message: message.to_owned(),
            status: None,
            request_id: None,
            detail: serde_json::Value::Null,
            elapsed: Duration::ZERO,
            source: None,
        }
    }

    /// The same failure for another caller who waited for the same thing. The cause stays with the first.
    pub(super) fn for_another(&self) -> Self {
        Self {
            verdict: self.verdict.clone(),
            code: self.code.clone(),
            message: self.message.clone(),
            status: self.status,
            request_id: self.request_id.clone(),
            detail: self.detail.clone(),
            elapsed: self.elapsed,
            source: None,
        }
    }

    fn summary(&self) -> String {
        match self.status {
            Some(status) => format!("Microsoft answered {status} {}", self.code),
            None => format!("Microsoft did not answer ({})", self.code),
        }
    }
}

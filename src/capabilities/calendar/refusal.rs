//! What a failed call to Outlook means for a task. Pure.

use crate::{
    capabilities::{Failure, FailureKind},
    graph::{GraphError, ThrottleScope, Verdict},
};

/// Codes that speak of the mailbox or its owner, not of an event in it (corso, msgraph-sdk-javascript issue 1756,
/// microsoft-graph-docs issue 10481).
const NO_MAILBOX: [&str; 4] = ["MailboxNotEnabledForRESTAPI", "ResourceNotFound", "ErrorInvalidUser", "Request_ResourceNotFound"];

/// Whether there is no such mailbox, for a call that named one event in it.
pub(super) fn mailbox_is_gone(error: &GraphError) -> bool {
    NO_MAILBOX.iter().any(|code| error.is(code))
}

/// Whether there is no such mailbox, for a call on the mailbox's events as a whole: nothing else there can be missing.
pub(super) fn calendar_is_gone(error: &GraphError) -> bool {
    error.verdict == Verdict::NotFound || mailbox_is_gone(error)
}

/// Whether the one event that the call named is gone, from a mailbox that is there.
pub(super) fn event_is_gone(error: &GraphError) -> bool {
    error.verdict == Verdict::NotFound && !mailbox_is_gone(error)
}

/// Whether a creation that came back like this certainly made nothing. A 5xx does not say so, whatever else it says.
pub(super) fn made_nothing(error: &GraphError) -> bool {
    match error.verdict {
        Verdict::Credential | Verdict::Unauthorized | Verdict::Forbidden | Verdict::NotFound | Verdict::Rejected => true,
        Verdict::Throttled { .. } => error.status.is_none_or(|status| status == 429),
        Verdict::Transient | Verdict::Conflict | Verdict::Ambiguous => false,
    }
}

/// The failure of a call to `mailbox`, as the reconciler needs it. Microsoft's text stays out: it may name people.
pub(super) fn failure(mailbox: &str, error: &GraphError) -> Failure {
    let (kind, code, message) = if mailbox_is_gone(error) {
        no_mailbox(error)
    } else {
        match &error.verdict {
            Verdict::NotFound => no_mailbox(error),
            Verdict::Forbidden => (
                FailureKind::Permanent,
                "MAILBOX_ACCESS_DENIED",
                format!(
                    "Microsoft does not let the application into the worker's calendar ({}): grant Calendars.ReadWrite for this mailbox",
                    error.code
                ),
            ),
            Verdict::Rejected => {
                (FailureKind::Permanent, "GRAPH_REJECTED", format!("Microsoft refuses the request: {}", described(error)))
            }
            Verdict::Transient | Verdict::Conflict => (FailureKind::Transient, error.code.as_str(), error.to_string()),
            Verdict::Ambiguous => (FailureKind::Ambiguous, error.code.as_str(), error.to_string()),
            Verdict::Credential | Verdict::Unauthorized => (FailureKind::Connection, error.code.as_str(), error.to_string()),
            Verdict::Throttled { until, scope } => (
                FailureKind::Throttled { until: *until, whole_workload: *scope != ThrottleScope::Target },
                error.code.as_str(),
                error.to_string(),
            ),
        }
    };
    Failure { target: mailbox.to_owned(), kind, code: code.to_owned(), message, graph_request_id: error.request_id.clone() }
}

fn no_mailbox(error: &GraphError) -> (FailureKind, &'static str, String) {
    let message = format!("the worker has no mailbox in Microsoft 365 ({}): check the licence and the name", error.code);
    (FailureKind::Permanent, "MAILBOX_NOT_FOUND", message)
}

fn described(error: &GraphError) -> String {
    match error.status {
        Some(status) => format!("{} ({status})", error.code),
        None => error.code.clone(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::capabilities::calendar::fake;

    fn throttled(status: Option<u16>, scope: ThrottleScope) -> GraphError {
        let until = DateTime::<Utc>::UNIX_EPOCH;
        GraphError { status, verdict: Verdict::Throttled { until, scope }, ..fake::refusal(429, "ApplicationThrottled") }
    }

    #[test]
    fn only_a_certain_refusal_lets_go_of_an_attempt() {
        for certain in [fake::refusal(400, ""), fake::refusal(401, ""), fake::refusal(403, ""), fake::refusal(404, "")] {
            assert!(made_nothing(&certain), "{certain}");
        }
        assert!(made_nothing(&throttled(Some(429), ThrottleScope::Target)));
        assert!(made_nothing(&throttled(None, ThrottleScope::Login)), "no token, nothing sent");
        for open in [fake::refusal(503, ""), fake::refusal(409, ""), throttled(Some(503), ThrottleScope::Target)] {
            assert!(!made_nothing(&open), "{open}");
        }
    }

    #[test]
    fn a_throttle_holds_up_the_mailbox_or_everything() {
        let whole = |scope| match failure("a@x", &throttled(Some(429), scope)).kind {
            FailureKind::Throttled { whole_workload, .. } => whole_workload,
            other => panic!("{other:?}"),
        };
        assert!(!whole(ThrottleScope::Target));
        assert!(whole(ThrottleScope::Workload) && whole(ThrottleScope::Login));
    }

    #[test]
    fn a_refused_token_is_the_connection_s_trouble() {
        assert_eq!(failure("a@x", &fake::refusal(401, "InvalidAuthenticationToken")).kind, FailureKind::Connection);
    }

    #[test]
    fn a_conflict_is_tried_again() {
        assert_eq!(failure("a@x", &fake::refusal(412, "ErrorIrresolvableConflict")).kind, FailureKind::Transient);
    }
}

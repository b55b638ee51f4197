//! What a refused card means for its outage. Pure.

use super::{call::Send, desk::WebhookError, marker::Step};
use crate::{
    capabilities::{Failure, FailureKind},
    graph::{GraphError, Verdict},
};

/// Why a card did not get through, and whether it may stand there all the same.
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// It may have been taken.
    pub(super) maybe: bool,
    /// The message that it was to go under is gone.
    pub(super) rootless: bool,
}

/// Graph's refusal of a card.
pub(super) fn by_graph(send: &Send, error: &GraphError) -> Refused {
    let failure = graph_failure(&send.channel.target, error);
    let rootless = send.step() == Step::Reply && error.verdict == Verdict::NotFound;
    let certain = match error.verdict {
        Verdict::Credential | Verdict::Unauthorized | Verdict::Forbidden | Verdict::NotFound | Verdict::Rejected => true,
        // What was not sent was not taken; a 5xx does not say so, whatever else it says.
        Verdict::Throttled { .. } => error.status.is_none_or(|status| status == 429),
        Verdict::Transient => error.status.is_none(),
        Verdict::Conflict | Verdict::Ambiguous => false,
    };
    Refused { failure, maybe: !certain, rootless }
}

/// Graph's refusal of any call to a channel. Microsoft's text stays out: it may name people.
pub(super) fn graph_failure(target: &str, error: &GraphError) -> Failure {
    let told = || error.to_string();
    let (kind, code, message) = match &error.verdict {
        Verdict::Unauthorized if !error.is("InvalidAuthenticationToken") => (
            FailureKind::Permanent,
            "TEAMS_APP_ONLY_FORBIDDEN",
            "Microsoft takes channel messages from a signed-in account only, not from an application: sign an account in with \
             startTeamsSignIn (`connection teams-sign-in`), or set the channel to WORKFLOW_WEBHOOK, which works without one"
                .to_owned(),
        ),
        Verdict::Forbidden => (
            FailureKind::Permanent,
            "CHANNEL_ACCESS_DENIED",
            format!("Microsoft does not let the account post in the channel ({}): make it a member of the team", error.code),
        ),
        Verdict::NotFound => (
            FailureKind::Permanent,
            "CHANNEL_NOT_FOUND",
            format!("there is no such team or channel ({}): check teamId and channelId", error.code),
        ),
        Verdict::Rejected if error.status == Some(413) => (FailureKind::Permanent, "CARD_TOO_LARGE", told()),
        Verdict::Rejected => (FailureKind::Permanent, "GRAPH_REJECTED", format!("Microsoft refuses the request: {}", error.code)),
        Verdict::Transient | Verdict::Conflict => (FailureKind::Transient, error.code.as_str(), told()),
        Verdict::Ambiguous => (FailureKind::Ambiguous, error.code.as_str(), told()),
        Verdict::Credential | Verdict::Unauthorized => (FailureKind::Connection, error.code.as_str(), told()),
        // Ten per second and tenant, or one per second and channel: Microsoft does not say which. Either way this channel waits.
        Verdict::Throttled { until, .. } => {
            (FailureKind::Throttled { until: *until, whole_workload: false }, error.code.as_str(), told())
        }
    };
    Failure { target: target.to_owned(), kind, code: code.to_owned(), message, graph_request_id: error.request_id.clone() }
}

/// A webhook's refusal of a card.
pub(super) fn by_webhook(target: &str, error: &WebhookError) -> Refused {
    let (kind, code, message, maybe) = match error {
        WebhookError::Throttled(until) => (
            FailureKind::Throttled { until: *until, whole_workload: false },
            "WEBHOOK_THROTTLED".to_owned(),
            "the webhook asked to wait".to_owned(),
            false,
        ),
        WebhookError::Unavailable(code, message) => (FailureKind::Transient, code.clone(), message.clone(), false),
        WebhookError::Rejected(what) => (
            FailureKind::Permanent,
            "WEBHOOK_REJECTED".to_owned(),
            format!(
                "the webhook refuses the card ({what}): check in Power Automate that the flow exists, is switched on, that its \
                 trigger lets anyone call it and that its owner still has a licence; then set the channel with the flow's \
                 current URL"
            ),
            false,
        ),
        WebhookError::TooLarge => {
            (FailureKind::Permanent, "CARD_TOO_LARGE".to_owned(), "the webhook refuses the card for its size".to_owned(), false)
        }
        WebhookError::Lost(code) => (
            FailureKind::Ambiguous,
            code.clone(),
            "the card was sent and the webhook's answer lost: it may have been posted".to_owned(),
            true,
        ),
    };
    let failure = Failure { target: target.to_owned(), kind, code, message, graph_request_id: None };
    Refused { failure, maybe, rootless: false }
}

/// A card that is left to a person.
pub(super) fn held(target: &str) -> Failure {
    Failure {
        target: target.to_owned(),
        kind: FailureKind::Permanent,
        code: "POSSIBLY_POSTED".into(),
        message:
            "the answer to the card was lost, and teams.unknown_policy is hold: look into the channel; replay this to send the \
                  card again, discard it if it stands there"
                .into(),
        graph_request_id: None,
    }
}

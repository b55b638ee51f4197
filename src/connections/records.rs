//! What the audit trail and other systems hear of a connection.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Actor, ConnectionError};
use crate::{
    capabilities::Outcome,
    events::{Telling, outgoing},
    ids::Ids,
    organisation::OrgScope,
    store::{ConnectionState, NewAuditEntry, OutgoingEvent},
};

/// The audit target of everything about a connection.
const TARGET: &str = "connection";

/// An audit entry about the connection.
pub(super) fn entry(actor: &Actor, at: DateTime<Utc>, action: &str, outcome: Outcome, detail: Value) -> NewAuditEntry {
    NewAuditEntry {
        at,
        actor: actor.name.clone(),
        action: action.to_owned(),
        target: TARGET.to_owned(),
        outcome,
        detail,
        personal: Vec::new(),
        correlation_id: actor.correlation_id.clone(),
        graph_request_id: None,
    }
}

/// Why a registration was refused, for the audit trail: the code that the caller got, and the field. Nothing for a failure of ours.
pub(super) fn refusal(error: &ConnectionError) -> Option<Value> {
    match error {
        ConnectionError::Invalid { field, .. } => Some(json!({ "code": "BAD_USER_INPUT", "field": field })),
        ConnectionError::CredentialRejected(_) => Some(json!({ "code": "CREDENTIAL_REJECTED" })),
        ConnectionError::Unreachable(_) => Some(json!({ "code": "GRAPH_UNAVAILABLE" })),
        ConnectionError::Conflict => Some(json!({ "code": "CONFLICT" })),
        ConnectionError::NoConnection | ConnectionError::Store(_) | ConnectionError::Vault(_) => None,
    }
}

/// The audit entry and the outgoing event of a change of state.
pub(super) fn state_changed(
    scope: &OrgScope,
    actor: &Actor,
    ids: &Ids,
    now: DateTime<Utc>,
    (from, to): (ConnectionState, ConnectionState),
    reason: Option<&str>,
) -> (NewAuditEntry, OutgoingEvent) {
    let detail = json!({ "from": word(from), "to": word(to), "reason": reason });
    let data = json!({ "from": word(from), "to": word(to), "reason": reason, "remedy": remedy(to) });
    let told = outgoing(Telling {
        id: ids.ordered(now).to_string(),
        organisation: scope.organisation(),
        topic: "connection.state-changed",
        object: Some(TARGET.to_owned()),
        time: now,
        cause: None,
        trace: None,
        data,
    });
    (entry(actor, now, "connection.state-changed", Outcome::Succeeded, detail), told)
}

fn word(state: ConnectionState) -> String {
    state.label().to_uppercase()
}

/// What a person can do about a state.
fn remedy(state: ConnectionState) -> Option<&'static str> {
    match state {
        ConnectionState::Disabled => Some(
            "Check the directory id, the application id and the secret in Microsoft Entra (App registrations, Certificates & \
             secrets), then register the connection again with registerConnection.",
        ),
        ConnectionState::Degraded => Some("Nothing yet: it is tried again. Run testConnection to see which part fails."),
        ConnectionState::Unverified | ConnectionState::Active => None,
    }
}

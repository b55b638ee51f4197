//! What a failed call to a list means for a zone. Pure.

use super::{call::Call, target::Target};
use crate::{
    capabilities::{Failure, FailureKind},
    graph::{GraphError, ThrottleScope, Verdict},
};

/// Whether a creation that came back like this certainly made nothing. A 5xx does not say so, whatever else it says.
pub(super) fn made_nothing(error: &GraphError) -> bool {
    match error.verdict {
        Verdict::Credential
        | Verdict::Unauthorized
        | Verdict::Forbidden
        | Verdict::NotFound
        | Verdict::Rejected
        | Verdict::Conflict => true,
        Verdict::Throttled { .. } => error.status.is_none_or(|status| status == 429),
        Verdict::Transient | Verdict::Ambiguous => false,
    }
}

/// Whether the list may have refused a creation because its unique value is taken. The code of that is not documented, so every
/// refusal of the content is looked into. Only an indexed column can enforce unique values.
pub(super) fn may_be_taken(target: &Target, error: &GraphError) -> bool {
    target.match_column.indexed && matches!(error.status, Some(400 | 409 | 412))
}

/// The failure of a call, as the reconciler needs it. Microsoft's text stays out of it.
pub(super) fn failure(target: &Target, zone: &str, call: &Call, error: &GraphError) -> Failure {
    let (kind, code, message) = match &error.verdict {
        Verdict::NotFound => {
            let message = format!("the list is not there ({}): set the target again", error.code);
            (FailureKind::Permanent, "LIST_NOT_FOUND", message)
        }
        Verdict::Forbidden => {
            let message = format!(
                "Microsoft does not let the application into the list ({}): grant it write access to the site (Sites.Selected), or Sites.ReadWrite.All",
                error.code
            );
            (FailureKind::Permanent, "LIST_ACCESS_DENIED", message)
        }
        Verdict::Rejected => match sent_columns(call) {
            Some(columns) => (FailureKind::Permanent, "COLUMN_REJECTED", rejected(zone, &columns, error)),
            None => (FailureKind::Permanent, "GRAPH_REJECTED", format!("Microsoft refuses the request: {}", described(error))),
        },
        Verdict::Transient | Verdict::Conflict => (FailureKind::Transient, error.code.as_str(), said(zone, call, error)),
        Verdict::Ambiguous if sent_columns(call).is_none() => (FailureKind::Transient, error.code.as_str(), error.to_string()),
        Verdict::Ambiguous => (FailureKind::Ambiguous, error.code.as_str(), said(zone, call, error)),
        Verdict::Credential | Verdict::Unauthorized => (FailureKind::Connection, error.code.as_str(), error.to_string()),
        Verdict::Throttled { until, scope } => (
            FailureKind::Throttled { until: *until, whole_workload: *scope != ThrottleScope::Target },
            error.code.as_str(),
            error.to_string(),
        ),
    };
    Failure { target: target.key(), kind, code: code.to_owned(), message, graph_request_id: error.request_id.clone() }
}

/// What came back for what was sent. SharePoint answers some values that a column does not take with a 500 that names neither: so the
/// zone and the columns are named here.
fn said(zone: &str, call: &Call, error: &GraphError) -> String {
    match sent_columns(call) {
        Some(columns) => format!("zone {zone}, columns {}: {error}", columns.join(", ")),
        None => error.to_string(),
    }
}

/// The columns that a call sends.
fn sent_columns(call: &Call) -> Option<Vec<&str>> {
    match call {
        Call::Create { content, .. } => Some(content.columns()),
        Call::Update { changed, .. } => Some(changed.columns()),
        Call::LookUp { .. } | Call::Read { .. } | Call::Delete { .. } => None,
    }
}

/// Names the column that Microsoft names, or all that were sent.
fn rejected(zone: &str, columns: &[&str], error: &GraphError) -> String {
    let named: Vec<&str> = columns.iter().copied().filter(|column| error.message.contains(column)).collect();
    let named = if named.is_empty() { columns } else { &named };
    let what = if named.len() == 1 { "column" } else { "one of the columns" };
    format!("zone {zone}: {what} {} does not take its value: {}", named.join(", "), described(error))
}

fn described(error: &GraphError) -> String {
    match error.status {
        Some(status) => format!("{} ({status})", error.code),
        None => error.code.clone(),
    }
}

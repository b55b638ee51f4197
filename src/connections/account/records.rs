//! What the audit trail and other systems hear of the account.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{
    capabilities::Outcome,
    connections::{Actor, records::entry},
    events::{Telling, outgoing},
    ids::Ids,
    organisation::OrgScope,
    store::{NewAuditEntry, OutgoingEvent},
};

/// The audit target, and the outgoing event's subject.
pub(super) const TARGET: &str = "connection/teams-account";

/// What a person can do about a lost sign-in.
pub(super) const REMEDY: &str = "Sign in again: startTeamsSignIn, or `argus-m365 connection teams-sign-in`.";

fn of_account(entry: NewAuditEntry) -> NewAuditEntry {
    NewAuditEntry { target: TARGET.to_owned(), ..entry }
}

pub(super) fn started(actor: &Actor, at: DateTime<Utc>, scopes: &str) -> NewAuditEntry {
    of_account(entry(actor, at, "connection.teams-sign-in", Outcome::Intended, json!({ "scopes": scopes })))
}

/// Who signed in is kept aside, as everything that names somebody.
pub(super) fn signed_in(actor: &Actor, at: DateTime<Utc>, name: Option<&str>) -> NewAuditEntry {
    let personal = name.map(|name| ("userPrincipalName".to_owned(), name.to_owned())).into_iter().collect();
    let entry = entry(actor, at, "connection.teams-signed-in", Outcome::Succeeded, json!({}));
    NewAuditEntry { personal, ..of_account(entry) }
}

pub(super) fn failed(actor: &Actor, at: DateTime<Utc>, reason: &str) -> NewAuditEntry {
    of_account(entry(actor, at, "connection.teams-sign-in", Outcome::Failed, json!({ "reason": reason })))
}

pub(super) fn removed(actor: &Actor, at: DateTime<Utc>) -> NewAuditEntry {
    of_account(entry(actor, at, "connection.teams-account-removed", Outcome::Succeeded, json!({})))
}

/// The audit entry and the outgoing event of a lost sign-in.
pub(super) fn lost(scope: &OrgScope, ids: &Ids, now: DateTime<Utc>, reason: &str) -> (NewAuditEntry, OutgoingEvent) {
    let detail = json!({ "reason": reason });
    let told = outgoing(Telling {
        id: ids.ordered(now).to_string(),
        organisation: scope.organisation(),
        topic: "connection.teams-account-lost",
        object: Some(TARGET.to_owned()),
        time: now,
        cause: None,
        trace: None,
        data: json!({ "reason": reason, "remedy": REMEDY }),
    });
    (of_account(entry(&Actor::system(), now, "connection.teams-account-lost", Outcome::Failed, detail)), told)
}

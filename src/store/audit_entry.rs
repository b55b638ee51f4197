//! An entry as it is stored, read from its row or from its line of a sheet.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    AuditRecord, NewAuditEntry,
    audit_chain::{commitments_from_json, hash_from_hex},
    db::{Failure, Row},
    values,
};
use crate::{
    audit::{Commitment, Entry, Link, Salt, Verifier},
    capabilities::Outcome,
};

/// A fact with its salt.
pub(super) struct Fact {
    pub(super) field: String,
    pub(super) salt: Vec<u8>,
    pub(super) value: String,
}

/// The facts of several entries, by number.
pub(super) type Facts = BTreeMap<u64, Vec<Fact>>;

/// An entry as it is stored.
pub(super) struct Stored {
    at: i64,
    actor: String,
    action: String,
    target: String,
    outcome: String,
    detail: String,
    personal: Vec<Commitment>,
    correlation_id: Option<String>,
    graph_request_id: Option<String>,
    pub(super) link: Link,
}

/// An entry's line in a sheet: the columns of its row in their order, hashes as hexadecimal.
#[derive(Deserialize)]
pub(super) struct Line(u64, i64, String, String, String, String, String, String, Option<String>, Option<String>, String, String);

impl TryFrom<Line> for Stored {
    type Error = Failure;

    fn try_from(line: Line) -> Result<Self, Failure> {
        let Line(seq, at, actor, action, target, outcome, detail, personal, correlation_id, graph_request_id, previous, hash) =
            line;
        let bytes = |text: &str| hash_from_hex(text).ok_or(Failure::Unreadable("hash"));
        let personal = commitments_from_json(&personal)?;
        Ok(Self {
            at,
            actor,
            action,
            target,
            outcome,
            detail,
            personal,
            correlation_id,
            graph_request_id,
            link: Link { seq, previous: bytes(&previous)?, hash: bytes(&hash)? },
        })
    }
}

impl Stored {
    pub(super) fn read(row: &Row) -> Result<Self, Failure> {
        Ok(Self {
            at: row.int(1)?,
            actor: row.text(2)?,
            action: row.text(3)?,
            target: row.text(4)?,
            outcome: row.text(5)?,
            detail: row.text(6)?,
            personal: commitments_from_json(&row.text(7)?)?,
            correlation_id: row.maybe_text(8)?,
            graph_request_id: row.maybe_text(9)?,
            link: Link { seq: row.count(0)?, previous: values::bytes32(row, 10)?, hash: values::bytes32(row, 11)? },
        })
    }

    /// What its hash covers.
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            at: self.at,
            actor: &self.actor,
            action: &self.action,
            target: &self.target,
            outcome: &self.outcome,
            detail: &self.detail,
            personal: &self.personal,
            correlation_id: self.correlation_id.as_deref(),
            graph_request_id: self.graph_request_id.as_deref(),
        }
    }

    /// Hands it to the verifier, with the personal facts that are left of it.
    pub(super) fn check(&self, verifier: &mut Verifier, facts: Vec<Fact>) {
        verifier.entry(&self.link, &self.entry());
        for fact in facts {
            let commitment = self.personal.iter().find(|commitment| commitment.field == fact.field);
            let salt: Option<Salt> = fact.salt.try_into().ok();
            if !commitment.zip(salt).is_some_and(|(commitment, salt)| commitment.opens(&fact.value, &salt)) {
                verifier.fault(self.link.seq, "a personal fact does not match its commitment".to_owned());
            }
        }
    }

    /// As people see it.
    pub(super) fn into_record(self, facts: Vec<Fact>) -> Result<AuditRecord, Failure> {
        let mut detail: serde_json::Value = values::from_json(&self.detail, "audit detail")?;
        let personal: Vec<(String, String)> = facts.into_iter().map(|fact| (fact.field, fact.value)).collect();
        if let Some(fields) = detail.as_object_mut() {
            fields.extend(personal.iter().map(|(field, value)| (field.clone(), value.as_str().into())));
        }
        let entry = NewAuditEntry {
            at: values::from_micros(self.at)?,
            actor: self.actor,
            action: self.action,
            target: self.target,
            outcome: outcome(&self.outcome)?,
            detail,
            personal,
            correlation_id: self.correlation_id,
            graph_request_id: self.graph_request_id,
        };
        Ok(AuditRecord { entry, link: self.link })
    }
}

fn outcome(label: &str) -> Result<Outcome, Failure> {
    use Outcome::{Failed, Intended, Succeeded, Superseded, Unknown};
    let all = [Intended, Succeeded, Failed, Unknown, Superseded];
    all.into_iter().find(|outcome| outcome.label() == label).ok_or(Failure::Unreadable("audit outcome"))
}

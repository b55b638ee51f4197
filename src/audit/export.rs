//! A trail on paper: entries as JSON lines with everything that their hashes cover, so that whoever receives them can check the chain
//! without the database and without this program (`docs/audit/verify_export.py`).

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Commitment, Entry, FORM, Head, Link, Salt, Verification, verify::Verifier};
use crate::{
    hex::{hex, unhex},
    organisation::OrganisationId,
};

/// One line. Nothing else may stand in it: no hash would cover that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportedEntry {
    /// Whose.
    pub organisation: String,
    /// The version of the canonical form.
    pub form: u8,
    /// Its place: 1, 2, 3, …
    pub seq: u64,
    /// When, for people (RFC 3339).
    pub at: String,
    /// When, as it is hashed: microseconds since 1970 UTC.
    pub at_micros: i64,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// On what.
    pub target: String,
    /// How it went.
    pub outcome: String,
    /// The facts for people, those that name somebody among them unless they were erased.
    pub detail: Value,
    /// The facts that name nobody, as the JSON text that is hashed.
    pub canonical_detail: String,
    /// What the chain holds of the facts that name somebody.
    pub commitments: Vec<ExportedCommitment>,
    /// Those of them that were not erased, with what opens their commitments.
    pub personal: Vec<ExportedFact>,
    /// The correlation id.
    pub correlation_id: Option<String>,
    /// Microsoft's `request-id`.
    pub graph_request_id: Option<String>,
    /// The hash before it.
    pub previous_hash: String,
    /// Its hash.
    pub hash: String,
}

/// A commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedCommitment {
    /// The fact's name.
    pub field: String,
    /// SHA-256 over salt, name and value, hexadecimal.
    pub digest: String,
}

/// A fact that names somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedFact {
    /// Its name.
    pub field: String,
    /// What it says.
    pub value: String,
    /// What it was committed with, hexadecimal.
    pub salt: String,
}

impl ExportedEntry {
    /// A line of an entry as it is stored. `facts` are those that were not erased: name, value, salt. A detail that is no JSON object is
    /// shown as it is.
    pub fn of(organisation: &OrganisationId, link: &Link, entry: &Entry<'_>, facts: &[(String, String, Vec<u8>)]) -> Self {
        let instant = DateTime::from_timestamp_micros(entry.at).unwrap_or_default();
        let commitment = |one: &Commitment| ExportedCommitment { field: one.field.clone(), digest: hex(&one.digest) };
        let personal: Vec<ExportedFact> = facts
            .iter()
            .map(|(field, value, salt)| ExportedFact { field: field.clone(), value: value.clone(), salt: hex(salt) })
            .collect();
        Self {
            organisation: organisation.to_string(),
            form: FORM,
            seq: link.seq,
            at: instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            at_micros: entry.at,
            actor: entry.actor.to_owned(),
            action: entry.action.to_owned(),
            target: entry.target.to_owned(),
            outcome: entry.outcome.to_owned(),
            detail: shown(entry.detail, &personal),
            canonical_detail: entry.detail.to_owned(),
            commitments: entry.personal.iter().map(commitment).collect(),
            personal,
            correlation_id: entry.correlation_id.map(str::to_owned),
            graph_request_id: entry.graph_request_id.map(str::to_owned),
            previous_hash: hex(&link.previous),
            hash: hex(&link.hash),
        }
    }

    /// What the hash covers, and the commitments that its facts do not open.
    fn check(&self, verifier: &mut Verifier) -> Option<()> {
        let bytes32 = |text: &str| unhex(text)?.try_into().ok();
        let commitments: Vec<Commitment> = self
            .commitments
            .iter()
            .map(|one| Some(Commitment { field: one.field.clone(), digest: bytes32(&one.digest)? }))
            .collect::<Option<_>>()?;
        let link = Link { seq: self.seq, previous: bytes32(&self.previous_hash)?, hash: bytes32(&self.hash)? };
        let entry = Entry {
            at: self.at_micros,
            actor: &self.actor,
            action: &self.action,
            target: &self.target,
            outcome: &self.outcome,
            detail: &self.canonical_detail,
            personal: &commitments,
            correlation_id: self.correlation_id.as_deref(),
            graph_request_id: self.graph_request_id.as_deref(),
        };
        verifier.entry(&link, &entry);
        if self.form != FORM {
            verifier.fault(self.seq, "this program does not know its form".to_owned());
        }
        for fact in &self.personal {
            let commitment = commitments.iter().find(|one| one.field == fact.field);
            let salt: Option<Salt> = unhex(&fact.salt).and_then(|salt| salt.try_into().ok());
            if !commitment.zip(salt).is_some_and(|(commitment, salt)| commitment.opens(&fact.value, &salt)) {
                verifier.fault(self.seq, "a personal fact does not match its commitment".to_owned());
            }
        }
        let instant = DateTime::parse_from_rfc3339(&self.at).ok().map(|at| at.timestamp_micros());
        if instant != Some(self.at_micros) {
            verifier.fault(self.seq, "`at` is not the instant that the hash covers".to_owned());
        }
        if self.detail != shown(&self.canonical_detail, &self.personal) {
            verifier.fault(self.seq, "`detail` is not what the hash covers".to_owned());
        }
        Some(())
    }
}

/// The facts as people read them.
fn shown(canonical: &str, personal: &[ExportedFact]) -> Value {
    let mut detail = serde_json::from_str(canonical).unwrap_or_else(|_| Value::from(canonical));
    if let Some(fields) = detail.as_object_mut() {
        fields.extend(personal.iter().map(|fact| (fact.field.clone(), Value::from(fact.value.as_str()))).collect::<Map<_, _>>());
    }
    detail
}

/// Checks an export, line by line, in constant memory. Where it ends is taken for the chain's end: that it was cut off, only a
/// checkpoint can show.
#[derive(Debug)]
pub struct ExportVerifier {
    organisation: OrganisationId,
    verifier: Verifier,
    head: Head,
    lines: u64,
}

impl ExportVerifier {
    /// Starts before the first line. `checkpoints`: where signed checkpoints say that the chain stood once.
    pub fn new(organisation: OrganisationId, checkpoints: &[Head]) -> Self {
        let (verifier, head) = (Verifier::new(&organisation).anchored(checkpoints), Head::start(&organisation));
        Self { organisation, verifier, head, lines: 0 }
    }

    /// Takes the next line.
    pub fn line(&mut self, line: &str) {
        self.lines += 1;
        let entry = serde_json::from_str::<ExportedEntry>(line).ok();
        let at = self.lines;
        let Some(entry) = entry else { return self.verifier.fault(at, "the line is no entry of an export".to_owned()) };
        if entry.organisation != self.organisation.as_str() {
            self.verifier.fault(at, "it belongs to another organisation".to_owned());
        }
        if entry.check(&mut self.verifier).is_none() {
            self.verifier.fault(at, "it holds a hash that is none".to_owned());
        }
        if let Some(hash) = unhex(&entry.hash).and_then(|hash| hash.try_into().ok()) {
            self.head = Head { seq: entry.seq, hash };
        }
    }

    /// Says what was found.
    pub fn finish(self) -> Verification {
        self.verifier.finish(self.head)
    }
}

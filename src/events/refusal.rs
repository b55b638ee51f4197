//! What is said of an event that cannot become wanted state.

use super::{EventContext, ObjectKind};
use crate::organisation::OrgScope;

/// Why an event was refused: the dead letter's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// The CloudEvents envelope cannot be read, or its type does not fit the subject it came on.
    InvalidEnvelope,
    /// A field of `data` is missing or impossible.
    InvalidData,
    /// The type fits the subject, but is none that this release knows.
    UnknownType,
    /// `orgid` names another organisation than the subject.
    OrganisationMismatch,
    /// Larger than an event may be.
    TooLarge,
}

impl RefusalCode {
    /// The published word.
    pub fn label(self) -> &'static str {
        match self {
            Self::InvalidEnvelope => "INVALID_ENVELOPE",
            Self::InvalidData => "INVALID_DATA",
            Self::UnknownType => "UNKNOWN_TYPE",
            Self::OrganisationMismatch => "ORGANISATION_MISMATCH",
            Self::TooLarge => "TOO_LARGE",
        }
    }
}

/// An event that is set aside for a person.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Whose, by the subject.
    pub scope: OrgScope,
    /// Why.
    pub code: RefusalCode,
    /// Why, in words. Never repeats what the event says: a text of it may name somebody.
    pub message: String,
    /// Where, as a JSON pointer into the envelope; `None` when the envelope itself cannot be read.
    pub pointer: Option<String>,
    /// The event, when its attributes could be read.
    pub context: Option<EventContext>,
    /// The object, when its id could be read.
    pub object: Option<(ObjectKind, String)>,
    /// The envelope as JSON text (a binary-mode event as it would be in structured mode), or `{"base64": …}` when the
    /// message is not JSON. An event that is too large is kept without its `data`.
    pub payload: String,
}

/// What is wrong, and where: a refusal before it is known whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) code: RefusalCode,
    pub(super) pointer: Option<String>,
    pub(super) message: String,
}

impl Problem {
    /// Of the envelope, at this attribute.
    pub(super) fn envelope(attribute: &str, message: impl Into<String>) -> Self {
        Self { code: RefusalCode::InvalidEnvelope, pointer: Some(format!("/{attribute}")), message: message.into() }
    }
}

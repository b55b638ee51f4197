//! Why a directory could not be read: the code that the import's failure shows.

use crate::graph::{GraphError, Verdict};

/// A read that did not come to its end. The import fails, and nothing of it is applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ReadTrouble {
    /// The operation's error code.
    pub code: &'static str,
    /// In words, without personal data.
    pub message: String,
    /// Microsoft's `request-id`, when an answer caused it.
    pub graph_request_id: Option<String>,
}

impl ReadTrouble {
    /// The code of a delta link that Microsoft no longer takes: everything must be read anew.
    pub const DELTA_REFUSED: &str = "DELTA_REFUSED";

    /// The answers do not add up to a complete read: a link that repeats or leads away, an entry that cannot be read, an end that is none.
    pub fn incomplete(message: impl Into<String>) -> Self {
        Self { code: "INCOMPLETE_READ", message: message.into(), graph_request_id: None }
    }

    /// More than the connector is made for. Never cut short: what is left out would look as if it were gone.
    pub fn too_much(message: impl Into<String>) -> Self {
        Self { code: "LIMIT_EXCEEDED", message: message.into(), graph_request_id: None }
    }
}

impl From<GraphError> for ReadTrouble {
    fn from(error: GraphError) -> Self {
        let code = match error.verdict {
            _ if error.is("foreignLink") || error.is("tooLarge") => "INCOMPLETE_READ",
            Verdict::Transient | Verdict::Ambiguous => "GRAPH_UNAVAILABLE",
            Verdict::Throttled { .. } => "GRAPH_THROTTLED",
            Verdict::Credential | Verdict::Unauthorized => "CREDENTIAL_REJECTED",
            Verdict::Forbidden => "CONSENT_MISSING",
            Verdict::NotFound | Verdict::Conflict | Verdict::Rejected => "GRAPH_REJECTED",
        };
        // Microsoft's own text may name people; its code never does.
        Self { code, message: error.to_string(), graph_request_id: error.request_id }
    }
}

/// Which of Microsoft's permissions reads what, for the message of a refusal.
pub fn read_by(trouble: ReadTrouble, permission: &str) -> ReadTrouble {
    if trouble.code == "CONSENT_MISSING" {
        let message = format!("{}; the application needs {permission}, with an administrator's consent", trouble.message);
        return ReadTrouble { message, ..trouble };
    }
    trouble
}

//! Checkpoints: where a chain stood at an instant, signed, and kept where whoever can write the database cannot.
//!
//! A chain alone cannot show that its tail was cut together with its head row, or that it was replaced as a whole: whatever is left
//! verifies. A checkpoint in a file on another machine, or in the stream, can: the chain must still hold that entry.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Head, form::framed};
use crate::hex::{hex, unhex};

/// Told apart from everything else that a key of ours may sign.
const TAG: &[u8] = b"argus-m365/audit/checkpoint/1";

/// Where a chain stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose chain.
    pub organisation: String,
    /// Its end then.
    pub head: Head,
    /// When, microseconds since 1970 UTC.
    pub at: i64,
}

/// A checkpoint with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// Ed25519, 64 bytes.
    pub signature: Vec<u8>,
}

impl Checkpoint {
    /// The bytes that are signed: every part with its length, so that no two checkpoints have the same.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let (seq, at) = (self.head.seq.to_le_bytes(), self.at.to_le_bytes());
        framed(&[TAG, self.organisation.as_bytes(), &seq, &self.head.hash, &at])
    }
}

impl SignedCheckpoint {
    /// One line of the checkpoint file, and the data of the event.
    pub fn to_json(&self) -> Value {
        let Checkpoint { organisation, head, at } = &self.checkpoint;
        json!({
            "organisation": organisation, "entries": head.seq, "head": hex(&head.hash), "at": at,
            "signature": STANDARD.encode(&self.signature),
        })
    }

    /// Reads what [`SignedCheckpoint::to_json`] wrote; `None` for anything else. The signature is not checked.
    pub fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let hash = unhex(text("head")?)?.try_into().ok()?;
        Some(Self {
            checkpoint: Checkpoint {
                organisation: text("organisation")?.to_owned(),
                head: Head { seq: value.get("entries")?.as_u64()?, hash },
                at: value.get("at")?.as_i64()?,
            },
            signature: STANDARD.decode(text("signature")?).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> SignedCheckpoint {
        let checkpoint = Checkpoint { organisation: "acme".into(), head: Head { seq: 7, hash: [9; 32] }, at: 1 };
        SignedCheckpoint { checkpoint, signature: vec![3; 64] }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        assert_eq!(SignedCheckpoint::from_json(&signed().to_json()), Some(signed()));
    }

    #[test]
    fn what_is_no_checkpoint_is_not_taken_for_one() {
        for name in ["organisation", "entries", "head", "at", "signature"] {
            let mut value = signed().to_json();
            value[name] = Value::Bool(true);
            assert_eq!(SignedCheckpoint::from_json(&value), None, "{name}");
        }
        assert_eq!(SignedCheckpoint::from_json(&Value::Null), None);
    }

    #[test]
    fn every_part_of_a_checkpoint_is_signed() {
        let checkpoint = signed().checkpoint;
        let changes: [fn(&mut Checkpoint); 4] = [
            |changed| changed.organisation = "acm".into(),
            |changed| changed.head.seq = 8,
            |changed| changed.head.hash[31] = 8,
            |changed| changed.at = 2,
        ];
        for change in changes {
            let mut other = checkpoint.clone();
            change(&mut other);
            assert_ne!(other.signed_bytes(), checkpoint.signed_bytes());
        }
    }
}

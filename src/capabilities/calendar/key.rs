//! How an event of ours is known: by our reference, and by the key that makes its creation harmless to repeat.

use uuid::Uuid;

use crate::{capabilities::Work, organisation::OrganisationId};

/// The single-value extended property that carries our reference. The name part is case-sensitive; always written and asked for
/// in this one form (Microsoft, "Outlook extended properties overview").
pub(super) const REFERENCE_PROPERTY: &str = "String {d1a3c5e7-4b62-4f0e-9c1d-6a7be2f80c11} Name ArgusTask";

/// Namespace of the transaction ids, so that no other use of UUIDs from names can meet them.
const TRANSACTIONS: Uuid = Uuid::from_u128(0x6b0f_5a52_9c0b_4d55_8a3e_0d2c_71e6_94f8);

/// The kind of object, as it stands in keys.
const KIND: &str = "task";

/// Our reference on the event of a task: `{org}/{taskId}`. Compared byte for byte: Graph's filter ignores case.
pub(super) fn reference(work: &Work) -> String {
    format!("{}/{}", work.organisation, work.key)
}

/// The `transactionId` of the creation in one generation: the same again and again for the same attempt, never the same for
/// another task, mailbox or generation.
pub(super) fn transaction_id(organisation: &OrganisationId, task: &str, mailbox: &str, generation: u64) -> String {
    let mut name = Vec::new();
    for part in [organisation.as_str(), KIND, task, mailbox] {
        // Behind its length, so that no text can slide from one part into the next.
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    name.extend_from_slice(&generation.to_be_bytes());
    Uuid::new_v5(&TRANSACTIONS, &name).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_key_differs_with_every_part_and_with_where_one_part_ends() {
        let key = |org: &str, task: &str, mailbox: &str, generation| {
            transaction_id(&OrganisationId::parse(org).unwrap(), task, mailbox, generation)
        };
        let keys = [
            key("acme", "t1", "a@x", 1),
            key("acme", "t1", "a@x", 2),
            key("acme", "t1a", "@x", 1),
            key("acme", "t", "1a@x", 1),
            key("acme2", "t1", "a@x", 1),
            key("ACME", "t1", "a@x", 1),
        ];
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        assert_eq!(keys[0], key("acme", "t1", "a@x", 1));
    }
}

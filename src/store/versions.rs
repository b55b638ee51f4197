//! Which of two versions of an object wins. Pure; the statement in `arrivals` that applies a batch says the same in SQL, and the
//! model of the reconciler runs on this.

use super::Taken;

/// What an event is beside what is known of its object, each as `data.version` and the digest of its data: the higher version wins,
/// whatever comes first; the same version with other data is a conflict and changes nothing.
pub(crate) fn fate(known: Option<(u64, &[u8])>, version: u64, digest: &[u8]) -> Taken {
    match known {
        None => Taken::Applied,
        Some((newest, _)) if version > newest => Taken::Applied,
        Some((newest, _)) if version < newest => Taken::Stale,
        Some((_, same)) if same == digest => Taken::Duplicate,
        Some(_) => Taken::Conflict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_wins_and_the_same_one_is_told_by_its_data() {
        assert_eq!(fate(None, 0, b"a"), Taken::Applied);
        assert_eq!(fate(Some((1, b"a")), 2, b"a"), Taken::Applied);
        assert_eq!(fate(Some((2, b"a")), 1, b"b"), Taken::Stale);
        assert_eq!(fate(Some((2, b"a")), 2, b"a"), Taken::Duplicate);
        assert_eq!(fate(Some((2, b"a")), 2, b"b"), Taken::Conflict);
    }
}

//! Whose rows a connection or a transaction is for.
//!
//! Every statement of ours names the organisation itself. Postgres is told once more, per transaction, and its row-level security
//! (migration 14) hides every other organisation's rows: a statement whose filter was forgotten then finds nothing of anybody else's,
//! and writes nothing there. SQLite has no such second line.
//!
//! The loops claim over all organisations and reach [`Everybody`](Reach::Everybody): for that a [`WorkerScope`] is needed, which the
//! composition root alone makes and which no request ever sees, or a job that gathers many callers' progress
//! ([`Reach::everybody`]). What a connection was not told, it does not reach: nobody's rows.

use std::collections::BTreeSet;

use crate::{organisation::OrgScope, store::WorkerScope};

/// Whose rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Reach {
    /// These organisations'; those of none when it is empty.
    These(BTreeSet<OrgScope>),
    /// Every organisation's.
    Everybody,
}

impl Reach {
    /// No organisation's: for what belongs to the process itself.
    pub(in crate::store) fn nobody() -> Self {
        Self::These(BTreeSet::new())
    }

    /// Every organisation's, where it is not known beforehand whose will be written.
    pub(in crate::store) fn everybody() -> Self {
        Self::Everybody
    }

    /// These organisations', each as often as it likes.
    pub(in crate::store) fn of_each<'a>(scopes: impl IntoIterator<Item = &'a OrgScope>) -> Self {
        // By name first: a thousand events of one organisation are one name.
        let names: BTreeSet<&OrgScope> = scopes.into_iter().collect();
        Self::These(names.into_iter().cloned().collect())
    }

    /// What all of these reach together.
    pub(super) fn of_all<'a>(reaches: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = BTreeSet::new();
        for reach in reaches {
            match reach {
                Self::These(some) => all.extend(some.iter().cloned()),
                Self::Everybody => return Self::Everybody,
            }
        }
        Self::These(all)
    }

    /// Begins a transaction for these rows. Both statements go in one message: it costs no more than BEGIN alone.
    pub(super) fn begin(&self) -> String {
        format!("BEGIN; SET LOCAL argus.organisation = '{}'", self.names())
    }

    /// Makes a connection one for these rows until it is told otherwise.
    pub(super) fn session(&self) -> String {
        format!("SET argus.organisation = '{}'", self.names())
    }

    /// As the policies read it. The names of organisations have letters, digits, `_` and `-` alone, so none can end the text, none holds
    /// a comma, and none is `*`.
    fn names(&self) -> String {
        match self {
            Self::These(some) => some.iter().map(OrgScope::as_str).collect::<Vec<_>>().join(","),
            Self::Everybody => "*".to_owned(),
        }
    }
}

impl From<&OrgScope> for Reach {
    fn from(scope: &OrgScope) -> Self {
        Self::These(BTreeSet::from([scope.clone()]))
    }
}

/// The loops' right to any organisation's due work.
impl From<&WorkerScope> for Reach {
    fn from(_: &WorkerScope) -> Self {
        Self::Everybody
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::organisation::OrganisationId;

    fn scope(name: &str) -> OrgScope {
        OrgScope::of_stored_row(OrganisationId::parse(name).unwrap())
    }

    #[test]
    fn a_transaction_is_told_whose_rows_it_is_for() {
        assert_eq!(Reach::from(&scope("acme")).begin(), "BEGIN; SET LOCAL argus.organisation = 'acme'");
        let two = [scope("b_2"), scope("a-1"), scope("b_2")];
        assert_eq!(Reach::of_each(&two).session(), "SET argus.organisation = 'a-1,b_2'");
        assert_eq!(Reach::from(&WorkerScope::for_loops()).session(), "SET argus.organisation = '*'");
        assert_eq!(Reach::nobody().session(), "SET argus.organisation = ''");
    }

    #[test]
    fn jobs_that_share_a_transaction_reach_no_further_than_each_of_them() {
        let (a, b) = (Reach::from(&scope("a")), Reach::from(&scope("b")));
        assert_eq!(Reach::of_all([&a, &b, &a]), Reach::of_each(&[scope("a"), scope("b")]));
        assert_eq!(Reach::of_all([&a, &Reach::everybody()]), Reach::Everybody);
        assert_eq!(Reach::of_all([]), Reach::nobody());
    }
}

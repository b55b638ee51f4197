//! Claims: said aloud, compared with what is really there, counted.

use std::{fmt::Debug, time::Duration};

use super::table::Table;

/// How many held and how many did not.
#[derive(Debug, Default)]
pub(super) struct Claims {
    held: usize,
    failed: usize,
}

impl Claims {
    /// Claims that something is so.
    pub(super) fn that(&mut self, table: &Table, text: &str, holds: bool) {
        self.count(holds);
        table.claim(holds, text, None);
    }

    /// Claims that what is there is this.
    pub(super) fn equal<T: PartialEq + Debug>(&mut self, table: &Table, text: &str, found: &T, expected: &T) {
        let holds = found == expected;
        self.count(holds);
        table.claim(holds, text, Some(&format!("{found:?} instead of {expected:?}")));
    }

    /// Says how many held.
    pub(super) fn verdict(&self, table: &Table, took: Duration) {
        let text = format!("{} of {} claims hold ({:.1} s)", self.held, self.held + self.failed, took.as_secs_f64());
        table.verdict(self.failed == 0, &text);
    }

    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    fn count(&mut self, holds: bool) {
        if holds { self.held += 1 } else { self.failed += 1 }
    }
}

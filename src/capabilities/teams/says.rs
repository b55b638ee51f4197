//! What a card tells a reader, and whether a change of it is worth another one. Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::events::outage::{OutageStatus, Severity, WantedOutage};

/// The parts of an outage that a reader acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Says {
    status: OutageStatus,
    severity: Severity,
    estimated_restoration_at: Option<DateTime<Utc>>,
    customers: u64,
}

impl Says {
    pub(super) fn of(outage: &WantedOutage) -> Self {
        Self {
            status: outage.status,
            severity: outage.severity.unwrap_or(Severity::Moderate),
            estimated_restoration_at: outage.estimated_restoration_at,
            customers: outage.customers_affected,
        }
    }

    /// Whether it tells that the outage is over.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.status, OutageStatus::Restored | OutageStatus::Cancelled)
    }

    /// Whether it tells that there never was an outage, or is none to be expected any more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.status == OutageStatus::Cancelled
    }

    /// Whether somebody who was told `told` should be told this: another status, severity or restoration time, or another number of
    /// customers by more than `threshold` percent of what was told. Once told that it is over, only that it is not.
    pub(super) fn is_news_after(&self, told: &Self, threshold: u32) -> bool {
        if told.is_over() {
            return !self.is_over();
        }
        self.status != told.status
            || self.severity != told.severity
            || self.estimated_restoration_at != told.estimated_restoration_at
            || u128::from(self.customers.abs_diff(told.customers)) * 100 > u128::from(told.customers) * u128::from(threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(status: OutageStatus, customers: u64) -> Says {
        Says { status, severity: Severity::Moderate, estimated_restoration_at: None, customers }
    }

    #[test]
    fn customers_count_only_beyond_the_threshold() {
        let told = says(OutageStatus::Reported, 100);
        for (customers, news) in [(100, false), (90, false), (110, false), (111, true), (89, true), (0, true)] {
            assert_eq!(says(OutageStatus::Reported, customers).is_news_after(&told, 10), news, "{customers}");
        }
        assert!(says(OutageStatus::Reported, 1).is_news_after(&says(OutageStatus::Reported, 0), 10));
        assert!(says(OutageStatus::Reported, 101).is_news_after(&told, 0));
    }

    #[test]
    fn after_the_end_there_is_silence_until_it_begins_again() {
        let over = says(OutageStatus::Restored, 0);
        assert!(!says(OutageStatus::Restored, 500).is_news_after(&over, 10));
        assert!(!says(OutageStatus::Cancelled, 0).is_news_after(&over, 10));
        assert!(says(OutageStatus::Investigating, 0).is_news_after(&over, 10));
    }
}

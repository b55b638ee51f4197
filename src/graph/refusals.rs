//! Policy: how a token request failed is remembered, so that however many objects wait, few requests leave.
//!
//! - A refused credential is refused for a minute without asking again: the same secret gets the same answer. A probe asks all
//!   the same, and its token ends the memory.
//! - While the endpoint is out of reach or answers with nonsense, the next request leaves after 2, 4, 8, 16, then every 30
//!   seconds: five in the first minute, two in each later one. Meanwhile callers are told to wait, which uses up no attempts.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{GraphError, ThrottleScope, Verdict};

/// How long a refused credential is not tried again by callers. A minute: a secret that was just made takes about that long to
/// be known everywhere at Microsoft.
const REFUSAL_STANDS: TimeDelta = TimeDelta::minutes(1);
/// The longest wait between requests to an endpoint that fails.
const LONGEST: i64 = 30;

/// How the token requests of one credential went lately.
#[derive(Default)]
pub(super) struct Refusals {
    /// The credential's refusal, and until when it is believed.
    refused: Option<(Arc<GraphError>, DateTime<Utc>)>,
    trouble: Option<Trouble>,
}

/// The token endpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTrouble {
    /// Since its first failure without a grant in between.
    pub since: DateTime<Utc>,
    /// The last failure, in words.
    pub reason: String,
}

struct Trouble {
    since: DateTime<Utc>,
    /// Failures in a row.
    failures: u32,
    again_at: DateTime<Utc>,
    last: GraphError,
}

impl Refusals {
    /// Remembers a failed request. A grant is remembered by forgetting: the slot starts with an empty memory.
    pub(super) fn learn(&mut self, error: &GraphError, now: DateTime<Utc>) {
        if error.verdict == Verdict::Credential {
            // The endpoint works: it answered.
            *self = Self { refused: Some((Arc::new(error.for_another()), now + REFUSAL_STANDS)), trouble: None };
            return;
        }
        let (since, failures) =
            self.trouble.as_ref().map_or((now, 1), |before| (before.since, before.failures.saturating_add(1)));
        let named = match error.verdict {
            Verdict::Throttled { until, .. } => until,
            _ => now,
        };
        let again_at = named.max(now + wait(failures));
        self.trouble = Some(Trouble { since, failures, again_at, last: error.for_another() });
    }

    /// What a caller without a token is told instead of asking; none when it may ask.
    pub(super) fn instead(&self, now: DateTime<Utc>) -> Option<GraphError> {
        if let Some((refusal, _)) = self.refused.as_ref().filter(|(_, until)| now < *until) {
            return Some(refusal.for_another());
        }
        self.trouble.as_ref().filter(|trouble| now < trouble.again_at).map(Trouble::told)
    }

    /// Turns a failure that may pass into the wait that it means: the object was not even tried, so no attempt of it counts.
    pub(super) fn as_wait(&self, error: GraphError) -> GraphError {
        match (&error.verdict, &self.trouble) {
            (Verdict::Transient, Some(trouble)) => trouble.told(),
            _ => error,
        }
    }

    /// Whether and since when the endpoint cannot be used.
    pub(super) fn trouble(&self) -> Option<TokenTrouble> {
        let trouble = self.trouble.as_ref()?;
        Some(TokenTrouble { since: trouble.since, reason: trouble.last.to_string() })
    }

    /// Whether forgetting it would let requests leave that should not.
    pub(super) fn holds_something(&self, now: DateTime<Utc>) -> bool {
        self.instead(now).is_some()
    }
}

impl Trouble {
    fn told(&self) -> GraphError {
        let verdict = Verdict::Throttled { until: self.again_at, scope: ThrottleScope::Login };
        let message = format!("no token: {}", self.last);
        // Without the status: it is the token endpoint's, and whoever reads it would think that Graph had answered.
        GraphError::unsent(verdict, &self.last.code, &message)
    }
}

fn wait(failures: u32) -> TimeDelta {
    TimeDelta::seconds(1_i64.checked_shl(failures.min(30)).unwrap_or(LONGEST).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T20:00:00Z".parse().unwrap()
    }

    fn failed(verdict: Verdict) -> GraphError {
        GraphError::unsent(verdict, "x", "")
    }

    #[test]
    fn an_endpoint_that_is_down_for_an_hour_is_asked_a_handful_of_times_a_minute() {
        let mut memory = Refusals::default();
        let mut asked = Vec::new();
        for second in 0..3600 {
            let now = now() + TimeDelta::seconds(second);
            if memory.instead(now).is_none() {
                memory.learn(&failed(Verdict::Transient), now);
                asked.push(second);
            }
        }
        assert_eq!(asked[..7], [0, 2, 6, 14, 30, 60, 90]);
        assert!((0..60).all(|minute| asked.iter().filter(|second| *second / 60 == minute).count() <= 5));
        assert_eq!(memory.trouble().map(|trouble| trouble.since), Some(now()));
    }

    #[test]
    fn a_refusal_is_believed_for_a_minute_and_shows_that_the_endpoint_works() {
        let mut memory = Refusals::default();
        memory.learn(&failed(Verdict::Transient), now());
        memory.learn(&failed(Verdict::Credential), now());
        assert_eq!(memory.trouble(), None);
        let told = memory.instead(now() + TimeDelta::seconds(59)).map(|error| error.verdict);
        assert_eq!(told, Some(Verdict::Credential));
        assert!(memory.instead(now() + TimeDelta::seconds(60)).is_none());
    }

    #[test]
    fn a_longer_wait_that_the_endpoint_named_wins() {
        let until = now() + TimeDelta::seconds(300);
        let mut memory = Refusals::default();
        memory.learn(&failed(Verdict::Throttled { until, scope: ThrottleScope::Login }), now());
        assert!(memory.instead(until - TimeDelta::seconds(1)).is_some() && memory.instead(until).is_none());
    }
}

//! What becomes of an object when its run stops: pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::{DeliverySettings, backoff};
use crate::{
    capabilities::{CapabilityName, Failure, FailureKind},
    store::{DeliveryError, Hold},
};

/// How a run ended, without the ids that only the loop can give.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ending {
    /// Try again.
    Retry {
        /// Not before then.
        not_before: DateTime<Utc>,
        /// Whether a sent call's outcome is open.
        unknown: bool,
        /// Whether the attempt counted.
        counts: bool,
        /// What to tell people.
        error: DeliveryError,
    },
    /// A person is needed.
    Dead {
        /// What to tell people.
        error: DeliveryError,
    },
}

/// What the failures of a run, on attempt number `attempts`, mean for its object. `fraction` (0 to 1) is the jitter.
///
/// Whatever can still be tried is tried before a person is asked: one mailbox that refuses us for good must not end the retries of
/// another that is merely down.
pub(super) fn ending(
    settings: &DeliverySettings,
    failures: &[Failure],
    attempts: u32,
    now: DateTime<Utc>,
    fraction: f64,
) -> Ending {
    let backoff = TimeDelta::from_std(backoff::delay(&settings.backoff, attempts, fraction)).unwrap_or(TimeDelta::MAX);
    let retry_at = now.checked_add_signed(backoff).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let Some(worst) = failures.iter().min_by_key(|failure| rank(&failure.kind)) else {
        return Ending::Retry { not_before: retry_at, unknown: false, counts: true, error: nothing_said(now) };
    };
    let unknown = failures.iter().any(|failure| failure.kind == FailureKind::Ambiguous);
    let error = told(worst, now);
    match &worst.kind {
        FailureKind::Connection => Ending::Retry { not_before: retry_at, unknown, counts: false, error },
        FailureKind::Throttled { until, .. } => {
            Ending::Retry { not_before: latest_throttle(failures).max(*until), unknown, counts: false, error }
        }
        FailureKind::Ambiguous | FailureKind::Transient if attempts < settings.max_attempts => {
            Ending::Retry { not_before: retry_at, unknown, counts: true, error }
        }
        FailureKind::Ambiguous | FailureKind::Transient => Ending::Dead {
            error: DeliveryError {
                code: "ATTEMPTS_EXHAUSTED".into(),
                message: format!("gave up after {attempts} attempts; the last one failed with {}: {}", error.code, error.message),
                ..error
            },
        },
        FailureKind::Permanent => Ending::Dead { error },
    }
}

/// The waits that the failures of a run ask for.
pub(super) fn holds(capability: CapabilityName, failures: &[Failure]) -> Vec<Hold> {
    failures
        .iter()
        .filter_map(|failure| match failure.kind {
            FailureKind::Throttled { until, whole_workload } => {
                Some(Hold { capability, target: (!whole_workload).then(|| failure.target.clone()), until })
            }
            _ => None,
        })
        .collect()
}

/// Which failure decides: the lowest.
fn rank(kind: &FailureKind) -> u8 {
    match kind {
        FailureKind::Connection => 0,
        FailureKind::Throttled { .. } => 1,
        FailureKind::Ambiguous => 2,
        FailureKind::Transient => 3,
        FailureKind::Permanent => 4,
    }
}

fn latest_throttle(failures: &[Failure]) -> DateTime<Utc> {
    let until = |failure: &Failure| match failure.kind {
        FailureKind::Throttled { until, .. } => Some(until),
        _ => None,
    };
    failures.iter().filter_map(until).max().unwrap_or(DateTime::<Utc>::MIN_UTC)
}

fn told(failure: &Failure, now: DateTime<Utc>) -> DeliveryError {
    DeliveryError {
        code: failure.code.clone(),
        message: failure.message.clone(),
        graph_request_id: failure.graph_request_id.clone(),
        at: now,
    }
}

/// A run that stops without naming a failure is a defect of its capability; the object is kept and tried again.
fn nothing_said(now: DateTime<Utc>) -> DeliveryError {
    DeliveryError { code: "INTERNAL".into(), message: "the run stopped without a reason".into(), graph_request_id: None, at: now }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000, 0).unwrap()
    }

    fn failure(kind: FailureKind) -> Failure {
        let code = format!("{kind:?}").chars().take_while(|c| c.is_alphabetic()).collect();
        Failure { target: "a@x".into(), kind, code, message: "m".into(), graph_request_id: None }
    }

    fn end(failures: &[Failure], attempts: u32) -> Ending {
        ending(&DeliverySettings::default(), failures, attempts, now(), 0.5)
    }

    #[test]
    fn a_passing_failure_is_tried_again_after_the_backoff() {
        let Ending::Retry { not_before, unknown, counts, .. } = end(&[failure(FailureKind::Transient)], 2) else { panic!() };
        assert_eq!((not_before, unknown, counts), (now() + TimeDelta::seconds(4), false, true));
    }

    #[test]
    fn a_throttle_is_obeyed_in_full_and_counts_for_nothing() {
        let until = now() + TimeDelta::seconds(300);
        let throttled = failure(FailureKind::Throttled { until, whole_workload: false });
        let Ending::Retry { not_before, counts, .. } = end(&[failure(FailureKind::Permanent), throttled], 99) else { panic!() };
        assert_eq!((not_before, counts), (until, false));
    }

    #[test]
    fn a_broken_connection_never_uses_up_attempts() {
        assert!(matches!(end(&[failure(FailureKind::Connection)], 1000), Ending::Retry { counts: false, .. }));
    }

    #[test]
    fn what_can_still_be_tried_comes_before_asking_a_person() {
        let failures = [failure(FailureKind::Permanent), failure(FailureKind::Transient)];
        assert!(matches!(end(&failures, 1), Ending::Retry { .. }));
        assert!(matches!(end(&failures[..1], 1), Ending::Dead { .. }));
    }

    #[test]
    fn gives_up_after_the_allowed_attempts() {
        let Ending::Dead { error } = end(&[failure(FailureKind::Transient)], 25) else { panic!() };
        assert_eq!(error.code, "ATTEMPTS_EXHAUSTED");
    }

    #[test]
    fn a_lost_answer_shows_as_unknown() {
        let failures = [failure(FailureKind::Ambiguous), failure(FailureKind::Connection)];
        assert!(matches!(end(&failures, 1), Ending::Retry { unknown: true, .. }));
    }

    #[test]
    fn a_throttle_holds_up_what_it_names() {
        let until = now();
        let one = failure(FailureKind::Throttled { until, whole_workload: false });
        let all = failure(FailureKind::Throttled { until, whole_workload: true });
        let targets: Vec<_> = holds(CapabilityName::Calendar, &[one, all]).into_iter().map(|hold| hold.target).collect();
        assert_eq!(targets, [Some("a@x".to_owned()), None]);
    }
}

//! How long an object waits before another attempt. Pure; the `backoff` crate's policy behind one small function, so that
//! replacing the crate is a matter of this file.

use std::time::Duration;

use backoff::{ExponentialBackoffBuilder, backoff::Backoff as _};

/// The shape of the waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackoffSettings {
    /// The wait after the first failure.
    pub initial: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Default for BackoffSettings {
    fn default() -> Self {
        Self { initial: Duration::from_secs(2), max: Duration::from_mins(30) }
    }
}

/// More doublings than that reach any bound.
const DOUBLINGS: u32 = 40;

/// The wait after attempt number `attempt` (from 1): doubling from `initial` up to `max`, then moved by up to a quarter either way by
/// `fraction` (0 to 1, from chance), so that objects which failed together do not come back together.
///
/// `attempt` 0 counts as 1.
pub fn delay(settings: &BackoffSettings, attempt: u32, fraction: f64) -> Duration {
    let mut policy = ExponentialBackoffBuilder::new()
        .with_initial_interval(settings.initial)
        .with_multiplier(2.0)
        // The policy's own jitter draws from a generator that cannot be seeded.
        .with_randomization_factor(0.0)
        .with_max_interval(settings.max)
        .with_max_elapsed_time(None)
        .build();
    let mut wait = settings.initial;
    for _ in 0..attempt.clamp(1, DOUBLINGS) {
        wait = policy.next_backoff().unwrap_or(settings.max);
    }
    wait.min(settings.max).mul_f64(0.75 + 0.5 * fraction.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BackoffSettings = BackoffSettings { initial: Duration::from_secs(2), max: Duration::from_mins(30) };

    #[test]
    fn doubles_from_the_first_wait_to_the_longest() {
        let waits: Vec<_> = (1..=12).map(|attempt| delay(&SETTINGS, attempt, 0.5).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800]);
    }

    #[test]
    fn spreads_by_a_quarter_either_way() {
        assert_eq!(delay(&SETTINGS, 1, 0.0), Duration::from_millis(1500));
        assert_eq!(delay(&SETTINGS, 1, 1.0), Duration::from_millis(2500));
    }

    #[test]
    fn bears_any_number_of_attempts() {
        assert_eq!(delay(&SETTINGS, 0, 0.5), SETTINGS.initial);
        assert_eq!(delay(&SETTINGS, u32::MAX, 0.5), SETTINGS.max);
    }
}

//! Chance with a seed, and how long a run is.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// The seed of a run that names none.
const SEED: u64 = 20_261_123;

/// A seeded source of chance.
pub(crate) struct Dice(StdRng);

impl Dice {
    /// From the run's seed and a name, so that tests do not share their choices.
    pub(crate) fn of(name: &str) -> Self {
        let mixed = name.bytes().fold(seed(), |mixed, byte| mixed.rotate_left(7) ^ u64::from(byte));
        Self(StdRng::seed_from_u64(mixed))
    }

    /// A whole number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// Whether something with this chance happens.
    pub(crate) fn chance(&mut self, chance: f64) -> bool {
        self.0.random_bool(chance)
    }

    /// A span between two.
    pub(crate) fn between(&mut self, from: Duration, to: Duration) -> Duration {
        self.0.random_range(from..to)
    }
}

/// The run's seed: `ARGUS_CHAOS_SEED`, or always the same.
#[expect(clippy::disallowed_methods, reason = "a test is told its seed through the environment")]
pub(crate) fn seed() -> u64 {
    std::env::var("ARGUS_CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED)
}

/// Whether this is the long form.
#[expect(clippy::disallowed_methods, reason = "a test is told its size through the environment")]
pub(crate) fn long() -> bool {
    std::env::var("ARGUS_CHAOS").is_ok_and(|form| form == "long")
}

/// The `Retry-After` of a played 429, seconds. Below the minute within which everything must agree.
pub(crate) fn retry_after() -> u64 {
    if long() { 10 } else { 2 }
}

/// One number for the short form, another for the long one.
pub(crate) fn size(short: usize, in_long: usize) -> usize {
    if long() { in_long } else { short }
}

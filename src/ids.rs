//! Randomness as an argument: the one module that makes identifiers and jitter from chance.

use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use uuid::Uuid;

/// Source of identifiers and jitter. Cheap to clone; seeded in tests, so that a run can be repeated.
///
/// Not a source of keys or nonces: those come from the cipher library's own generator (`vault`).
#[derive(Clone, Debug)]
pub struct Ids(Arc<Mutex<StdRng>>);

/// Namespace of every derived identifier. Changing it would make every key look new.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d2f_0a53_91c4_4e0b_8c57_2f1d_66b8_a94e);

impl Ids {
    /// From the operating system's entropy.
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(StdRng::from_os_rng())))
    }

    /// The same sequence for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A random identifier (UUID version 4).
    pub fn random(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.lock().fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// An identifier that sorts by the time given (UUID version 7).
    pub fn ordered(&self, now: chrono::DateTime<chrono::Utc>) -> Uuid {
        let mut random = [0; 10];
        self.lock().fill_bytes(&mut random);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A number from 0 up to, not including, 1.
    pub fn fraction(&self) -> f64 {
        self.lock().random()
    }

    /// The identifier that always belongs to these parts of one organisation (UUID version 5 over the parts, each with its length
    /// before it, so that `["ab", "c"]` and `["a", "bc"]` differ).
    pub fn derived(organisation: &str, parts: &[&str]) -> Uuid {
        let mut name = Vec::new();
        for part in std::iter::once(&organisation).chain(parts) {
            name.extend_from_slice(&(part.len() as u64).to_be_bytes());
            name.extend_from_slice(part.as_bytes());
        }
        Uuid::new_v5(&NAMESPACE, &name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, StdRng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

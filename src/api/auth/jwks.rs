//! The issuer's keys, kept for ten minutes and fetched by one caller at a time.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use jsonwebtoken::Algorithm;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::{
    FetchFailure, Rejection,
    keys::{KeySet, VerificationKey},
};
use crate::clock::SharedClock;

/// How long fetched keys are taken as they are.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(10);
/// How long they serve while the issuer cannot be reached.
const KEPT_FOR: TimeDelta = TimeDelta::hours(24);
/// The least time between two fetches, whatever callers send.
const PAUSE: TimeDelta = TimeDelta::seconds(10);

/// Fetches a JWKS document.
pub trait FetchJwks: Send + Sync + 'static {
    /// The document's bytes, within a bounded time.
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchFailure>>;
}

/// The cache.
pub(super) struct Jwks(Arc<Inner>);

struct Inner {
    fetch: Arc<dyn FetchJwks>,
    clock: SharedClock,
    cached: Mutex<Cached>,
    turn: Arc<Turn<()>>,
}

#[derive(Clone, Default)]
struct Cached {
    keys: Arc<KeySet>,
    fetched_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
    failing: bool,
}

impl Cached {
    fn younger_than(&self, age: TimeDelta, now: DateTime<Utc>) -> bool {
        self.fetched_at.is_some_and(|then| within(then, age, now))
    }

    fn may_fetch(&self, now: DateTime<Utc>) -> bool {
        !self.tried_at.is_some_and(|then| within(then, PAUSE, now))
    }
}

/// Whether `now` is less than `span` away from `then`, on either side: a clock that was set back must not freeze the cache.
fn within(then: DateTime<Utc>, span: TimeDelta, now: DateTime<Utc>) -> bool {
    (now - then).abs() < span
}

impl Jwks {
    pub(super) fn new(fetch: Arc<dyn FetchJwks>, clock: SharedClock) -> Self {
        Self(Arc::new(Inner { fetch, clock, cached: Mutex::default(), turn: Arc::default() }))
    }

    /// The key with this id and algorithm, fetched when it is not known or no longer fresh.
    pub(super) async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<VerificationKey>, Rejection> {
        let now = self.0.clock.now();
        let cached = self.0.cached();
        let known = cached.keys.knows(id) && cached.younger_than(KEPT_FOR, now);
        if known && cached.younger_than(FRESH_FOR, now) {
            return cached.keys.find(id, algorithm);
        }
        if cached.may_fetch(now) {
            let fetching = tokio::spawn(self.0.clone().refresh());
            // While the issuer is out of reach, callers with a known key need not wait for each attempt to time out.
            if !(known && cached.failing) && fetching.await.is_err() {
                tracing::error!("fetching the keys of callers' tokens ended abnormally");
            }
        } else {
            // Somebody may be fetching just now.
            drop(self.0.turn.lock().await);
        }
        let cached = self.0.cached();
        if !cached.younger_than(KEPT_FOR, self.0.clock.now()) {
            return Err(Rejection::KeysUnavailable);
        }
        cached.keys.find(id, algorithm)
    }

    /// Fetches the keys now.
    pub(super) async fn warm_up(&self) -> Result<(), FetchFailure> {
        let turn = self.0.turn.clone().lock_owned().await;
        self.0.fetch_in_turn(turn).await
    }
}

impl Inner {
    fn cached(&self) -> Cached {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Cached)) {
        change(&mut self.cached.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Fetches unless somebody did while we waited for our turn. A task of its own, so that a caller who hangs up does not
    /// take the fetch along.
    async fn refresh(self: Arc<Self>) {
        let turn = self.turn.clone().lock_owned().await;
        if !self.cached().may_fetch(self.clock.now()) {
            return;
        }
        if let Err(failure) = self.fetch_in_turn(turn).await {
            tracing::warn!(error = &failure as &dyn std::error::Error, "fetching the keys of callers' tokens");
        }
    }

    async fn fetch_in_turn(&self, _turn: OwnedMutexGuard<()>) -> Result<(), FetchFailure> {
        self.change(|cached| cached.tried_at = Some(self.clock.now()));
        let keys = match self.fetch.fetch().await {
            Ok(text) => KeySet::from_json(&text).ok_or(FetchFailure::NoKeys),
            Err(failure) => Err(failure),
        };
        let now = self.clock.now();
        self.change(|cached| cached.failing = keys.is_err());
        let keys = keys?;
        self.change(|cached| {
            cached.keys = Arc::new(keys);
            cached.fetched_at = Some(now);
        });
        Ok(())
    }
}

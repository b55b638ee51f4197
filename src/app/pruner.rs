//! Forgets what was kept for a time: answers to mutations under an `Idempotency-Key`.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Parts;

/// How often it is looked for.
const EVERY: Duration = Duration::from_mins(10);

/// Forgets, until `stop`. A failure waits for the next time.
pub(super) async fn run(parts: Parts, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = forget(&parts, &stop).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "could not forget old answers");
        }
        drop(tokio::time::timeout(EVERY, stop.cancelled()).await);
    }
}

/// In steps, so that nothing waits long behind it.
async fn forget(parts: &Parts, stop: &CancellationToken) -> Result<(), crate::store::StoreError> {
    while !stop.is_cancelled() && parts.store.forget_answers(&parts.worker, parts.clock.now()).await? > 0 {}
    Ok(())
}

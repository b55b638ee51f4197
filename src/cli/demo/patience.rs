//! How long the story waits for what it claims, and how it waits.

use std::time::Duration;

/// How long anything on this machine may take before the demo gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at a condition.
pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

//! What `/readyz` asks: store, broker and stream; and whether the process is stopping.

use tokio_util::sync::CancellationToken;

use crate::{intake::IntakeHealth, store::Store};

/// Says whether the process can do its work. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ready {
    store: Store,
    /// None for a process that serves the API alone: it needs no broker.
    intake: Option<IntakeHealth>,
    stop: CancellationToken,
}

impl Ready {
    pub(super) fn new(store: Store, intake: Option<IntakeHealth>, stop: CancellationToken) -> Self {
        Self { store, intake, stop }
    }

    /// The reasons why not, if any. The log has their causes.
    pub(super) async fn check(&self) -> Result<(), Vec<String>> {
        let mut reasons = Vec::new();
        if self.stop.is_cancelled() {
            reasons.push("stopping".to_owned());
        }
        if let Err(error) = self.store.check().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the store is not ready");
            reasons.push(format!("store: {error}"));
        }
        if let Some(Err(reason)) = self.intake.as_ref().map(IntakeHealth::ready) {
            reasons.push(format!("broker: {reason}"));
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
}

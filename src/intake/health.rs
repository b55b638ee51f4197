//! Whether events can come in, for `/readyz`.

use std::sync::Arc;

use tokio::sync::watch;

/// What the intake knows of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeState {
    /// The connection to the broker stands.
    pub connected: bool,
    /// The stream and the consumer answered when they were last asked.
    pub stream_reachable: bool,
    /// The last batch was committed, or there was none to commit.
    pub committing: bool,
    /// Why not, when one of them is false.
    pub reason: Option<String>,
}

/// A handle on the intake's state. Cheap to clone; every clone sees the same.
#[derive(Debug, Clone)]
pub struct IntakeHealth(Arc<watch::Sender<IntakeState>>);

impl Default for IntakeHealth {
    fn default() -> Self {
        let state =
            IntakeState { connected: false, stream_reachable: false, committing: true, reason: Some("not started yet".into()) };
        Self(Arc::new(watch::Sender::new(state)))
    }
}

impl IntakeHealth {
    /// The state now.
    pub fn state(&self) -> IntakeState {
        self.0.borrow().clone()
    }

    /// `Err` with the reason while no events can come in.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.state();
        if state.connected && state.stream_reachable {
            return Ok(());
        }
        Err(state.reason.unwrap_or_else(|| "the broker is not reachable".into()))
    }

    /// Wakes whenever the state changes.
    pub fn watch(&self) -> watch::Receiver<IntakeState> {
        self.0.subscribe()
    }

    /// Stream and consumer answered.
    pub(super) fn reachable(&self) {
        self.change(|state| {
            (state.connected, state.stream_reachable) = (true, true);
            if state.committing {
                state.reason = None;
            }
        });
    }

    /// Stream or consumer did not answer.
    pub(super) fn unreachable(&self, connected: bool, reason: &str) {
        self.change(|state| {
            (state.connected, state.stream_reachable) = (connected, false);
            state.reason = Some(reason.to_owned());
        });
    }

    /// Whether the store took the last batch.
    pub(super) fn committing(&self, reason: Option<&str>) {
        self.change(|state| {
            state.committing = reason.is_none();
            state.reason = reason.map(str::to_owned);
        });
    }

    fn change(&self, change: impl FnOnce(&mut IntakeState)) {
        self.0.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }
}

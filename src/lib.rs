//! The Argus Microsoft 365 connector.

pub mod api;
pub mod app;
pub mod audit;
pub mod capabilities;
pub mod cli;
pub mod clock;
pub mod connections;
pub mod events;
pub mod graph;
pub mod ids;
pub mod intake;
pub mod metrics;
pub mod organisation;
pub mod outbox;
pub mod reconcile;
pub mod settings;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod store;
pub mod vault;

//! Composition root: the only place that builds pools, clients and loops.
//!
//! | file | subject |
//! | --- | --- |
//! | [`parts`] | what every command stands on: store, vault, Graph, connections |
//! | [`mod@serve`] | the loops and the API, started and stopped in order |
//! | [`loops`] | what the loops are told, as the settings say |
//! | [`pruner`] | forgets what was kept for a time |
//! | [`schema`] | the store's schema and roles |
//! | [`zones`] | the loops of zones |
//! | [`broker`] | the connection to NATS |
//! | [`teams`] | the channels, the router and a reconciler for each sender |
//! | [`http`] | the API's listener |
//! | [`ready`] | what `/readyz` asks |
//! | [`gauges`] | metrics that are read from the store when they are asked for |
//! | [`auditor`] | checks the audit chains from time to time, and signs where they stand |
//! | [`rotation`] | everything sealed, under the newest key of the ring |
//! | [`keyring`] | taking a changed key ring into use |

mod auditor;
mod broker;
mod directory;
mod gauges;
mod http;
mod keyring;
mod loops;
mod parts;
mod pruner;
mod ready;
mod rotation;
mod schema;
mod serve;
mod teams;
mod zones;

pub use auditor::Checkpoints;
pub use broker::connect;
pub use loops::intake_settings;
pub use parts::Parts;
pub use rotation::{left_to_rotate, rotate};
pub use schema::migrate;
pub use serve::serve;
pub use teams::TeamsWakes;

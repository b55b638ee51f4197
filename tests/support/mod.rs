//! Real servers for one test: a broker, the tenant simulator, a store, the connector; all gone when the test is.
//!
//! ```text
//! let world = World::start(Store::Sqlite).await;          // NATS and the simulator run, nothing is registered
//! let connector = world.connector(&[]).await;             // the real binary, ready
//! connector.register().await;                           // the example tenant becomes acme's connection
//! world.publish("argus.acme.task.scheduled", &event).await;
//! connector.settled("7f0c2b1e", 7).await;                 // version 7 stands in Outlook
//! world.finish(connector).await;                          // fails the test when work is left over
//! ```

#![allow(dead_code, unused_imports, reason = "each test binary uses another part of this harness")]
#![expect(clippy::expect_used, clippy::panic, reason = "a harness that cannot set the scene fails the test")]

mod children;
mod connector;
mod database;
mod quiet;
mod simulator;
mod told;
mod wait;
mod world;

pub(crate) use children::{Owned, free_port, nats_server};
pub(crate) use connector::{Connector, binary, token};
pub(crate) use database::Store;
pub(crate) use quiet::Quiet;
pub(crate) use simulator::{Simulator, tenant};
pub(crate) use wait::{eventually, eventually_within};
pub(crate) use world::{SECRET, World};

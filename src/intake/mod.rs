//! EVENT IN, from JetStream: pull, read, commit, acknowledge.
//!
//! ```text
//! pull ──> sort (events::read) ──> take_in, one transaction ──> settle: ack or terminate, confirmed by the server
//!                                        └ failed: give all back with a delay, wait as long, go on
//! ```
//!
//! A message is acknowledged only after the commit, so a crash anywhere delivers it again, and the store finds it to be a
//! duplicate. What Microsoft 365 answers never touches the message.

pub(crate) mod connection;
mod health;
mod inspect;
mod provision;
mod pull;
mod replay;
mod reread;
mod run;
mod settings;
mod settle;
mod sort;
mod take;
mod translate;

use chrono::{DateTime, Utc};

pub use health::{IntakeHealth, IntakeState};
pub(crate) use inspect::Unsafe;
pub use provision::{ConsumerWish, ProvisionError, StreamWish};
pub(crate) use provision::{is_overlap, stream as provision_stream, warn as warn_of};
pub use replay::{ReplayError, Reread, replay};
pub use reread::reread;
pub use run::Intake;
pub use settings::IntakeSettings;

use crate::store::{Arrival, Rejection, Store, StoreError, Taken};

/// Where events go. The store; a fake in tests.
pub trait Inbox: Send + Sync + 'static {
    /// As [`Store::take_in`].
    fn take_in(
        &self,
        now: DateTime<Utc>,
        arrivals: Vec<Arrival>,
        rejections: Vec<Rejection>,
    ) -> impl Future<Output = Result<Vec<Taken>, StoreError>> + Send;
}

impl Inbox for Store {
    async fn take_in(
        &self,
        now: DateTime<Utc>,
        arrivals: Vec<Arrival>,
        rejections: Vec<Rejection>,
    ) -> Result<Vec<Taken>, StoreError> {
        Self::take_in(self, now, arrivals, rejections).await
    }
}

#[cfg(test)]
pub(crate) mod broker;
#[cfg(test)]
mod tests;

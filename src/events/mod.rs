//! EVENT IN, as types: what a publisher may send, read into values that cannot be wrong. Pure: no clock, no network.
//!
//! ```text
//! subject ──> Route (whose, what about)          subject.rs
//! message ──> envelope, in one of three modes    message.rs, json.rs
//! envelope ─> EventContext, verb                 envelope.rs
//! data ─────> WantedTask, WantedOutage, …        task.rs, outage.rs, zone.rs, with fields.rs and window.rs
//! ```
//!
//! What may stand where is described once (shape.rs, kind.rs, kinds.rs, limits.rs): the reader works by it, and `docs/events/` is made of it (schema.rs).
//!
//! [`read()`] runs them in that order and stops at the first thing that is wrong. [`outgoing()`] is the way back.

mod by_hand;
mod envelope;
mod fields;
pub mod geometry;
mod given;
mod headers;
mod json;
mod kind;
mod kinds;
mod limits;
mod message;
pub mod outage;
mod outgoing;
mod read;
mod refusal;
pub mod schema;
mod shape;
mod subject;
pub mod task;
mod topics;
mod types;
mod version;
mod wall_clock;
mod window;
pub mod zone;

pub use by_hand::{GivenOutage, InvalidOutage, given_outage};
pub use envelope::EventContext;
pub(crate) use envelope::{is_traceparent, is_tracestate};
pub use given::{ReadZone, Wrong, given_zone};
pub use headers::Headers;
pub use outgoing::{Outgoing, Telling, outgoing};
pub use read::{Reading, read};
pub use refusal::{Refusal, RefusalCode};
pub use subject::ObjectKind;

use crate::organisation::OrgScope;

/// An event that may become wanted state.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Whose, by the subject.
    pub scope: OrgScope,
    /// The event.
    pub context: EventContext,
    /// What should be true of what.
    pub object: Object,
    /// SHA-256 over what the event says, whatever the order of its fields: tells a duplicate from a conflict.
    pub digest: [u8; 32],
}

/// One object, and what should be true of it from this version on.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// A field task's visit.
    Task {
        /// Its id.
        task_id: String,
        /// `data.version`.
        version: u64,
        /// What should be true.
        wanted: task::WantedTask,
    },
    /// An outage.
    Outage {
        /// Its id.
        outage_id: String,
        /// `data.version`.
        version: u64,
        /// What should be shown.
        wanted: outage::WantedOutage,
    },
    /// A zone record.
    Zone {
        /// Its id.
        zone_id: String,
        /// `data.version`.
        version: u64,
        /// What should be published.
        wanted: zone::WantedZone,
    },
}

#[cfg(test)]
mod tests;

//! EVENT IN, as types: what a publisher may send, read into values that cannot be wrong. Pure: no clock, no network.

mod envelope;
pub mod task;

pub use envelope::EventContext;

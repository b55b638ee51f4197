//! An organisation's connection to Microsoft 365: registered, tested, replaced, removed; and opened for the loops.
//!
//! The only module that brings vault, store and Graph together for credentials.
//!
//! | file | subject |
//! | --- | --- |
//! | [`registration`] | what an administrator may register, checked field by field |
//! | [`sealing`] | the registration as a sealed row, and back |
//! | [`service`] | register, replace, remove, view |
//! | [`testing`] | the connection test; [`report`] is its result |
//! | [`opened`] | the connection as the loops use it, and what its answers say of its state |
//! | [`records`] | the audit entries and outgoing events of all that |

mod opened;
mod records;
mod registration;
mod report;
mod sealing;
mod service;
mod testing;

pub use opened::Connected;
pub use registration::Registration;
pub use report::{Check, CheckStatus, TestReport};
pub use service::{Actor, ConnectionError, ConnectionView, Connections, Parts};

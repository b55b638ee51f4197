//! An organisation's connection to Microsoft 365: registered, tested, replaced, removed; and opened for the loops.
//!
//! The only module that brings vault, store and Graph together for credentials.
//!
//! | file | subject |
//! | --- | --- |
//! | [`account`] | the signed-in account that posts to Teams |
//! | [`registration`] | what an administrator may register, checked field by field |
//! | [`expiry`] | warnings before a credential ends |
//! | [`reseal`] | credentials under the newest master key, online |
//! | [`sealing`] | the registration as a sealed row, and back |
//! | [`service`] | register, replace, remove, view |
//! | [`testing`] | the connection test; [`report`] is its result |
//! | [`channel_checks`] | what the test says of Teams channels |
//! | [`opened`] | the connection as the loops use it |
//! | [`verdict`] | what is learned about a connection, and the state that follows; pure |
//! | [`breaker`] | keeps the state in step with the answers: confirms, records, tells |
//! | [`probe`] | tries connections that do not work, at growing intervals |
//! | [`records`] | the audit entries and outgoing events of all that |

mod account;
mod breaker;
mod channel_checks;
mod expiry;
mod opened;
mod probe;
mod records;
mod registration;
mod report;
mod reseal;
mod sealing;
mod service;
mod testing;
mod verdict;

pub use account::{TeamsAccountState, TeamsAccountView, TeamsSignIn};
pub use opened::Connected;
pub use registration::Registration;
pub use report::{Check, CheckStatus, TestReport};
pub use service::{Actor, ConnectionError, ConnectionView, Connections, Parts};

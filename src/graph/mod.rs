//! Microsoft Graph as transport, without a business word.
//!
//! A capability makes a [`Request`]; a [`Session`] sends it for one connection and gives back a [`Response`], or a
//! [`GraphError`] whose [`Verdict`] says what may be done next. Every rule that a call obeys on the way is a policy in a file of
//! its own; `session` lists them in their order.

mod access;
mod assertion;
mod authorise;
mod batch;
mod budget;
mod classify;
mod client;
mod cloud;
mod device;
mod error;
mod error_body;
mod gate;
mod gather;
mod headers;
mod login;
mod origin;
mod pace;
mod pressure;
mod read_only;
mod refusals;
mod repeat;
mod request;
mod retry_after;
mod roles;
mod session;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod throttle;
mod token;
mod traced;
mod transport;

pub use access::{Access, Credential};
pub use assertion::{CertificateError, CertificateFacts, certificate_facts};
pub use client::{GraphClient, GraphSettings, TokenProbe};
pub use cloud::Cloud;
pub use device::{AccountGrant, DeviceCode, SignInAnswer};
pub use error::{GraphError, ThrottleScope, Verdict};
pub use gather::{Gathered, Gatherers};
pub use read_only::ReadOnly;
pub use refusals::TokenTrouble;
pub use request::{Graph, Request, Response, Workload, literal, segment};
pub use session::Session;
pub use traced::{Traced, trace_of};
pub(crate) use {retry_after::until as retry_after, throttle::held_back, transport::install_tls_provider};

//! Microsoft Graph as transport, without a business word.

mod client;
mod cloud;
mod error;
mod request;

pub use client::{Access, Credential, GraphClient, GraphSettings, Session, TokenProbe};
pub use cloud::Cloud;
pub use error::{GraphError, ThrottleScope, Verdict};
pub use request::{Graph, Request, Response, Workload, literal, segment};

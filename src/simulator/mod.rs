//! The tenant simulator: an HTTP server that answers as Microsoft Graph v1.0 and the identity platform do, and remembers.
//!
//! It is stricter than Microsoft where Microsoft is silent: an unknown path, query option, header form, body property, type or
//! enumeration member is refused, so that a caller that is accepted here sends nothing that is not documented. It is as unkind as
//! Microsoft is known to be: throttled mailboxes, lost answers, duplicate transactions in every face, licences that are missing.
//!
//! The way of a call: `server` (the wire) → `graph` (fault, caller, mailbox, its place there) → `identity`, `directory`,
//! `calendar`, `sharepoint` or `batch` (the effect) → `ledger` (what was seen). Beside it: `tenant` (what is remembered), `faults`,
//! `twist` (pages that are wrong), `promises` (was `Retry-After` kept?), `control` (`/_sim`), `report` and `traffic` (what tests read).
//! A further part of Microsoft 365 is a folder beside `calendar`, its routes in `route` and its state in `tenant`.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use argus_m365::simulator::{Simulator, TenantSpec};
//! let simulator = Simulator::start("127.0.0.1:0").await?;
//! let tenant = simulator.add_tenant(TenantSpec::demo());
//! println!("login and Graph at {}, tenant {tenant}", simulator.url());
//! # Ok(())
//! # }
//! ```

mod batch;
mod calendar;
mod call;
pub mod control;
mod directory;
mod errors;
mod faults;
mod graph;
mod identity;
mod ledger;
mod line;
mod odata;
mod promises;
mod report;
mod route;
mod rules;
mod server;
mod sharepoint;
mod teams;
mod tenant;
pub mod traffic;
mod twist;
mod webhooks;
mod world;

pub use calendar::zone_names;
pub use control::{TenantChange, WorkerAct};
pub use directory::{DirectoryChange, Generate};
pub use errors::RetryAfter;
pub use faults::{Effect, Fault, FaultState, When};
pub use ledger::{LedgerMode, RequestRecord};
pub use promises::{Told, Violation};
pub use report::{ChannelReport, Copies, EventReport, MailboxReport, MessageReport, Met, TenantState};
pub use server::Simulator;
pub use sharepoint::{
    ColumnKind, ColumnSpec, ItemAct, ItemReport, ListReport, ListSpec, SharePointSettings, SiteGrant, SiteSpec,
};
pub use tenant::{
    AfterDelete, AppSpec, CertificateSpec, ChannelSpec, DirectorySettings, DuplicateFace, GroupSpec, MailboxState, SearchLag,
    SecretSpec, TenantSettings, TenantSpec, UserSpec, UserType,
};

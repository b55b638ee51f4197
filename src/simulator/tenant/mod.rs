//! Tenants: what they are made from ([`TenantSpec`]) and what they remember ([`Tenant`]).

mod directory;
mod spec;
mod state;

pub use directory::{DirectorySettings, GroupSpec, UserType};
pub use spec::{
    AfterDelete, AppSpec, CertificateSpec, ChannelSpec, DuplicateFace, MailboxState, SearchLag, SecretSpec, TenantSettings,
    TenantSpec, UserSpec,
};
pub(crate) use state::{Person, Slot, Tenant};

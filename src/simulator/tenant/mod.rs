//! Tenants: what they are made from ([`TenantSpec`]) and what they remember ([`Tenant`]).

mod spec;
mod state;

pub use spec::{
    AfterDelete, AppSpec, CertificateSpec, ChannelSpec, DuplicateFace, MailboxState, SearchLag, SecretSpec, TenantSettings,
    TenantSpec, UserSpec,
};
pub(crate) use state::{Person, Slot, Tenant};

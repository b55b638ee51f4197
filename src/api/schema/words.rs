//! The contract's enumerations, bound to the words that the connector itself uses.

use async_graphql::Enum;

use crate::{capabilities::CapabilityName, connections, graph, store};

/// A part of Microsoft 365.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "CapabilityName")]
pub(super) enum Capability {
    /// Outlook calendars.
    Calendar,
    /// Teams channels.
    Teams,
    /// SharePoint lists.
    #[graphql(name = "SHAREPOINT")]
    SharePoint,
    /// Entra ID.
    Directory,
}

/// Where a delivery stands.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "store::DeliveryState")]
pub(super) enum DeliveryState {
    /// Due, waiting or being worked on.
    Pending,
    /// As wanted.
    Settled,
    /// Sent, the answer was lost, not settled by a look-up yet.
    Unknown,
    /// Waits for a connection that works, or is paused.
    Blocked,
    /// Needs a person.
    Dead,
}

/// A Microsoft cloud.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "graph::Cloud")]
pub(super) enum Cloud {
    /// The global service, and GCC.
    Global,
    /// US Government L4 (GCC High).
    #[graphql(name = "US_GOV_L4")]
    UsGovL4,
    /// US Government L5 (Department of Defense).
    #[graphql(name = "US_GOV_L5")]
    UsGovL5,
    /// China, operated by 21Vianet.
    China,
}

/// Whether a connection works.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "store::ConnectionState")]
pub(super) enum ConnectionState {
    /// Not answered yet.
    Unverified,
    /// It works.
    Active,
    /// Failing now, still tried.
    Degraded,
    /// Refused (secret, tenant, consent); probed at growing intervals, nothing else is sent.
    Disabled,
}

/// How a check of a connection went.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "connections::CheckStatus")]
pub(super) enum CheckStatus {
    /// As it should be.
    Pass,
    /// Works, or may work, but look at it.
    Warn,
    /// Does not work.
    Fail,
    /// Not configured.
    Skipped,
}

/// What an operation does.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "store::OperationKind")]
pub(super) enum OperationKind {
    /// Zones into a SharePoint list.
    PublishZones,
    /// People from Entra ID.
    ImportUsers,
    /// Groups and memberships from Entra ID.
    ImportGroups,
}

/// Where an operation stands.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "store::OperationState")]
pub(super) enum OperationState {
    /// Waits for its turn.
    Queued,
    /// Under way.
    Running,
    /// All of it was done.
    Succeeded,
    /// Some objects failed.
    PartiallyFailed,
    /// It failed.
    Failed,
    /// Complete, and held back until a person approves it.
    AwaitingApproval,
    /// A person rejected it.
    Rejected,
}

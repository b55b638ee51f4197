//! What the resolvers need from the rest of the connector, and nothing more. Tests put memory behind the same traits.

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    audit::Verification,
    capabilities::{CapabilityName, sharepoint::request::TargetRequest},
    channels::{ChannelError, ChannelSetting, ChannelView, Channels, PostError},
    connections::{Actor, ConnectionError, ConnectionView, Connections, Registration, TeamsSignIn, TestReport},
    events::GivenOutage,
    operations::{Backlog, Operations, Replayed, Selection},
    organisation::OrgScope,
    publish::{Publications, PublishError, Request, TargetError, TargetSet, Targets},
    store::{
        AuditFilter, AuditRecord, DeadLetterFilter, DeadLetterRow, DeliveryState, Kind, ObjectRow, OperationChange,
        OperationFilter, OperationRow, OutageRow, Page, PageRequest, Store, StoreError, ZoneTarget,
    },
};

/// An organisation's connection, as an administrator works with it. The promises are those of [`Connections`].
pub trait ConnectionAdmin: Send + Sync + 'static {
    /// The organisation's connection.
    fn view<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Option<ConnectionView>, ConnectionError>>;

    /// Registers or replaces it.
    fn register<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
        registration: Registration,
    ) -> BoxFuture<'a, Result<ConnectionView, ConnectionError>>;

    /// Erases it; false when there was none.
    fn remove<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor) -> BoxFuture<'a, Result<bool, ConnectionError>>;

    /// Starts the sign-in of the account that posts to Teams.
    fn start_teams_sign_in<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
    ) -> BoxFuture<'a, Result<TeamsSignIn, ConnectionError>>;

    /// Erases that account; false when there was none.
    fn remove_teams_account<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor) -> BoxFuture<'a, Result<bool, ConnectionError>>;

    /// Tests it.
    fn test<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor) -> BoxFuture<'a, Result<TestReport, ConnectionError>>;
}

impl ConnectionAdmin for Connections {
    fn view<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Option<ConnectionView>, ConnectionError>> {
        Connections::view(self, scope).boxed()
    }

    fn register<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
        registration: Registration,
    ) -> BoxFuture<'a, Result<ConnectionView, ConnectionError>> {
        Connections::register(self, scope, actor, registration).boxed()
    }

    fn remove<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor) -> BoxFuture<'a, Result<bool, ConnectionError>> {
        Connections::remove(self, scope, actor).boxed()
    }

    fn start_teams_sign_in<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
    ) -> BoxFuture<'a, Result<TeamsSignIn, ConnectionError>> {
        Connections::start_teams_sign_in(self, scope, actor).boxed()
    }

    fn remove_teams_account<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor) -> BoxFuture<'a, Result<bool, ConnectionError>> {
        Connections::remove_teams_account(self, scope, actor).boxed()
    }

    fn test<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor) -> BoxFuture<'a, Result<TestReport, ConnectionError>> {
        Connections::test(self, scope, actor).boxed()
    }
}

/// Teams channels, and what they are told of outages. The promises are those of [`Channels`].
pub trait TeamsDesk: Send + Sync + 'static {
    /// The organisation's channels by key.
    fn channels<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Vec<ChannelView>, ChannelError>>;

    /// Sets one.
    fn set_channel<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        setting: ChannelSetting,
    ) -> BoxFuture<'a, Result<ChannelView, ChannelError>>;

    /// Removes one; false when there was none.
    fn remove_channel<'a>(&'a self, scope: &'a OrgScope, actor: Actor, key: String) -> BoxFuture<'a, Result<bool, ChannelError>>;

    /// An outage and what its channels show.
    fn outage<'a>(&'a self, scope: &'a OrgScope, outage: &'a str) -> BoxFuture<'a, Result<Option<OutageRow>, StoreError>>;

    /// Takes an outage in and routes it.
    fn post_outage<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        given: GivenOutage,
    ) -> BoxFuture<'a, Result<OutageRow, PostError>>;
}

impl TeamsDesk for Channels {
    fn channels<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Vec<ChannelView>, ChannelError>> {
        self.list(scope).boxed()
    }

    fn set_channel<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        setting: ChannelSetting,
    ) -> BoxFuture<'a, Result<ChannelView, ChannelError>> {
        async move { self.set(scope, &actor, setting).await }.boxed()
    }

    fn remove_channel<'a>(&'a self, scope: &'a OrgScope, actor: Actor, key: String) -> BoxFuture<'a, Result<bool, ChannelError>> {
        async move { self.remove(scope, &actor, &key).await }.boxed()
    }

    fn outage<'a>(&'a self, scope: &'a OrgScope, outage: &'a str) -> BoxFuture<'a, Result<Option<OutageRow>, StoreError>> {
        Channels::outage(self, scope, outage).boxed()
    }

    fn post_outage<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        given: GivenOutage,
    ) -> BoxFuture<'a, Result<OutageRow, PostError>> {
        async move { Channels::post_outage(self, scope, &actor, given).await }.boxed()
    }
}

/// What the store can tell an organisation about its own objects. The promises are those of [`Store`].
pub trait Records: Send + Sync + 'static {
    /// One task.
    fn task<'a>(&'a self, scope: &'a OrgScope, key: &'a str) -> BoxFuture<'a, Result<Option<ObjectRow>, StoreError>>;

    /// Tasks by id.
    fn tasks<'a>(
        &'a self,
        scope: &'a OrgScope,
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<ObjectRow>, StoreError>>;

    /// Zones by id.
    fn zones<'a>(
        &'a self,
        scope: &'a OrgScope,
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<ObjectRow>, StoreError>>;

    /// Dead letters, newest first.
    fn dead_letters<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: DeadLetterFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<DeadLetterRow>, StoreError>>;

    /// How many of the organisation's objects are not settled, by kind and state; and what is paused.
    fn backlog<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Backlog, StoreError>>;

    /// Audit entries, oldest first.
    fn audit_trail<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: AuditFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<AuditRecord>, StoreError>>;

    /// One operation.
    fn operation<'a>(&'a self, scope: &'a OrgScope, id: &'a str) -> BoxFuture<'a, Result<Option<OperationRow>, StoreError>>;

    /// Operations, newest first.
    fn operations<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: OperationFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<OperationRow>, StoreError>>;

    /// What an operation did or would do.
    fn operation_changes<'a>(
        &'a self,
        scope: &'a OrgScope,
        id: &'a str,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<OperationChange>, StoreError>>;

    /// Checks the whole chain.
    fn verify_audit<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Verification, StoreError>>;
}

impl Records for Store {
    fn task<'a>(&'a self, scope: &'a OrgScope, key: &'a str) -> BoxFuture<'a, Result<Option<ObjectRow>, StoreError>> {
        self.object(scope, Kind::Task, key).boxed()
    }

    fn tasks<'a>(
        &'a self,
        scope: &'a OrgScope,
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<ObjectRow>, StoreError>> {
        self.objects(scope, Kind::Task, state, page).boxed()
    }

    fn zones<'a>(
        &'a self,
        scope: &'a OrgScope,
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<ObjectRow>, StoreError>> {
        self.objects(scope, Kind::Zone, state, page).boxed()
    }

    fn dead_letters<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: DeadLetterFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<DeadLetterRow>, StoreError>> {
        Store::dead_letters(self, scope, filter, page).boxed()
    }

    fn backlog<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Backlog, StoreError>> {
        async move { Ok(Backlog { rows: self.backlog_of(scope).await?, pauses: self.pauses(scope).await? }) }.boxed()
    }

    fn audit_trail<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: AuditFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<AuditRecord>, StoreError>> {
        Store::audit_trail(self, scope, filter, page).boxed()
    }

    fn operation<'a>(&'a self, scope: &'a OrgScope, id: &'a str) -> BoxFuture<'a, Result<Option<OperationRow>, StoreError>> {
        Store::operation(self, scope, id).boxed()
    }

    fn operations<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: OperationFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<OperationRow>, StoreError>> {
        Store::operations(self, scope, filter, page).boxed()
    }

    fn operation_changes<'a>(
        &'a self,
        scope: &'a OrgScope,
        id: &'a str,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<OperationChange>, StoreError>> {
        Store::operation_changes(self, scope, id, page).boxed()
    }

    fn verify_audit<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Verification, StoreError>> {
        Store::verify_audit(self, scope).boxed()
    }
}

/// What an operator decides. The promises are those of [`Operations`].
pub trait Operator: Send + Sync + 'static {
    /// Puts dead letters back to work, or counts them.
    fn replay<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        selection: Selection,
        dry_run: bool,
    ) -> BoxFuture<'a, Result<Replayed, StoreError>>;

    /// Throws dead letters away; returns how many.
    fn discard<'a>(&'a self, scope: &'a OrgScope, actor: Actor, ids: Vec<String>) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Stops a capability; returns what waits then.
    fn pause<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        capability: CapabilityName,
        reason: Option<String>,
    ) -> BoxFuture<'a, Result<Backlog, StoreError>>;

    /// Starts it again; returns what waits then.
    fn resume<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        capability: CapabilityName,
    ) -> BoxFuture<'a, Result<Backlog, StoreError>>;
}

impl Operator for Operations {
    fn replay<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        selection: Selection,
        dry_run: bool,
    ) -> BoxFuture<'a, Result<Replayed, StoreError>> {
        async move { Operations::replay(self, scope, &actor, selection, dry_run).await }.boxed()
    }

    fn discard<'a>(&'a self, scope: &'a OrgScope, actor: Actor, ids: Vec<String>) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move { Operations::discard(self, scope, &actor, &ids).await }.boxed()
    }

    fn pause<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        capability: CapabilityName,
        reason: Option<String>,
    ) -> BoxFuture<'a, Result<Backlog, StoreError>> {
        async move {
            Operations::pause(self, scope, &actor, capability, reason).await?;
            self.backlog(scope).await
        }
        .boxed()
    }

    fn resume<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        capability: CapabilityName,
    ) -> BoxFuture<'a, Result<Backlog, StoreError>> {
        async move {
            Operations::resume(self, scope, &actor, capability).await?;
            self.backlog(scope).await
        }
        .boxed()
    }
}

/// Takes requests for publications. The promises are those of [`Publications`].
pub trait Publisher: Send + Sync + 'static {
    /// Keeps the zones given and queues the publication.
    fn publish<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        request: Request,
    ) -> BoxFuture<'a, Result<OperationRow, PublishError>>;
}

impl Publisher for Publications {
    fn publish<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        request: Request,
    ) -> BoxFuture<'a, Result<OperationRow, PublishError>> {
        async move { Publications::publish(self, scope, &actor, request).await }.boxed()
    }
}

/// The list that an organisation's zones go to. The promises are those of [`Targets`].
pub trait TargetAdmin: Send + Sync + 'static {
    /// The list, if one is set.
    fn target<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Option<ZoneTarget>, TargetError>>;

    /// Checks it against the real list, and keeps it.
    fn set_target<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        asked: TargetRequest,
    ) -> BoxFuture<'a, Result<TargetSet, TargetError>>;

    /// Removes it; false when there was none.
    fn remove_target<'a>(&'a self, scope: &'a OrgScope, actor: Actor) -> BoxFuture<'a, Result<bool, TargetError>>;
}

impl TargetAdmin for Targets {
    fn target<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Option<ZoneTarget>, TargetError>> {
        self.get(scope).boxed()
    }

    fn set_target<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        asked: TargetRequest,
    ) -> BoxFuture<'a, Result<TargetSet, TargetError>> {
        async move { self.set(scope, &actor, asked).await }.boxed()
    }

    fn remove_target<'a>(&'a self, scope: &'a OrgScope, actor: Actor) -> BoxFuture<'a, Result<bool, TargetError>> {
        async move { self.remove(scope, &actor).await }.boxed()
    }
}

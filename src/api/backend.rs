//! What the resolvers need from the rest of the connector, and nothing more. Tests put memory behind the same two traits.

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    audit::Verification,
    connections::{Actor, ConnectionError, ConnectionView, Connections, Registration, TestReport},
    organisation::OrgScope,
    store::{
        AuditFilter, AuditRecord, BacklogRow, DeadLetterFilter, DeadLetterRow, DeliveryState, Kind, ObjectRow, Page, PageRequest,
        Store, StoreError,
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

    fn test<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor) -> BoxFuture<'a, Result<TestReport, ConnectionError>> {
        Connections::test(self, scope, actor).boxed()
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

    /// Dead letters, newest first.
    fn dead_letters<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: DeadLetterFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<DeadLetterRow>, StoreError>>;

    /// How many of the organisation's objects are not settled, by kind and state.
    fn backlog<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Vec<BacklogRow>, StoreError>>;

    /// Audit entries, oldest first.
    fn audit_trail<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: AuditFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<AuditRecord>, StoreError>>;

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

    fn dead_letters<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: DeadLetterFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<DeadLetterRow>, StoreError>> {
        Store::dead_letters(self, scope, filter, page).boxed()
    }

    fn backlog<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Vec<BacklogRow>, StoreError>> {
        self.backlog_of(scope).boxed()
    }

    fn audit_trail<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: AuditFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<AuditRecord>, StoreError>> {
        Store::audit_trail(self, scope, filter, page).boxed()
    }

    fn verify_audit<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Verification, StoreError>> {
        Store::verify_audit(self, scope).boxed()
    }
}

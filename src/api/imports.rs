//! What the resolvers of imports need from the rest of the connector. Tests put memory behind the same trait.

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    capabilities::directory::ImportScope,
    connections::Actor,
    imports::{ImportMode, ImportProblem, Imports},
    organisation::OrgScope,
    store::OperationRow,
};

/// An import's row, or why there is none.
type Import<'a> = BoxFuture<'a, Result<OperationRow, ImportProblem>>;

/// Starts imports of the directory and decides on those that wait. The promises are those of [`Imports`].
pub trait ImportAdmin: Send + Sync + 'static {
    /// Queues one.
    fn start<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
        import: ImportScope,
        mode: ImportMode,
        dry_run: bool,
    ) -> Import<'a>;

    /// Lets its plan be applied.
    fn approve<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor, id: &'a str) -> Import<'a>;

    /// Drops its plan.
    fn reject<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor, id: &'a str) -> Import<'a>;
}

impl ImportAdmin for Imports {
    fn start<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: &'a Actor,
        import: ImportScope,
        mode: ImportMode,
        dry_run: bool,
    ) -> Import<'a> {
        Imports::start(self, scope, actor, import, mode, dry_run).boxed()
    }

    fn approve<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor, id: &'a str) -> Import<'a> {
        Imports::approve(self, scope, actor, id).boxed()
    }

    fn reject<'a>(&'a self, scope: &'a OrgScope, actor: &'a Actor, id: &'a str) -> Import<'a> {
        Imports::reject(self, scope, actor, id).boxed()
    }
}

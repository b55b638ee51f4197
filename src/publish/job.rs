//! Publications as operations: begun, and ended however they end.
//!
//! Repeated from its start after a kill: the list is read again, what the killed run did is found there, and counted as done by this
//! publication because the zones' places remember whose doing it was.

use super::{
    input::PublishInput,
    lists::Lists,
    publication::{Progress, Publication},
    target,
    tell::Published,
};
use crate::{
    capabilities::{CapabilityName, Failure},
    graph::{ReadOnly, Traced},
    jobs::{Desk, Job, JobEnd, JobError},
    organisation::OrgScope,
    reconcile::{Crew, Tenants},
    store::{
        ConnectionState, OperationEnd, OperationError, OperationKind, OperationRow, OperationState, StoreError, WorkerScope,
    },
};

/// Carries out publications.
pub struct PublishZones<T: Tenants> {
    /// The lists.
    pub lists: Lists<T>,
    /// What works on zones.
    pub crew: Crew,
    /// The right to any organisation's zones.
    pub worker: WorkerScope,
    /// Who claims, for people who read the store.
    pub owner: String,
}

/// Why a publication did not come to its end.
pub(super) enum Halt {
    /// It fails as a whole.
    Failed(OperationError),
    /// The run was told to stop.
    Stopped,
    /// The store, or the lease.
    Job(JobError),
}

impl<E: Into<JobError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Job(error.into())
    }
}

impl<T: Tenants> Job for PublishZones<T>
where
    T::Graph: Clone,
{
    fn kind(&self) -> OperationKind {
        OperationKind::PublishZones
    }

    async fn run(&self, operation: &OperationRow, desk: &Desk) -> Result<JobEnd, JobError> {
        let publication = match self.publication(operation, desk).await {
            Ok(publication) => publication,
            Err(halt) => return self.halted(operation, desk, halt, (None, &Progress::default())).await,
        };
        let mut progress = Progress::default();
        match publication.go(&mut progress).await {
            Ok(()) => publication.end(&progress).await,
            Err(halt) => self.halted(operation, desk, halt, (Some(publication.target.key()), &progress)).await,
        }
    }

    async fn lost(&self, scope: &OrgScope, operation: &OperationRow, end: &mut OperationEnd) -> Result<(), StoreError> {
        self.forget(scope, &operation.id).await?;
        self.crew.store.let_go_of_zones(scope).await?;
        self.tell(scope, operation, None, end);
        Ok(())
    }
}

impl<T: Tenants> PublishZones<T>
where
    T::Graph: Clone,
{
    async fn publication<'a>(&'a self, operation: &'a OperationRow, desk: &'a Desk) -> Result<Publication<'a, T>, Halt> {
        let input: PublishInput = serde_json::from_value(operation.input.clone())
            .map_err(|error| failed("UNREADABLE", format!("the stored input cannot be read: {error}")))?;
        self.may_publish(desk.scope()).await?;
        let connection = self.lists.connection(desk.scope()).await.map_err(|failure| refused(&failure))?;
        let connection = Traced::new(connection, operation.trace.clone());
        let set = self.crew.store.zone_target(desk.scope()).await?.map(|set| set.target);
        let target = if let Some(asked) = &input.target {
            target::resolve(&ReadOnly(connection.clone()), asked).await.map_err(Halt::Failed)?
        } else {
            let nothing =
                || failed("NOT_FOUND", "no list is set for zones: setZoneTarget, or name one with the publication".into());
            set.clone().ok_or_else(nothing)?
        };
        let own = set.as_ref() == Some(&target);
        Ok(Publication {
            job: self,
            operation,
            desk,
            connection,
            aside: !own,
            target: target.into(),
            id: operation.id.as_str().into(),
            input,
        })
    }

    /// Refuses at once what would only wait: the zones given are kept, and go when the cause is gone.
    async fn may_publish(&self, scope: &OrgScope) -> Result<(), Halt> {
        let row = self.crew.store.connection(scope).await?;
        if row.is_some_and(|row| row.state == ConnectionState::Disabled) {
            let message = "Microsoft refuses the connection's credential: register it again".to_owned();
            return Err(failed("CONNECTION_DISABLED", message));
        }
        let paused = self.crew.store.pauses(scope).await?.into_iter().any(|pause| pause.capability == CapabilityName::SharePoint);
        if paused { Err(failed("CONFLICT", "SharePoint is paused: resume it first".to_owned())) } else { Ok(()) }
    }

    /// Throws away what only this publication needed: the list as it read it, and what a dry run supposed.
    pub(super) async fn forget(&self, scope: &OrgScope, operation: &str) -> Result<(), StoreError> {
        self.crew.store.forget_list_reading(scope, operation).await?;
        self.crew.store.forget_matches(scope, operation).await
    }

    async fn halted(
        &self,
        operation: &OperationRow,
        desk: &Desk,
        halt: Halt,
        (list, progress): (Option<String>, &Progress),
    ) -> Result<JobEnd, JobError> {
        match halt {
            Halt::Job(error) => Err(error),
            Halt::Stopped => Ok(JobEnd::Again(self.crew.clock.now())),
            Halt::Failed(error) => {
                self.forget(desk.scope(), &operation.id).await?;
                self.crew.store.let_go_of_zones(desk.scope()).await?;
                let mut end = OperationEnd {
                    state: OperationState::Failed,
                    progress: progress.tally.progress(progress.total),
                    error: Some(error),
                    audit: Vec::new(),
                    outgoing: Vec::new(),
                };
                self.tell(desk.scope(), operation, list, &mut end);
                Ok(JobEnd::Ended(end))
            }
        }
    }

    /// What failed as a whole may have written before: it is audited and told of like what came through.
    fn tell(&self, scope: &OrgScope, operation: &OperationRow, list: Option<String>, end: &mut OperationEnd) {
        if operation.dry_run {
            return;
        }
        let published = Published { organisation: scope.organisation(), operation, list, end, advice: None };
        let (entry, event) = published.told(self.crew.clock.now());
        end.audit.push(entry);
        end.outgoing.push(event);
    }
}

/// It fails as a whole.
pub(super) fn failed(code: &str, message: String) -> Halt {
    Halt::Failed(OperationError { code: code.to_owned(), message })
}

/// It fails as a whole, because of this.
pub(super) fn refused(failure: &Failure) -> Halt {
    failed(&failure.code, failure.message.clone())
}

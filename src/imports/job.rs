//! One import, from its start to its end.

use crate::{
    capabilities::directory::{ImportScope, Limits, ReadTrouble, calls, read_by},
    clock::SharedClock,
    connections::{ConnectionError, Connections},
    crash,
    graph::{Graph, Traced},
    jobs::{Desk, Job, JobEnd, JobError},
    store::{
        Begun, Concluded, ConnectionState, HowRead, ImportFailure, OperationKind, OperationRow, OperationState, Recorded, Store,
    },
};

use super::{
    asked::{Asked, ImportMode},
    groups,
    patient::Patient,
    reading::{Reading, Stop, still},
    users,
};

/// Carries imports out.
#[derive(Clone)]
pub struct ImportJob {
    /// Of people or of groups.
    pub kind: OperationKind,
    /// Where the directory is kept.
    pub store: Store,
    /// Opens the organisations' connections.
    pub connections: Connections,
    /// What an import may do unasked.
    pub limits: Limits,
    /// The time.
    pub clock: SharedClock,
}

impl Job for ImportJob {
    fn kind(&self) -> OperationKind {
        self.kind
    }

    async fn run(&self, operation: &OperationRow, desk: &Desk) -> Result<JobEnd, JobError> {
        let run = async {
            let read = self.read(operation, desk).await;
            match read {
                Ok(()) => self.conclude(operation, desk).await,
                Err(Stop::Trouble(trouble)) => self.fail(operation, desk, failure(trouble)).await,
                Err(Stop::Job(error)) => Err(error),
            }
        };
        tokio::select! {
            ended = run => ended,
            // Whatever was staged is staged anew by the next run.
            () = desk.stopping().cancelled() => Ok(JobEnd::Again(self.clock.now())),
        }
    }
}

impl ImportJob {
    /// Reads to the end, unless a plan stands already.
    async fn read(&self, operation: &OperationRow, desk: &Desk) -> Result<(), Stop> {
        let Ok(asked) = serde_json::from_value::<Asked>(operation.input.clone()) else {
            let message = "the operation's input cannot be read".into();
            return Err(ReadTrouble { code: "BAD_USER_INPUT", message, graph_request_id: None }.into());
        };
        let begun = self.begin(desk, &asked.scope).await?;
        crash::point("import.begun");
        if begun.planned {
            return Ok(());
        }
        // Before anything is read, and each time: a run that starts over reads the directory once more.
        self.store.import_intended(desk.lease(), self.clock.now(), operation).await?;
        let graph = self.open(operation, desk).await?;
        let how = self.read_by(&graph, desk, &asked, begun).await?;
        still(self.store.import_was_read(desk.lease(), how).await?)?;
        crash::point("import.read");
        Ok(())
    }

    async fn begin(&self, desk: &Desk, scope: &ImportScope) -> Result<Begun, Stop> {
        let begun = self.store.begin_import(desk.lease(), self.clock.now(), scope).await?;
        begun.ok_or_else(|| JobError::LeaseLost.into())
    }

    async fn open(&self, operation: &OperationRow, desk: &Desk) -> Result<Patient<impl Graph + use<>>, Stop> {
        let trouble = |code, message: &str| ReadTrouble { code, message: message.into(), graph_request_id: None };
        let state = self.store.connection(desk.scope()).await?.map(|row| row.state);
        if state == Some(ConnectionState::Disabled) {
            return Err(
                trouble("CONNECTION_DISABLED", "Microsoft refused the connection; nothing is sent until it works again").into()
            );
        }
        match self.connections.connected(desk.scope()).await {
            Ok(graph) => Ok(Patient { graph: Traced::new(graph, operation.trace.clone()), clock: self.clock.clone() }),
            Err(ConnectionError::NoConnection) => Err(trouble("NO_CONNECTION", "no connection is registered").into()),
            Err(ConnectionError::Store(error)) => Err(error.into()),
            Err(error) => {
                tracing::error!(organisation = %desk.scope().organisation(), error = &error as &dyn std::error::Error, "could not open a connection");
                Err(trouble("INTERNAL", "the connection's stored values could not be opened").into())
            }
        }
    }

    /// By what changed, where a link allows it; else everything. A link that Microsoft refuses is dropped first, so that the absences of
    /// the next complete read wait for approval even if this run dies.
    async fn read_by<G: Graph>(&self, graph: &G, desk: &Desk, asked: &Asked, begun: Begun) -> Result<HowRead, Stop> {
        let reading = || Reading::new(graph, &self.store, desk, &self.clock, asked.scope.key());
        let permission = match &asked.scope {
            ImportScope::Users(_) => calls::USERS_PERMISSION,
            ImportScope::Groups(_) => calls::GROUPS_PERMISSION,
        };
        let named = |stop| match stop {
            Stop::Trouble(trouble) => Stop::Trouble(read_by(trouble, permission)),
            stop @ Stop::Job(_) => stop,
        };
        if let Some(link) = begun.delta_link.filter(|_| asked.mode != ImportMode::Full) {
            let changes = match &asked.scope {
                ImportScope::Users(_) => users::changes(&reading(), link).await,
                ImportScope::Groups(groups) => groups::changes(&reading(), link, groups.transitive).await,
            };
            match changes {
                Err(Stop::Trouble(trouble)) if trouble.code == ReadTrouble::DELTA_REFUSED => {
                    tracing::warn!(organisation = %desk.scope().organisation(), "the delta link was refused: everything is read");
                    still(self.store.distrust_scope(desk.lease(), &asked.scope.key()).await?)?;
                    self.begin(desk, &asked.scope).await?;
                }
                changes => return changes.map_err(named),
            }
        }
        let read = match &asked.scope {
            ImportScope::Users(users) => users::everything(&reading(), users, self.limits.people).await,
            ImportScope::Groups(groups) => groups::everything(&reading(), groups).await,
        };
        read.map_err(named)
    }

    async fn conclude(&self, operation: &OperationRow, desk: &Desk) -> Result<JobEnd, JobError> {
        let concluded = self.store.conclude_import(desk.lease(), self.clock.now(), operation, self.limits).await?;
        let refused =
            |code: &str, message: &str| ImportFailure { code: code.into(), message: message.into(), graph_request_id: None };
        match concluded {
            Concluded::LeaseLost => Err(JobError::LeaseLost),
            Concluded::Ended(state) => {
                crash::point("import.applied");
                if state != OperationState::AwaitingApproval {
                    self.tidy(desk).await;
                }
                Ok(JobEnd::Recorded(state))
            }
            Concluded::Empty => {
                self.fail(operation, desk, refused("INCOMPLETE_READ", "nobody was found where there was somebody before")).await
            }
            Concluded::Conflict => {
                self.fail(operation, desk, refused("CONFLICT", "what it would change has changed meanwhile: import again")).await
            }
        }
    }

    async fn fail(&self, operation: &OperationRow, desk: &Desk, failure: ImportFailure) -> Result<JobEnd, JobError> {
        tracing::warn!(organisation = %desk.scope().organisation(), id = operation.id, code = failure.code, "an import failed");
        match self.store.fail_import(desk.lease(), self.clock.now(), operation, failure).await? {
            Recorded::Done => {
                self.tidy(desk).await;
                Ok(JobEnd::Recorded(OperationState::Failed))
            }
            Recorded::LeaseLost => Err(JobError::LeaseLost),
        }
    }

    /// Staged rows that nobody needs any more; the next import would drop them too.
    async fn tidy(&self, desk: &Desk) {
        if let Err(error) = self.store.forget_staged(desk.scope()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "staged rows of an ended import are still there");
        }
    }
}

fn failure(trouble: ReadTrouble) -> ImportFailure {
    ImportFailure { code: trouble.code.into(), message: trouble.message, graph_request_id: trouble.graph_request_id }
}

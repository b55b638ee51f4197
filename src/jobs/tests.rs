//! The runner over a real store: what becomes of operations whose jobs end, fail, stop, panic or are taken over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Desk, Job, JobEnd, JobError, JobSettings, Runner};
use crate::{
    clock::{Clock as _, SystemClock},
    organisation::{OrgScope, OrganisationId},
    reconcile::Wake,
    store::{
        NewOperation, OperationEnd, OperationKind, OperationProgress, OperationRow, OperationState, Store, StoreError,
        WorkerScope,
    },
};

/// Does as its operation's input says.
#[derive(Clone, Default)]
struct Obedient {
    runs: Arc<AtomicU32>,
}

fn progress(done: u64) -> OperationProgress {
    OperationProgress { done, total: Some(2), counts: json!({ "seen": done }) }
}

impl Job for Obedient {
    fn kind(&self) -> OperationKind {
        OperationKind::PublishZones
    }

    async fn run(&self, operation: &OperationRow, desk: &Desk) -> Result<JobEnd, JobError> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        desk.progress(progress(1)).await?;
        match operation.input.as_str() {
            Some("panic") => panic!("as told"),
            Some("wait") => {
                desk.stopping().cancelled().await;
                Ok(JobEnd::Again(SystemClock.now()))
            }
            Some("store away, once") if run == 0 => {
                Err(StoreError::Unavailable { doing: "a test", source: "away".into() }.into())
            }
            _ => Ok(JobEnd::Ended(OperationEnd {
                state: OperationState::Succeeded,
                progress: progress(2),
                error: None,
                audit: vec![],
                outgoing: vec![],
            })),
        }
    }

    async fn lost(&self, _scope: &OrgScope, operation: &OperationRow, end: &mut OperationEnd) -> Result<(), StoreError> {
        end.progress.counts = json!({ "lost": operation.id });
        Ok(())
    }
}

struct Scene {
    store: Store,
    scope: OrgScope,
    job: Obedient,
    wake: Wake,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn of(input: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}", folder.path().join("store.db").display())).await.unwrap();
        store.migrate().await.unwrap();
        let scope = OrgScope::granted_to_operator(OrganisationId::parse("acme").unwrap());
        let kind = OperationKind::PublishZones;
        let new = NewOperation {
            id: "o-1".into(),
            kind,
            dry_run: false,
            input: json!(input),
            requested_by: "user:kim".into(),
            trace: None,
        };
        store.enqueue_operation(&scope, SystemClock.now(), new, vec![]).await.unwrap();
        Self { store, scope, job: Obedient::default(), wake: Wake::default(), _folder: folder }
    }

    fn runner(&self) -> Runner<Obedient> {
        let settings =
            JobSettings { lease: Duration::from_millis(300), max_crashes: 2, again: Duration::ZERO, ..JobSettings::default() };
        Runner {
            store: self.store.clone(),
            job: self.job.clone(),
            settings,
            clock: Arc::new(SystemClock),
            wake: self.wake.clone(),
            ended: vec![],
            worker: WorkerScope::for_loops(),
            owner: "test".into(),
        }
    }

    async fn operation(&self) -> OperationRow {
        self.store.operation(&self.scope, "o-1").await.unwrap().unwrap()
    }

    async fn until(&self, state: OperationState) -> OperationRow {
        let reached = async {
            loop {
                let operation = self.operation().await;
                if operation.state == state && (operation.done > 0 || state == OperationState::Failed) {
                    return operation;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap()
    }
}

#[tokio::test]
async fn an_operation_runs_to_its_end() {
    let scene = Scene::of("end").await;
    let stop = CancellationToken::new();
    let runner = tokio::spawn(scene.runner().run(stop.clone()));
    let ended = scene.until(OperationState::Succeeded).await;
    assert_eq!((ended.done, ended.counts), (2, json!({ "seen": 2 })));
    stop.cancel();
    runner.await.unwrap();
}

#[tokio::test]
async fn an_operation_whose_store_was_away_is_run_again() {
    let scene = Scene::of("store away, once").await;
    let stop = CancellationToken::new();
    let runner = tokio::spawn(scene.runner().run(stop.clone()));
    scene.until(OperationState::Succeeded).await;
    assert_eq!(scene.job.runs.load(Ordering::SeqCst), 2);
    stop.cancel();
    runner.await.unwrap();
}

#[tokio::test]
async fn a_runner_that_stops_puts_its_operation_back() {
    let scene = Scene::of("wait").await;
    let stop = CancellationToken::new();
    let runner = tokio::spawn(scene.runner().run(stop.clone()));
    scene.until(OperationState::Running).await;
    stop.cancel();
    runner.await.unwrap();
    assert_eq!(scene.operation().await.state, OperationState::Queued);
}

#[tokio::test]
async fn an_operation_that_outlasts_its_first_lease_keeps_it() {
    let scene = Scene::of("wait").await;
    let stop = CancellationToken::new();
    let runners: Vec<_> = (0..2).map(|_| tokio::spawn(scene.runner().run(stop.clone()))).collect();
    let first_lease_ends = scene.until(OperationState::Running).await.started_at.unwrap() + TimeDelta::milliseconds(300);
    // Each replica looks for abandoned operations at least once a second.
    while SystemClock.now() < first_lease_ends + TimeDelta::milliseconds(1_100) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(scene.job.runs.load(Ordering::SeqCst), 1, "nobody took it over");
    stop.cancel();
    for runner in runners {
        runner.await.unwrap();
    }
}

#[tokio::test]
async fn an_operation_that_kills_its_runs_fails_in_the_end() {
    let scene = Scene::of("panic").await;
    let stop = CancellationToken::new();
    let runner = tokio::spawn(scene.runner().run(stop.clone()));
    let failed = scene.until(OperationState::Failed).await;
    assert_eq!((failed.error.unwrap().code.as_str(), failed.counts), ("WORKER_CRASHED", json!({ "lost": "o-1" })));
    assert_eq!(scene.job.runs.load(Ordering::SeqCst), 2);
    stop.cancel();
    runner.await.unwrap();
}

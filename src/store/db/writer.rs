//! The writer: jobs that wait are committed together.
//!
//! A commit costs an fsync, some milliseconds, however much is in it. So a writer takes every job that waits, runs one after the
//! other, commits once, and only then answers. When one of them fails, which is rare, the transaction is undone and all run again,
//! each in a savepoint of its own, so that its failure does not undo its neighbours. Not at once: SQLite copies every page aside
//! that changes under a savepoint. SQLite has one writer. Postgres has a few, each with one job a transaction (see
//! `Target::jobs`); there, what is shared is the work of jobs that gather many callers (`record`).
//!
//! When the end of a transaction fails before COMMIT, its jobs run again, each in a transaction of its own: only the one at
//! fault fails. When COMMIT itself fails, its outcome is not known and every job is told so. After either, and after a
//! panic, the connection is dropped (which rolls back) and opened again for the next job.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Failure, Job, Reach, StoreError, Tx, open::Target};
use crate::ids::Ids;

/// How often a transaction runs in all when Postgres asks to run it again.
const MOST_RUNS: usize = 4;

/// Hands jobs to the writers.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::UnboundedSender<Box<dyn Queued>>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Writer {
    /// `unaudited` counts transactions that failed because their audit entries could not be written.
    pub(super) fn start(target: &Target, ids: &Ids, unaudited: &Arc<AtomicU64>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let session = || Session { target: target.clone(), ids: ids.clone(), unaudited: Arc::clone(unaudited), tx: None };
        let start = |_| tokio::spawn(serve(session(), Arc::clone(&receiver)));
        let tasks = (0..target.writers()).map(start).collect();
        Self { queue: Mutex::new(Some(sender)), tasks: Mutex::new(tasks) }
    }

    /// Queues a job at once; the future ends when it is committed or has failed.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        reach: Reach,
        doing: &'static str,
        job: Job<T>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + use<T> {
        let (answer, answered) = oneshot::channel();
        let pending = Pending { reach, doing, job, outcome: None, answer };
        if let Some(queue) = &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            // Refused only when every writer is gone; then the job is dropped, and its answer with it.
            queue.send(Box::new(pending)).unwrap_or_default();
        }
        async move { answered.await.unwrap_or_else(|_| Err(gone().doing(doing))) }
    }

    /// Lets what is queued finish, then ends the writers.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a writer of the store did not end by itself");
            }
        }
    }
}

fn gone() -> Failure {
    Failure::Driver("the writer dropped the job: the store is closed, or the writer's connection was lost".into())
}

/// A job in the queue, whatever it returns.
trait Queued: Send {
    /// Whose rows it is for.
    fn reach(&self) -> &Reach;
    /// Runs it and keeps its outcome; true when it succeeded.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool>;
    /// Whether it failed in a way that asks for another run.
    fn wants_another_run(&self) -> bool;
    /// Tells the caller: the outcome if `committed`, else why not.
    fn answer(self: Box<Self>, committed: Result<(), &str>);
}

struct Pending<T> {
    reach: Reach,
    doing: &'static str,
    job: Job<T>,
    outcome: Option<Result<T, Failure>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send> Queued for Pending<T> {
    fn reach(&self) -> &Reach {
        &self.reach
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let outcome = (self.job)(tx).await;
            self.outcome.insert(outcome).is_ok()
        })
    }

    fn wants_another_run(&self) -> bool {
        matches!(self.outcome, Some(Err(Failure::Again(_))))
    }

    fn answer(self: Box<Self>, committed: Result<(), &str>) {
        let outcome = match (self.outcome, committed) {
            // A job that failed by itself keeps its own reason.
            (Some(Err(failure)), _) => Err(failure),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(reason)) => Err(Failure::Driver(reason.into())),
            (None, Ok(())) => Err(gone()),
        };
        // Nobody waits any more when the caller was cancelled; the commit stands.
        self.answer.send(outcome.map_err(|failure| failure.doing(self.doing))).unwrap_or_default();
    }
}

type Queue = Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Box<dyn Queued>>>>;

/// Ends when the queue is closed and empty.
async fn serve(mut writer: Session, queue: Queue) {
    while let Some(jobs) = take(&queue, writer.target.jobs()).await {
        // A panic drops jobs and connection; their callers are told, and the next job opens a new one.
        if AssertUnwindSafe(writer.work(jobs)).catch_unwind().await.is_err() {
            tracing::error!("a job of the store's writer panicked; its transaction was rolled back");
            writer.tx = None;
        }
    }
}

/// Waits for a job, then takes those that wait with it, up to `most`.
async fn take(queue: &Queue, most: usize) -> Option<Vec<Box<dyn Queued>>> {
    let mut queue = queue.lock().await;
    let mut jobs = vec![queue.recv().await?];
    while jobs.len() < most {
        let Ok(job) = queue.try_recv() else { break };
        jobs.push(job);
    }
    Some(jobs)
}

struct Session {
    target: Target,
    ids: Ids,
    unaudited: Arc<AtomicU64>,
    tx: Option<Tx>,
}

/// How jobs run in a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// One after the other; all is undone when one of several fails.
    AtOnce,
    /// Each in a savepoint of its own.
    Apart,
    /// One job, which must find out by itself whose failure it is.
    Alone,
}

/// How a transaction ended, if not well.
enum Ended {
    /// One of several jobs failed, and nothing of any stands.
    Mixed,
    /// Nothing of it stands; its jobs may run again, alone.
    Undone {
        reason: String,
        /// Even alone.
        again: bool,
    },
    /// Running it again is pointless (no connection) or wrong (nobody knows whether it stands).
    Open(String),
}

impl Session {
    async fn work(&mut self, mut jobs: Vec<Box<dyn Queued>>) {
        let mut ended = self.transaction(&mut jobs, Manner::AtOnce).await;
        if matches!(ended, Err(Ended::Mixed)) {
            ended = self.transaction(&mut jobs, Manner::Apart).await;
        }
        match ended {
            Ok(()) => self.answer_or_run_again(jobs).await,
            Err(Ended::Undone { .. } | Ended::Mixed) => self.one_by_one(jobs).await,
            Err(Ended::Open(reason)) => {
                for job in jobs {
                    job.answer(Err(&reason));
                }
            }
        }
    }

    async fn answer_or_run_again(&mut self, jobs: Vec<Box<dyn Queued>>) {
        let (again, done): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.wants_another_run());
        for job in done {
            job.answer(Ok(()));
        }
        self.one_by_one(again).await;
    }

    async fn one_by_one(&mut self, jobs: Vec<Box<dyn Queued>>) {
        for mut job in jobs {
            let mut ended = Ok(());
            for _ in 1..MOST_RUNS {
                ended = self.transaction(std::slice::from_mut(&mut job), Manner::Alone).await;
                let again = match &ended {
                    Ok(()) => job.wants_another_run(),
                    Err(Ended::Undone { again, .. }) => *again,
                    Err(Ended::Open(_) | Ended::Mixed) => false,
                };
                if !again {
                    break;
                }
            }
            match ended {
                Ok(()) => job.answer(Ok(())),
                Err(Ended::Undone { reason, .. } | Ended::Open(reason)) => job.answer(Err(&reason)),
                // Never of one job alone.
                Err(Ended::Mixed) => job.answer(Err("it was undone with others")),
            }
        }
    }

    /// Runs the jobs in one transaction. Afterwards the connection is kept only when it is known to be in order.
    async fn transaction(&mut self, jobs: &mut [Box<dyn Queued>], manner: Manner) -> Result<(), Ended> {
        let over = |failure: Failure| Ended::Open(describe(&failure));
        let mut tx = match self.tx.take() {
            Some(tx) => tx,
            None => Tx::new(self.target.writer().await.map_err(over)?, self.ids.clone(), Arc::clone(&self.unaudited)),
        };
        let reach = Reach::of_all(jobs.iter().map(|job| job.reach()));
        tx.begin(&reach, manner == Manner::Alone).await.map_err(over)?;
        let ran = match (manner, &mut *jobs) {
            (Manner::Apart, [_, _, ..]) => run_apart(&mut tx, jobs).await,
            _ => run_in_a_row(&mut tx, jobs).await,
        };
        let ran = ran.map_err(undone)?;
        if ran == Ran::Well {
            tx.flush().await.map_err(undone)?;
            tx.commit().await.map_err(over)?;
        } else {
            tx.rollback().await.map_err(undone)?;
        }
        self.tx = Some(tx);
        if ran == Ran::Mixed { Err(Ended::Mixed) } else { Ok(()) }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn undone(failure: Failure) -> Ended {
    let again = matches!(failure, Failure::Again(_));
    Ended::Undone { reason: describe(&failure), again }
}

/// What came of running jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ran {
    /// There is something to commit.
    Well,
    /// There is not: no job succeeded.
    InVain,
    /// One of several failed, and there is no telling what it left.
    Mixed,
}

async fn run_in_a_row(tx: &mut Tx, jobs: &mut [Box<dyn Queued>]) -> Result<Ran, Failure> {
    let alone = jobs.len() == 1;
    for job in jobs {
        if !job.run(tx).await {
            return Ok(if alone { Ran::InVain } else { Ran::Mixed });
        }
    }
    Ok(Ran::Well)
}

async fn run_apart(tx: &mut Tx, jobs: &mut [Box<dyn Queued>]) -> Result<Ran, Failure> {
    let mut ran = Ran::InVain;
    for job in jobs {
        let mark = tx.savepoint().await?;
        if job.run(tx).await {
            ran = Ran::Well;
            tx.release().await?;
        } else {
            tx.undo(mark).await?;
        }
    }
    Ok(ran)
}

fn describe(failure: &Failure) -> String {
    match failure {
        Failure::Driver(source) | Failure::Again(source) => source.to_string(),
        Failure::Unreadable(what) => format!("a stored {what} cannot be read"),
        Failure::Conflict => "the row changed meanwhile".to_owned(),
    }
}

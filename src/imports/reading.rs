//! What the readers of people and of groups share: where pages come from, where they go, and how a read stops.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{
    capabilities::directory::{Page, Pages, Promise, ReadTrouble, how_many},
    clock::SharedClock,
    crash,
    graph::{Graph, GraphError, Request, Response, Verdict},
    jobs::{Desk, JobError},
    store::{Batch, OperationProgress, Recorded, Store, StoreError},
};

/// Calls in flight at once: groups' members, and people who are missing. About 3 resource units each, of 8,000 in ten seconds; the
/// transport takes fewer when Microsoft objects.
pub(super) const AT_ONCE: usize = 16;
/// People and groups that one import may hold. More fails it: what is left out would look as if it were gone.
const MOST: u64 = 2_000_000;

/// Why a read stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The directory could not be read to its end.
    Trouble(ReadTrouble),
    /// The run cannot go on.
    Job(JobError),
}

impl From<ReadTrouble> for Stop {
    fn from(trouble: ReadTrouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<GraphError> for Stop {
    fn from(error: GraphError) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<JobError> for Stop {
    fn from(error: JobError) -> Self {
        Self::Job(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Job(error.into())
    }
}

/// One read under way.
pub(super) struct Reading<'a, G> {
    pub(super) graph: &'a G,
    pub(super) store: &'a Store,
    pub(super) desk: &'a Desk,
    pub(super) clock: &'a SharedClock,
    /// The name of the scope.
    pub(super) scope_key: String,
    seen: AtomicU64,
    total: OnceLock<u64>,
}

impl<'a, G: Graph> Reading<'a, G> {
    pub(super) fn new(graph: &'a G, store: &'a Store, desk: &'a Desk, clock: &'a SharedClock, scope_key: String) -> Self {
        Self { graph, store, desk, clock, scope_key, seen: AtomicU64::new(0), total: OnceLock::new() }
    }

    /// Stages what was read, and says how far it has come.
    pub(super) async fn stage(&self, batch: Batch) -> Result<(), Stop> {
        let read = batch.people.len() + batch.groups.len();
        let seen = self.seen.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        if seen > MOST {
            return Err(ReadTrouble::too_much(format!("more than {MOST} people or groups")).into());
        }
        still(self.store.stage(self.desk.lease(), batch).await?)?;
        crash::point("import.page-staged");
        if read > 0 {
            let total = self.total.get().map(|total| (*total).max(seen));
            self.desk.progress(OperationProgress { done: seen, total, counts: json!({ "seen": seen }) }).await?;
        }
        Ok(())
    }

    /// A link for what changes from now on, and when it was asked for: before anything is read, so that the next delta misses nothing.
    /// A directory that gives none is read whole each time.
    pub(super) async fn link_from_now_on(&self, request: Request) -> Result<(Option<String>, DateTime<Utc>), Stop> {
        let at = self.clock.now();
        let mut pages = Pages::of_delta(self.graph, request);
        let mut link = None;
        loop {
            match pages.next().await {
                Ok(Some(page)) => link = page.delta_link,
                Ok(None) => return Ok((link, at)),
                Err(trouble) if trouble.code == "GRAPH_REJECTED" => return Ok((None, at)),
                Err(trouble) => return Err(trouble.into()),
            }
        }
    }

    /// Says how many objects there will be, for those who watch. The first word stands.
    pub(super) fn expect(&self, total: u64) {
        self.total.get_or_init(|| total);
    }

    /// Asks how many objects a list has. Without an answer it is read all the same: not every cloud counts, and the list itself must say
    /// what is wrong.
    pub(super) async fn promise(&self, list: &Request) -> Result<Option<Promise>, Stop> {
        match self.graph.send(how_many(list)).await {
            Ok(answer) => {
                let promise = Promise::read(&answer.body);
                if let Some(promise) = promise {
                    self.expect(promise.number());
                }
                Ok(promise)
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "how many objects there are is not known");
                Ok(None)
            }
        }
    }

    /// Fails when what was listed so far is far less than what was promised: then the list ended before its end.
    pub(super) fn is_whole(&self, promise: Option<Promise>) -> Result<(), Stop> {
        let listed = self.seen.load(Ordering::Relaxed);
        match promise {
            Some(promise) if !promise.is_kept_by(listed) => {
                let counted = promise.number();
                Err(ReadTrouble::incomplete(format!("Microsoft counts {counted}, and the list ended after {listed}")).into())
            }
            _ => Ok(()),
        }
    }

    /// Asks for one object; `None` when Microsoft says that there is none.
    pub(super) async fn look_up(&self, request: Request) -> Result<Option<Response>, Stop> {
        match self.graph.send(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.verdict == Verdict::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Stages each page of a list while the next one is on its way: the list takes as long as its pages do.
    pub(super) async fn each_page(&self, mut pages: Pages<'_, G>, batch: fn(&Page) -> Result<Batch, Stop>) -> Result<(), Stop> {
        let mut page = pages.next().await?;
        while let Some(current) = page {
            let (staged, next) = tokio::join!(self.stage(batch(&current)?), pages.next());
            staged?;
            page = next?;
        }
        Ok(())
    }
}

/// Stops when the lease is lost.
pub(super) fn still(recorded: Recorded) -> Result<(), Stop> {
    match recorded {
        Recorded::Done => Ok(()),
        Recorded::LeaseLost => Err(JobError::LeaseLost.into()),
    }
}

//! Waits when Microsoft asks for it. An import has time, and one page that was told to wait must not cost all pages before it.

use chrono::TimeDelta;

use crate::{
    clock::SharedClock,
    graph::{Graph, GraphError, Request, Response, Verdict},
};

/// The longest single wait that is sat out; a longer one fails the import.
const LONGEST: TimeDelta = TimeDelta::minutes(10);
/// Waits in a row for one page.
const MOST: u32 = 20;

/// A connection that heeds `Retry-After` by waiting.
pub(super) struct Patient<G> {
    pub(super) graph: G,
    pub(super) clock: SharedClock,
}

impl<G: Graph> Patient<G> {
    /// How long to wait before the call is sent again; none when it is not to be.
    fn wait(&self, error: &GraphError, waits: u32) -> Option<std::time::Duration> {
        let Verdict::Throttled { until, .. } = error.verdict else { return None };
        let wait = until - self.clock.now();
        (waits < MOST && wait <= LONGEST).then(|| wait.to_std().unwrap_or_default())
    }

    async fn again(&self, error: GraphError, waits: &mut u32) -> Result<(), GraphError> {
        let Some(wait) = self.wait(&error, *waits) else { return Err(error) };
        *waits += 1;
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

impl<G: Graph> Graph for Patient<G> {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        let mut waits = 0;
        loop {
            match self.graph.send(request.clone()).await {
                Err(error) => self.again(error, &mut waits).await?,
                answer => return answer,
            }
        }
    }

    async fn follow(&self, link: &str, like: &Request) -> Result<Response, GraphError> {
        let mut waits = 0;
        loop {
            match self.graph.follow(link, like).await {
                Err(error) => self.again(error, &mut waits).await?,
                answer => return answer,
            }
        }
    }
}

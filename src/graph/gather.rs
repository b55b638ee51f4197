//! Calls of many runs gathered into batches: one chain of calls per target.
//!
//! Whoever works on an object sends its calls one by one and knows nothing of batches. Here they wait a few milliseconds for
//! company; up to 20 leave together, and the next ones only when those are answered. So a list sees one call after the other, and
//! twenty objects cost one round trip.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::{Graph, GraphError, Request, Response, ThrottleScope, Verdict, batch::MOST_PARTS, throttle::held_back};

/// How long the first call of a batch waits for others: runs that were claimed together come together, give or take a commit.
const COMPANY: Duration = Duration::from_millis(8);
/// How long a call may wait for its turn. Whoever sent it made sure that it may be made now; after a while, or when the process was
/// frozen, that is not so any more, and the call goes back unsent.
const LONGEST: Duration = Duration::from_secs(10);
/// The bytes of a batch's bodies, at most: Graph takes requests up to 4 MB.
const MOST_BYTES: usize = 3_000_000;

type Answer = Result<Response, GraphError>;

/// The chains of one connection, by target. Cheap to clone; shared by everything that should queue in the same chains.
pub struct Gatherers<G>(Arc<Mutex<HashMap<String, Chain<G>>>>);

/// A target's waiting calls; there is a chain as long as something waits or is under way.
type Chain<G> = VecDeque<Waiting<G>>;

struct Waiting<G> {
    request: Request,
    bytes: usize,
    since: Instant,
    through: G,
    answer: oneshot::Sender<Answer>,
}

/// Sends calls that name a target through its chain.
#[derive(Clone)]
pub struct Gathered<G> {
    through: G,
    chains: Gatherers<G>,
}

impl<G> Clone for Gatherers<G> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<G> Default for Gatherers<G> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<G> std::fmt::Debug for Gatherers<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gatherers")
    }
}

impl<G: Graph + Clone + 'static> Gatherers<G> {
    /// A connection whose calls go through these chains.
    pub fn gathered(&self, through: G) -> Gathered<G> {
        Gathered { through, chains: self.clone() }
    }

    /// Puts a call into its chain; true when nothing moves the chain yet.
    fn queue(&self, target: &str, waiting: Waiting<G>) -> bool {
        let mut chains = self.lock();
        if let Some(chain) = chains.get_mut(target) {
            chain.push_back(waiting);
            return false;
        }
        chains.insert(target.to_owned(), VecDeque::from([waiting]));
        true
    }

    /// Sends what waits, batch after batch, until nothing does.
    async fn drive(self, target: String) {
        loop {
            if self.waiting(&target) < MOST_PARTS {
                tokio::time::sleep(COMPANY).await;
            }
            let Some(together) = self.take(&target) else { return };
            let (late, together): (Vec<_>, Vec<_>) = together.into_iter().partition(|one| one.since.elapsed() > LONGEST);
            for one in late {
                one.answer.send(Err(held_back(DateTime::<Utc>::UNIX_EPOCH, ThrottleScope::Target))).unwrap_or_default();
            }
            let (requests, rest): (Vec<_>, Vec<_>) =
                together.into_iter().map(|one| (one.request, (one.through, one.answer))).unzip();
            let (mut through, answers): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
            let Some(through) = through.pop() else { continue };
            let sent = through.send_all(requests).await;
            for (answer, came) in answers.into_iter().zip(sent) {
                // A caller that is gone looks again in its next run.
                answer.send(came).unwrap_or_default();
            }
        }
    }

    fn waiting(&self, target: &str) -> usize {
        self.lock().get(target).map_or(0, VecDeque::len)
    }

    /// The next batch; none when the chain has come to its end, which takes it away.
    fn take(&self, target: &str) -> Option<Vec<Waiting<G>>> {
        let mut chains = self.lock();
        let chain = chains.get_mut(target)?;
        if chain.is_empty() {
            chains.remove(target);
            return None;
        }
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(next) = chain.front() {
            bytes += next.bytes;
            if taken.len() == MOST_PARTS || (bytes > MOST_BYTES && !taken.is_empty()) {
                break;
            }
            taken.extend(chain.pop_front());
        }
        Some(taken)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Chain<G>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<G: Graph + Clone + 'static> Graph for Gathered<G> {
    async fn send(&self, request: Request) -> Answer {
        let Some(target) = request.target.clone() else { return self.through.send(request).await };
        let (answer, answered) = oneshot::channel();
        let bytes = request.body.as_ref().map_or(0, |body| body.to_string().len());
        let repeatable = request.repeatable;
        let first =
            self.chains.queue(&target, Waiting { request, bytes, since: Instant::now(), through: self.through.clone(), answer });
        if first {
            // A task of its own: it outlives this caller, for others wait in the same chain.
            tokio::spawn(self.chains.clone().drive(target));
        }
        answered.await.unwrap_or_else(|_| Err(lost(repeatable)))
    }

    async fn follow(&self, link: &str, like: &Request) -> Answer {
        self.through.follow(link, like).await
    }
}

/// The chain ended without an answer, which only the end of the process brings about.
fn lost(repeatable: bool) -> GraphError {
    let verdict = if repeatable { Verdict::Transient } else { Verdict::Ambiguous };
    GraphError::unsent(verdict, "connection", "the process stops")
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::json;

    use super::*;
    use crate::graph::Workload;

    /// Remembers how many came together, and that only one batch was under way at a time.
    #[derive(Clone, Default)]
    struct Counting(Arc<Mutex<(Vec<usize>, usize)>>);

    impl Graph for Counting {
        async fn send(&self, request: Request) -> Answer {
            let body = json!({ "path": request.path });
            Ok(Response { status: 200, body, request_id: None, clock_skew_ms: None })
        }

        async fn follow(&self, _link: &str, like: &Request) -> Answer {
            self.send(like.clone()).await
        }

        async fn send_all(&self, requests: Vec<Request>) -> Vec<Answer> {
            {
                let mut seen = self.0.lock().unwrap();
                seen.0.push(requests.len());
                seen.1 += 1;
                assert_eq!(seen.1, 1, "one call chain");
            }
            tokio::task::yield_now().await;
            self.0.lock().unwrap().1 -= 1;
            join_all(requests.into_iter().map(|request| self.send(request))).await
        }
    }

    fn call(number: usize) -> Request {
        Request::get(Workload::SharePoint, format!("/items/{number}")).target("list")
    }

    #[tokio::test]
    async fn fifty_calls_leave_in_three_batches_and_each_gets_its_own_answer() {
        let (graph, chains) = (Counting::default(), Gatherers::default());
        let gathered = chains.gathered(graph.clone());
        let answers = join_all((0..50).map(|number| gathered.send(call(number)))).await;
        for (number, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.unwrap().body["path"], format!("/items/{number}"));
        }
        assert_eq!(graph.0.lock().unwrap().0, [20, 20, 10]);
        tokio::time::timeout(Duration::from_secs(5), async {
            while !chains.lock().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("nothing is remembered of a list that nobody uses");
    }

    #[tokio::test]
    async fn large_bodies_travel_in_smaller_company() {
        let (graph, chains) = (Counting::default(), Gatherers::default());
        let gathered = chains.gathered(graph.clone());
        let large = |number| Request { body: Some(json!("x".repeat(1_400_000))), ..call(number) };
        join_all((0..5).map(|number| gathered.send(large(number)))).await;
        assert_eq!(graph.0.lock().unwrap().0, [2, 2, 1]);
    }
}

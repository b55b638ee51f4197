//! A call, as requests to Graph, to a webhook, or to the desk.
//!
//! How repeating each is harmless: the desk's answers and look-ups change nothing that a repeat would change again; a card that was
//! sent before is looked for by its marker where Graph lets us read, and where not, the policy decides and the audit trail says
//! "possibly twice".
//!
//! Microsoft takes one call a second and channel. Between runs, whichever worker has them, the hold that [`learn`](super::learn) asks
//! for keeps that distance; within a run, the wait here does.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Teams,
    call::{Answer, Call, Reply, Send},
    desk::Desk,
    look::{Look, Seen},
    marker::{Marker, Step},
    wire,
};
use crate::{
    capabilities::Work,
    graph::{Graph, GraphError, Verdict},
};

/// The distance between two calls to one channel.
const DISTANCE: Duration = Duration::from_secs(1);

/// When the last call to each channel was over, as far as it matters.
#[derive(Debug)]
pub(super) struct Rests {
    distance: Duration,
    over: Mutex<HashMap<(String, String), Instant>>,
}

impl Default for Rests {
    fn default() -> Self {
        Self::of(DISTANCE)
    }
}

impl Rests {
    pub(super) fn of(distance: Duration) -> Self {
        Self { distance, over: Mutex::default() }
    }

    /// Waits until the channel has rested.
    async fn keep(&self, work: &Work, target: &str) {
        let name = (work.organisation.as_str().to_owned(), target.to_owned());
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner).get(&name).copied();
        if let Some(wait) = over.and_then(|over| (over + self.distance).checked_duration_since(Instant::now())) {
            tokio::time::sleep(wait).await;
        }
    }

    /// A call is over.
    fn begin(&self, work: &Work, target: &str) {
        let mut rests = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        rests.retain(|_, over| over.elapsed() < self.distance);
        rests.insert((work.organisation.as_str().to_owned(), target.to_owned()), Instant::now());
    }
}

/// Makes the call.
pub(super) async fn perform<D: Desk>(teams: &Teams<D>, graph: &impl Graph, work: &Work, call: &Call) -> Answer {
    Answer(match call {
        Call::Open => Reply::Opened(teams.desk.open(work).await),
        Call::Turn(channel, generation) => {
            let marker = Marker::new(work, *generation, Step::Summary);
            Reply::Turned(teams.desk.turn(work, channel, &marker.to_string()).await)
        }
        Call::LookUp(look) => {
            teams.rests.keep(work, &look.channel.target).await;
            let seen = look_up(graph, work, look).await;
            teams.rests.begin(work, &look.channel.target);
            Reply::Looked(seen)
        }
        Call::Send(send) => {
            teams.rests.keep(work, &send.channel.target).await;
            let reply = if send.by_graph {
                Reply::Sent(post(graph, send).await)
            } else {
                Reply::Handed(teams.desk.post(work, &send.channel, wire::envelope(send)).await)
            };
            teams.rests.begin(work, &send.channel.target);
            reply
        }
        Call::Leave => Reply::Left,
    })
}

async fn post(graph: &impl Graph, send: &Send) -> Result<(String, Option<String>), GraphError> {
    let response = graph.send(wire::message(send)).await?;
    let request_id = response.request_id.clone();
    // An answer that names no message leaves open what was made.
    let message: wire::Message =
        serde_json::from_value(response.body).map_err(|error| unreadable(error, Verdict::Ambiguous, request_id.clone()))?;
    Ok((message.id, request_id))
}

async fn look_up(graph: &impl Graph, work: &Work, look: &Look) -> Result<Seen, GraphError> {
    let request = wire::listing(look);
    let response = match &look.link {
        None => graph.send(request).await?,
        Some(link) => graph.follow(link, &request).await?,
    };
    let request_id = response.request_id.clone();
    let page: wire::Page =
        serde_json::from_value(response.body).map_err(|error| unreadable(error, Verdict::Transient, request_id.clone()))?;
    let oldest = page.value.iter().filter_map(|message| message.created_date_time).min();
    let found = page.value.into_iter().filter_map(|message| {
        let (marker, made) = (message.marker(work)?, message.created_date_time);
        Some((marker, message.id, made))
    });
    Ok(Seen { found: found.collect(), next: page.next.filter(|_| look.goes_on(oldest)), request_id })
}

/// An answer that succeeded, with a body that cannot be read.
fn unreadable(error: serde_json::Error, verdict: Verdict, request_id: Option<String>) -> GraphError {
    GraphError {
        verdict,
        code: "unreadableAnswer".into(),
        message: String::new(),
        status: None,
        request_id,
        detail: serde_json::Value::Null,
        elapsed: Duration::ZERO,
        source: Some(Box::new(error)),
    }
}

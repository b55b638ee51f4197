//! A whole list into the store, page by page, going on where it stopped. Memory holds one page at a time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    capabilities::sharepoint::{Target, reading},
    graph::{Graph, GraphError, Response, Verdict},
    organisation::OrgScope,
    store::{ListReading, Store, StoreError},
};

/// How long an unfinished reading may be gone on with: links do not last, and what was read grows old.
const LASTS: TimeDelta = TimeDelta::minutes(10);
/// Pages, at most: a list holds 30 million items, and a page has at least 100.
const MOST_PAGES: u32 = 300_000;
/// Tries of one page.
const TRIES: u32 = 4;

/// Why a list was not read. What was read of it is kept.
#[derive(Debug)]
pub(super) enum Unread {
    /// Microsoft refused, or did not answer.
    Refused(GraphError),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Unread {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Reads the list under this name: from its start, or from where an unfinished reading of it stopped.
pub(super) async fn whole(
    store: &Store,
    graph: &impl Graph,
    scope: &OrgScope,
    target: &Target,
    id: &str,
    now: DateTime<Utc>,
) -> Result<ListReading, Unread> {
    let known = store.list_reading(scope, id).await?;
    let goes_on = known.filter(|known| known.list == target.key() && !known.complete && now - known.started_at < LASTS);
    let mut next = goes_on.and_then(|known| known.next_link);
    if next.is_none() {
        store.begin_list_reading(scope, id, &target.key(), now).await?;
    }
    for _ in 0..MOST_PAGES {
        let response = match page(graph, target, next.as_deref()).await {
            Ok(response) => response,
            // A link that is refused is good for nothing: the next reading begins anew.
            Err(error) => {
                if !matches!(error.verdict, Verdict::Throttled { .. } | Verdict::Transient) {
                    store.forget_list_reading(scope, id).await?;
                }
                return Err(Unread::Refused(error));
            }
        };
        let read =
            reading::page(target, response.body).map_err(|error| Unread::Refused(unreadable(error, response.request_id)))?;
        if read.next.is_some() && read.next == next {
            return Err(Unread::Refused(unsound("repeatedLink")));
        }
        next.clone_from(&read.next);
        store.add_list_page(scope, id, read.items, read.next).await?;
        if next.is_none() {
            let complete = store.list_reading(scope, id).await?;
            return complete.ok_or_else(|| Unread::Refused(unsound("readingLost")));
        }
    }
    Err(Unread::Refused(unsound("endlessPages")))
}

/// A page, asked for again when the failure may pass at once.
async fn page(graph: &impl Graph, target: &Target, link: Option<&str>) -> Result<Response, GraphError> {
    let first = reading::first(target);
    let mut tries = 1;
    loop {
        let answered = match link {
            None => graph.send(first.clone()).await,
            Some(link) => graph.follow(link, &first).await,
        };
        match answered {
            Err(error) if error.verdict == Verdict::Transient && tries < TRIES => {
                tokio::time::sleep(std::time::Duration::from_millis(250 << tries)).await;
                tries += 1;
            }
            answered => return answered,
        }
    }
}

fn unreadable(error: serde_json::Error, request_id: Option<String>) -> GraphError {
    GraphError { request_id, source: Some(Box::new(error)), ..unsound("unreadableAnswer") }
}

fn unsound(code: &str) -> GraphError {
    GraphError {
        verdict: Verdict::Transient,
        code: code.to_owned(),
        message: String::new(),
        status: None,
        request_id: None,
        detail: serde_json::Value::Null,
        elapsed: std::time::Duration::ZERO,
        source: None,
    }
}

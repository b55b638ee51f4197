//! A call, as requests to Graph.
//!
//! How repeating each is harmless:
//! - a look-up and a reading change nothing, and one that fails is never taken for "there is none";
//! - a creation is not repeated: SharePoint knows no key for it. When its answer is lost, the item is looked for by its match column
//!   first; a list that enforces unique values closes the rest of the gap;
//! - a change sets values, and `If-Match` keeps it from overwriting an edit made since the comparison;
//! - a deletion of what is gone is answered 404, and `If-Match` keeps it from what somebody has edited since.

use serde_json::Value;

use super::{
    call::{Answer, Call, Found, Reply},
    target::Target,
    value, wire,
};
use crate::graph::{Graph, GraphError, Request, Verdict};

/// Pages of a look-up: an answer without items may still say that more follow.
const MOST_PAGES: usize = 50;

type Answered = Result<(Reply, Option<String>), GraphError>;

/// Makes the call.
pub(super) async fn perform(graph: &impl Graph, target: &Target, call: &Call) -> Answer {
    let answered = match call {
        Call::LookUp { known: Some(known), .. } => Ok((Reply::Found(known.clone()), None)),
        Call::LookUp { key, known: None } => look_up(graph, target, key).await,
        Call::Read { item_id, .. } => read(graph, wire::read(target, item_id)).await,
        Call::Create { content, .. } => create(graph, wire::create(target, content)).await,
        Call::Update { item_id, etag, changed, .. } => {
            let sent = graph.send(wire::update(target, item_id, etag.as_deref(), changed)).await;
            sent.map(|response| (Reply::Changed { etag: wire::changed_etag(&response.body) }, response.request_id))
        }
        Call::Delete { item_id, etag, .. } => {
            let sent = graph.send(wire::delete(target, item_id, etag.as_deref())).await;
            sent.map(|response| (Reply::Deleted, response.request_id))
        }
    };
    match answered {
        Ok((reply, request_id)) => Answer { outcome: Ok(reply), request_id },
        Err(error) => Answer { request_id: error.request_id.clone(), outcome: Err(error) },
    }
}

async fn look_up(graph: &impl Graph, target: &Target, key: &Value) -> Answered {
    let request = wire::look_up(target, key);
    let mut response = graph.send(request.clone()).await?;
    let (mut found, mut pages) = (Vec::new(), 1);
    loop {
        let request_id = response.request_id.clone();
        let page: wire::Page =
            serde_json::from_value(response.body).map_err(|error| unreadable(error, Verdict::Transient, request_id.clone()))?;
        // Graph compares without case: where that does not make them the same, another zone's item is not ours.
        found.extend(page.value.into_iter().map(wire::Item::found).filter(|item| holds(target, item, key)));
        match page.next {
            None => return Ok((Reply::Found(found), request_id)),
            Some(_) if pages == MOST_PAGES => {
                return Err(GraphError { request_id, ..lost(Verdict::Transient, "endlessPages") });
            }
            Some(next) => response = graph.follow(&next, &request).await?,
        }
        pages += 1;
    }
}

/// Whether an item's match column has this value.
pub(super) fn holds(target: &Target, item: &Found, key: &Value) -> bool {
    let column = &target.match_column;
    item.values.get(&column.name).is_some_and(|held| value::key(column, held) == value::key(column, key))
}

async fn read(graph: &impl Graph, request: Request) -> Answered {
    let response = graph.send(request).await?;
    let request_id = response.request_id.clone();
    let item: wire::Item =
        serde_json::from_value(response.body).map_err(|error| unreadable(error, Verdict::Transient, request_id.clone()))?;
    Ok((Reply::Item(item.found()), request_id))
}

async fn create(graph: &impl Graph, request: Request) -> Answered {
    let response = graph.send(request).await?;
    let request_id = response.request_id.clone();
    // An answer that names no item leaves open what was made.
    let item: wire::Item =
        serde_json::from_value(response.body).map_err(|error| unreadable(error, Verdict::Ambiguous, request_id.clone()))?;
    let Found { item_id, etag, .. } = item.found();
    Ok((Reply::Made { item_id, etag }, request_id))
}

/// An answer that succeeded, with a body that cannot be read.
fn unreadable(error: serde_json::Error, verdict: Verdict, request_id: Option<String>) -> GraphError {
    GraphError { request_id, source: Some(Box::new(error)), ..lost(verdict, "unreadableAnswer") }
}

pub(super) fn lost(verdict: Verdict, code: &str) -> GraphError {
    GraphError {
        verdict,
        code: code.to_owned(),
        message: String::new(),
        status: None,
        request_id: None,
        detail: Value::Null,
        elapsed: std::time::Duration::ZERO,
        source: None,
    }
}

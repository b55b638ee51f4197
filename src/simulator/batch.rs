//! `$batch`: at most 20 parts, each judged alone, answered in another order than sent.
//!
//! Source: Microsoft, "Combine multiple HTTP requests using JSON batching". A body needs its own `Content-Type`; ids are unique
//! ignoring case; a part whose parent failed is 424.

use std::{collections::HashMap, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    call::{Call, Fate, Reply},
    errors::Failure,
    graph,
    rules::{self, Allowed},
    world::World,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    requests: Vec<Part>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Part {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// A batch at work. Its parts go the way that the batch came, so the future needs a name that does not contain itself.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;

/// Answers a batch: wave by wave, a part as soon as its parents are answered.
pub(crate) fn answer<'a>(world: &'a Arc<World>, call: &'a Call) -> Answer<'a> {
    Box::pin(waves(world, call))
}

async fn waves(world: &Arc<World>, call: &Call) -> Result<Reply, Failure> {
    rules::check(call, Allowed { body: true, ..Allowed::default() })?;
    let batch: Batch =
        serde_json::from_slice(&call.body).map_err(|error| refuse(format!("The batch cannot be read: {error}.")))?;
    check(&batch.requests)?;
    let calls: Vec<Call> = batch.requests.iter().map(|part| part_call(part, call)).collect::<Result<_, _>>()?;
    let mut replies: Vec<Option<Reply>> = vec![None; calls.len()];
    loop {
        let ready = ready(&batch.requests, &replies);
        if ready.is_empty() {
            break;
        }
        let failed: Vec<usize> = ready.iter().copied().filter(|&at| parent_failed(&batch.requests, &replies, at)).collect();
        // Every part of a wave takes its place in its mailbox before the first one is performed: they run side by side.
        let started: Vec<_> =
            ready.iter().filter(|at| !failed.contains(at)).filter_map(|&at| Some((at, calls.get(at)?))).collect();
        let started: Vec<_> = started.into_iter().map(|(at, call)| (at, call, graph::begin(world, call))).collect();
        let done =
            join_all(started.into_iter().map(|(at, call, begun)| async move { (at, graph::finish(world, call, begun).await) }));
        let missed = failed.into_iter().map(|at| (at, graph::failed(world, call, dependency_failed())));
        for (at, reply) in done.await.into_iter().chain(missed) {
            if let Some(place) = replies.get_mut(at) {
                *place = Some(reply);
            }
        }
    }
    Ok(gathered(&batch.requests, replies))
}

fn check(parts: &[Part]) -> Result<(), Failure> {
    if parts.is_empty() || parts.len() > 20 {
        return Err(refuse(format!("A batch has 1 to 20 requests, not {}.", parts.len())));
    }
    let ids: Vec<String> = parts.iter().map(|part| part.id.to_lowercase()).collect();
    for (at, part) in parts.iter().enumerate() {
        let id = &part.id;
        if id.is_empty() || ids.iter().skip(at + 1).any(|other| *other == id.to_lowercase()) {
            return Err(refuse(format!("The id '{id}' is empty or used twice.")));
        }
        if part.body.is_some() && !part.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            return Err(refuse(format!("Request {id} has a body and no Content-Type.")));
        }
        if !part.url.starts_with('/') {
            return Err(refuse(format!("The url of request {id} is not relative to the version root.")));
        }
        // Only a part before it can be a parent: this also keeps circles out.
        let known = ids.get(..at).unwrap_or_default();
        if let Some(parent) = part.depends_on.iter().find(|parent| !known.contains(&parent.to_lowercase())) {
            return Err(refuse(format!("Request {id} depends on '{parent}', which is not a request before it.")));
        }
    }
    Ok(())
}

fn part_call(part: &Part, outer: &Call) -> Result<Call, Failure> {
    let bad = |what: &str| refuse(format!("Request {}: {what}.", part.id));
    let method = Method::from_bytes(part.method.as_bytes()).map_err(|_| bad("no such method"))?;
    let mut headers = HeaderMap::with_capacity(part.headers.len() + 2);
    for (name, value) in &part.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("a header's name is malformed"))?;
        let value = HeaderValue::from_str(value).map_err(|_| bad("a header's value is malformed"))?;
        headers.insert(name, value);
    }
    for name in [http::header::AUTHORIZATION, http::header::HOST] {
        if let Some(value) = outer.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let (path, query) = part.url.split_once('?').unwrap_or((&part.url, ""));
    let body = part.body.as_ref().map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    Ok(Call { method, path: format!("/v1.0{path}"), query: query.to_owned(), headers, body, in_batch: true })
}

fn parents(parts: &[Part], at: usize) -> impl Iterator<Item = usize> {
    let names = parts.get(at).map_or(&[][..], |part| part.depends_on.as_slice());
    names.iter().filter_map(|name| parts.iter().position(|part| part.id.eq_ignore_ascii_case(name)))
}

fn ready(parts: &[Part], replies: &[Option<Reply>]) -> Vec<usize> {
    let open = |at: &usize| replies.get(*at).is_some_and(Option::is_none);
    (0..parts.len()).filter(open).filter(|&at| parents(parts, at).all(|parent| !open(&parent))).collect()
}

fn parent_failed(parts: &[Part], replies: &[Option<Reply>], at: usize) -> bool {
    parents(parts, at)
        .any(|parent| replies.get(parent).is_some_and(|reply| reply.as_ref().is_some_and(|reply| reply.status >= 400)))
}

/// The outer answer. Microsoft promises no order; the last comes first here. A part's broken connection breaks the whole answer.
fn gathered(parts: &[Part], replies: Vec<Option<Reply>>) -> Reply {
    let mut outer = Reply::default();
    let mut responses = Vec::with_capacity(parts.len());
    for (part, reply) in parts.iter().zip(replies).rev() {
        let reply = reply.unwrap_or_default();
        if reply.fate != Fate::Whole {
            outer.fate = reply.fate;
        }
        outer.faulted |= reply.faulted;
        let headers: Map<String, Value> = reply.headers.iter().map(|(name, value)| (canonical(name), json!(value))).collect();
        let mut response = json!({"id": part.id, "status": reply.status, "headers": headers});
        if let (Ok(body), Value::Object(map)) = (serde_json::from_slice::<Value>(&reply.body), &mut response) {
            map.insert("body".to_owned(), body);
        }
        responses.push(response);
    }
    let body = json!({"responses": responses}).to_string().into_bytes();
    Reply { fate: outer.fate, faulted: outer.faulted, ..Reply::json(200, body) }
}

/// `retry-after` as `Retry-After`: in a JSON body the header names keep their case.
fn canonical(name: &str) -> String {
    if let Some(word) = name.strip_prefix("ratelimit-") {
        return format!("RateLimit-{}", canonical(word));
    }
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    });
    words.collect::<Vec<_>>().join("-")
}

fn dependency_failed() -> Failure {
    Failure::new(424, "FailedDependency", "A request that this one depends on has failed.")
}

fn refuse(text: String) -> Failure {
    Failure::malformed("BadRequest", text)
}

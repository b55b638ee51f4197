//! Several calls as one `$batch`: how they are put together, and each part's answer read as if it had come alone.
//!
//! At most 20 parts (Microsoft, "Combine multiple HTTP requests using JSON batching"). Answers come in any order and are found by
//! their id. A part is judged by the same table as a single call, and it alone is throttled when it alone was refused.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    GraphError, Request, Verdict, origin,
    traced::trace_of,
    transport::{Answer, Broken, Stage},
};

/// Parts of one batch, at most.
pub(super) const MOST_PARTS: usize = 20;

/// Several requests as one. It may be repeated when every part may, and goes on in the trace of its first.
pub(super) fn outer(root: &Url, parts: &[Request]) -> Result<Request, GraphError> {
    let first = parts.first().ok_or_else(|| GraphError::unsent(Verdict::Rejected, "badPath", "a batch without parts"))?;
    let requests = parts.iter().enumerate().map(|(at, part)| described(root, at, part)).collect::<Result<Vec<_>, _>>()?;
    let outer = Request::post(first.workload, "/$batch", json!({ "requests": requests }));
    let outer = if parts.iter().all(|part| part.repeatable) { outer.repeatable() } else { outer };
    let outer = Request { target: first.target.clone(), ..outer };
    let Some(trace) = trace_of(first) else { return Ok(outer) };
    Ok(trace.headers().fold(outer, |outer, (name, value)| outer.header(name, value)))
}

fn described(root: &Url, at: usize, part: &Request) -> Result<Value, GraphError> {
    let url = origin::below_version(root, &part.path, &part.query)?;
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &part.headers {
        headers.insert((*name).to_owned(), json!(value));
    }
    if part.body.is_some() {
        headers.insert("Content-Type".to_owned(), json!("application/json"));
    }
    let mut described = json!({ "id": id(at), "method": part.method.as_str(), "url": url });
    if let Value::Object(described) = &mut described {
        if !headers.is_empty() {
            described.insert("headers".to_owned(), Value::Object(headers));
        }
        if let Some(body) = &part.body {
            described.insert("body".to_owned(), body.clone());
        }
    }
    Ok(described)
}

fn id(at: usize) -> String {
    (at + 1).to_string()
}

#[derive(Deserialize)]
struct Answers {
    responses: Vec<PartAnswer>,
}

#[derive(Deserialize)]
struct PartAnswer {
    id: String,
    status: u16,
    #[serde(default)]
    headers: Option<HashMap<String, Value>>,
    #[serde(default)]
    body: Value,
}

/// The parts' answers, in the order of `parts`. A part without a readable answer was sent, and nobody knows what came of it.
pub(super) fn parts(body: Value, parts: &[Request], elapsed: Duration) -> Vec<Answer> {
    let answers: Option<Answers> = serde_json::from_value(body).ok();
    let mut by_id: HashMap<String, PartAnswer> =
        answers.into_iter().flat_map(|answers| answers.responses).map(|answer| (answer.id.clone(), answer)).collect();
    (0..parts.len()).map(|at| by_id.remove(&id(at)).map_or_else(|| missing(elapsed), |answer| read(answer, elapsed))).collect()
}

fn read(answer: PartAnswer, elapsed: Duration) -> Answer {
    let Ok(status) = StatusCode::from_u16(answer.status) else { return missing(elapsed) };
    let body = if answer.body.is_null() { Bytes::new() } else { answer.body.to_string().into() };
    Answer { status, headers: headers(answer.headers.unwrap_or_default()), body, elapsed, cut: None }
}

fn headers(told: HashMap<String, Value>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(told.len());
    for (name, value) in told {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(text)) {
            headers.append(name, value);
        }
    }
    headers
}

/// As a success that broke off: read so, its verdict is that of an answer that was lost.
fn missing(elapsed: Duration) -> Answer {
    let cut = Broken { stage: Stage::Sent, code: "partMissing", cause: None };
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new(), elapsed, cut: Some(cut) }
}

/// What it means for a part that the batch as a whole failed. That the batch was not found, or forbidden, says nothing of the
/// item that a part names.
pub(super) fn failed(error: &GraphError, part: &Request) -> GraphError {
    let verdict = match &error.verdict {
        Verdict::Ambiguous if part.repeatable => Verdict::Transient,
        Verdict::NotFound | Verdict::Forbidden | Verdict::Conflict | Verdict::Rejected => Verdict::Transient,
        verdict => verdict.clone(),
    };
    GraphError { verdict, ..error.for_another() }
}

/// Whether Microsoft refused the batch for its form: one part may be at fault, and singly the others go through.
pub(super) fn is_malformed(error: &GraphError) -> bool {
    matches!(error.status, Some(400 | 413))
}

/// Whether a request changes something, or a part of it does.
pub(super) fn writes(request: &Request) -> bool {
    if request.method == Method::GET || request.method == Method::HEAD {
        return false;
    }
    if request.path != "/$batch" {
        return true;
    }
    let parts = request.body.as_ref().and_then(|body| body["requests"].as_array());
    parts.is_none_or(|parts| parts.iter().any(|part| part["method"] != "GET"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Workload, classify};

    fn read_part() -> Request {
        Request::get(Workload::SharePoint, "/sites/s/lists/l/items").query("$filter", "fields/Key eq 'o''Neil & #1'").target("l")
    }

    fn creation() -> Request {
        Request::post(Workload::SharePoint, "/sites/s/lists/l/items", json!({ "fields": { "Key": "k" } })).header("Prefer", "x")
    }

    #[test]
    fn a_part_is_encoded_as_a_single_call_is() {
        let root = Url::parse("https://graph.example/base").unwrap();
        let outer = outer(&root, &[read_part(), creation()]).unwrap();
        assert_eq!((outer.path.as_str(), outer.target.as_deref(), outer.repeatable), ("/$batch", Some("l"), false));
        let body = outer.body.unwrap();
        assert_eq!(
            body["requests"][0]["url"],
            "/sites/s/lists/l/items?$filter=fields%2FKey%20eq%20%27o%27%27Neil%20%26%20%231%27"
        );
        assert_eq!(body["requests"][0].get("headers"), None);
        assert_eq!(body["requests"][1]["headers"], json!({ "Content-Type": "application/json", "Prefer": "x" }));
        assert_eq!(body["requests"][1]["id"], "2");
    }

    #[test]
    fn answers_are_found_by_their_id_and_a_missing_one_is_a_lost_one() {
        let body = json!({ "responses": [
            { "id": "2", "status": 429, "headers": { "Retry-After": "7" }, "body": { "error": { "code": "tooMany" } } },
            { "id": "1", "status": 200, "body": { "value": [] } },
        ] });
        let now = "2026-11-23T20:00:00Z".parse().unwrap();
        let requests = [read_part(), creation(), creation()];
        let mut answers = parts(body, &requests, Duration::ZERO).into_iter();
        let mut judge = |part: &Request| classify::answer(answers.next().unwrap(), part, now);
        assert_eq!(judge(&requests[0]).unwrap().body, json!({ "value": [] }));
        assert!(matches!(judge(&requests[1]).unwrap_err().verdict, Verdict::Throttled { .. }));
        assert_eq!(judge(&requests[2]).unwrap_err().verdict, Verdict::Ambiguous);
        assert!(parts(json!("nonsense"), &requests, Duration::ZERO).iter().all(|answer| answer.cut.is_some()));
    }

    #[test]
    fn a_lost_batch_is_open_only_for_parts_that_may_not_be_repeated() {
        let lost = GraphError::unsent(Verdict::Ambiguous, "timeout", "");
        assert_eq!(failed(&lost, &read_part()).verdict, Verdict::Transient);
        assert_eq!(failed(&lost, &creation()).verdict, Verdict::Ambiguous);
        let gone = GraphError::unsent(Verdict::NotFound, "http404", "");
        assert_eq!(failed(&gone, &creation()).verdict, Verdict::Transient);
    }

    #[test]
    fn a_write_is_seen_inside_a_batch_too() {
        let root = Url::parse("https://graph.example").unwrap();
        assert!(!writes(&read_part()) && writes(&creation()));
        assert!(!writes(&outer(&root, &[read_part()]).unwrap()));
        assert!(writes(&outer(&root, &[read_part(), creation()]).unwrap()));
    }
}

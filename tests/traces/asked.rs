//! What callers ask for, and what Microsoft saw of it.

use serde_json::{Value, json};

use crate::{
    collector::{BEGINNER, TRACE},
    support::{Connector, World, eventually},
};

/// The `traceparent` that a caller sends with these flags.
pub(crate) fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{BEGINNER}-{flags}")
}

/// The `data` of a request that belongs to the caller's trace.
pub(crate) async fn ask(world: &World, connector: &Connector, flags: &str, query: &str, variables: Value) -> Value {
    let request = world.http.post(format!("{}/graphql", connector.url)).bearer_auth(connector.token());
    let request = request.header("traceparent", parent(flags)).header("tracestate", "vendor=abc");
    let answer = request.json(&json!({ "query": query, "variables": variables })).send().await.expect("the API");
    let mut answer: Value = answer.json().await.expect("JSON");
    assert!(answer["errors"].is_null(), "{query}: {answer}");
    answer["data"].take()
}

/// Waits for an operation's end: its state.
pub(crate) async fn ended(connector: &Connector, id: &Value) -> String {
    eventually("the operation ends", async || {
        let answer = connector.data("query($id: ID!) { operation(id: $id) { state } }", json!({ "id": id })).await;
        let state = answer["operation"]["state"].as_str().expect("a state").to_owned();
        (!["QUEUED", "RUNNING"].contains(&state.as_str())).then_some(state)
    })
    .await
}

/// The outgoing event of this subject that is about an operation.
pub(crate) async fn told(world: &World, subject: &str, operation: &Value) -> Value {
    eventually(&format!("{subject} is published"), async || {
        let published = world.published(&format!("argus.acme.m365.{subject}")).await;
        published.into_iter().find(|event| event["data"]["operationId"] == *operation)
    })
    .await
}

/// `traceparent` of what Microsoft saw of these requests, oldest first; empty where it had none.
pub(crate) async fn seen(world: &World, is_it: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let requests = world.simulator.requests().await;
    let text = |request: &Value, name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let fits = |request: &&Value| is_it(&text(request, "method"), &text(request, "path"));
    let requests = requests.as_array().into_iter().flatten().filter(fits);
    requests.map(|request| text(&request["headers"], "traceparent")).collect()
}

/// How many requests Microsoft has seen.
pub(crate) async fn so_far(world: &World) -> usize {
    seen(world, |_, _| true).await.len()
}

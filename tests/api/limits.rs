//! What a caller cannot make the API do.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use argus_m365::api::{HttpSettings, auth::Permission};
use serde_json::json;

use crate::support::{TestApi, eventually, post, token};

/// Many of a kind, with a space between.
fn numbered(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(" ")
}

async fn refused(query: &str) {
    let api = TestApi::new();
    let started = Instant::now();
    let answer = api.ask(query).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (200, "LIMIT_EXCEEDED"), "{query:.80}: {:.200}", answer.text);
    assert!(api.memory.calls().is_empty(), "something was executed");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?} for {query:.60}", started.elapsed());
}

#[tokio::test]
async fn hostile_queries_are_refused_before_anything_is_executed() {
    let aliases = |count: usize| numbered(count, |n| format!("a{n}: backlog {{ dead }}"));
    refused(&format!("{{ {} }}", aliases(21))).await;
    refused(&format!("{{ {} }}", aliases(20_000))).await;
    refused(&format!("{{ viewer {{ subject {} }} }}", "@skip(if: false) ".repeat(51))).await;
    let fields = numbered(120, |n| format!("f{n}: taskId"));
    refused(&format!("{{ tasks(first: 200) {{ nodes {{ {fields} }} }} }}")).await;
    refused(&format!("{}{}", "{ a ".repeat(13), "}".repeat(13))).await;
    refused(&"[".repeat(500_000)).await;
    refused(&format!("{{ task(taskId: {}) {{ state }} }}", "[".repeat(500_000))).await;
    let doubling = numbered(25, |n| format!("fragment F{n} on Query {{ ...F{0} ...F{0} }}", n + 1));
    refused(&format!("{{ ...F0 }} {doubling} fragment F25 on Query {{ backlog {{ dead }} }}")).await;
}

#[tokio::test]
async fn page_sizes_in_variables_count() {
    let fields = numbered(120, |n| format!("f{n}: taskId"));
    let query = format!("query($n: Int) {{ tasks(first: $n) {{ nodes {{ {fields} }} }} }}");
    let api = TestApi::new();
    let ask = |n: i32| post(&token(&[Permission::Read]), json!({ "query": query, "variables": { "n": n } }).to_string());
    assert_eq!(api.send(ask(200)).await.code(), "LIMIT_EXCEEDED");
    api.send(ask(20)).await.data();
}

#[tokio::test]
async fn fragments_that_contain_themselves_are_bad_input() {
    let answer = TestApi::new().ask("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }").await;
    assert_eq!(answer.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn the_introspection_of_the_usual_tools_is_answered() {
    let query = "query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name }
        types { ...FullType } directives { name description locations args { ...InputValue } } } }
      fragment FullType on __Type { kind name description
        fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
        inputFields { ...InputValue } interfaces { ...TypeRef }
        enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
      fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
      fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
        ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";
    let data = TestApi::new().ask_as(&[], query).await.data();
    assert!(data["__schema"]["types"].as_array().unwrap().len() > 20);
}

#[tokio::test]
async fn introspection_cannot_be_nested_without_end() {
    let nested = (0..6).fold("name".to_owned(), |inner, _| format!("fields {{ type {{ {inner} }} }}"));
    refused(&format!("{{ __schema {{ types {{ {nested} }} }} }}")).await;
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_answered_and_stopped() {
    let api = TestApi::with(HttpSettings { time_limit: Duration::from_millis(50), ..HttpSettings::default() });
    api.memory.stuck.store(true, Ordering::SeqCst);
    let answer = api.ask("{ tasks { totalCount } }").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (200, "LIMIT_EXCEEDED"));
}

#[tokio::test]
async fn a_mutation_goes_on_when_its_caller_hangs_up() {
    let api = TestApi::new();
    let request = post(&token(&[Permission::Admin]), json!({ "query": "mutation { removeConnection }" }).to_string());
    let answer = api.send(request);
    // Polled once, which starts the mutation, then dropped.
    assert!(futures_util::FutureExt::now_or_never(answer).is_none());
    eventually(|| api.memory.calls() == ["acme remove"]).await;
}

#[tokio::test]
async fn a_query_that_does_not_fit_the_schema_gets_no_hints() {
    let api = TestApi::new();
    for query in ["{ viewers { subject } }", "{ tasks(frist: 1) { totalCount } }", "{ viewer { subjct } }"] {
        let answer = api.ask(query).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT");
        assert!(!answer.text.contains("Did you mean"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_thousand_mistakes_are_not_answered_one_by_one() {
    let fields = numbered(1000, |n| format!("no{n}"));
    let answer = TestApi::new().ask(&format!("{{ viewer {{ {fields} }} }}")).await;
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 20);
}

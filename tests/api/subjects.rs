//! What each subject answers.

use argus_m365::{connections::ConnectionError, graph::Cloud, store::StoreError};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::support::TestApi;

#[tokio::test]
async fn a_task_shows_its_newest_event_and_its_visit_in_utc() {
    let api = TestApi::new();
    let query = "{ task(taskId: \"t-1\") { taskId state version syncedVersion mailbox eventId start end timeZone attempts
        nextAttemptAt lastError { code graphRequestId at } updatedAt } }";
    assert_eq!(
        api.ask(query).await.data()["task"],
        json!({
            "taskId": "t-1", "state": "PENDING", "version": 9_007_199_254_740_991_u64, "syncedVersion": 6,
            "mailbox": "kim@acme.test", "eventId": "event-2", "start": "2031-05-07T06:00:00Z", "end": "2031-05-07T08:00:00Z",
            "timeZone": "Europe/Berlin", "attempts": 2, "nextAttemptAt": null,
            "lastError": { "code": "ErrorItemNotFound", "graphRequestId": "r-1", "at": "2031-05-06T07:08:09Z" },
            "updatedAt": "2031-05-06T07:08:09Z",
        })
    );
}

#[tokio::test]
async fn a_closed_task_has_no_visit_and_an_unknown_one_is_null() {
    let api = TestApi::new();
    let data = api.ask("{ a: task(taskId: \"t-2\") { start mailbox } b: task(taskId: \"nobody\") { start } }").await.data();
    assert_eq!(data, json!({ "a": { "start": null, "mailbox": null }, "b": null }));
}

#[tokio::test]
async fn a_task_that_cannot_be_read_does_not_hide_the_others() {
    let answer = TestApi::new().ask("{ tasks { nodes { taskId start } } }").await;
    assert_eq!(answer.code(), "INTERNAL");
    let nodes = &answer.json()["data"]["tasks"]["nodes"];
    assert_eq!(nodes[0], json!({ "taskId": "t-1", "start": "2031-05-07T06:00:00Z" }));
    assert_eq!(nodes[2], json!({ "taskId": "t-3", "start": null }));
}

#[tokio::test]
async fn lists_are_read_a_page_at_a_time() {
    let api = TestApi::new();
    let query = |after: &str| {
        format!(
            "{{ tasks(first: 2{after}) {{ edges {{ cursor node {{ taskId }} }} pageInfo {{ hasNextPage endCursor }} totalCount }} }}"
        )
    };
    let page = api.ask(&query("")).await.data()["tasks"].clone();
    assert_eq!(page["edges"].as_array().unwrap().len(), 2);
    assert_eq!(page["pageInfo"], json!({ "hasNextPage": true, "endCursor": "1" }));
    assert_eq!(page["totalCount"], 3);
    let page = api.ask(&query(", after: \"1\"")).await.data()["tasks"].clone();
    assert_eq!(page["edges"], json!([{ "cursor": "2", "node": { "taskId": "t-3" } }]));
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
}

#[tokio::test]
async fn a_page_of_no_or_too_many_rows_is_refused_by_name() {
    let api = TestApi::new();
    for list in ["tasks", "deadLetters", "auditTrail"] {
        for first in [0, -1, 201, i32::MAX] {
            let answer = api.ask(&format!("{{ {list}(first: {first}) {{ totalCount }} }}")).await;
            let error = &answer.json()["errors"][0]["extensions"];
            assert_eq!((&error["code"], &error["field"]), (&json!("BAD_USER_INPUT"), &json!("first")), "{list} {first}");
        }
    }
    assert!(api.memory.calls().is_empty());
}

#[tokio::test]
async fn dead_letters_show_their_payload_as_json_when_it_is() {
    let api = TestApi::new();
    let query = "{ deadLetters(capability: CALENDAR, code: \"INVALID_DATA\") { nodes { id capability key pointer payload } } }";
    let nodes = api.ask(query).await.data()["deadLetters"]["nodes"].clone();
    assert_eq!(nodes[0]["payload"], json!({ "id": "e-1" }));
    assert_eq!(nodes[0]["key"], "t-9");
    assert_eq!(nodes[1]["payload"], "not JSON");
    let call = api.memory.calls().remove(0);
    assert!(call.contains("Calendar") && call.contains("INVALID_DATA"), "{call}");
}

#[tokio::test]
async fn the_backlog_counts_every_capability() {
    let query = "{ backlog { capability paused pending blocked dead oldestPendingAt } }";
    let rows = TestApi::new().ask(query).await.data()["backlog"].clone();
    assert_eq!(
        rows[0],
        json!({ "capability": "CALENDAR", "paused": false, "pending": 4, "blocked": 5, "dead": i32::MAX, "oldestPendingAt": "2031-05-06T07:08:09Z" })
    );
    assert_eq!(rows.as_array().unwrap().len(), 4);
    assert_eq!(rows[3]["pending"], 0);
}

#[tokio::test]
async fn a_replay_is_handed_on_with_everything_that_was_said() {
    let api = TestApi::new();
    let query =
        "mutation { replayDeadLetters(ids: [\"d-1\"], capability: CALENDAR, code: \"X\", dryRun: true) { matched replayed } }";
    assert_eq!(api.ask(query).await.data()["replayDeadLetters"], json!({ "matched": 3, "replayed": 2 }));
    let call = api.memory.calls().remove(0);
    for word in ["\"d-1\"", "Calendar", "\"X\"", "dry true", "by user:dispatcher-7"] {
        assert!(call.contains(word), "{word}: {call}");
    }
    api.ask("mutation { replayDeadLetters { matched } }").await.data();
    assert!(api.memory.calls()[1].contains("ids: None") && api.memory.calls()[1].contains("dry false"));
}

#[tokio::test]
async fn discarding_says_how_many_there_were() {
    let api = TestApi::new();
    let data = api.ask("mutation { discardDeadLetters(ids: [\"d-1\", \"d-2\"]) }").await.data();
    assert_eq!(data["discardDeadLetters"], 2);
}

#[tokio::test]
async fn a_pause_and_its_reason_are_shown_until_it_ends() {
    let api = TestApi::new();
    let query = "mutation { pauseCapability(capability: TEAMS, reason: \"audit week\") { capability paused pausedReason } }";
    let expected = json!({ "capability": "TEAMS", "paused": true, "pausedReason": "audit week" });
    assert_eq!(api.ask(query).await.data()["pauseCapability"], expected);
    let query = "mutation { resumeCapability(capability: TEAMS) { capability paused pausedReason } }";
    let expected = json!({ "capability": "TEAMS", "paused": false, "pausedReason": null });
    assert_eq!(api.ask(query).await.data()["resumeCapability"], expected);
}

#[tokio::test]
async fn too_many_ids_and_too_long_a_reason_are_refused_by_name() {
    let api = TestApi::new();
    let ids = vec!["\"d\""; 1_001].join(",");
    for (query, field) in [
        (format!("mutation {{ discardDeadLetters(ids: [{ids}]) }}"), "ids"),
        (format!("mutation {{ pauseCapability(capability: TEAMS, reason: \"{}\") {{ paused }} }}", "x".repeat(501)), "reason"),
    ] {
        let answer = api.ask(&query).await;
        let error = &answer.json()["errors"][0]["extensions"];
        assert_eq!((&error["code"], &error["field"]), (&json!("BAD_USER_INPUT"), &json!(field)));
    }
    assert!(api.memory.calls().is_empty());
}

#[tokio::test]
async fn the_audit_trail_shows_the_chain() {
    let api = TestApi::new();
    let query = "{ auditTrail(action: \"connection.registered\", from: \"2031-05-06T00:00:00+02:00\") { nodes { id actor outcome detail hash previousHash correlationId } }
        auditVerification { intact entries headHash firstBrokenId } }";
    let data = api.ask(query).await.data();
    let entry = &data["auditTrail"]["nodes"][0];
    assert_eq!(
        (&entry["id"], &entry["outcome"], &entry["detail"]),
        (&json!("1"), &json!("succeeded"), &json!({ "cloud": "GLOBAL" }))
    );
    assert_eq!(entry["hash"], "ab".repeat(32));
    assert_eq!(entry["previousHash"], "00".repeat(32));
    assert_eq!(
        data["auditVerification"],
        json!({ "intact": false, "entries": 7, "headHash": "cd".repeat(32), "firstBrokenId": "4" })
    );
    assert!(api.memory.calls().iter().any(|call| call.contains("2031-05-05T22:00:00Z")));
}

#[tokio::test]
async fn a_registration_is_handed_on_as_it_was_given_and_answers_without_the_secret() {
    let api = TestApi::new();
    let query = "mutation { registerConnection(input: { directoryId: \"contoso.test\", applicationId: \"app\", applicationSecret: \"s3cret-value\",
        cloud: US_GOV_L5, secretExpiresAt: \"2032-01-01T00:00:00Z\" }) { cloud credentialKind credentialHint state lastTest { latencyMs checks { code status capability } } } }";
    let answer = api.ask(query).await;
    assert!(!answer.text.contains("s3cret-value"));
    assert_eq!(answer.data()["registerConnection"]["cloud"], "US_GOV_L4");
    assert_eq!(answer.data()["registerConnection"]["lastTest"]["checks"][0]["status"], "WARN");
    let (registration, actor) = api.memory.registered.lock().unwrap().take().unwrap();
    assert_eq!(registration.application_secret.unwrap().expose_secret(), "s3cret-value");
    assert_eq!(registration.cloud, Cloud::UsGovL5);
    assert_eq!(actor.name, "user:dispatcher-7");
    assert_eq!(actor.correlation_id.as_deref(), answer.headers["x-correlation-id"].to_str().ok());
}

#[tokio::test]
async fn a_registration_without_a_cloud_is_for_the_global_one() {
    for cloud in ["", ", cloud: null"] {
        let api = TestApi::new();
        api.ask(&format!(
            "mutation {{ registerConnection(input: {{ directoryId: \"d\", applicationId: \"a\"{cloud} }}) {{ state }} }}"
        ))
        .await
        .data();
        assert_eq!(api.memory.registered.lock().unwrap().as_ref().unwrap().0.cloud, Cloud::Global);
    }
}

type Failure = fn() -> ConnectionError;

#[tokio::test]
async fn failures_of_the_services_come_as_codes() {
    let api = TestApi::new();
    let cases: [(Failure, &str); 5] = [
        (|| ConnectionError::NoConnection, "NO_CONNECTION"),
        (|| ConnectionError::CredentialRejected("AADSTS7000215".into()), "CREDENTIAL_REJECTED"),
        (|| ConnectionError::Unreachable("timed out".into()), "GRAPH_UNAVAILABLE"),
        (|| ConnectionError::Conflict, "CONFLICT"),
        (|| ConnectionError::Invalid { field: "directoryId", problem: "blank".into() }, "BAD_USER_INPUT"),
    ];
    for (failure, code) in cases {
        *api.memory.connection_failure.lock().unwrap() = Some(failure);
        assert_eq!(api.ask("mutation { testConnection { succeeded } }").await.code(), code);
    }
}

#[tokio::test]
async fn a_failure_of_the_store_shows_nothing_but_the_correlation_id() {
    let api = TestApi::new();
    *api.memory.store_failure.lock().unwrap() =
        Some(|| StoreError::Unavailable { doing: "reading tasks", source: "disk full at /secret".into() });
    let answer = api.ask("{ tasks { totalCount } }").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (200, "INTERNAL"));
    assert!(!answer.text.contains("disk") && !answer.text.contains("reading"), "{}", answer.text);
    let id = answer.json()["errors"][0]["extensions"]["correlationId"].clone();
    assert_eq!(id.as_str(), answer.headers["x-correlation-id"].to_str().ok());
}

#[tokio::test]
async fn an_operation_shows_its_counts_and_its_changes_and_not_its_input() {
    let api = TestApi::new();
    let query = "{ operation(id: \"o-1\") { id kind state dryRun requestedBy requestedAt startedAt finishedAt done total counts
        error { code } changes(first: 1, after: \"0\") { nodes { key action before after error { code message } } totalCount } } }";
    assert_eq!(
        api.ask(query).await.data()["operation"],
        json!({
            "id": "o-1", "kind": "PUBLISH_ZONES", "state": "PARTIALLY_FAILED", "dryRun": false, "requestedBy": "user:kim",
            "requestedAt": "2031-05-06T07:08:09Z", "startedAt": "2031-05-06T07:08:09Z", "finishedAt": null, "done": 2, "total": 3,
            "counts": { "created": 1, "failed": 1 }, "error": null,
            "changes": { "totalCount": 2, "nodes": [
                { "key": "z-2", "action": "update", "before": {}, "after": null,
                  "error": { "code": "COLUMN_REJECTED", "message": "column Kind" } },
            ] },
        })
    );
    let data =
        api.ask("{ operation(id: \"o-2\") { id } operations(kind: IMPORT_USERS, state: QUEUED) { nodes { id } } }").await.data();
    assert_eq!(data, json!({ "operation": null, "operations": { "nodes": [{ "id": "o-1" }] } }));
    assert!(api.memory.calls().iter().any(|call| call.contains("ImportUsers") && call.contains("Queued")));
}

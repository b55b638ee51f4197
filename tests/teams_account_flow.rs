//! The account that posts to Teams: signed in by code, kept signed in, and missed when it is gone.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use serde_json::{Value, json};
use support::{Connector, Store, World, eventually};

const TEAM: &str = "3c1f0a64-7b52-4d7e-9f0a-5a8e2b6d9c11";
const CHANNEL: &str = "19:4B6dfa0f8c2e4c1b9d3a7e5f60718293@thread.tacv2";
const ANN: &str = "alerts@acme-water.example";

/// A world with a channel that posts through Graph, and nobody signed in.
async fn world(store: Store) -> (World, Connector) {
    let world = World::start(store).await;
    world.simulator.change(&json!({ "channels": [{ "teamId": TEAM, "channelId": CHANNEL }] })).await;
    let connector = world.connector(&[]).await;
    connector.register().await;
    let input = json!({ "key": "ops", "sender": "GRAPH", "teamId": TEAM, "channelId": CHANNEL });
    let query = "mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key } }";
    connector.data(query, json!({ "input": input })).await;
    (world, connector)
}

async fn start(connector: &Connector) -> String {
    let query = "mutation { startTeamsSignIn { userCode verificationUrl message expiresAt } }";
    let started = connector.data(query, json!({})).await["startTeamsSignIn"].take();
    assert!(started["message"].as_str().unwrap().contains(started["userCode"].as_str().unwrap()));
    started["userCode"].as_str().unwrap().to_owned()
}

async fn account(connector: &Connector) -> Value {
    let query = "{ connection { teamsAccount { userPrincipalName state reason signedInAt } } }";
    connector.data(query, json!({})).await["connection"]["teamsAccount"].take()
}

async fn stands(connector: &Connector, state: &str) -> Value {
    eventually(&format!("the account is {state}"), async || {
        let account = account(connector).await;
        (account["state"] == state).then_some(account)
    })
    .await
}

async fn sign_in(world: &World, connector: &Connector) {
    let code = start(connector).await;
    world.simulator.sign_in(&code, &json!({ "approve": { "user": ANN } })).await;
    assert_eq!(stands(connector, "SIGNED_IN").await["userPrincipalName"], ANN);
}

async fn report(world: &World, id: &str) {
    report_in(world, id, &Value::Null).await;
}

/// The same, in a trace.
async fn report_in(world: &World, id: &str, traceparent: &Value) {
    let data = json!({
        "outageId": id, "version": 1, "title": "Burst main", "status": "reported", "customersAffected": 40, "utilityType": "water",
    });
    let event = json!({
        "specversion": "1.0", "id": id, "source": "/tests", "type": "argus.outage.reported.v1", "time": "2026-11-23T09:00:00Z",
        "traceparent": traceparent, "data": data,
    });
    world.publish("argus.acme.outage.reported", &event).await;
}

async fn post(connector: &Connector, id: &str, state: &str) -> Value {
    let query = "query($id: String!) { outage(outageId: $id) { posts { state messageId lastError { code } } } }";
    eventually(&format!("{id} is {state}"), async || {
        let outage = connector.data(query, json!({ "id": id })).await["outage"].take();
        let post = outage["posts"][0].clone();
        (post["state"] == state).then_some(post)
    })
    .await
}

async fn channel_check(connector: &Connector) -> Value {
    let query = "mutation { testConnection { checks { code status detail remedy } } }";
    let test = connector.data(query, json!({})).await["testConnection"].take();
    test["checks"].as_array().unwrap().iter().find(|check| check["code"] == "teams.channel.ops").unwrap().clone()
}

async fn audited(connector: &Connector, action: &str) -> usize {
    let query = "query($action: String!) { auditTrail(action: $action) { totalCount } }";
    let count = connector.data(query, json!({ "action": action })).await["auditTrail"]["totalCount"].as_u64().unwrap();
    usize::try_from(count).unwrap()
}

/// How often a refresh token was traded in.
async fn refreshes(world: &World) -> usize {
    let requests = world.simulator.requests().await;
    requests.as_array().unwrap().iter().filter(|request| request["body"].to_string().contains("grant_type=refresh_token")).count()
}

#[tokio::test]
async fn an_account_that_signs_in_posts_and_nothing_of_it_is_told() {
    for store in Store::available() {
        let (world, connector) = world(store).await;
        let check = channel_check(&connector).await;
        assert_eq!(check["status"], "FAIL");
        assert!(check["detail"].as_str().unwrap().contains("TEAMS_APP_ONLY_FORBIDDEN") && check["remedy"].is_string(), "{check}");
        assert_eq!(account(&connector).await, Value::Null);
        let code = start(&connector).await;
        assert_eq!(stands(&connector, "WAITING").await["userPrincipalName"], Value::Null);
        world.simulator.sign_in(&code, &json!({ "approve": { "user": ANN } })).await;
        assert_eq!(stands(&connector, "SIGNED_IN").await["userPrincipalName"], ANN);
        assert_eq!(channel_check(&connector).await["status"], "PASS");
        report(&world, "o-1").await;
        assert!(post(&connector, "o-1", "SETTLED").await["messageId"].is_string());
        assert_eq!(audited(&connector, "connection.teams-signed-in").await, 1);
        let log = std::fs::read_to_string(&connector.log).unwrap();
        for file in std::fs::read_dir(world.folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("refresh-") && !text.contains("device-"), "a token or a code lies in the open");
        }
        assert!(!log.contains(&code), "a code in the log");
        assert!(connector.metrics().await.contains("argus_m365_teams_account_signed_in{organisation=\"acme\"} 1"));
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_sign_in_outlives_the_process_that_started_it() {
    for store in Store::available() {
        let (world, connector) = world(store).await;
        let code = start(&connector).await;
        connector.kill();
        world.simulator.sign_in(&code, &json!({ "approve": { "user": ANN } })).await;
        let connector = world.connector(&[]).await;
        stands(&connector, "SIGNED_IN").await;
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_refresh_belongs_to_the_trace_of_the_post_that_needs_it() {
    let (world, connector) = world(Store::Sqlite).await;
    sign_in(&world, &connector).await;
    // A process that has just begun has no access token.
    connector.stop().await;
    let connector = world.connector(&[]).await;
    let before = refreshes(&world).await;
    let parent = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    report_in(&world, "o-1", &parent).await;
    post(&connector, "o-1", "SETTLED").await;
    let requests = world.simulator.requests().await;
    let refreshes =
        requests.as_array().unwrap().iter().filter(|one| one["body"].to_string().contains("grant_type=refresh_token"));
    let seen: Vec<_> = refreshes.skip(before).map(|request| &request["headers"]["traceparent"]).collect();
    assert_eq!(seen, [&parent]);
    world.finish(connector).await;
}

#[tokio::test]
async fn tokens_are_refreshed_and_rotated_by_several_replicas_without_a_fight() {
    for store in Store::available() {
        let (world, connector) = world(store).await;
        world.simulator.change(&json!({ "settings": { "tokenLifetimeS": 2 } })).await;
        sign_in(&world, &connector).await;
        let second = world.connector(&[]).await;
        for number in 0..4 {
            let checks = (0..3).flat_map(|_| [channel_check(&connector), channel_check(&second)]);
            for check in futures_util::future::join_all(checks).await {
                assert_eq!(check["status"], "PASS", "{check}");
            }
            // Until the token of two seconds is over.
            let before = refreshes(&world).await;
            eventually("another refresh is needed", async || {
                channel_check(&connector).await;
                (refreshes(&world).await > before).then_some(())
            })
            .await;
            report(&world, &format!("o-{number}")).await;
            post(&connector, &format!("o-{number}"), "SETTLED").await;
        }
        assert_eq!(account(&second).await["state"], "SIGNED_IN");
        second.stop().await;
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_lost_sign_in_is_told_like_a_secret_that_ended() {
    for store in Store::available() {
        let (world, connector) = world(store).await;
        sign_in(&world, &connector).await;
        report(&world, "o-1").await;
        post(&connector, "o-1", "SETTLED").await;
        world.simulator.change(&json!({ "revokeSignIns": true })).await;
        report(&world, "o-2").await;
        assert_eq!(post(&connector, "o-2", "DEAD").await["lastError"]["code"], "TEAMS_APP_ONLY_FORBIDDEN");
        let lost = stands(&connector, "LOST").await;
        assert!(lost["reason"].as_str().unwrap().contains("AADSTS50173"), "{lost}");
        let check = channel_check(&connector).await;
        assert_eq!(check["status"], "FAIL");
        assert_eq!(audited(&connector, "connection.teams-account-lost").await, 1);
        assert!(connector.metrics().await.contains("argus_m365_teams_account_signed_in{organisation=\"acme\"} 0"));
        let told = eventually("others hear of it", async || {
            world.published("argus.acme.m365.connection.teams-account-lost").await.pop()
        })
        .await;
        assert!(told["data"]["remedy"].as_str().unwrap().contains("startTeamsSignIn"), "{told}");
        let state = connector.data("{ connection { state } }", json!({})).await;
        assert_eq!(state["connection"]["state"], "ACTIVE", "the application itself works");
        sign_in(&world, &connector).await;
        let replayed = connector.data("mutation { replayDeadLetters(capability: TEAMS) { replayed } }", json!({})).await;
        assert_eq!(replayed["replayDeadLetters"]["replayed"], 1);
        post(&connector, "o-2", "SETTLED").await;
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_declined_sign_in_says_so_and_removing_leaves_nothing() {
    for store in Store::available() {
        let (world, connector) = world(store).await;
        let code = start(&connector).await;
        world.simulator.sign_in(&code, &json!("decline")).await;
        assert_eq!(stands(&connector, "LOST").await["reason"], "the person declined");
        let code = start(&connector).await;
        world.simulator.sign_in(&code, &json!("expire")).await;
        let reason = stands(&connector, "LOST").await["reason"].clone();
        assert_eq!(reason, "nobody signed in before the code ended");
        sign_in(&world, &connector).await;
        let removed = connector.data("mutation { removeTeamsAccount }", json!({})).await;
        assert_eq!(removed["removeTeamsAccount"], true);
        assert_eq!(account(&connector).await, Value::Null);
        assert_eq!(connector.data("mutation { removeTeamsAccount }", json!({})).await["removeTeamsAccount"], false);
        sign_in(&world, &connector).await;
        connector.data("mutation { removeConnection }", json!({})).await;
        connector.register().await;
        assert_eq!(account(&connector).await, Value::Null, "the account went with the connection");
        world.finish(connector).await;
    }
}

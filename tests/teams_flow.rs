//! What must be right in a Teams channel, through the real binary against real servers, on every store.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use support::{Connector, Store, World, eventually, eventually_within};

const TEAM: &str = "3c1f0a64-7b52-4d7e-9f0a-5a8e2b6d9c11";
const CHANNEL: &str = "19:4B6dfa0f8c2e4c1b9d3a7e5f60718293@thread.tacv2";

/// Runs a story on every store, each in a world of its own with a registered connection whose token posts and reads messages, as a
/// signed-in account's does.
async fn on_every_store(changes: &[(&str, &str)], story: impl AsyncFn(&World, &Connector)) {
    for store in Store::available() {
        let world = World::start(store).await;
        sign_in(&world, &["ChannelMessage.Send", "ChannelMessage.Read.All"]).await;
        let connector = world.connector(changes).await;
        connector.register().await;
        story(&world, &connector).await;
        finish(world, connector).await;
    }
}

async fn finish(world: World, connector: Connector) {
    assert_eq!(world.simulator.violations().await, json!([]), "a Retry-After was not kept");
    world.finish(connector).await;
}

/// Gives the tenant a channel, and the application's token the permissions that an account's would have.
async fn sign_in(world: &World, permissions: &[&str]) {
    let mut app: Value = serde_json::from_str::<Value>(include_str!("../examples/tenant.json")).unwrap()["apps"][0].take();
    app["roles"].as_array_mut().unwrap().extend(permissions.iter().map(|name| json!(name)));
    let channel = json!({ "teamId": TEAM, "channelId": CHANNEL });
    world.simulator.change(&json!({ "apps": [app], "channels": [channel] })).await;
}

async fn set_channel(connector: &Connector, input: Value) -> Value {
    let query = "mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key webhookHost sender timeZone } }";
    connector.data(query, json!({ "input": input })).await["setTeamsChannel"].take()
}

/// A channel that a webhook posts to, hearing of these utilities from this severity on.
async fn webhook(world: &World, connector: &Connector, key: &str, utilities: &[&str], minimum: Option<&str>) {
    let url = format!("{}/workflows/{key}/triggers/manual/paths/invoke?sig=a-secret-signature", world.simulator.url);
    let input = json!({
        "key": key, "sender": "WORKFLOW_WEBHOOK", "webhookUrl": url, "utilityTypes": utilities, "minimumSeverity": minimum,
        "timeZone": "Europe/Dublin",
    });
    assert_eq!(set_channel(connector, input).await["webhookHost"], "127.0.0.1");
}

async fn graph_channel(connector: &Connector, key: &str) {
    set_channel(connector, json!({ "key": key, "sender": "GRAPH", "teamId": TEAM, "channelId": CHANNEL })).await;
}

/// An event of an outage; `data` is laid over a small electricity outage.
fn outage(id: &str, verb: &str, version: u64, data: &Value) -> Value {
    let mut all = json!({
        "outageId": id, "version": version, "title": format!("Outage {id}"), "status": "reported", "customersAffected": 100,
        "utilityType": "electricity", "severity": "major",
    });
    for (name, value) in data.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({
        "specversion": "1.0", "id": format!("{id}-{verb}-{version}"), "source": "/tests", "type": format!("argus.outage.{verb}.v1"),
        "time": "2026-11-23T09:00:00Z", "data": all,
    })
}

async fn publish(world: &World, event: &Value) {
    let verb = event["type"].as_str().and_then(|name| name.split('.').nth(2)).unwrap();
    world.publish(&format!("argus.acme.outage.{verb}"), event).await;
}

async fn shown(connector: &Connector, id: &str) -> Value {
    let query = "query($id: String!) { outage(outageId: $id) { version routed posts { channel state possiblyDuplicated postedVersion \
                 messageId postedAt attempts lastError { code message } } } }";
    connector.data(query, json!({ "id": id })).await["outage"].take()
}

/// Waits until an outage's newest version, which must be this one, is settled in every channel.
async fn settled(connector: &Connector, id: &str, version: u64) -> Value {
    eventually(&format!("{id} settles at version {version}"), async || {
        let row = shown(connector, id).await;
        let posts = row["posts"].as_array().cloned().unwrap_or_default();
        let done = row["version"] == version && !posts.is_empty() && posts.iter().all(|post| post["state"] == "SETTLED");
        done.then_some(row)
    })
    .await
}

/// Waits until an outage's one post has this state.
async fn stands(connector: &Connector, id: &str, state: &str) -> Value {
    eventually(&format!("{id} is {state}"), async || {
        let post = shown(connector, id).await["posts"].get(0).cloned().unwrap_or_default();
        (post["state"] == state).then_some(post)
    })
    .await
}

/// Everything in the Graph channel, oldest first.
async fn messages(world: &World) -> Vec<Value> {
    let state = world.simulator.state().await;
    state["channels"][0]["messages"].as_array().cloned().unwrap_or_default()
}

/// The text of a card.
fn text(card: &Value) -> String {
    card["card"].to_string()
}

async fn audited(connector: &Connector, action: &str) -> Vec<Value> {
    let query = "query($action: String!) { auditTrail(action: $action, first: 200) { nodes { action target outcome detail } } }";
    connector.data(query, json!({ "action": action })).await["auditTrail"]["nodes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_outage_goes_to_the_channels_whose_rules_fit_and_one_that_fits_none_is_seen() {
    on_every_store(&[], async |world, connector| {
        webhook(world, connector, "power", &["electricity"], None).await;
        webhook(world, connector, "critical", &[], Some("critical")).await;
        webhook(world, connector, "water", &["water"], None).await;
        publish(world, &outage("o-1", "reported", 1, &json!({}))).await;
        let row = settled(connector, "o-1", 1).await;
        assert_eq!(row["posts"].as_array().unwrap().len(), 1, "{row}");
        assert_eq!((&row["routed"], &row["posts"][0]["channel"]), (&json!(true), &json!("power")));
        publish(world, &outage("o-2", "reported", 1, &json!({ "channel": "water" }))).await;
        assert_eq!(settled(connector, "o-2", 1).await["posts"][0]["channel"], "water", "a channel that is named needs no rule");
        publish(world, &outage("o-3", "reported", 1, &json!({ "utilityType": "gas" }))).await;
        publish(world, &outage("o-4", "reported", 1, &json!({ "channel": "nowhere" }))).await;
        let unrouted = eventually("both unrouted outages are audited", async || {
            let entries = audited(connector, "outage.unrouted").await;
            (entries.len() == 2).then_some(entries)
        })
        .await;
        assert!(unrouted.iter().any(|entry| entry["target"] == "outage/o-3"), "{unrouted:?}");
        assert!(connector.metrics().await.contains("argus_m365_outages_unrouted_total 2"));
        let row = shown(connector, "o-3").await;
        assert_eq!((&row["routed"], &row["posts"]), (&json!(false), &json!([])));
        // Who heard of it hears that it is less bad than they are told of.
        publish(world, &outage("o-5", "reported", 1, &json!({ "severity": "critical" }))).await;
        settled(connector, "o-5", 1).await;
        publish(world, &outage("o-5", "updated", 2, &json!({ "severity": "minor" }))).await;
        settled(connector, "o-5", 2).await;
        assert_eq!(world.simulator.cards("critical").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_thread_is_posted_once_answered_with_news_and_closed() {
    on_every_store(&[], async |world, connector| {
        graph_channel(connector, "ops").await;
        let started = Instant::now();
        publish(world, &outage("o-1", "reported", 1, &json!({}))).await;
        eventually("the first post", async || (!messages(world).await.is_empty()).then_some(())).await;
        assert!(started.elapsed() < Duration::from_secs(2), "the first post took {:?}", started.elapsed());
        settled(connector, "o-1", 1).await;
        // Ten percent more customers, and another text: nothing that a reader acts on.
        publish(world, &outage("o-1", "updated", 2, &json!({ "customersAffected": 110, "description": "more" }))).await;
        settled(connector, "o-1", 2).await;
        publish(world, &outage("o-1", "updated", 3, &json!({ "status": "crewOnSite" }))).await;
        settled(connector, "o-1", 3).await;
        publish(world, &outage("o-1", "restored", 4, &json!({ "status": "restored", "customersAffected": 0 }))).await;
        let row = settled(connector, "o-1", 4).await;
        publish(world, &outage("o-1", "restored", 5, &json!({ "status": "restored", "severity": "minor" }))).await;
        settled(connector, "o-1", 5).await;
        // Redelivery, past the broker's own deduplication.
        let mut again = outage("o-1", "reported", 1, &json!({}));
        again["id"] = json!("again");
        publish(world, &again).await;
        eventually("all is taken", async || (world.untaken().await == 0).then_some(())).await;
        let messages = messages(world).await;
        assert_eq!(messages.len(), 3, "{messages:?}");
        let root = &messages[0]["id"];
        assert_eq!(messages[0]["replyToId"], Value::Null);
        assert!(messages[1..].iter().all(|reply| reply["replyToId"] == *root), "{messages:?}");
        assert_eq!((&row["posts"][0]["messageId"], &row["posts"][0]["postedVersion"]), (root, &json!(4)));
        let told = eventually("three events", async || {
            let told = world.published("argus.acme.m365.outage.posted").await;
            (told.len() == 3).then_some(told)
        })
        .await;
        let actions: Vec<_> = told.iter().map(|event| event["data"]["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["posted", "replied", "replied"]);
        assert_eq!((&told[0]["subject"], &told[0]["data"]["messageId"]), (&json!("outage/o-1"), root));
        assert_eq!(audited(connector, "teams.message.replied").await.len(), 4, "intent and outcome of two replies");
    })
    .await;
}

#[tokio::test]
async fn a_burst_of_updates_becomes_one_post_and_the_channel_is_called_once_a_second() {
    on_every_store(&[], async |world, connector| {
        graph_channel(connector, "ops").await;
        connector.data("mutation { pauseCapability(capability: TEAMS) { paused } }", Value::Null).await;
        for version in 1..=9 {
            publish(world, &outage("o-1", "updated", version, &json!({ "customersAffected": 100 * version }))).await;
        }
        for number in 2..=4 {
            publish(world, &outage(&format!("o-{number}"), "reported", 1, &json!({}))).await;
        }
        stands(connector, "o-4", "BLOCKED").await;
        eventually("all is taken", async || (world.untaken().await == 0).then_some(())).await;
        connector.data("mutation { resumeCapability(capability: TEAMS) { paused } }", Value::Null).await;
        settled(connector, "o-1", 9).await;
        for number in 2..=4 {
            settled(connector, &format!("o-{number}"), 1).await;
        }
        assert_eq!(messages(world).await.len(), 4);
        assert_distance(world).await;
    })
    .await;
}

/// No two calls to the channel came within a second, as the simulator's ledger has it.
async fn assert_distance(world: &World) {
    let requests = world.simulator.requests().await;
    let to_channel = |request: &&Value| request["path"].as_str().is_some_and(|path| path.contains("/channels/"));
    let came: Vec<DateTime<Utc>> = requests
        .as_array()
        .unwrap()
        .iter()
        .filter(to_channel)
        .map(|request| request["at"].as_str().unwrap().parse().unwrap())
        .collect();
    let least = came.windows(2).map(|pair| pair[1] - pair[0]).min();
    assert!(least.is_none_or(|least| least >= chrono::TimeDelta::seconds(1)), "{least:?} between two of {} calls", came.len());
    assert!(requests.as_array().unwrap().iter().all(|request| request["status"] != 429));
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_looking_for_our_card() {
    on_every_store(&[], async |world, connector| {
        graph_channel(connector, "ops").await;
        let lost = json!({ "method": "POST", "path": "/v1.0/teams/*/channels/*/messages", "times": 1, "when": "after", "effect": "reset" });
        world.simulator.fault(lost.clone()).await;
        publish(world, &outage("o-1", "reported", 1, &json!({}))).await;
        let row = settled(connector, "o-1", 1).await;
        assert_eq!((&row["posts"][0]["possiblyDuplicated"], messages(world).await.len()), (&json!(false), 1));
        assert_eq!(row["posts"][0]["messageId"], messages(world).await[0]["id"]);
        // The same with a reply, and with one that never arrived.
        world.simulator.fault(json!({ "method": "POST", "path": "/v1.0/teams/*/channels/*/messages/*/replies", "times": 1, "when": "after", "effect": "reset" })).await;
        publish(world, &outage("o-1", "updated", 2, &json!({ "status": "investigating" }))).await;
        settled(connector, "o-1", 2).await;
        world.simulator.fault(json!({ "method": "POST", "path": "/v1.0/teams/*/channels/*/messages/*/replies", "times": 1, "when": "before", "effect": "reset" })).await;
        publish(world, &outage("o-1", "updated", 3, &json!({ "status": "crewOnSite" }))).await;
        settled(connector, "o-1", 3).await;
        assert_eq!(messages(world).await.len(), 3);
        assert_distance(world).await;
    })
    .await;
}

#[tokio::test]
async fn a_webhook_whose_answer_was_lost_is_called_again_and_that_is_told() {
    on_every_store(&[], async |world, connector| {
        webhook(world, connector, "ops", &[], None).await;
        world.simulator.fault(json!({ "path": "/workflows/ops", "times": 1, "when": "after", "effect": "reset" })).await;
        publish(world, &outage("o-1", "reported", 1, &json!({}))).await;
        let row = settled(connector, "o-1", 1).await;
        assert_eq!(row["posts"][0]["possiblyDuplicated"], true);
        assert_eq!(world.simulator.cards("ops").await.len(), 2);
        let entries = audited(connector, "teams.message.posted").await;
        assert!(entries.iter().any(|entry| entry["outcome"] == "unknown"), "{entries:?}");
        assert!(
            entries.iter().any(|entry| entry["detail"]["possiblyTwice"] == true && entry["outcome"] == "succeeded"),
            "{entries:?}"
        );
        let told = eventually("it is told", async || world.published("argus.acme.m365.outage.posted").await.pop()).await;
        assert_eq!(told["data"]["possiblyDuplicated"], true);
    })
    .await;
}

#[tokio::test]
async fn with_hold_a_lost_answer_waits_for_a_person_who_may_send_it_again() {
    on_every_store(&[("teams.unknown_policy", "hold")], async |world, connector| {
        webhook(world, connector, "ops", &[], None).await;
        world.simulator.fault(json!({ "path": "/workflows/ops", "times": 1, "when": "after", "effect": "reset" })).await;
        publish(world, &outage("o-1", "reported", 1, &json!({}))).await;
        let post = stands(connector, "o-1", "DEAD").await;
        assert_eq!(post["lastError"]["code"], "POSSIBLY_POSTED");
        assert_eq!(world.simulator.cards("ops").await.len(), 1);
        connector.data("mutation { replayDeadLetters { replayed } }", Value::Null).await;
        settled(connector, "o-1", 1).await;
        assert_eq!(world.simulator.cards("ops").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_refused_webhook_is_set_aside_with_a_remedy_and_its_url_is_shown_nowhere() {
    on_every_store(&[], async |world, connector| {
        webhook(world, connector, "ops", &[], None).await;
        world.simulator.fault(json!({ "path": "/workflows/ops", "times": 1, "effect": { "status": { "status": 404 } } })).await;
        publish(world, &outage("o-1", "reported", 1, &json!({}))).await;
        let post = stands(connector, "o-1", "DEAD").await;
        assert_eq!(post["lastError"]["code"], "WEBHOOK_REJECTED");
        assert!(post["lastError"]["message"].as_str().unwrap().contains("Power Automate"), "{post}");
        let channels = connector.data("{ teamsChannels { key webhookHost lastPostedAt lastError { code } } }", Value::Null).await;
        assert_eq!(channels["teamsChannels"][0]["lastError"]["code"], "WEBHOOK_REJECTED");
        world.simulator.heal().await;
        // A 503 with a wait is waited out in full.
        let wait = json!({ "status": { "status": 429, "retryAfter": { "seconds": 2 } } });
        world.simulator.fault(json!({ "path": "/workflows/ops", "times": 1, "effect": wait })).await;
        publish(world, &outage("o-1", "updated", 2, &json!({}))).await;
        settled(connector, "o-1", 2).await;
        assert_eq!(world.simulator.cards("ops").await.len(), 1);
        let everything = connector.data(
            "{ teamsChannels { key webhookHost } deadLetters { nodes { message payload } } auditTrail(first: 200) { nodes { detail target } } }",
            Value::Null,
        );
        assert!(!everything.await.to_string().contains("a-secret-signature"));
        assert!(!std::fs::read_to_string(&connector.log).unwrap().contains("a-secret-signature"));
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_gone_silences_no_webhook() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        webhook(&world, &connector, "ops", &[], None).await;
        publish(&world, &outage("o-1", "reported", 1, &json!({}))).await;
        settled(&connector, "o-1", 1).await;
        graph_channel(&connector, "graph").await;
        publish(&world, &outage("o-2", "reported", 1, &json!({ "channel": "graph" }))).await;
        stands(&connector, "o-2", "BLOCKED").await;
        // A channel that is removed is told nothing more, and nothing waits for it.
        connector.data("mutation { removeTeamsChannel(key: \"graph\") }", Value::Null).await;
        connector.register().await;
        stands(&connector, "o-2", "SETTLED").await;
        assert_eq!(world.simulator.cards("ops").await.len(), 1);
        finish(world, connector).await;
    }
}

#[tokio::test]
async fn an_applications_own_token_is_refused_without_a_second_token_and_without_harm_to_the_connection() {
    for store in Store::available() {
        let world = World::start(store).await;
        sign_in(&world, &[]).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        graph_channel(&connector, "ops").await;
        publish(&world, &outage("o-1", "reported", 1, &json!({}))).await;
        let post = stands(&connector, "o-1", "DEAD").await;
        assert_eq!(post["lastError"]["code"], "TEAMS_APP_ONLY_FORBIDDEN");
        let requests = world.simulator.requests().await;
        let count =
            |part: &str| requests.as_array().unwrap().iter().filter(|one| one["path"].as_str().unwrap().contains(part)).count();
        assert_eq!((count("/messages"), count("/token")), (1, 1));
        assert_eq!(connector.data("{ connection { state } }", Value::Null).await["connection"]["state"], "ACTIVE");
        finish(world, connector).await;
    }
}

#[tokio::test]
async fn beyond_its_cards_a_minute_a_channel_gets_one_summary() {
    on_every_store(&[("teams.cards_per_minute", "2")], async |world, connector| {
        webhook(world, connector, "ops", &[], None).await;
        connector.data("mutation { pauseCapability(capability: TEAMS) { paused } }", Value::Null).await;
        for number in 1..=12 {
            publish(world, &outage(&format!("o-{number}"), "reported", 1, &json!({}))).await;
        }
        eventually("all are routed", async || (shown(connector, "o-12").await["routed"] == true).then_some(())).await;
        connector.data("mutation { resumeCapability(capability: TEAMS) { paused } }", Value::Null).await;
        for number in 1..=12 {
            settled(connector, &format!("o-{number}"), 1).await;
        }
        let cards = world.simulator.cards("ops").await;
        assert_eq!(cards.len(), 3, "two cards and one summary");
        assert!(text(&cards[2]).contains("10"), "{}", text(&cards[2]));
        let told = eventually("all are told", async || {
            let told = world.published("argus.acme.m365.outage.posted").await;
            (told.len() == 12).then_some(told)
        });
        told.await;
    })
    .await;
}

#[tokio::test]
async fn an_outage_posted_by_hand_goes_the_same_way() {
    on_every_store(&[], async |world, connector| {
        webhook(world, connector, "ops", &[], None).await;
        let post = async |input: Value| {
            let query = "mutation($input: OutageInput!) { postOutage(input: $input) { outageId version routed posts { channel state } } }";
            connector.data(query, json!({ "input": input })).await["postOutage"].take()
        };
        let input = json!({ "outageId": "o-1", "title": "Burst main", "status": "reported", "customersAffected": 5, "utilityType": "water" });
        let posted = post(input.clone()).await;
        assert_eq!((&posted["routed"], &posted["posts"][0]["channel"], &posted["version"]), (&json!(true), &json!("ops"), &json!(0)));
        settled(connector, "o-1", 0).await;
        let mut changed = input.clone();
        changed["status"] = json!("investigating");
        post(changed).await;
        eventually("the change is posted", async || (world.simulator.cards("ops").await.len() == 2).then_some(())).await;
        settled(connector, "o-1", 0).await;
        // The next event wins again.
        publish(world, &outage("o-1", "restored", 1, &json!({ "status": "restored", "utilityType": "water" }))).await;
        settled(connector, "o-1", 1).await;
        assert_eq!(world.simulator.cards("ops").await.len(), 3);
        let mut stale = input;
        stale["version"] = json!(0);
        assert_eq!(post(stale).await["version"], 1);
    })
    .await;
}

/// Kills a worker while it waits for an answer, again and again.
async fn kill_again_and_again(world: &World, kills: usize) {
    let changes = [
        ("delivery.lease", "2s"),
        ("delivery.call_timeout", "1s"),
        ("delivery.max_crashes", "1000"),
        ("teams.cards_per_minute", "1000"),
    ];
    let mut connector = world.connector(&changes).await;
    connector.register().await;
    graph_channel(&connector, "ops").await;
    for number in 1..=kills {
        let (outage_id, version) = (format!("o-{}", number.div_ceil(3)), (number - 1) % 3 + 1);
        let status = ["reported", "investigating", "restored"][version - 1];
        // The effect happens, and the answer comes too late for whoever asked.
        let held = json!({ "method": "POST", "path": "/v1.0/teams/", "times": 1, "when": "after", "delayMs": 60_000 });
        world.simulator.fault(held).await;
        let before = messages(world).await.len();
        publish(world, &outage(&outage_id, "updated", version as u64, &json!({ "status": status }))).await;
        eventually("the card stands", async || (messages(world).await.len() > before).then_some(())).await;
        connector.kill();
        world.simulator.heal().await;
        connector = world.connector(&changes).await;
        eventually_within(Duration::from_mins(1), "it settles", async || {
            let row = shown(&connector, &outage_id).await;
            (row["version"] == version && row["posts"].get(0).is_some_and(|post| post["state"] == "SETTLED")).then_some(())
        })
        .await;
        let now = messages(world).await.len();
        assert_eq!(now, before + 1, "a duplicate after kill {number}");
    }
    assert_distance(world).await;
    connector.kill();
}

#[tokio::test]
async fn kills_in_the_middle_post_nothing_twice() {
    for store in Store::available() {
        let world = World::start(store).await;
        sign_in(&world, &["ChannelMessage.Send", "ChannelMessage.Read.All"]).await;
        kill_again_and_again(&world, 6).await;
        world.abandon().await;
    }
}

#[tokio::test]
#[ignore = "200 kills take a quarter of an hour"]
async fn two_hundred_kills_post_nothing_twice() {
    let world = World::start(Store::Sqlite).await;
    sign_in(&world, &["ChannelMessage.Send", "ChannelMessage.Read.All"]).await;
    kill_again_and_again(&world, 200).await;
    world.abandon().await;
}

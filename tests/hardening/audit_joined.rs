//! The audit trail beside the tenant's own ledger: every effect has one intent before it and one outcome after it, and no entry tells of an
//! effect that the tenant has not seen.

use std::collections::BTreeMap;

use argus_m365::simulator::SiteSpec;
use serde_json::{Value, json};

use crate::{
    outage,
    support::{Connector, Store, World, eventually, tenant},
    task,
};

const TEAM: &str = "3c1f0a64-7b52-4d7e-9f0a-5a8e2b6d9c11";
const CHANNEL: &str = "19:4B6dfa0f8c2e4c1b9d3a7e5f60718293@thread.tacv2";
/// Before an outage's id in its title, and so in its cards.
const TITLE: &str = "Feeder ";

/// How often something was done, by object and action.
type Effects = BTreeMap<(String, String), usize>;

async fn trail(connector: &Connector) -> Vec<Value> {
    let query = "query($after: String) { auditTrail(first: 200, after: $after) { nodes { action target outcome graphRequestId detail } \
        pageInfo { hasNextPage endCursor } } }";
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut page = connector.data(query, json!({ "after": after })).await["auditTrail"].take();
        all.append(page["nodes"].as_array_mut().unwrap());
        if page["pageInfo"]["hasNextPage"] == false {
            return all;
        }
        after = page["pageInfo"]["endCursor"].take();
    }
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_default()
}

/// Found by a look, not made by a call: an intent before it was told to be unknown.
fn is_adopted(entry: &Value) -> bool {
    text(entry, "action") == "calendar.event.adopted" || entry["detail"]["adopted"] == true
}

/// Every intent has one outcome, before the next intent on the same object, and every outcome an intent. Returns what succeeded.
fn paired(trail: &[Value]) -> Effects {
    let mut open: BTreeMap<&str, &str> = BTreeMap::new();
    let mut done = Effects::new();
    let mut failures = 0;
    for entry in trail {
        let (action, target, outcome) = (text(entry, "action"), text(entry, "target"), text(entry, "outcome"));
        let effect = ["calendar.", "teams.message", "sharepoint.", "directory.users", "directory.groups"];
        if !effect.iter().any(|part| action.starts_with(part)) {
            continue;
        }
        if is_adopted(entry) {
            *done.entry((target.to_owned(), text(entry, "action").to_owned())).or_default() += 1;
            continue;
        }
        if outcome == "intended" {
            assert_eq!(open.insert(target, action), None, "a second intent before the first one's outcome: {entry}");
            continue;
        }
        let intended = open.remove(target).unwrap_or_else(|| panic!("an outcome without an intent: {entry}"));
        let step = entry["detail"]["step"].as_str().unwrap_or(action);
        assert_eq!(intended, step, "another outcome than was intended: {entry}");
        if outcome == "succeeded" {
            // A webhook tells no such id.
            let through_graph = !action.starts_with("teams.") || entry["detail"]["channel"] == "graph";
            if through_graph && !action.starts_with("directory.") {
                assert!(entry["graphRequestId"].is_string(), "{entry}");
            }
            *done.entry((target.to_owned(), action.to_owned())).or_default() += 1;
        } else {
            failures += 1;
        }
    }
    assert!(open.is_empty(), "intents without an outcome: {open:?}");
    assert!(failures >= 3, "the faults left {failures} traces");
    done
}

fn decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// What the tenant has seen: every request that changed it.
fn seen(requests: &Value, cards: usize) -> Effects {
    let (mut effects, mut events, mut items) = (Effects::new(), BTreeMap::new(), BTreeMap::new());
    let mut add = |target: String, action: &str| *effects.entry((target, action.to_owned())).or_default() += 1;
    for request in requests.as_array().unwrap() {
        let (method, path) = (text(request, "method"), text(request, "path"));
        let status = request["status"].as_u64().unwrap();
        let last = decoded(path.rsplit('/').next().unwrap());
        let body = || serde_json::from_str::<Value>(text(request, "body")).unwrap();
        let made = || serde_json::from_str::<Value>(text(request, "response")).unwrap()["id"].as_str().unwrap().to_owned();
        if !(200..300).contains(&status) || path.contains("/oauth2/") || path.ends_with("/$batch") {
            continue;
        }
        match method {
            "POST" if path.ends_with("/events") => {
                let reference = body()["singleValueExtendedProperties"][0]["value"].as_str().unwrap().to_owned();
                let task = format!("task/{}", reference.strip_prefix("acme/").unwrap());
                events.insert(made(), task.clone());
                add(task, "calendar.event.created");
            }
            "PATCH" if path.contains("/events/") => add(events[&last].clone(), "calendar.event.updated"),
            "DELETE" if path.contains("/events/") => add(events[&last].clone(), "calendar.event.deleted"),
            "POST" if path.ends_with("/items") => {
                let zone = format!("zone/{}", body()["fields"]["Zone_x0020_ID"].as_str().unwrap());
                items.insert(made(), zone.clone());
                add(zone, "sharepoint.item.created");
            }
            "PATCH" if path.contains("/items/") => {
                let item = decoded(path.split("/items/").nth(1).unwrap().split('/').next().unwrap());
                add(items[&item].clone(), "sharepoint.item.updated");
            }
            "DELETE" if path.contains("/items/") => add(items[&last].clone(), "sharepoint.item.retired"),
            "POST" if path.contains("/channels/") => {
                let body = body();
                let card = body["attachments"][0]["content"].as_str().unwrap();
                let outage: String = card.split_once(TITLE).unwrap().1.chars().take_while(char::is_ascii_alphanumeric).collect();
                let reply = path.ends_with("/replies");
                add(format!("outage/{outage}"), if reply { "teams.message.replied" } else { "teams.message.posted" });
            }
            _ => {}
        }
    }
    for _ in 0..cards {
        add("outage/o-1".to_owned(), "teams.message.posted");
    }
    effects
}

async fn zone(world: &World, id: &str, version: u64, verb: &str) {
    let mut data = json!({ "zoneId": id, "version": version });
    if verb == "changed" {
        data["name"] = json!(format!("{id} at {version}"));
    }
    let event = json!({
        "specversion": "1.0", "id": format!("{id}-{version}"), "source": "/tests", "type": format!("argus.zone.{verb}.v1"),
        "time": "2026-11-23T09:00:00Z", "data": data,
    });
    world.publish(&format!("argus.acme.zone.{verb}"), &event).await;
}

/// A power cut, for the channel that is posted to through Graph.
async fn cut(world: &World, id: &str, version: u64, verb: &str) {
    let mut event = outage(id);
    event["id"] = json!(format!("{id}-{version}"));
    event["type"] = json!(format!("argus.outage.{verb}.v1"));
    let data = &mut event["data"];
    (data["version"], data["title"], data["utilityType"]) = (json!(version), json!(format!("{TITLE}{id}")), json!("electricity"));
    data["status"] = json!(if verb == "updated" { "investigating" } else { "reported" });
    world.publish(&format!("argus.acme.outage.{verb}"), &event).await;
}

/// Waits until a version of an outage stands in its channels.
async fn told_of(connector: &Connector, id: &str, version: u64) {
    let query = "query($id: String!) { outage(outageId: $id) { version posts { state } } }";
    eventually(&format!("{id} is told at {version}"), async || {
        let outage = connector.data(query, json!({ "id": id })).await["outage"].take();
        (outage["version"] == version && outage["posts"][0]["state"] == "SETTLED").then_some(())
    })
    .await;
}

/// Cards through Graph: one refused first, one whose answer is lost, one answered with a reply, whose first try is refused.
async fn cuts(world: &World, connector: &Connector) {
    let messages = "/v1.0/teams/*/channels/*/messages";
    let failing = |path: &str| json!({ "method": "POST", "path": path, "times": 1, "effect": { "status": { "status": 503 } } });
    world.simulator.fault(failing(messages)).await;
    cut(world, "north", 1, "reported").await;
    told_of(connector, "north", 1).await;
    world.simulator.fault(json!({ "method": "POST", "path": messages, "times": 1, "when": "after", "effect": "reset" })).await;
    cut(world, "south", 1, "reported").await;
    told_of(connector, "south", 1).await;
    world.simulator.fault(failing(&format!("{messages}/*/replies"))).await;
    cut(world, "north", 2, "updated").await;
    told_of(connector, "north", 2).await;
}

async fn set_up(world: &World, connector: &Connector) {
    // The application's token posts messages and reads them, as a signed-in account's does.
    let mut app = tenant()["apps"][0].take();
    app["roles"].as_array_mut().unwrap().extend(["ChannelMessage.Send", "ChannelMessage.Read.All"].map(Value::from));
    let sites = json!([serde_json::to_value(SiteSpec::demo()).unwrap()]);
    let channels = json!([{ "teamId": TEAM, "channelId": CHANNEL }]);
    world.simulator.change(&json!({ "sites": sites, "apps": [app], "channels": channels })).await;
    connector.register().await;
    let url = format!("{}/workflows/ops/triggers/manual/paths/invoke?sig=x", world.simulator.url);
    let webhook = json!({ "key": "ops", "sender": "WORKFLOW_WEBHOOK", "webhookUrl": url, "utilityTypes": ["water"] });
    let graph =
        json!({ "key": "graph", "sender": "GRAPH", "teamId": TEAM, "channelId": CHANNEL, "utilityTypes": ["electricity"] });
    for channel in [webhook, graph] {
        let set = "mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key } }";
        connector.data(set, json!({ "input": channel })).await;
    }
    let list = json!({ "input": {
        "site": "acme-water.sharepoint.example:/sites/ops", "list": "Zones", "matchColumn": "Zone ID",
        "fields": [{ "zoneField": "name", "column": "Title" }], "retire": "DELETE",
    } });
    connector.data("mutation($input: ZoneTargetInput!) { setZoneTarget(input: $input) { siteId } }", list).await;
}

/// What a caller has published: a zone that is new and one that is not, and the first try of each refused.
async fn publication(world: &World, connector: &Connector) {
    let refused = json!({ "status": { "status": 503 } });
    let list = "/v1.0/sites/*/lists/*/items";
    world.simulator.fault(json!({ "method": "POST", "path": list, "times": 1, "effect": refused })).await;
    world.simulator.fault(json!({ "method": "PATCH", "path": format!("{list}/*/fields"), "times": 1, "effect": refused })).await;
    let zones = json!([{ "zoneId": "Z-2", "name": "by a caller" }, { "zoneId": "Z-9", "name": "new" }]);
    let input = json!({ "zones": zones });
    let query = "mutation($input: PublishZonesInput!) { publishZones(input: $input) { id } }";
    let asked = connector.data(query, json!({ "input": input })).await;
    succeeds(connector, &asked["publishZones"]["id"]).await;
}

async fn zones_stand(connector: &Connector, count: usize) {
    eventually(&format!("{count} zones stand"), async || {
        let zones = connector.data("{ zones { nodes { state } } }", Value::Null).await;
        let states = zones["zones"]["nodes"].as_array().unwrap();
        (states.len() == count && states.iter().all(|zone| zone["state"] == "SETTLED")).then_some(())
    })
    .await;
}

async fn import(connector: &Connector, mutation: &str) {
    let mut answer = connector.data(&format!("mutation {{ operation: {mutation} {{ id }} }}"), Value::Null).await;
    succeeds(connector, &answer["operation"]["id"].take()).await;
}

async fn succeeds(connector: &Connector, id: &Value) {
    eventually("the operation ends", async || {
        let operation = connector.data("query($id: ID!) { operation(id: $id) { state } }", json!({ "id": id })).await;
        (operation["operation"]["state"] == "SUCCEEDED").then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_effect_has_one_intent_and_one_outcome() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        set_up(&world, &connector).await;
        // Some calls fail before their effect, one answer is lost after it.
        let failing = |method: &str, path: &str, status: u16| json!({ "method": method, "path": path, "times": 2, "effect": { "status": { "status": status } } });
        world.simulator.fault(failing("POST", "/v1.0/users", 503)).await;
        world.simulator.fault(failing("PATCH", "/v1.0/users", 500)).await;
        world.simulator.fault(failing("DELETE", "/v1.0/users", 503)).await;
        for number in 0..8 {
            world.publish("argus.acme.task.scheduled", &task(&format!("t-{number}"), 1)).await;
        }
        for number in 0..8 {
            connector.settled(&format!("t-{number}"), 1).await;
        }
        world
            .simulator
            .fault(json!({ "method": "POST", "path": "/v1.0/users", "times": 1, "when": "after", "effect": "reset" }))
            .await;
        world.publish("argus.acme.task.scheduled", &task("lost", 1)).await;
        connector.settled("lost", 1).await;
        for number in 0..4 {
            world.publish("argus.acme.task.scheduled", &task(&format!("t-{number}"), 2)).await;
            let closed = json!({
                "specversion": "1.0", "id": format!("c-{number}"), "source": "/tests", "type": "argus.task.closed.v1",
                "time": "2026-11-23T09:00:00Z", "data": { "taskId": format!("t-{}", number + 4), "version": 2 },
            });
            world.publish("argus.acme.task.closed", &closed).await;
        }
        for number in 0..8 {
            connector.settled(&format!("t-{number}"), 2).await;
        }
        for number in 0..5 {
            zone(&world, &format!("Z-{number}"), 1, "changed").await;
        }
        zones_stand(&connector, 5).await;
        zone(&world, "Z-0", 2, "changed").await;
        zone(&world, "Z-1", 2, "removed").await;
        world.publish("argus.acme.outage.reported", &outage("o-1")).await;
        eventually("the outage is told", async || (world.simulator.cards("ops").await.len() == 1).then_some(())).await;
        publication(&world, &connector).await;
        cuts(&world, &connector).await;
        import(&connector, "importUsers").await;
        import(&connector, "importGroups").await;
        connector.nothing_left().await;
        eventually("the zones stand", async || {
            let zones = connector.data("{ backlog { pending } }", Value::Null).await;
            zones["backlog"].as_array().unwrap().iter().all(|row| row["pending"] == 0).then_some(())
        })
        .await;

        let trail = trail(&connector).await;
        let mut told = paired(&trail);
        let imports: Vec<_> = told.keys().filter(|(target, _)| target.starts_with("operation/")).cloned().collect();
        assert_eq!(imports.len(), 2, "{imports:?}");
        for import in imports {
            assert_eq!(told.remove(&import), Some(1), "{import:?}");
        }
        // What was made and its answer lost is told as adopted.
        let adopted = told.remove(&("task/lost".to_owned(), "calendar.event.adopted".to_owned()));
        assert_eq!(adopted, Some(1));
        told.insert(("task/lost".to_owned(), "calendar.event.created".to_owned()), 1);
        let seen = seen(&world.simulator.requests().await, world.simulator.cards("ops").await.len());
        assert!(seen.len() >= 25, "{seen:?}");
        let answered =
            |outage: &str, action: &str| seen.get(&(format!("outage/{outage}"), format!("teams.message.{action}"))).copied();
        let cards = [answered("north", "posted"), answered("north", "replied"), answered("south", "posted")];
        assert_eq!(cards, [Some(1); 3], "through Graph");
        assert_eq!(told, seen);
        world.finish(connector).await;
    }
}

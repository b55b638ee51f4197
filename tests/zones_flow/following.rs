//! What those see who follow a publication, however it ends.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    stage::{ITEMS, Scene, ended, items, on_every_store, prepare, publish_zones, published, set_target, target, writes, zone},
    support::{Connector, Store, World, eventually, eventually_within},
};

fn many(count: usize) -> Value {
    json!({ "zones": (1..=count).map(|number| zone(number, "first")).collect::<Vec<_>>() })
}

async fn operation(connector: &Connector, id: &str) -> Value {
    let query = "query($id: ID!) { operation(id: $id) { state done total counts error { code message } } }";
    connector.data(query, json!({ "id": id })).await["operation"].take()
}

#[tokio::test]
async fn a_publication_is_begun_at_once_and_its_progress_is_seen_to_move() {
    on_every_store(Scene::default(), async |world, connector| {
        world.simulator.behave(&json!({ "latencyMs": 150 })).await;
        let id = publish_zones(connector, many(230)).await;
        // Twelve batches of 150 ms follow, one after the other.
        assert!(writes(world).await < 230, "it is not waited for");
        let mut seen: Vec<u64> = Vec::new();
        let ended = eventually_within(Duration::from_mins(2), "the publication ends", async || {
            let operation = operation(connector, &id).await;
            let done = operation["done"].as_u64().unwrap();
            assert!(seen.last().is_none_or(|before| *before <= done), "{done} after {seen:?}");
            seen.push(done);
            if done > 0 {
                assert_eq!(operation["total"], 230, "{operation}");
                let counted: u64 = operation["counts"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
                assert_eq!(counted, done, "{operation}");
            }
            (!["QUEUED", "RUNNING"].contains(&operation["state"].as_str().unwrap())).then_some(operation)
        })
        .await;
        assert_eq!((&ended["state"], &ended["done"]), (&json!("SUCCEEDED"), &json!(230)), "{ended}");
        assert!(seen.iter().any(|done| (1..230).contains(done)), "it was seen on its way: {seen:?}");

        let list =
            connector.data("{ operations(kind: PUBLISH_ZONES, state: SUCCEEDED) { nodes { id done total } } }", Value::Null);
        assert_eq!(list.await["operations"]["nodes"], json!([{ "id": id, "done": 230, "total": 230 }]));
        let none = connector.data("{ operations(kind: IMPORT_USERS) { totalCount } }", Value::Null).await;
        assert_eq!(none["operations"]["totalCount"], 0);
        assert_eq!(every_change(connector, &id).await.len(), 230);
    })
    .await;
}

/// The keys of all changes, read a hundred at a time; one that comes twice fails the test.
async fn every_change(connector: &Connector, id: &str) -> Vec<String> {
    let query = "query($id: ID!, $after: String) { operation(id: $id) { \
        changes(first: 100, after: $after) { totalCount nodes { key } pageInfo { hasNextPage endCursor } } } }";
    let (mut keys, mut after, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let data = connector.data(query, json!({ "id": id, "after": after })).await;
        let changes = &data["operation"]["changes"];
        keys.extend(changes["nodes"].as_array().unwrap().iter().map(|change| change["key"].as_str().unwrap().to_owned()));
        pages += 1;
        if changes["pageInfo"]["hasNextPage"] != true {
            assert_eq!((changes["totalCount"].as_u64().unwrap(), pages), (keys.len() as u64, keys.len().div_ceil(100)));
            break;
        }
        after = changes["pageInfo"]["endCursor"].clone();
    }
    keys.sort();
    let count = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), count, "a change came twice");
    keys
}

#[tokio::test]
async fn what_cannot_be_begun_is_refused_at_once_by_field() {
    on_every_store(Scene::default(), async |_, connector| {
        let refused = async |zones: Value| {
            let query = "mutation($input: PublishZonesInput!) { publishZones(input: $input) { id } }";
            let mut answer = connector.graphql(query, json!({ "input": { "zones": zones } })).await;
            let mut extensions = answer["errors"][0]["extensions"].take();
            assert_eq!(extensions["code"], "BAD_USER_INPUT", "{answer}");
            extensions["field"].take()
        };
        assert_eq!(refused(json!([])).await, "zones");
        assert_eq!(refused(json!([zone(1, "first"), zone(2, "first"), zone(1, "second")])).await, "zones[2].zoneId");
        assert_eq!(refused(json!([zone(1, "first"), zone(2, " ")])).await, "zones[1].name");
        let mut open = zone(1, "first");
        open["boundary"] = json!({ "type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]] });
        assert_eq!(refused(json!([open])).await, "zones[0].boundary.coordinates.0");
        let begun = connector.data("{ operations { totalCount } zones { totalCount } }", Value::Null).await;
        assert_eq!(begun, json!({ "operations": { "totalCount": 0 }, "zones": { "totalCount": 0 } }));
    })
    .await;
}

#[tokio::test]
async fn what_fails_as_a_whole_is_audited_and_told_too() {
    on_every_store(Scene::default(), async |world, connector| {
        let gone = json!({ "status": { "status": 404, "code": "itemNotFound" } });
        world.simulator.fault(json!({ "method": "GET", "path": ITEMS, "effect": gone })).await;
        let failed = published(connector, many(3)).await;
        assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("FAILED"), &json!("LIST_NOT_FOUND")), "{failed}");
        let dry = published(connector, json!({ "dryRun": true })).await;
        assert_eq!(dry["state"], "FAILED", "{dry}");
        world.simulator.heal().await;

        let told = eventually("it is told", async || world.published("argus.acme.m365.zones.published").await.pop()).await;
        assert_eq!(told["data"]["state"], "failed", "{told}");
        let query = "{ auditTrail(action: \"zones.published\") { nodes { outcome detail } } }";
        let entries = connector.data(query, Value::Null).await["auditTrail"]["nodes"].take();
        assert_eq!((entries.as_array().unwrap().len(), &entries[0]["outcome"]), (1, &json!("failed")), "{entries}");
        assert_eq!(entries[0]["detail"]["code"], "LIST_NOT_FOUND", "{entries}");
    })
    .await;
}

#[tokio::test]
async fn a_publication_goes_on_where_a_stopped_service_left_it() {
    for store in Store::available() {
        let world = World::start(store).await;
        prepare(&world, Scene::default()).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        set_target(&world, &target(Scene::default())).await;
        world.simulator.behave(&json!({ "latencyMs": 100 })).await;
        let id = publish_zones(&connector, many(300)).await;
        eventually("some are created", async || (writes(&world).await >= 40).then_some(())).await;
        connector.stop().await;
        let written = writes(&world).await;
        // Two hundred are worked on at once, and those are brought to their end.
        assert!(written < 300, "it was stopped on its way");

        let connector = world.connector(&[]).await;
        let ended = ended(&connector, &id).await;
        assert_eq!((&ended["state"], &ended["counts"]["created"]), (&json!("SUCCEEDED"), &json!(300)), "{ended}");
        assert_eq!((items(&world).await.len(), writes(&world).await), (300, 300), "each was written once");
        world.finish(connector).await;
    }
}

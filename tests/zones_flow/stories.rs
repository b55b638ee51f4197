//! What every publication must do.

use argus_m365::capabilities::sharepoint::target::Retire;
use serde_json::{Value, json};

use crate::{
    stage::{
        Scene, calls, event, items, on_every_store, prepare, publish_zones, published, set_target, statuses, target, writes, zone,
    },
    support::{Store, World, eventually, eventually_within},
};

#[tokio::test]
async fn zones_that_came_as_events_publish_themselves_change_and_are_retired() {
    let scene = Scene { retire: Some(Retire::Delete), ..Scene::default() };
    on_every_store(scene, async |world, _connector| {
        for number in 1..=30 {
            event(world, "changed", 1, &zone(number, "first")).await;
        }
        eventually("thirty items stand", async || (items(world).await.len() == 30).then_some(())).await;
        event(world, "changed", 2, &zone(7, "second")).await;
        eventually("the item follows", async || (items(world).await["Z-7"].1["Title"] == "second").then_some(())).await;
        event(world, "removed", 2, &json!({ "zoneId": "Z-8" })).await;
        eventually("the item is gone", async || (items(world).await.len() == 29).then_some(())).await;
        assert_eq!(writes(world).await, 32, "thirty were made, one changed, one deleted");
    })
    .await;
}

#[tokio::test]
async fn a_publication_creates_then_finds_nothing_to_do_then_sends_what_changed() {
    on_every_store(Scene::default(), async |world, connector| {
        let zones: Vec<Value> = (1..=250).map(|number| zone(number, "first")).collect();
        let first = published(connector, json!({ "zones": zones })).await;
        assert_eq!(
            (&first["state"], &first["counts"]["created"], &first["done"]),
            (&json!("SUCCEEDED"), &json!(250), &json!(250))
        );
        assert_eq!((items(world).await.len(), first["changes"]["totalCount"].as_i64()), (250, Some(250)));

        let (before, calls_before) = (writes(world).await, calls(world).await);
        let again = published(connector, json!({})).await;
        assert_eq!((&again["state"], &again["counts"]["unchanged"]), (&json!("SUCCEEDED"), &json!(250)));
        assert_eq!(writes(world).await, before, "nothing is written");
        assert_eq!(calls(world).await, calls_before + 1, "one page is read");

        let three: Vec<Value> = (1..=3).map(|number| zone(number, "second")).collect();
        let planned = published(connector, json!({ "zones": three, "dryRun": true })).await;
        assert_eq!((&planned["counts"]["updated"], writes(world).await), (&json!(3), before));
        let change = &planned["changes"]["nodes"][0];
        assert_eq!(
            (&change["action"], &change["before"], &change["after"]),
            (&json!("update"), &json!({ "Title": "first" }), &json!({ "Title": "second" }))
        );

        let changed = published(connector, json!({ "zones": three })).await;
        assert_eq!((&changed["counts"]["updated"], writes(world).await), (&json!(3), before + 3), "{changed}");
        assert_eq!(items(world).await["Z-2"].1["Title"], "second");

        let told = world.published("argus.acme.m365.zones.published").await;
        assert_eq!((told.len(), &told[0]["data"]["counts"]["created"]), (3, &json!(250)));
        let trail = "query($action: String!) { auditTrail(action: $action) { totalCount } }";
        let entries =
            async |action: &str| connector.data(trail, json!({ "action": action })).await["auditTrail"]["totalCount"].as_i64();
        assert_eq!(entries("zones.published").await, Some(3));
        assert_eq!(entries("sharepoint.item.created").await, Some(500), "an intent and an outcome each");
    })
    .await;
}

#[tokio::test]
async fn what_one_zone_suffers_does_not_stop_the_rest() {
    on_every_store(Scene::default(), async |world, connector| {
        let mut zones: Vec<Value> = (1..=5).map(|number| zone(number, "first")).collect();
        zones[2]["attributes"]["customers"] = json!("many");
        let ended = published(connector, json!({ "zones": zones })).await;
        assert_eq!(
            (&ended["state"], &ended["counts"]["created"], &ended["counts"]["failed"]),
            (&json!("PARTIALLY_FAILED"), &json!(4), &json!(1))
        );
        let nodes = ended["changes"]["nodes"].as_array().unwrap();
        let failed = nodes.iter().find(|change| change["action"] == "fail").unwrap();
        assert_eq!((&failed["key"], &failed["error"]["code"]), (&json!("Z-3"), &json!("COLUMN_REJECTED")));
        let message = failed["error"]["message"].as_str().unwrap();
        assert!(message.contains("zone Z-3") && message.contains("column Customers"), "{message}");
        assert_eq!(items(world).await.len(), 4);
        let zones = connector.data("{ zones(state: DEAD) { nodes { zoneId itemId lastError { code } } } }", Value::Null).await;
        assert_eq!(
            zones["zones"]["nodes"],
            json!([{ "zoneId": "Z-3", "itemId": null, "lastError": { "code": "COLUMN_REJECTED" } }])
        );
    })
    .await;
}

#[tokio::test]
async fn a_list_without_an_index_converges_by_one_reading() {
    let scene = Scene { unindexed: true, ..Scene::default() };
    on_every_store(scene, async |world, connector| {
        let zones: Vec<Value> = (1..=50).map(|number| zone(number, "first")).collect();
        let first = published(connector, json!({ "zones": zones })).await;
        assert_eq!(first["counts"]["created"], 50, "{first}");
        event(world, "changed", 1, &zone(51, "by event")).await;
        event(world, "changed", 1, &zone(5, "by event")).await;
        eventually("both stand", async || {
            let items = items(world).await;
            (items.len() == 51 && items["Z-5"].1["Title"] == "by event").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_publication_that_is_killed_again_and_again_creates_nothing_twice() {
    for store in Store::available() {
        let world = World::start(store).await;
        prepare(&world, Scene::default()).await;
        let fast = [("delivery.lease", "3s"), ("delivery.call_timeout", "1s")];
        let mut connector = world.connector(&fast).await;
        connector.register().await;
        set_target(&world, &target(Scene::default())).await;
        world.simulator.behave(&json!({ "latencyMs": 40 })).await;
        let zones: Vec<Value> = (1..=200).map(|number| zone(number, "first")).collect();
        let id = publish_zones(&connector, json!({ "zones": zones })).await;
        for round in 1..=2_usize {
            // A killed runner's operation is taken over when its lease of half a minute has ended.
            let created = async || (items(&world).await.len() >= round * 50).then_some(());
            eventually_within(std::time::Duration::from_mins(2), "some are created", created).await;
            connector.kill();
            connector = world.connector(&fast).await;
        }
        let operation = eventually_within(std::time::Duration::from_mins(2), "the publication ends", async || {
            let query = "query($id: ID!) { operation(id: $id) { state counts } }";
            let operation = connector.data(query, json!({ "id": id })).await["operation"].take();
            (operation["state"] != "RUNNING" && operation["state"] != "QUEUED").then_some(operation)
        })
        .await;
        assert_eq!((&operation["state"], &operation["counts"]["created"]), (&json!("SUCCEEDED"), &json!(200)), "{operation}");
        assert_eq!(items(&world).await.len(), 200);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn without_a_word_of_what_is_left_each_wait_is_kept() {
    for over in [429, 503] {
        let scene = Scene { units: Some(150), window: Some(2), no_headers: true, over_status: Some(over), ..Scene::default() };
        on_every_store(scene, async |world, connector| {
            let zones: Vec<Value> = (1..=160).map(|number| zone(number, "first")).collect();
            let ended = published(connector, json!({ "zones": zones })).await;
            assert_eq!((&ended["counts"]["created"], items(world).await.len()), (&json!(160), 160), "{ended}");
            let refused = statuses(world, "POST", |path| path.ends_with("/items")).await;
            assert!(refused.contains(&u64::from(over)), "nobody said when it is enough: {refused:?}");
            assert_eq!(too_early(world).await, [Value::Null; 0], "and no call came before its time");
        })
        .await;
    }
}

/// Calls that left although they had been told to wait; not the parts of a batch that was under way when one of its parts was told.
async fn too_early(world: &World) -> Vec<Value> {
    let (requests, mut violations) = (world.simulator.requests().await, world.simulator.violations().await);
    let numbers = |is_it: &dyn Fn(&Value) -> bool| -> Vec<u64> {
        requests.as_array().unwrap().iter().filter(|one| is_it(one)).map(|one| one["number"].as_u64().unwrap()).collect()
    };
    let batches = numbers(&|one| one["path"].as_str().is_some_and(|path| path.ends_with("/$batch")));
    let refused = numbers(&|one| one["inBatch"] == true && [json!(429), json!(503)].contains(&one["status"]));
    let under_way = |violation: &Value| {
        let number = violation["request"].as_u64().unwrap();
        let batch = batches.iter().copied().filter(|batch| *batch < number).max().unwrap();
        refused.iter().any(|refused| (batch..number).contains(refused))
    };
    let all = violations.as_array_mut().unwrap();
    all.retain(|violation| !under_way(violation));
    std::mem::take(all)
}

#[tokio::test]
async fn the_units_that_a_small_tenant_has_are_used_up_and_never_overdrawn() {
    let scene = Scene { units: Some(300), ..Scene::default() };
    on_every_store(scene, async |world, connector| {
        let zones: Vec<Value> = (1..=320).map(|number| zone(number, "first")).collect();
        let ended = published(connector, json!({ "zones": zones })).await;
        assert_eq!(ended["counts"]["created"], 320, "{ended}");
        assert_eq!(world.simulator.violations().await, json!([]));
        let refused = world.simulator.requests().await;
        let refused = refused.as_array().unwrap().iter().filter(|request| request["status"] == 429).count();
        assert_eq!(refused, 0, "what the headers say is heeded");
    })
    .await;
}

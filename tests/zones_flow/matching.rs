//! Which item is a zone's.

use serde_json::{Value, json};

use crate::{
    stage::{ITEMS, Scene, by_hand, event, items, on_every_store, prepare, published, set_target, statuses, target, zone},
    support::{Connector, Store, World, eventually},
};

/// A zone by name: for lists that match on it.
fn named(id: &str, name: &str) -> Value {
    json!({ "zoneId": id, "name": name, "attributes": { "customers": 1 } })
}

/// The error of a zone's change.
fn error_of<'a>(operation: &'a Value, key: &str) -> (&'a str, &'a str) {
    let nodes = operation["changes"]["nodes"].as_array().unwrap();
    let change = nodes.iter().find(|change| change["key"] == key).unwrap();
    (change["action"].as_str().unwrap(), change["error"]["message"].as_str().unwrap_or_default())
}

fn counted(operation: &Value, expected: &Value) {
    for (name, count) in expected.as_object().unwrap() {
        assert_eq!(&operation["counts"][name], count, "{name}: {operation}");
    }
}

/// A list that matches on the zone's name.
async fn by_name(story: impl AsyncFn(&World, &Connector)) {
    for store in Store::available() {
        let world = World::start(store).await;
        prepare(&world, Scene::default()).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        let mut target = target(Scene::default());
        target.match_field = "name".into();
        target.fields.remove(0);
        set_target(&world, &target).await;
        story(&world, &connector).await;
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn two_zones_with_one_value_do_not_share_an_item() {
    by_name(async |world, connector| {
        let both = json!([named("A", "North"), named("B", "north")]);
        let dry = published(connector, json!({ "zones": both, "dryRun": true })).await;
        counted(&dry, &json!({ "created": 1, "conflicts": 1 }));
        let ended = published(connector, json!({ "zones": both })).await;
        counted(&ended, &json!({ "created": 1, "conflicts": 1 }));
        let (action, message) = error_of(&ended, "B");
        assert_eq!(action, "conflict");
        for part in ["zone B", "zone A", "column Zone_x0020_ID", "\"north\""] {
            assert!(message.contains(part), "{message}");
        }
        event(world, "changed", 1, &named("C", "NORTH")).await;
        eventually("the zone that came as an event is refused, too", async || {
            let query = "{ zones(state: DEAD) { nodes { zoneId lastError { code message } } } }";
            let dead = connector.data(query, Value::Null).await;
            let dead = dead["zones"]["nodes"].as_array()?.iter().find(|zone| zone["zoneId"] == "C").cloned()?;
            assert_eq!(dead["lastError"]["code"], "MATCH_CONFLICT");
            dead["lastError"]["message"].as_str()?.contains("zone A").then_some(())
        })
        .await;
        assert_eq!(items(world).await.len(), 1);

        // The value is free once nobody wants it and no item says it.
        let renamed = published(connector, json!({ "zones": [named("A", "South")] })).await;
        counted(&renamed, &json!({ "updated": 1, "conflicts": 0 }));
        let all = published(connector, json!({})).await;
        counted(&all, &json!({ "unchanged": 1, "created": 1, "conflicts": 1 }));
        assert!(error_of(&all, "C").1.contains("zone B"), "{all}");
        assert_eq!(items(world).await.keys().collect::<Vec<_>>(), ["South", "north"]);
    })
    .await;
}

#[tokio::test]
async fn a_value_that_moves_from_zone_to_zone_moves_when_its_item_has_changed() {
    by_name(async |world, connector| {
        published(connector, json!({ "zones": [named("B", "North")] })).await;
        // A comes first and wants what B's item still says.
        let moved = published(connector, json!({ "zones": [named("A", "North"), named("B", "South")] })).await;
        counted(&moved, &json!({ "updated": 1, "conflicts": 1, "created": 0 }));
        eventually("the zone that waited has an item of its own", async || {
            let items = items(world).await;
            (items.get("South")?.0 == "1" && items.get("North")?.0 == "2").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_a_dry_run_supposes_binds_nobody() {
    by_name(async |_, connector| {
        let supposed = json!({ "zones": [named("A", "North")], "dryRun": true });
        counted(&published(connector, supposed).await, &json!({ "created": 1 }));
        let ended = published(connector, json!({ "zones": [named("B", "North")] })).await;
        counted(&ended, &json!({ "created": 1, "conflicts": 0 }));
    })
    .await;
}

#[tokio::test]
async fn several_items_that_match_are_named_and_none_is_touched() {
    on_every_store(Scene { not_unique: true, ..Scene::default() }, async |world, connector| {
        for title in ["one", "two"] {
            by_hand(world, &json!({ "add": { "Zone_x0020_ID": "Z-1", "Title": title } })).await;
        }
        let ended = published(connector, json!({ "zones": [zone(1, "first"), zone(2, "first")] })).await;
        counted(&ended, &json!({ "created": 1, "conflicts": 1, "updated": 0 }));
        assert!(error_of(&ended, "Z-1").1.contains("items 1, 2"), "{ended}");
        event(world, "changed", 1, &zone(1, "by event")).await;
        eventually("the loop says the same", async || {
            let dead = connector.data("{ zones(state: DEAD) { nodes { version lastError { message } } } }", Value::Null).await;
            let dead = &dead["zones"]["nodes"][0];
            (dead["version"] == 1 && dead["lastError"]["message"].as_str()?.contains("items 1, 2")).then_some(())
        })
        .await;
        let state = world.simulator.state().await;
        assert_eq!((&state["lists"][0]["changed"], &state["lists"][0]["removed"]), (&json!(0), &json!(0)));
        by_hand(world, &json!({ "delete": { "item": "2" } })).await;
        counted(&published(connector, json!({})).await, &json!({ "updated": 1, "unchanged": 1, "conflicts": 0 }));
    })
    .await;
}

#[tokio::test]
async fn a_key_of_any_letters_finds_its_item_again() {
    const KEYS: [&str; 10] =
        ["O'Brien", "''", "a b", "#7", "50%", "é ñ 水 ß", "x&y=z+1", "a/b?c", "\"q\" (1)", "fields/Title eq 'x' or 1 eq 1"];
    on_every_store(Scene::default(), async |world, connector| {
        // They stand there by hand: only a filter that means the very key finds them.
        for key in KEYS {
            by_hand(world, &json!({ "add": { "Zone_x0020_ID": key, "Title": "by hand" } })).await;
        }
        let zone = |key: &str, name: &str| json!({ "zoneId": key, "name": name, "attributes": { "customers": 1 } });
        for key in KEYS {
            event(world, "changed", 1, &zone(key, "by event")).await;
        }
        let all_say = async |title: &str| {
            let items = items(world).await;
            (items.len() == KEYS.len() && items.values().all(|(_, fields)| fields["Title"] == title)).then_some(())
        };
        eventually("each item is taken over", async || all_say("by event").await).await;
        let zones: Vec<Value> = KEYS.iter().map(|key| zone(key, "published")).collect();
        let ended = published(connector, json!({ "zones": zones })).await;
        counted(&ended, &json!({ "updated": KEYS.len(), "created": 0, "failed": 0 }));
        assert!(all_say("published").await.is_some());
        assert_eq!(world.simulator.state().await["lists"][0]["made"], KEYS.len(), "those that were made by hand");
    })
    .await;
}

#[tokio::test]
async fn a_second_item_that_the_list_refuses_becomes_a_change_however_it_refuses() {
    for status in [400, 409, 500] {
        on_every_store(Scene { duplicate_status: Some(status), ..Scene::default() }, async |world, connector| {
            // Each creation, for they leave in one batch or one after the other, as the machine has time.
            world.simulator.fault(json!({ "method": "POST", "path": ITEMS, "delayMs": 1_500, "times": 2 })).await;
            let zones = json!({ "zones": [zone(1, "first"), zone(2, "first")] });
            let add = async {
                eventually("the creations are on their way", async || (world.simulator.struck().await >= 1).then_some(())).await;
                by_hand(world, &json!({ "add": { "Zone_x0020_ID": "z-1", "Title": "by hand", "Kind": "own" } })).await;
            };
            let (ended, ()) = tokio::join!(published(connector, zones), add);
            counted(&ended, &json!({ "failed": 0, "conflicts": 0 }));
            let items = items(world).await;
            let fields = &items["Z-1"].1;
            assert_eq!((items.len(), &fields["Title"], &fields["Kind"]), (2, &json!("first"), &json!("own")), "{ended}");
            let made = statuses(world, "POST", |path| path.ends_with("/items")).await;
            assert_eq!(made.iter().filter(|made| **made == u64::from(status)).count(), 1, "refused once: {made:?}");
        })
        .await;
    }
}

//! What Microsoft, and people in the list, do to a publication.

use argus_m365::capabilities::sharepoint::target::{Choices, Column, ColumnType, Mapping};
use serde_json::{Value, json};

use crate::{
    stage::{
        CHANGES, ITEMS, Scene, by_hand, event, items, on_every_store, published, set_target, statuses, target, writes, zone,
    },
    support::{World, eventually},
};

fn five(name: &str) -> Value {
    json!({ "zones": (1..=5).map(|number| zone(number, name)).collect::<Vec<_>>() })
}

fn is_creation(path: &str) -> bool {
    path.ends_with("/items")
}

#[tokio::test]
async fn a_large_list_without_an_index_is_read_in_pages_and_the_remedy_is_told() {
    let scene = Scene { unindexed: true, items: 5_200, ..Scene::default() };
    on_every_store(scene, async |world, connector| {
        let zones = json!([zone(1, "new"), zone(2, "new"), zone(6_000, "new")]);
        let ended = published(connector, json!({ "zones": zones })).await;
        assert_eq!((&ended["counts"]["updated"], &ended["counts"]["created"]), (&json!(2), &json!(1)), "{ended}");
        let pages = statuses(world, "GET", is_creation).await;
        assert_eq!(pages, [200; 6], "5,200 rows in pages of 1,000");
        event(world, "changed", 1, &zone(7, "by event")).await;
        eventually("what comes as an event converges, too", async || {
            (items(world).await["Z-7"].1["Title"] == "by event").then_some(())
        })
        .await;
        assert_eq!(items(world).await.len(), 5_201);
        let asked = world.simulator.requests().await;
        let filtered = asked.as_array().unwrap().iter().filter(|request| request["query"].to_string().contains("filter"));
        assert_eq!(filtered.count(), 0, "SharePoint refuses a filter over so many rows without an index");
        let told = world.published("argus.acme.m365.zones.published").await;
        let advice = told[0]["data"]["advice"].as_str().unwrap();
        assert!(advice.contains("column Zone_x0020_ID has no index") && advice.contains("index the column"), "{advice}");
    })
    .await;
}

#[tokio::test]
async fn an_edit_in_between_is_looked_at_again_and_kept() {
    on_every_store(Scene::default(), async |world, connector| {
        published(connector, five("first")).await;
        let item = items(world).await["Z-1"].0.clone();
        // Each change, for they leave in one batch or in several, as the machine has time.
        world.simulator.fault(json!({ "method": "PATCH", "path": CHANGES, "delayMs": 1_500, "times": 5 })).await;
        let edit = async {
            eventually("the changes are on their way", async || (world.simulator.struck().await >= 1).then_some(())).await;
            let fields = json!({ "Kind": "by hand", "Customers": 99 });
            by_hand(world, &json!({ "edit": { "item": item, "fields": fields } })).await;
        };
        let (ended, ()) = tokio::join!(published(connector, five("second")), edit);
        assert_eq!((&ended["counts"]["updated"], &ended["counts"]["failed"]), (&json!(5), &json!(0)), "{ended}");
        let fields = &items(world).await["Z-1"].1;
        assert_eq!((&fields["Title"], &fields["Customers"]), (&json!("second"), &json!(1.0)), "ours says what the zone says");
        assert_eq!(fields["Kind"], "by hand", "theirs is theirs");
        let changes = statuses(world, "PATCH", |path| path.contains("/items/")).await;
        assert_eq!(changes.iter().filter(|status| **status == 412).count(), 1, "{changes:?}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_refused_for_its_form_is_sent_in_single_calls() {
    on_every_store(Scene::default(), async |world, connector| {
        let refused = json!({ "status": { "status": 400, "code": "BadRequest" } });
        world.simulator.fault(json!({ "path": "/v1.0/$batch", "effect": refused, "times": 1 })).await;
        let ended = published(connector, five("first")).await;
        assert_eq!((&ended["state"], &ended["counts"]["created"]), (&json!("SUCCEEDED"), &json!(5)), "{ended}");
        assert_eq!(statuses(world, "POST", |path| path.ends_with("/$batch")).await.first(), Some(&400));
        assert_eq!((statuses(world, "POST", is_creation).await, writes(world).await), (vec![201; 5], 5));
    })
    .await;
}

/// Each fault of the whole batch, and what came of it: nothing was done, so everything is done once afterwards.
#[tokio::test]
async fn a_batch_that_is_throttled_as_a_whole_waits_as_long_as_it_is_told() {
    for status in [429, 503] {
        on_every_store(Scene::default(), async |world, connector| {
            let refused = json!({ "status": { "status": status, "retryAfter": { "seconds": 1 } } });
            world.simulator.fault(json!({ "path": "/v1.0/$batch", "effect": refused, "times": 2 })).await;
            let ended = published(connector, five("first")).await;
            assert_eq!((&ended["state"], &ended["counts"]["created"]), (&json!("SUCCEEDED"), &json!(5)), "{ended}");
            assert_eq!((writes(world).await, world.simulator.violations().await), (5, json!([])));
        })
        .await;
    }
}

#[tokio::test]
async fn a_part_that_is_throttled_is_repeated_alone_after_its_time() {
    for status in [429, 503] {
        on_every_store(Scene::default(), async |world, connector| {
            let refused = json!({ "status": { "status": status, "retryAfter": { "seconds": 1 } } });
            let one = json!({ "method": "POST", "path": ITEMS, "effect": refused, "skip": 2, "times": 1 });
            world.simulator.fault(one).await;
            let ended = published(connector, five("first")).await;
            assert_eq!((&ended["state"], &ended["counts"]["created"]), (&json!("SUCCEEDED"), &json!(5)), "{ended}");
            let mut made = statuses(world, "POST", is_creation).await;
            made.sort_unstable();
            assert_eq!(made, [201, 201, 201, 201, 201, status], "the other four are not sent again");
            assert_eq!((writes(world).await, world.simulator.violations().await), (5, json!([])));
        })
        .await;
    }
}

#[tokio::test]
async fn a_look_up_that_fails_is_never_taken_for_none() {
    let failures = [
        json!({ "status": { "status": 500 } }),
        json!({ "status": { "status": 404, "code": "itemNotFound", "noBody": true } }),
        json!("truncated"),
        json!("reset"),
        json!({ "status": { "status": 429, "retryAfter": { "seconds": 1 } } }),
    ];
    on_every_store(Scene::default(), async |world, connector| {
        for (at, failure) in failures.iter().enumerate() {
            let key = format!("Z-{}", at + 1);
            by_hand(world, &json!({ "add": { "Zone_x0020_ID": key, "Title": "by hand" } })).await;
            world.simulator.fault(json!({ "method": "GET", "path": ITEMS, "effect": failure, "times": 1 })).await;
            event(world, "changed", 1, &zone(at + 1, "by event")).await;
            settled_or_dead(world, connector, &key).await;
            world.simulator.heal().await;
        }
        let state = world.simulator.state().await;
        assert_eq!(state["lists"][0]["made"], failures.len(), "those that were added by hand");
        assert_eq!(statuses(world, "POST", is_creation).await, [0_u64; 0], "nothing was even tried");
    })
    .await;
}

async fn settled_or_dead(world: &World, connector: &crate::support::Connector, key: &str) {
    eventually(&format!("{key} comes to an end"), async || {
        let query = "{ zones { nodes { zoneId state } } }";
        let zones = connector.data(query, Value::Null).await;
        let zone = zones["zones"]["nodes"].as_array()?.iter().find(|zone| zone["zoneId"] == key).cloned()?;
        let says = items(world).await[key].1["Title"] == "by event";
        (zone["state"] == "DEAD" || (zone["state"] == "SETTLED" && says)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_value_that_the_list_refuses_is_named_by_zone_and_column_whatever_the_list_answers() {
    for status in [400, 500] {
        let scene = Scene { type_error_status: Some(status), ..Scene::default() };
        on_every_store(scene, async |world, connector| {
            // The list offers fewer choices than it did when it was set.
            let mut target = target(scene);
            let fill_in = ColumnType::Choice(Choices { offered: vec![], others_allowed: true });
            let column = Column { name: "Utility".into(), kind: fill_in, indexed: false, unique: false };
            target.fields.push(Mapping { zone_field: "attributes.utility".into(), column });
            set_target(world, &target).await;
            let mut zones: Vec<Value> = (1..=4).map(|number| zone(number, "first")).collect();
            for zone in &mut zones {
                zone["attributes"]["utility"] = json!("water");
            }
            zones[2]["attributes"]["utility"] = json!("steam");
            let ended = published(connector, json!({ "zones": zones })).await;
            assert_eq!((&ended["counts"]["created"], &ended["counts"]["failed"]), (&json!(3), &json!(1)), "{ended}");
            let nodes = ended["changes"]["nodes"].as_array().unwrap();
            let failed = nodes.iter().find(|change| change["action"] == "fail").unwrap();
            assert_eq!(failed["key"], "Z-3", "{failed}");
            let message = failed["error"]["message"].as_str().unwrap();
            assert!(message.contains("zone Z-3") && message.contains("Utility"), "{message}");
            assert_eq!(items(world).await.keys().collect::<Vec<_>>(), ["Z-1", "Z-2", "Z-4"]);
        })
        .await;
    }
}

#[tokio::test]
async fn a_dry_run_sends_nothing_that_writes() {
    on_every_store(Scene { items: 3, ..Scene::default() }, async |world, connector| {
        let asked = json!({ "zones": five("new")["zones"], "dryRun": true });
        let ended = published(connector, asked).await;
        assert_eq!((&ended["counts"]["updated"], &ended["counts"]["created"]), (&json!(3), &json!(2)), "{ended}");
        let requests = world.simulator.requests().await;
        let is_token = |request: &&Value| request["path"].as_str().unwrap_or_default().ends_with("/token");
        let sent: Vec<_> = requests.as_array().unwrap().iter().filter(|request| !is_token(request)).collect();
        assert!(!sent.is_empty() && sent.iter().all(|request| request["method"] == "GET"), "{sent:?}");
        assert_eq!(writes(world).await, 0);
    })
    .await;
}

//! Other lists: one for a single publication, and another one set for good.

use argus_m365::simulator::SiteSpec;
use serde_json::{Value, json};

use crate::{
    stage::{Scene, by_hand, copied, ended, event, items, on_every_store, published, writes, zone},
    support::{Connector, World, eventually},
};

fn target(list: &str, fields: &Value) -> Value {
    json!({
        "site": "acme-water.sharepoint.example:/sites/ops", "list": list, "matchColumn": "Zone ID", "retire": "LEAVE",
        "fields": fields,
    })
}

fn name_alone() -> Value {
    json!([{ "zoneField": "name", "column": "Title" }])
}

async fn set(connector: &Connector, input: Value) -> Value {
    let query = "mutation($input: ZoneTargetInput!) { setZoneTarget(input: $input) { listId publicationId } }";
    connector.data(query, json!({ "input": input })).await["setZoneTarget"].take()
}

const SCENE: Scene = Scene {
    copy: true,
    retire: None,
    unindexed: false,
    not_unique: false,
    duplicate_status: None,
    units: None,
    window: None,
    items: 0,
    no_headers: false,
    over_status: None,
    type_error_status: None,
};

#[tokio::test]
async fn a_publication_to_another_list_leaves_the_set_one_as_it_is() {
    on_every_store(SCENE, async |world, connector| {
        // So that a zone's two items have two numbers.
        by_hand(world, &json!({ "add": { "Zone_x0020_ID": "own", "Title": "by hand" } })).await;
        let zones: Vec<Value> = (1..=30).map(|number| zone(number, "first")).collect();
        published(connector, json!({ "zones": zones })).await;
        let before = (writes(world).await, items(world).await);
        let aside = json!({ "target": target("Copy", &name_alone()) });
        let first = published(connector, aside.clone()).await;
        assert_eq!((&first["state"], &first["counts"]["created"]), (&json!("SUCCEEDED"), &json!(30)), "{first}");
        let again = published(connector, aside).await;
        assert_eq!((&again["counts"]["unchanged"], &again["counts"]["created"]), (&json!(30), &json!(0)), "{again}");
        assert_eq!((writes(world).await, items(world).await), before);
        let shown = connector
            .data("{ zoneTarget { listId } zones(state: SETTLED) { totalCount nodes { zoneId itemId } } }", Value::Null)
            .await;
        let four = shown["zones"]["nodes"].as_array().unwrap().iter().find(|zone| zone["zoneId"] == "Z-4").unwrap();
        let (ours, copys) = (items(world).await["Z-4"].0.clone(), copied(world).await["Z-4"].0.clone());
        assert_ne!(ours, copys);
        assert_eq!(four["itemId"], ours, "the item in the set list");
        assert_eq!(shown["zoneTarget"]["listId"], SiteSpec::DEMO_LIST);
        assert_eq!(shown["zones"]["totalCount"], 30, "what happens elsewhere is no news of the set list");
        let mut unmarked = target("Copy", &name_alone());
        unmarked["retire"] = json!("MARK");
        let query = "mutation($input: PublishZonesInput!) { publishZones(input: $input) { id } }";
        let refused = connector.graphql(query, json!({ "input": { "target": unmarked } })).await;
        assert_eq!(refused["errors"][0]["extensions"]["field"], "target.retireColumn", "{refused}");
        let wrong = published(connector, json!({ "target": target("None", &name_alone()) })).await;
        assert_eq!((&wrong["state"], &wrong["error"]["code"]), (&json!("FAILED"), &json!("BAD_USER_INPUT")), "{wrong}");
        assert!(wrong["error"]["message"].as_str().unwrap().contains("target.list"), "{wrong}");
        // The set list is kept current as ever.
        event(world, "changed", 7, &zone(4, "second")).await;
        eventually("the item follows", async || (items(world).await["Z-4"].1["Title"] == "second").then_some(())).await;
        assert_eq!(copied(world).await["Z-4"].1["Title"], "first");
    })
    .await;
}

#[tokio::test]
async fn another_list_that_is_set_gets_every_zone_and_the_one_before_stays() {
    on_every_store(SCENE, async |world, connector| {
        let list = target("Zones", &name_alone());
        let filled = async |answer: Value| ended(connector, answer["publicationId"].as_str().unwrap()).await;
        assert_eq!(set(connector, list.clone()).await["publicationId"], Value::Null, "nothing is kept yet");
        for number in 1..=25 {
            event(world, "changed", 1, &zone(number, "first")).await;
        }
        eventually("the items stand", async || (items(world).await.len() == 25).then_some(())).await;
        assert_eq!(set(connector, list).await["publicationId"], Value::Null, "it is the same target");

        let more =
            json!([{ "zoneField": "name", "column": "Title" }, { "zoneField": "attributes.customers", "column": "Customers" }]);
        let columns = filled(set(connector, target("Zones", &more)).await).await;
        assert_eq!((&columns["state"], &columns["counts"]["updated"]), (&json!("SUCCEEDED"), &json!(25)), "{columns}");
        assert_eq!(items(world).await["Z-7"].1["Customers"], 7.0);

        let before = (writes(world).await, items(world).await);
        let moved = filled(set(connector, target("Copy", &more)).await).await;
        assert_eq!((&moved["state"], &moved["counts"]["created"]), (&json!("SUCCEEDED"), &json!(25)), "{moved}");
        event(world, "changed", 2, &zone(4, "second")).await;
        eventually("the new list follows", async || (copied(world).await.get("Z-4")?.1["Title"] == "second").then_some(())).await;
        assert_eq!((writes(world).await, items(world).await), before, "the list that was set before stays as it is");

        // And back: its items are found again.
        let back = filled(set(connector, target("Zones", &more)).await).await;
        assert_eq!((&back["counts"]["updated"], &back["counts"]["unchanged"]), (&json!(1), &json!(24)), "{back}");
    })
    .await;
}

#[tokio::test]
async fn zones_that_were_kept_without_a_list_go_to_the_first_one_that_is_set() {
    on_every_store(SCENE, async |world: &World, connector| {
        connector.data("mutation { removeZoneTarget }", Value::Null).await;
        for number in 1..=3 {
            event(world, "changed", 1, &zone(number, "first")).await;
        }
        eventually("they are kept", async || {
            let kept = connector.data("{ zones { totalCount } }", Value::Null).await;
            (kept["zones"]["totalCount"] == 3).then_some(())
        })
        .await;
        let answer = set(connector, target("Copy", &name_alone())).await;
        ended(connector, answer["publicationId"].as_str().unwrap()).await;
        assert_eq!((items(world).await.len(), copied(world).await.len()), (0, 3));
    })
    .await;
}

//! Zones that are gone.

use argus_m365::capabilities::sharepoint::target::Retire;
use serde_json::json;

use crate::{
    stage::{Scene, by_hand, event, items, on_every_store, published, statuses, writes, zone},
    support::eventually,
};

#[tokio::test]
async fn a_gone_zones_item_is_marked_and_comes_back_unmarked() {
    on_every_store(Scene { retire: Some(Retire::Mark), ..Scene::default() }, async |world, connector| {
        published(connector, json!({ "zones": [zone(1, "first"), zone(2, "first")] })).await;
        let before = writes(world).await;
        event(world, "removed", 5, &json!({ "zoneId": "Z-2" })).await;
        let marked = async |mark: bool| (items(world).await["Z-2"].1["Retired"] == mark).then_some(());
        eventually("it is marked", async || marked(true).await).await;
        assert_eq!(items(world).await["Z-2"].1["Title"], "first", "the rest of it stays");
        let again = published(connector, json!({})).await;
        assert_eq!((&again["counts"]["unchanged"], writes(world).await), (&json!(2), before + 1), "{again}");
        event(world, "changed", 6, &zone(2, "first")).await;
        eventually("it is unmarked", async || marked(false).await).await;
        assert_eq!(writes(world).await, before + 2);
    })
    .await;
}

#[tokio::test]
async fn a_gone_zones_item_is_deleted_only_as_it_was_looked_at() {
    on_every_store(Scene { retire: Some(Retire::Delete), ..Scene::default() }, async |world, connector| {
        published(connector, json!({ "zones": [zone(1, "first"), zone(2, "first"), zone(3, "first")] })).await;
        let id = async |key: &str| items(world).await[key].0.clone();
        by_hand(world, &json!({ "edit": { "item": id("Z-1").await, "fields": { "Kind": "by hand" } } })).await;
        // Somebody has given this item to a zone of their own.
        by_hand(world, &json!({ "edit": { "item": id("Z-2").await, "fields": { "Zone_x0020_ID": "Z-99" } } })).await;
        for number in 1..=3 {
            event(world, "removed", 5, &json!({ "zoneId": format!("Z-{number}") })).await;
        }
        eventually("every zone is settled", async || {
            let query = "{ zones(state: SETTLED) { totalCount } }";
            let settled = connector.data(query, json!(null)).await;
            (settled["zones"]["totalCount"] == 3 && items(world).await.len() == 1).then_some(())
        })
        .await;
        assert!(items(world).await.contains_key("Z-99"), "what is another's stays");
        let mut deletions = statuses(world, "DELETE", |path| path.contains("/items/")).await;
        deletions.sort_unstable();
        assert_eq!(deletions, [204, 204, 412, 412], "edited items are looked at again first");
    })
    .await;
}

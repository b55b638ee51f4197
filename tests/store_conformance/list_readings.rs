//! A list as it was read: its pages, what finds its items, how far it came.

use argus_m365::{
    capabilities::sharepoint::Found,
    store::{ItemsWanted, ListReading, ReadItem},
};
use serde_json::json;

use crate::world::{World, now, scope};

fn item(finder: Option<&str>, id: &str, title: &str) -> ReadItem {
    let values = json!({ "Title": title }).as_object().cloned().unwrap();
    (finder.map(str::to_owned), Found { item_id: id.into(), etag: Some(format!("\"{id},1\"")), values })
}

fn by(finder: &str) -> ItemsWanted {
    ItemsWanted { finder: Some(finder.into()), ids: vec![] }
}

async fn ids(world: &World, org: &str, reading: &str, wanted: Vec<ItemsWanted>) -> Vec<Vec<String>> {
    let found = world.store.items_read(&scope(org), reading, wanted).await.unwrap();
    found.into_iter().map(|items| items.into_iter().map(|item| item.item_id).collect()).collect()
}

pub(crate) async fn a_reading_is_kept_page_by_page_and_goes_on_where_it_stopped(world: &World) {
    let (store, acme) = (&world.store, scope("acme"));
    assert_eq!(store.list_reading(&acme, "r").await.unwrap(), None);
    store.begin_list_reading(&acme, "r", "s/l", now(1)).await.unwrap();
    let begun = ListReading { list: "s/l".into(), started_at: now(1), next_link: None, complete: false, used: false, items: 0 };
    assert_eq!(store.list_reading(&acme, "r").await.unwrap(), Some(begun.clone()));
    let first = vec![item(Some("a"), "1", "one"), item(None, "2", "without a key")];
    store.add_list_page(&acme, "r", first.clone(), Some("next".into())).await.unwrap();
    let half = ListReading { next_link: Some("next".into()), items: 2, ..begun };
    assert_eq!(store.list_reading(&acme, "r").await.unwrap(), Some(half.clone()));
    // The same page again, as after a kill between its commit and its successor.
    store.add_list_page(&acme, "r", first, Some("next".into())).await.unwrap();
    assert_eq!(store.list_reading(&acme, "r").await.unwrap(), Some(half.clone()));
    store.add_list_page(&acme, "r", vec![item(Some("b"), "3", "three")], None).await.unwrap();
    let whole = ListReading { next_link: None, complete: true, items: 3, ..half };
    assert_eq!(store.list_reading(&acme, "r").await.unwrap(), Some(whole.clone()));
    store.use_list_reading(&acme, "r").await.unwrap();
    assert_eq!(store.list_reading(&acme, "r").await.unwrap(), Some(ListReading { used: true, ..whole }));
    store.begin_list_reading(&acme, "r", "s/m", now(2)).await.unwrap();
    let anew = store.list_reading(&acme, "r").await.unwrap().unwrap();
    assert_eq!((anew.list.as_str(), anew.items, anew.used, anew.complete), ("s/m", 0, false, false));
    assert_eq!(ids(world, "acme", "r", vec![by("a")]).await, [[""; 0]], "what the one before had is gone");
}

pub(crate) async fn items_are_found_by_their_key_and_by_their_id_each_once(world: &World) {
    let (store, acme) = (&world.store, scope("acme"));
    store.begin_list_reading(&acme, "r", "s/l", now(1)).await.unwrap();
    let page = vec![item(Some("a"), "1", "one"), item(Some("a"), "2", "two"), item(Some("b"), "3", "three"), item(None, "4", "")];
    store.add_list_page(&acme, "r", page, None).await.unwrap();
    let both = ItemsWanted { finder: Some("b".into()), ids: vec!["3".into(), "4".into(), "9".into()] };
    let wanted = vec![by("a"), ItemsWanted::default(), both, by("none")];
    let found = ids(world, "acme", "r", wanted).await;
    assert_eq!(found, [vec!["1", "2"], vec![], vec!["3", "4"], vec![]]);
    let item = store.items_read(&acme, "r", vec![by("b")]).await.unwrap().remove(0).remove(0);
    assert_eq!((item.etag.as_deref(), &item.values["Title"]), (Some("\"3,1\""), &json!("three")));
    assert_eq!(ids(world, "acme", "other", vec![by("a")]).await, [[""; 0]], "another reading has its own items");
    assert_eq!(ids(world, "beta", "r", vec![by("a")]).await, [[""; 0]], "and so has another organisation");
}

pub(crate) async fn a_reading_of_any_size_is_asked_and_forgotten(world: &World) {
    let (store, acme) = (&world.store, scope("acme"));
    for reading in ["r", "kept"] {
        store.begin_list_reading(&acme, reading, "s/l", now(1)).await.unwrap();
    }
    for page in 0..5_u32 {
        let items = (0..1_000).map(|at| format!("{}", page * 1_000 + at)).map(|id| item(Some(&format!("k{id}")), &id, "t"));
        store.add_list_page(&acme, "r", items.collect(), (page < 4).then(|| format!("page {page}"))).await.unwrap();
    }
    store.add_list_page(&acme, "kept", vec![item(Some("k7"), "7", "t")], None).await.unwrap();
    let wanted = (0..200).map(|at| by(&format!("k{}", at * 25))).collect();
    let found = ids(world, "acme", "r", wanted).await;
    assert!(
        found.iter().enumerate().all(|(at, found)| *found == [format!("{}", at * 25)]),
        "each answer is at its question's place"
    );
    store.forget_list_reading(&acme, "r").await.unwrap();
    assert_eq!(store.list_reading(&acme, "r").await.unwrap(), None);
    assert_eq!(world.raw.texts("SELECT CAST(COUNT(*) AS TEXT) FROM list_item").await, ["1"]);
    assert_eq!(ids(world, "acme", "kept", vec![by("k7")]).await, [["7"]]);
    store.forget_list_reading(&acme, "r").await.unwrap();
}

//! Lists as people see them.

use argus_m365::{
    capabilities::CapabilityName,
    store::{AuditFilter, DeadLetterFilter, DeliveryState, Kind, NewDeadLetter, PageRequest, Rejection, StoreError},
};

use crate::world::{World, arrival, dead, dead_letter, now, page, retry, scope, settled};

async fn keys(world: &World, state: Option<DeliveryState>, first: u32, after: Option<&str>) -> (Vec<String>, bool, u64) {
    let request = PageRequest { first, after: after.map(Into::into) };
    let page = world.store.objects(&scope("acme"), Kind::Task, state, request).await.unwrap();
    assert!(page.rows.iter().all(|(cursor, row)| *cursor == row.key));
    (page.rows.into_iter().map(|(cursor, _)| cursor).collect(), page.has_next, page.total)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(crate) async fn objects_are_paged_by_key(world: &World) {
    let acme = scope("acme");
    let batch = ["b", "A", "c", "a", "é"].into_iter().map(|key| arrival(&acme, key, 1, "mara")).collect();
    world.store.take_in(now(0), batch, vec![]).await.unwrap();
    assert_eq!(keys(world, None, 2, None).await, (texts(&["A", "a"]), true, 5));
    assert_eq!(keys(world, None, 2, Some("a")).await, (texts(&["b", "c"]), true, 5));
    assert_eq!(keys(world, None, 2, Some("c")).await, (texts(&["é"]), false, 5));
    assert_eq!(keys(world, None, 0, None).await, (vec![], true, 5));
}

pub(crate) async fn blocked_is_derived_from_the_connection(world: &World) {
    let acme = world.connect("acme").await;
    for key in ["dead", "pending", "retry", "settled"] {
        world.want(&acme, key, 1, key, 0).await;
    }
    let claims = world.claim(1, 10, 4).await;
    world.record(2, &claims[0].lease, dead(1, "letter")).await;
    world.record(2, &claims[2].lease, retry(50)).await;
    world.record(2, &claims[3].lease, settled(1)).await;
    assert_eq!(keys(world, Some(DeliveryState::Pending), 9, None).await.0, ["pending", "retry"]);
    assert_eq!(keys(world, Some(DeliveryState::Blocked), 9, None).await.2, 0);
    world.store.remove_connection(&acme, vec![]).await.unwrap();
    assert_eq!(keys(world, Some(DeliveryState::Pending), 9, None).await.2, 0);
    assert_eq!(keys(world, Some(DeliveryState::Blocked), 9, None).await.0, ["pending", "retry"]);
    assert_eq!(keys(world, Some(DeliveryState::Dead), 9, None).await.0, ["dead"]);
    assert_eq!(keys(world, Some(DeliveryState::Settled), 9, None).await.0, ["settled"]);
    let task = world.task(&acme, "retry").await;
    assert_eq!((task.state, task.next_attempt_at), (DeliveryState::Blocked, None));
}

pub(crate) async fn dead_letters_are_paged_newest_first(world: &World) {
    let acme = world.connect("acme").await;
    for (key, at) in [("1", 10), ("2", 20), ("3", 20), ("4", 30)] {
        world.want(&acme, key, 1, "mara", at).await;
        let claim = world.claim_one(at).await;
        world.record(at, &claim.lease, dead(1, &format!("letter-{key}"))).await;
    }
    let read = async |filter: DeadLetterFilter, after: Option<String>| {
        let page = world.store.dead_letters(&acme, filter, PageRequest { first: 2, after }).await.unwrap();
        let last = page.rows.last().map(|(cursor, _)| cursor.clone());
        (page.rows.into_iter().map(|(_, row)| row.letter.id).collect::<Vec<_>>(), page.has_next, page.total, last)
    };
    let (ids, more, total, cursor) = read(DeadLetterFilter::default(), None).await;
    assert_eq!((ids, more, total), (texts(&["letter-4", "letter-3"]), true, 4));
    let (ids, more, ..) = read(DeadLetterFilter::default(), cursor).await;
    assert_eq!((ids, more), (texts(&["letter-2", "letter-1"]), false));
    let other = DeadLetterFilter { code: Some("INVALID_DATA".into()), capability: None };
    assert_eq!(read(other, None).await.2, 0);
}

pub(crate) async fn dead_letters_are_counted_by_capability(world: &World) {
    let (acme, other) = (world.connect("acme").await, world.connect("other").await);
    for (scope, key) in [(&acme, "1"), (&acme, "2"), (&other, "1")] {
        world.want(scope, key, 1, "mara", 0).await;
        let claim = world.claim_one(1).await;
        world.record(2, &claim.lease, dead(1, &format!("letter-{key}"))).await;
    }
    let dead_letter = NewDeadLetter { capability: None, object: None, ..dead_letter("unreadable") };
    let unreadable = Rejection { scope: acme.clone(), dead_letter, audit: vec![], outgoing: vec![] };
    world.store.take_in(now(3), vec![], vec![unreadable]).await.unwrap();
    let mut counts = world.store.dead_letter_counts(&world.worker).await.unwrap();
    counts.sort_by_key(|(_, count)| *count);
    assert_eq!(counts, [(None, 1), (Some(CapabilityName::Calendar), 3)]);
}

pub(crate) async fn a_foreign_cursor_is_refused(world: &World) {
    let after = |cursor: &str| PageRequest { after: Some(cursor.into()), ..page(1) };
    let acme = scope("acme");
    let trail = world.store.audit_trail(&acme, AuditFilter::default(), after("x")).await;
    assert!(matches!(trail, Err(StoreError::Unreadable { what: "cursor", .. })));
    let letters = world.store.dead_letters(&acme, DeadLetterFilter::default(), after("x")).await;
    assert!(matches!(letters, Err(StoreError::Unreadable { what: "cursor", .. })));
}

//! Zones for publications: given, gone through in order, claimed by name; and which of them has which value.

use argus_m365::{
    capabilities::sharepoint::LANE,
    organisation::OrgScope,
    store::{Arrival, DeliveryState, GivenZone, Kind, MatchWanted, NewOperation, OperationKind, OperationState},
};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::world::{World, arrival, entry, now, scope};

fn zone(scope: &OrgScope, key: &str, version: u64, name: &str) -> Arrival {
    let body = json!({ "state": "present", "name": name }).to_string();
    Arrival { kind: Kind::Zone, body, target: LANE.to_owned(), ..arrival(scope, key, version, LANE) }
}

fn publication(id: &str, dry_run: bool) -> NewOperation {
    NewOperation {
        id: id.into(),
        kind: OperationKind::PublishZones,
        dry_run,
        input: json!({}),
        requested_by: "user:kim".into(),
        trace: None,
    }
}

async fn give(world: &World, scope: &OrgScope, id: &str, at: i64, zones: Vec<GivenZone>) {
    let audit = vec![entry("zones.asked")];
    world.store.enqueue_publication(scope, now(at), publication(id, false), zones, audit).await.unwrap();
}

async fn row(world: &World, scope: &OrgScope, key: &str) -> (u64, u64, String, DeliveryState) {
    let row = world.store.these_zones(scope, &[key.to_owned()]).await.unwrap().remove(0);
    (row.version.event, row.version.mutation, row.body, row.state)
}

async fn claim(world: &World, scope: &OrgScope, keys: &[&str], at: i64) -> Vec<(String, bool)> {
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    let claims = world.store.claim_zones(&world.worker, scope, &keys, now(at), "publisher", now(at + 60)).await.unwrap();
    claims.into_iter().map(|claim| (claim.lease.key, claim.recheck)).collect()
}

pub(crate) async fn zones_given_with_a_publication_are_kept_with_it(world: &World) {
    let acme = world.connect("acme").await;
    let given = vec![
        GivenZone::Versioned(zone(&acme, "Z-2", 4, "by version")),
        GivenZone::OnTop(zone(&acme, "Z-1", 0, "first")),
        GivenZone::OnTop(zone(&acme, "Z-1", 0, "its last mention")),
    ];
    give(world, &acme, "o-1", 5, given).await;
    let operation = world.store.operation(&acme, "o-1").await.unwrap().unwrap();
    assert_eq!((operation.state, operation.requested_at), (OperationState::Queued, now(5)));
    let (event, mutation, body, _) = row(world, &acme, "Z-1").await;
    assert_eq!((event, mutation, body.contains("its last mention")), (0, 1, true));
    assert_eq!(row(world, &acme, "Z-2").await.0, 4);
    assert_eq!(world.actions(&acme).await, ["zones.asked"]);

    // On top of an event's version: the version stays, and the same text again changes nothing.
    give(world, &acme, "o-2", 6, vec![GivenZone::OnTop(zone(&acme, "Z-2", 0, "by hand"))]).await;
    give(world, &acme, "o-3", 7, vec![GivenZone::OnTop(zone(&acme, "Z-2", 0, "by hand"))]).await;
    let (event, mutation, body, state) = row(world, &acme, "Z-2").await;
    assert_eq!((event, mutation, body.contains("by hand"), state), (4, 1, true, DeliveryState::Pending));
    // A higher version is above it, a lower one below.
    give(world, &acme, "o-4", 8, vec![GivenZone::Versioned(zone(&acme, "Z-2", 3, "late"))]).await;
    assert!(row(world, &acme, "Z-2").await.2.contains("by hand"));
    give(world, &acme, "o-5", 9, vec![GivenZone::Versioned(zone(&acme, "Z-2", 5, "newer"))]).await;
    assert!(row(world, &acme, "Z-2").await.2.contains("newer"));
}

pub(crate) async fn zones_are_gone_through_in_the_order_of_their_ids(world: &World) {
    let (acme, beta) = (world.connect("acme").await, world.connect("beta").await);
    let given = |scope: &OrgScope| (1..=250).map(|at| GivenZone::OnTop(zone(scope, &format!("Z-{at:03}"), 0, "n"))).collect();
    give(world, &acme, "o-1", 1, given(&acme)).await;
    give(world, &beta, "o-2", 1, vec![GivenZone::OnTop(zone(&beta, "Z-000", 0, "n"))]).await;
    world.want(&acme, "T-1", 1, "a@x", 1).await;
    assert_eq!(world.store.count_zones(&acme).await.unwrap(), 250);
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let keys = world.store.zone_keys(&acme, &after, 100).await.unwrap();
        let Some(last) = keys.last() else { break };
        after.clone_from(last);
        seen.extend(keys);
    }
    assert_eq!((seen.len(), seen.is_sorted(), seen[0].as_str()), (250, true, "Z-001"));
    let asked = ["Z-200", "Z-900", "Z-003"].map(str::to_owned);
    let rows = world.store.these_zones(&acme, &asked).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["Z-003", "Z-200"]);
}

pub(crate) async fn zones_are_claimed_by_name_and_never_from_under_a_lease(world: &World) {
    let acme = world.connect("acme").await;
    let given = ["Z-1", "Z-2", "Z-3"].map(|key| GivenZone::OnTop(zone(&acme, key, 0, "n"))).to_vec();
    give(world, &acme, "o-1", 1, given).await;
    assert_eq!(claim(world, &acme, &["Z-2", "Z-1", "none"], 10).await, [("Z-1".into(), false), ("Z-2".into(), false)]);
    assert_eq!(world.store.zones_under_lease(&acme, now(11)).await.unwrap(), 2);
    assert_eq!(claim(world, &acme, &["Z-1", "Z-2", "Z-3"], 12).await, [("Z-3".into(), false)]);
    assert!(claim(world, &scope("beta"), &["Z-1"], 100).await.is_empty(), "another organisation's are not to be had");
    // Whoever had them may have done anything.
    assert_eq!(claim(world, &acme, &["Z-1", "Z-3"], 71).await, [("Z-1".into(), true)]);
    assert_eq!(world.store.zones_under_lease(&acme, now(131)).await.unwrap(), 0);
}

pub(crate) async fn a_publication_keeps_the_loop_away_until_it_lets_go(world: &World) {
    let acme = world.connect("acme").await;
    let until = |at: i64| async move {
        let text = "SELECT CAST(until AS TEXT) FROM hold WHERE capability = 'sharepoint' AND target <> ''";
        let held = world.raw.texts(text).await;
        held.first().map(|held| DateTime::<Utc>::from_timestamp_micros(held.parse().unwrap()).unwrap() > now(at))
    };
    world.store.enqueue_publication(&acme, now(1), publication("dry", true), vec![], vec![]).await.unwrap();
    assert_eq!(until(0).await, None, "a dry run takes nothing from anybody");
    give(world, &acme, "o-1", 10, vec![]).await;
    assert_eq!((until(39).await, until(40).await), (Some(true), Some(false)), "half a minute until a runner takes it");
    world.store.hold_zones(&acme, now(100)).await.unwrap();
    world.store.hold_zones(&acme, now(90)).await.unwrap();
    assert_eq!((until(99).await, until(100).await), (Some(true), Some(false)), "the later of two counts");
    assert_eq!(world.store.sharepoint_wait(&acme, now(50)).await.unwrap(), None, "it is no wait that Microsoft asked for");
    world.store.let_go_of_zones(&scope("beta")).await.unwrap();
    assert_eq!(until(99).await, Some(true));
    world.store.let_go_of_zones(&acme).await.unwrap();
    assert_eq!(until(0).await, None);
}

pub(crate) async fn a_value_belongs_to_the_first_zone_that_wants_it(world: &World) {
    let (store, acme) = (&world.store, scope("acme"));
    let wants = |key: &str, finder: &str, from: Option<&str>| MatchWanted {
        finder: finder.into(),
        key: key.into(),
        from: from.map(str::to_owned),
    };
    let owner = async |scope: &OrgScope, list: &str| {
        store.match_owners(scope, list, &["f".to_owned(), "none".to_owned()]).await.unwrap().remove("f")
    };
    let taken = store.take_matches(&acme, "l", vec![wants("Z-1", "f", None), wants("Z-2", "f", None)]).await.unwrap();
    assert_eq!(taken["f"], "Z-1", "of two at once the first");
    let taken = store.take_matches(&acme, "l", vec![wants("Z-2", "f", None), wants("Z-2", "g", None)]).await.unwrap();
    assert_eq!((taken["f"].as_str(), taken["g"].as_str()), ("Z-1", "Z-2"));
    let taken = store.take_matches(&acme, "l", vec![wants("Z-3", "f", Some("Z-2"))]).await.unwrap();
    assert_eq!(taken["f"], "Z-1", "it is taken only from whom it was thought to belong to");
    let taken = store.take_matches(&acme, "l", vec![wants("Z-3", "f", Some("Z-1"))]).await.unwrap();
    assert_eq!(taken["f"], "Z-3");
    assert_eq!((owner(&acme, "m").await, owner(&scope("beta"), "l").await), (None, None));
    let many: Vec<MatchWanted> = (0..500).map(|at| wants(&format!("Z-{at}"), &format!("many {at}"), None)).collect();
    assert_eq!(store.take_matches(&acme, "l", many).await.unwrap().len(), 500);
    store.forget_matches(&acme, "m").await.unwrap();
    assert_eq!(owner(&acme, "l").await.as_deref(), Some("Z-3"));
    store.forget_matches(&acme, "l").await.unwrap();
    assert_eq!(owner(&acme, "l").await, None);
}

pub(crate) async fn replicas_that_take_one_value_at_once_agree_on_its_zone(world: &World) {
    let acme = scope("acme");
    let take = |zone: usize| {
        let (store, acme) = (world.store.clone(), acme.clone());
        async move {
            let values = (0..40).map(|at| MatchWanted { finder: format!("f{at}"), key: format!("Z-{zone}"), from: None });
            store.take_matches(&acme, "l", values.collect()).await.unwrap()
        }
    };
    let answers = futures_util::future::join_all((0..8).map(take)).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "everybody is told the same owners");
}

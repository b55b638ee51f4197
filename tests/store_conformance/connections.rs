//! Registering, replacing, removing.

use argus_m365::{
    capabilities::{CapabilityName, PlaceChange},
    store::{ConnectionRow, ConnectionState, Hold, Progress, Recorded, StateChange, StoreError},
};

use crate::world::{World, arrival, connection, entry, now, outgoing, place, progress, retry, scope, settled};

pub(crate) async fn a_connection_is_kept_and_read_back(world: &World) {
    let acme = scope("acme");
    assert!(world.store.connection(&acme).await.unwrap().is_none());
    let audit = vec![entry("connection.registered")];
    world.store.put_connection(&acme, None, connection(1, 1), audit, vec![outgoing("o")]).await.unwrap();
    let row = world.store.connection(&acme).await.unwrap().unwrap();
    assert_eq!(format!("{row:?}"), format!("{:?}", connection(1, 1)));
    assert_eq!(world.actions(&acme).await, ["connection.registered"]);
    assert_eq!(world.published().await, ["o"]);
    let states = world.store.connection_states(&world.worker).await.unwrap();
    assert_eq!(states, [(acme, ConnectionState::Active, Some(now(1_000_000)))]);
    assert_eq!(world.store.key_ids_in_use(&world.worker).await.unwrap(), ["key-2026"]);
}

pub(crate) async fn putting_over_an_unexpected_row_is_a_conflict(world: &World) {
    let acme = scope("acme");
    let put = async |expected, row| world.store.put_connection(&acme, expected, row, vec![entry("x")], vec![]).await;
    assert!(matches!(put(Some(1), connection(1, 2)).await, Err(StoreError::Conflict { .. })));
    put(None, connection(1, 1)).await.unwrap();
    assert!(matches!(put(None, connection(1, 2)).await, Err(StoreError::Conflict { .. })));
    assert!(matches!(put(Some(2), connection(1, 3)).await, Err(StoreError::Conflict { .. })));
    put(Some(1), connection(1, 2)).await.unwrap();
    assert_eq!(world.actions(&acme).await.len(), 2, "a refused put leaves no trace");
    let at_once = (0..5).map(|_| world.store.put_connection(&acme, Some(2), connection(1, 3), vec![], vec![]));
    let won = futures_util::future::join_all(at_once).await.into_iter().flatten().count();
    assert_eq!(won, 1);
}

pub(crate) async fn a_conflict_does_not_disturb_its_neighbours(world: &World) {
    let acme = world.connect("acme").await;
    let good = (0..10).map(|n| {
        let batch = vec![arrival(&acme, &format!("t{n}"), 1, "mara")];
        world.store.take_in(now(0), batch, vec![])
    });
    let bad = (0..10).map(|_| world.store.put_connection(&acme, None, connection(9, 9), vec![entry("no")], vec![]));
    let (good, bad) = futures_util::future::join(futures_util::future::join_all(good), futures_util::future::join_all(bad)).await;
    assert!(good.iter().all(Result::is_ok), "{good:?}");
    assert!(bad.iter().all(|answer| matches!(answer, Err(StoreError::Conflict { .. }))), "{bad:?}");
    assert_eq!(world.raw.texts("SELECT key FROM wanted").await.len(), 10);
    assert!(world.actions(&acme).await.is_empty());
}

pub(crate) async fn numbers_outlive_the_connection(world: &World) {
    let acme = scope("acme");
    assert_eq!(world.store.last_connection_numbers(&acme).await.unwrap(), (0, 0));
    assert!(!world.store.remove_connection(&acme, vec![entry("x")]).await.unwrap());
    world.store.put_connection(&acme, None, connection(3, 7), vec![], vec![]).await.unwrap();
    assert!(world.store.remove_connection(&acme, vec![entry("connection.removed")]).await.unwrap());
    assert!(world.store.connection(&acme).await.unwrap().is_none());
    assert_eq!(world.store.last_connection_numbers(&acme).await.unwrap(), (3, 7));
    assert_eq!(world.actions(&acme).await, ["connection.removed"]);
}

/// One settled task with a place, one leased, one that waits, one held mailbox.
async fn standing(world: &World) -> (argus_m365::organisation::OrgScope, argus_m365::store::Claim) {
    let acme = world.connect("acme").await;
    for key in ["leased", "settled", "waits"] {
        world.want(&acme, key, 1, key, 0).await;
    }
    let claims = world.claim(1, 10, 4).await;
    let hold = Hold { capability: CapabilityName::Calendar, target: Some("mona".into()), until: now(500) };
    let told = Progress {
        places: vec![PlaceChange::Put(place("mara", 4))],
        holds: vec![hold],
        ..progress(&claims[1].lease, settled(1))
    };
    world.store.record(now(2), told).await.unwrap();
    world.record(2, &claims[2].lease, retry(300)).await;
    world.want(&acme, "held", 1, "mona", 2).await;
    (acme, claims[0].clone())
}

pub(crate) async fn a_new_epoch_forgets_places_holds_and_leases(world: &World) {
    let (acme, leased) = standing(world).await;
    let row = ConnectionRow { updated_at: now(10), ..connection(2, 2) };
    world.store.put_connection(&acme, Some(1), row, vec![], vec![]).await.unwrap();
    assert!(world.task(&acme, "settled").await.places.is_empty());
    assert_eq!(world.record(11, &leased.lease, settled(1)).await, Recorded::LeaseLost);
    let claims = world.claim(11, 10, 4).await;
    let mut keys: Vec<&str> = claims.iter().map(|claim| claim.lease.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["held", "leased", "waits"]);
    // The generation is never used again, whatever the directory.
    assert_eq!(world.raw.texts("SELECT key FROM wanted WHERE generation = 4").await, ["settled"]);
}

pub(crate) async fn a_new_credential_keeps_places_and_holds_and_wakes_what_waits(world: &World) {
    let (acme, leased) = standing(world).await;
    let row = ConnectionRow { updated_at: now(10), ..connection(1, 2) };
    world.store.put_connection(&acme, Some(1), row, vec![], vec![]).await.unwrap();
    assert_eq!(world.task(&acme, "settled").await.places.len(), 1);
    assert_eq!(world.claim_one(11).await.lease.key, "waits");
    assert_eq!(world.record(12, &leased.lease, settled(1)).await, Recorded::Done);
}

fn change(secret_version: u64, state: ConnectionState) -> StateChange {
    StateChange { connection_id: "connection-1".into(), secret_version, from: None, state, reason: Some("why".into()) }
}

pub(crate) async fn leaving_disabled_wakes_what_waits(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.record(2, &claim.lease, retry(1_000)).await;
    for (at, state) in [(3, ConnectionState::Degraded), (4, ConnectionState::Active), (5, ConnectionState::Disabled)] {
        assert!(world.store.change_connection_state(&acme, now(at), change(1, state), vec![], vec![]).await.unwrap());
        assert!(world.claim(at, 10, 4).await.is_empty());
    }
    let active = change(1, ConnectionState::Active);
    assert!(world.store.change_connection_state(&acme, now(6), active, vec![], vec![]).await.unwrap());
    world.claim_one(6).await;
}

pub(crate) async fn a_state_is_changed_once_and_only_of_the_same_connection(world: &World) {
    let acme = world.connect("acme").await;
    let put = async |change| {
        let (audit, events) = (vec![entry("connection.state-changed")], vec![outgoing("o")]);
        world.store.change_connection_state(&acme, now(5), change, audit, events).await.unwrap()
    };
    assert!(!put(change(2, ConnectionState::Disabled)).await, "another credential's news");
    assert!(!put(StateChange { connection_id: "other".into(), ..change(1, ConnectionState::Disabled) }).await);
    let seen_degraded = Some(ConnectionState::Degraded);
    assert!(!put(StateChange { from: seen_degraded, ..change(1, ConnectionState::Disabled) }).await, "it was active");
    assert!(put(change(1, ConnectionState::Disabled)).await);
    assert!(!put(change(1, ConnectionState::Disabled)).await);
    let row = world.store.connection(&acme).await.unwrap().unwrap();
    assert_eq!((row.state, row.state_reason.as_deref(), row.updated_at), (ConnectionState::Disabled, Some("why"), now(5)));
    assert_eq!((world.actions(&acme).await.len(), world.published().await.len()), (1, 1));
}

pub(crate) async fn a_test_is_kept(world: &World) {
    let acme = world.connect("acme").await;
    world.store.keep_connection_test(&acme, now(7), "{\"ok\":true}".into(), vec![entry("connection.tested")]).await.unwrap();
    let row = world.store.connection(&acme).await.unwrap().unwrap();
    assert_eq!(row.last_test.as_deref(), Some("{\"ok\":true}"));
    assert_eq!(world.actions(&acme).await, ["connection.tested"]);
}

pub(crate) async fn a_probe_is_planned_once_taken_once_and_forgotten_with_the_state(world: &World) {
    let acme = world.connect("acme").await;
    let due = async |at| world.store.due_probes(&world.worker, now(at)).await.unwrap();
    assert!(due(0).await.is_empty(), "a connection that works is left alone");
    let to =
        async |at, state| world.store.change_connection_state(&acme, now(at), change(1, state), vec![], vec![]).await.unwrap();
    assert!(to(1, ConnectionState::Disabled).await);
    let unplanned = due(1).await.remove(0);
    assert_eq!((&unplanned.scope, unplanned.probes, unplanned.planned), (&acme, 0, None));
    let at_once = (0..5).map(|_| world.store.take_probe(&unplanned, now(61)));
    let won = futures_util::future::join_all(at_once).await.into_iter().filter(|taken| *taken.as_ref().unwrap()).count();
    assert_eq!(won, 1);
    assert!(due(60).await.is_empty());
    // Another replica, or the same after a restart, finds the plan.
    let planned = due(61).await.remove(0);
    assert_eq!((planned.probes, planned.planned), (0, Some(now(61))));
    let at_once = (0..5).map(|_| world.store.take_probe(&planned, now(181)));
    let won = futures_util::future::join_all(at_once).await.into_iter().filter(|taken| *taken.as_ref().unwrap()).count();
    assert_eq!(won, 1);
    let second = due(181).await.remove(0);
    assert_eq!(second.probes, 1);
    assert!(to(182, ConnectionState::Degraded).await);
    assert!(!world.store.take_probe(&second, now(999)).await.unwrap(), "the plan was of another state");
    assert_eq!(due(182).await.remove(0).probes, 0);
    world.store.put_connection(&acme, Some(1), connection(1, 2), vec![], vec![]).await.unwrap();
    assert!(due(9_999).await.is_empty(), "the new credential works");
}

//! Who gets what to work on.

use std::collections::BTreeSet;

use argus_m365::{
    capabilities::{CapabilityName, PlaceChange},
    store::{
        Arrival, BacklogRow, ClaimRequest, ConnectionState, DeliveryState, Hold, Kind, Next, Progress, Recorded, Shares,
        StateChange, Store,
    },
};

use crate::world::{World, arrival, connection, dead, now, place, progress, retry, scope, settled, version};

pub(crate) fn change(state: ConnectionState) -> StateChange {
    StateChange { connection_id: "connection-1".into(), secret_version: 1, from: None, state, reason: None }
}

pub(crate) async fn nothing_is_claimed_without_a_usable_connection(world: &World) {
    let acme = scope("acme");
    world.want(&acme, "1", 1, "mara", 0).await;
    assert!(world.claim(1, 10, 4).await.is_empty());
    world.store.put_connection(&acme, None, connection(1, 1), vec![], vec![]).await.unwrap();
    world.store.change_connection_state(&acme, now(1), change(ConnectionState::Disabled), vec![], vec![]).await.unwrap();
    assert!(world.claim(2, 10, 4).await.is_empty());
    for (at, state) in [(3, ConnectionState::Unverified), (4, ConnectionState::Degraded), (5, ConnectionState::Active)] {
        world.store.change_connection_state(&acme, now(at), change(state), vec![], vec![]).await.unwrap();
        let claim = world.claim_one(at).await;
        assert_eq!(world.record(at, &claim.lease, Next::Release).await, Recorded::Done);
    }
    world.store.remove_connection(&acme, vec![]).await.unwrap();
    assert!(world.claim(9, 10, 4).await.is_empty());
}

pub(crate) async fn a_busy_organisation_does_not_starve_another(world: &World) {
    let (busy, small) = (world.connect("a-busy").await, world.connect("b-small").await);
    let mut batch: Vec<Arrival> = (0..500).map(|n| arrival(&busy, &format!("t{n}"), 1, &format!("m{}", n % 50))).collect();
    batch.push(arrival(&small, "only", 1, "mara"));
    world.store.take_in(now(0), batch, vec![]).await.unwrap();
    let claims = world.claim(1, 10, 4).await;
    assert_eq!(claims.len(), 10);
    assert_eq!(claims.iter().filter(|claim| claim.lease.scope == small).count(), 1);
    // Also when a claim takes less than one lane of each.
    world.want(&small, "second", 1, "mara", 0).await;
    let two = [world.claim(2, 2, 4).await, world.claim(2, 2, 4).await].concat();
    assert_eq!(two.iter().filter(|claim| claim.lease.scope == small).count(), 1);
}

pub(crate) async fn every_target_has_its_turn(world: &World) {
    let acme = world.connect("acme").await;
    let batch = (0..36).map(|n| arrival(&acme, &format!("t{n:02}"), 1, &format!("m{}", n % 12))).collect();
    world.store.take_in(now(0), batch, vec![]).await.unwrap();
    let mut served = BTreeSet::new();
    for _ in 0..3 {
        let claims = world.claim(1, 4, 1).await;
        assert_eq!(claims.len(), 4);
        for claim in claims {
            served.insert(claim.lease.key[1..].parse::<u32>().unwrap() % 12);
            world.record(1, &claim.lease, Next::Release).await;
        }
    }
    assert_eq!(served.len(), 12, "lanes that stay due do not hold up the later ones");
}

pub(crate) async fn more_organisations_than_a_statement_takes_are_all_served(world: &World) {
    for n in 0..70 {
        let scope = world.connect(&format!("org{n:02}")).await;
        world.want(&scope, "1", 1, "mara", 0).await;
    }
    let mut served = BTreeSet::new();
    for _ in 0..7 {
        served.extend(world.claim(1, 10, 4).await.into_iter().map(|claim| claim.lease.scope));
    }
    assert_eq!(served.len(), 70);
}

pub(crate) async fn a_target_is_never_worked_on_by_more_than_it_bears(world: &World) {
    let acme = world.connect("acme").await;
    let batch = (0..20).map(|n| arrival(&acme, &format!("t{n}"), 1, "mara")).collect();
    world.store.take_in(now(0), batch, vec![]).await.unwrap();
    let first = world.claim(1, 3, 4).await;
    let second = world.claim(1, 10, 4).await;
    assert_eq!((first.len(), second.len()), (3, 1));
    assert!(world.claim(1, 10, 4).await.is_empty());
    world.record(2, &first[0].lease, settled(1)).await;
    assert_eq!(world.claim(2, 10, 4).await.len(), 1);
}

pub(crate) async fn the_longest_due_of_a_target_comes_first(world: &World) {
    let acme = world.connect("acme").await;
    for (key, at) in [("young", 30), ("old", 10), ("middle", 20)] {
        world.want(&acme, key, 1, "mara", at).await;
    }
    let keys: Vec<String> = world.claim(40, 2, 2).await.into_iter().map(|claim| claim.lease.key).collect();
    assert_eq!(keys, ["old", "middle"]);
}

pub(crate) fn held(claim_of: &argus_m365::store::Claim, target: Option<&str>, until: i64) -> Progress {
    let hold = Hold { capability: CapabilityName::Calendar, target: target.map(Into::into), until: now(until) };
    Progress { holds: vec![hold], ..progress(&claim_of.lease, settled(1)) }
}

pub(crate) async fn a_hold_is_respected_until_it_is_over(world: &World) {
    let (acme, other) = (world.connect("acme").await, world.connect("other").await);
    for key in ["0", "1", "2"] {
        world.want(&acme, key, 1, if key == "2" { "milo" } else { "mara" }, 0).await;
    }
    let claim = world.claim(1, 1, 1).await.remove(0);
    world.store.record(now(1), held(&claim, Some("mara"), 50)).await.unwrap();
    let only = world.claim_one(2).await;
    assert_eq!(only.lease.key, "2", "the other mailbox goes on");
    world.store.record(now(2), held(&only, None, 70)).await.unwrap();
    world.want(&acme, "3", 1, "mona", 2).await;
    world.want(&other, "1", 1, "mara", 2).await;
    let free = world.claim_one(51).await;
    assert_eq!(free.lease.scope, other, "one organisation's throttle is not another's");
    assert_eq!(world.claim(70, 10, 4).await.len(), 2);
}

pub(crate) async fn the_later_of_two_holds_wins(world: &World) {
    let acme = world.connect("acme").await;
    for key in ["0", "1", "2"] {
        world.want(&acme, key, 1, "mara", 0).await;
    }
    for until in [50, 20] {
        let claim = world.claim(1, 1, 4).await;
        let Some(claim) = claim.first() else { continue };
        world.store.record(now(1), held(claim, Some("mara"), until)).await.unwrap();
    }
    assert!(world.claim(49, 10, 4).await.is_empty());
    assert_eq!(world.claim(50, 10, 4).await.len(), 2);
}

pub(crate) async fn an_expired_lease_is_taken_over_with_doubt(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let first = world.claim_one(0).await;
    assert!(!first.recheck && first.attempts == 1);
    assert!(world.claim(59, 10, 4).await.is_empty(), "the lease lives");
    let second = world.claim_one(60).await;
    assert!(second.recheck && second.attempts == 2 && second.lease.epoch > first.lease.epoch);
}

pub(crate) async fn the_doubt_stays_until_somebody_looked(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    world.claim_one(0).await;
    let claim = world.claim_one(60).await;
    world.record(61, &claim.lease, retry(62)).await;
    let claim = world.claim_one(62).await;
    assert!(claim.recheck);
    world.store.record(now(63), Progress { rechecked: true, ..progress(&claim.lease, retry(64)) }).await.unwrap();
    assert!(!world.claim_one(64).await.recheck);
}

pub(crate) async fn a_kind_that_nobody_asked_for_stays(world: &World) {
    let acme = world.connect("acme").await;
    let outage = Arrival { kind: Kind::Outage, ..arrival(&acme, "1", 1, "channel") };
    world.store.take_in(now(0), vec![outage], vec![]).await.unwrap();
    assert!(world.claim(1, 10, 4).await.is_empty());
    assert_eq!(world.store.next_due(&world.worker, &[Kind::Task]).await.unwrap(), None);
    let request = ClaimRequest {
        kinds: vec![Kind::Task, Kind::Outage],
        limit: 10,
        per_target: 1,
        owner: "worker".into(),
        lease_until: now(9),
        shares: Shares::default(),
    };
    assert_eq!(world.store.claim(&world.worker, now(1), request).await.unwrap()[0].lease.kind, Kind::Outage);
}

pub(crate) async fn a_claim_comes_with_what_is_known(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 4, "mara", 0).await;
    world.want(&acme, "2", 1, "milo", 0).await;
    let mut claims = world.claim(1, 10, 4).await;
    claims.retain(|claim| claim.lease.key == "1");
    let put = vec![PlaceChange::Put(place("mara", 1)), PlaceChange::Put(place("milo", 2))];
    world.store.record(now(2), Progress { places: put, ..progress(&claims[0].lease, settled(4)) }).await.unwrap();
    world.want(&acme, "1", 5, "mara", 3).await;
    let claim = world.claim_one(4).await;
    assert_eq!((claim.version, claim.settled, claim.generation), (version(5), Some(version(4)), 2));
    assert_eq!(claim.places, [place("mara", 1), place("milo", 2)]);
    assert_eq!((claim.context.id.as_str(), claim.body_format, claim.attempts), ("1-5", 1, 1));
    assert_eq!(claim.lease.until, now(64));
}

pub(crate) async fn claims_at_the_same_time_share_nothing(world: &World) {
    let acme = world.connect("acme").await;
    let batch = (0..100).map(|n| arrival(&acme, &format!("t{n}"), 1, &format!("m{}", n % 10))).collect();
    world.store.take_in(now(0), batch, vec![]).await.unwrap();
    // A second store is a second replica; on SQLite it is a second process's view of the file.
    let replica = argus_m365::store::Store::open(&world.url).await.unwrap();
    let request = |owner: &str| ClaimRequest {
        kinds: vec![Kind::Task],
        limit: 30,
        per_target: 3,
        owner: owner.into(),
        lease_until: now(60),
        shares: Shares::default(),
    };
    let claims = futures_util::future::join_all((0..8).map(|n| {
        let store = if n % 2 == 0 { &world.store } else { &replica };
        store.claim(&world.worker, now(1), request(&format!("worker-{n}")))
    }));
    let keys: Vec<String> = claims.await.into_iter().flat_map(Result::unwrap).map(|claim| claim.lease.key).collect();
    assert_eq!(keys.len(), 30, "three of each of ten mailboxes");
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 30);
    replica.close().await;
}

pub(crate) async fn the_next_due_instant_heeds_leases_waits_and_holds(world: &World) {
    let acme = scope("acme");
    let next = async || world.store.next_due(&world.worker, &[Kind::Task]).await.unwrap();
    world.want(&acme, "1", 1, "mara", 0).await;
    assert_eq!(next().await, None, "blocked");
    world.connect("acme").await;
    assert_eq!(next().await, Some(now(0)));
    let claim = world.claim_one(6).await;
    assert_eq!(next().await, Some(now(66)), "the lease's end");
    world.record(7, &claim.lease, retry(30)).await;
    assert_eq!(next().await, Some(now(30)));
    let claim = world.claim_one(30).await;
    let hold = Hold { capability: CapabilityName::Calendar, target: Some("mara".into()), until: now(90) };
    world.store.record(now(31), Progress { holds: vec![hold], ..progress(&claim.lease, retry(40)) }).await.unwrap();
    assert_eq!(next().await, Some(now(90)), "the hold's end");
    world.want(&acme, "2", 1, "milo", 50).await;
    assert_eq!(next().await, Some(now(50)), "another mailbox is free");
}

pub(crate) async fn the_backlog_counts_what_waits(world: &World) {
    let (acme, blocked) = (world.connect("acme").await, scope("blocked"));
    for (key, at) in [("1", 10), ("2", 20), ("3", 30)] {
        world.want(&acme, key, 1, key, at).await;
    }
    world.want(&blocked, "1", 1, "mara", 5).await;
    let claims = world.claim(40, 10, 4).await;
    world.record(41, &claims[0].lease, settled(1)).await;
    world.record(41, &claims[1].lease, dead(1, "letter")).await;
    let mut backlog = world.store.backlog(&world.worker).await.unwrap();
    backlog.sort_by_key(|row| row.state.label());
    let row = |state, oldest| BacklogRow { kind: Kind::Task, state, count: 1, oldest: Some(now(oldest)) };
    let expected = [row(DeliveryState::Blocked, 5), row(DeliveryState::Dead, 20), row(DeliveryState::Pending, 30)];
    assert_eq!(backlog, expected);
    let [blocked_row, dead_row, pending_row] = expected;
    let mut own = world.store.backlog_of(&acme).await.unwrap();
    own.sort_by_key(|row| row.state.label());
    assert_eq!(own, [dead_row, pending_row], "of one organisation, its own alone");
    assert_eq!(world.store.backlog_of(&blocked).await.unwrap(), [blocked_row]);
}

pub(crate) async fn four_at_a_time_for_a_mailbox_holds_over_replicas_and_reassignment(world: &World) {
    let acme = world.connect("acme").await;
    for n in 0..12 {
        world.want(&acme, &format!("t{n:02}"), 1, "mara", 0).await;
    }
    let replicas = [Store::open(&world.url).await.unwrap(), Store::open(&world.url).await.unwrap()];
    let claim = async |store: &Store| {
        let request = ClaimRequest {
            kinds: vec![Kind::Task],
            limit: 256,
            per_target: 4,
            owner: "r".into(),
            lease_until: now(61),
            shares: Shares::default(),
        };
        store.claim(&world.worker, now(1), request).await.unwrap()
    };
    let (first, second) = tokio::join!(claim(&replicas[0]), claim(&replicas[1]));
    assert_eq!(first.len() + second.len(), 4, "whichever came first");
    // A task that is reassigned while it is under lease keeps its lease, and counts for the mailbox it goes to.
    let one = first.first().or(second.first()).unwrap().lease.clone();
    world.want(&acme, &one.key, 2, "mona", 2).await;
    world.want(&acme, "other", 1, "mona", 2).await;
    let claims = world.claim(3, 256, 4).await;
    let targets: Vec<String> = claims.iter().map(|claim| claim.lease.key.clone()).collect();
    assert_eq!(targets.len(), 2, "one more of mara's, and mona's other: {targets:?}");
    assert!(targets.contains(&"other".to_owned()) && !targets.contains(&one.key));
    for replica in replicas {
        replica.close().await;
    }
}

//! What becomes of an object when its worker reports.

use argus_m365::{
    capabilities::{Place, PlaceChange},
    store::{DeadLetterFilter, DeliveryState, Next, Progress, Recorded},
};

use crate::world::{World, arrival, dead, entry, error, now, outgoing, page, place, progress, retry, settled, version};

pub(crate) async fn a_settled_object_is_left_alone(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    let told =
        Progress { audit: vec![entry("a"), entry("b")], outgoing: vec![outgoing("o")], ..progress(&claim.lease, settled(1)) };
    assert_eq!(world.store.record(now(2), told).await.unwrap(), Recorded::Done);
    let task = world.task(&acme, "1").await;
    assert_eq!((task.state, task.settled), (DeliveryState::Settled, Some(version(1))));
    assert_eq!((world.actions(&acme).await, world.published().await), (vec!["a".into(), "b".into()], vec!["o".into()]));
    assert!(world.claim(1_000, 10, 4).await.is_empty());
    assert_eq!(world.store.next_due(&world.worker, &[argus_m365::store::Kind::Task]).await.unwrap(), None);
}

pub(crate) async fn settling_an_older_version_leaves_the_newer_due(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.want(&acme, "1", 2, "mara", 2).await;
    world.record(3, &claim.lease, settled(1)).await;
    let task = world.task(&acme, "1").await;
    assert_eq!((task.state, task.version, task.settled), (DeliveryState::Pending, version(2), Some(version(1))));
    assert_eq!(world.claim_one(3).await.version, version(2));
}

pub(crate) async fn a_newer_version_during_a_lease_waits_for_its_end(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.want(&acme, "1", 2, "mara", 2).await;
    assert!(world.claim(3, 10, 4).await.is_empty(), "one worker an object");
    assert_eq!(world.record(3, &claim.lease, Next::Keep).await, Recorded::Done);
    assert!(world.claim(4, 10, 4).await.is_empty());
    assert_eq!(world.record(5, &claim.lease, Next::Release).await, Recorded::Done);
    assert_eq!(world.claim_one(5).await.attempts, 1);
}

pub(crate) async fn a_retry_waits_and_counts(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.record(2, &claim.lease, retry(10)).await;
    let task = world.task(&acme, "1").await;
    assert_eq!((task.state, task.attempts, task.next_attempt_at), (DeliveryState::Pending, 1, Some(now(10))));
    assert_eq!(task.last_error, Some(error("TIMEOUT")));
    assert!(world.claim(9, 10, 4).await.is_empty());
    assert_eq!(world.claim_one(10).await.attempts, 2);
}

pub(crate) async fn a_wait_the_server_asked_for_does_not_count(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    for at in [1, 2, 3] {
        let claim = world.claim_one(at).await;
        assert_eq!(claim.attempts, 1);
        let next = Next::Retry { not_before: now(at + 1), unknown: false, counts: false, error: error("THROTTLED") };
        world.record(at, &claim.lease, next).await;
    }
}

pub(crate) async fn an_unknown_outcome_is_shown(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    let next = Next::Retry { not_before: now(5), unknown: true, counts: true, error: error("TIMEOUT") };
    world.record(2, &claim.lease, next).await;
    assert_eq!(world.task(&acme, "1").await.state, DeliveryState::Unknown);
    world.claim_one(5).await;
}

pub(crate) async fn a_retry_that_was_overtaken_is_due_at_once(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.want(&acme, "1", 2, "mara", 2).await;
    world.record(3, &claim.lease, retry(1_000)).await;
    let claim = world.claim_one(3).await;
    assert_eq!((claim.version, claim.attempts), (version(2), 1));
    assert_eq!(world.task(&acme, "1").await.last_error, None, "the error was the older version's");
}

pub(crate) async fn a_dead_object_has_one_letter_the_newest(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    let told = Progress { outgoing: vec![outgoing("o-1")], ..progress(&claim.lease, dead(1, "letter-1")) };
    world.store.record(now(2), told).await.unwrap();
    let task = world.task(&acme, "1").await;
    assert_eq!((task.state, task.last_error), (DeliveryState::Dead, Some(error("MAILBOX_NOT_FOUND"))));
    assert!(world.claim(1_000, 10, 4).await.is_empty());
    world.want(&acme, "1", 2, "mara", 3).await;
    assert_eq!(world.letters(&acme).await, ["letter-1"], "until the newer one is through");
    let claim = world.claim_one(4).await;
    world.record(5, &claim.lease, dead(2, "letter-2")).await;
    let page = world.store.dead_letters(&acme, DeadLetterFilter::default(), crate::world::page(9)).await.unwrap();
    let letter = &page.rows[0].1;
    assert_eq!((page.total, letter.letter.id.as_str(), letter.dead_at), (1, "letter-2", now(5)));
    assert_eq!(letter.letter.object, Some((argus_m365::store::Kind::Task, "1".to_owned())));
    assert_eq!(world.published().await, ["o-1"]);
}

pub(crate) async fn a_letter_says_when_it_first_failed(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.record(2, &claim.lease, retry(10)).await;
    let claim = world.claim_one(10).await;
    world.record(11, &claim.lease, dead(1, "letter")).await;
    let letters = world.store.dead_letters(&acme, DeadLetterFilter::default(), page(1)).await.unwrap();
    let (_, row) = &letters.rows[0];
    assert_eq!((row.letter.first_failed_at, row.dead_at), (now(2), now(11)));
}

pub(crate) async fn settling_takes_the_letter_away(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    world.want(&acme, "2", 1, "milo", 0).await;
    for claim in world.claim(1, 10, 4).await {
        world.record(2, &claim.lease, dead(1, &format!("letter-{}", claim.lease.key))).await;
    }
    world.want(&acme, "1", 2, "mara", 3).await;
    let claim = world.claim_one(4).await;
    world.record(5, &claim.lease, settled(2)).await;
    assert_eq!(world.letters(&acme).await, ["letter-2"]);
}

pub(crate) async fn a_dead_end_that_was_overtaken_leaves_no_letter(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.want(&acme, "1", 2, "mara", 2).await;
    let told = Progress {
        outgoing: vec![outgoing("o-1")],
        audit: vec![entry("calendar.event.failed")],
        ..progress(&claim.lease, dead(1, "letter-1"))
    };
    assert_eq!(world.store.record(now(3), told).await.unwrap(), Recorded::Done);
    assert!(world.letters(&acme).await.is_empty() && world.published().await.is_empty());
    assert_eq!(world.actions(&acme).await, ["calendar.event.failed"], "a call was made");
    assert_eq!(world.claim_one(3).await.version, version(2));
}

pub(crate) async fn a_released_object_is_due_and_its_attempt_not_counted(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    for at in 1..4 {
        let claim = world.claim_one(at).await;
        assert_eq!(claim.attempts, 1);
        world.record(at, &claim.lease, Next::Release).await;
    }
}

pub(crate) async fn a_worker_without_its_lease_changes_nothing_but_doubt(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let frozen = world.claim_one(0).await;
    let heir = world.claim_one(60).await;
    world.record(61, &heir.lease, settled(1)).await;
    let late = Progress {
        places: vec![PlaceChange::Put(place("mara", 9))],
        audit: vec![entry("late")],
        outgoing: vec![outgoing("late")],
        ..progress(&frozen.lease, settled(1))
    };
    assert_eq!(world.store.record(now(62), late).await.unwrap(), Recorded::LeaseLost);
    assert!(world.actions(&acme).await.is_empty() && world.published().await.is_empty());
    let claim = world.claim_one(62).await;
    assert!(claim.recheck && claim.generation == 0 && claim.attempts == 1);
    let suspected = Place { generation: 0, confirmed: None, ..place("mara", 9) };
    assert_eq!(claim.places, [suspected], "what it reports to have made is looked for");
    world.record(63, &claim.lease, settled(1)).await;
    assert!(world.claim(1_000, 10, 4).await.is_empty());
}

pub(crate) async fn doubt_outlives_the_lease_of_another_worker(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let frozen = world.claim_one(0).await;
    let heir = world.claim_one(60).await;
    assert_eq!(world.record(61, &frozen.lease, settled(1)).await, Recorded::LeaseLost);
    assert_eq!(world.record(62, &heir.lease, settled(1)).await, Recorded::Done);
    let claim = world.claim_one(62).await;
    assert!(claim.recheck, "what the frozen worker did came after the heir had looked");
}

pub(crate) async fn progress_on_an_unknown_object_is_lost(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let mut lease = world.claim_one(1).await.lease;
    lease.key = "never".into();
    assert_eq!(world.record(2, &lease, settled(1)).await, Recorded::LeaseLost);
}

pub(crate) async fn places_come_and_go_and_generations_only_rise(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    let changes = vec![
        PlaceChange::Put(place("mara", 5)),
        PlaceChange::Put(place("milo", 3)),
        PlaceChange::Gone { target: "mara".into(), generation: 5 },
    ];
    world.store.record(now(2), Progress { places: changes, ..progress(&claim.lease, Next::Keep) }).await.unwrap();
    assert_eq!(world.task(&acme, "1").await.places, [place("milo", 3)]);
    let mut moved = place("milo", 3);
    moved.confirmed = None;
    let changes = vec![PlaceChange::Gone { target: "milo".into(), generation: 3 }, PlaceChange::Put(moved.clone())];
    world.store.record(now(3), Progress { places: changes, ..progress(&claim.lease, Next::Release) }).await.unwrap();
    let claim = world.claim_one(4).await;
    assert_eq!((claim.places, claim.generation), (vec![moved], 5));
}

pub(crate) async fn many_records_at_once_all_land(world: &World) {
    let (acme, other) = (world.connect("acme").await, world.connect("other").await);
    let batch =
        (0..200).map(|n| arrival(if n % 2 == 0 { &acme } else { &other }, &format!("t{n}"), 1, &format!("m{n}"))).collect();
    world.store.take_in(now(0), batch, vec![]).await.unwrap();
    let claims = world.claim(1, 200, 4).await;
    assert_eq!(claims.len(), 200);
    let records = claims.iter().map(|claim| {
        let told = Progress {
            places: vec![PlaceChange::Put(place("mara", 1))],
            audit: vec![entry("a"), entry("b")],
            outgoing: vec![outgoing(&claim.lease.key)],
            ..progress(&claim.lease, settled(1))
        };
        world.store.record(now(2), told)
    });
    let answers = futures_util::future::join_all(records).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == Recorded::Done));
    for scope in [&acme, &other] {
        let verified = world.store.verify_audit(scope).await.unwrap();
        assert!(verified.intact && verified.entries == 200, "{verified:?}");
    }
    assert_eq!(world.store.outbox(&world.worker, 1_000).await.unwrap().len(), 200);
    assert_eq!(world.raw.texts("SELECT key FROM wanted WHERE state <> 'settled' OR generation <> 1").await.len(), 0);
}

pub(crate) async fn only_lost_leases_are_reported_when_extending(world: &World) {
    let acme = world.connect("acme").await;
    for key in ["1", "2"] {
        world.want(&acme, key, 1, key, 0).await;
    }
    let claims = world.claim(0, 10, 4).await;
    world.record(1, &claims[0].lease, settled(1)).await;
    let leases = claims.iter().map(|claim| claim.lease.clone()).collect();
    let lost = world.store.extend(leases, now(600)).await.unwrap();
    assert_eq!(lost, [claims[0].lease.clone()]);
    assert!(world.claim(599, 10, 4).await.is_empty());
    assert_eq!(world.claim(600, 10, 4).await.len(), 1);
}

pub(crate) async fn outgoing_events_wait_in_order_until_published(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    for ids in [vec!["a", "b"], vec!["b", "c"]] {
        let events = ids.into_iter().map(outgoing).collect();
        world.store.record(now(2), Progress { outgoing: events, ..progress(&claim.lease, Next::Keep) }).await.unwrap();
    }
    assert_eq!(world.published().await, ["a", "b", "c"]);
    let first = world.store.outbox(&world.worker, 2).await.unwrap();
    assert!(first.len() == 2 && first[0].scope == acme);
    world.store.published(&world.worker, &first).await.unwrap();
    assert_eq!(world.published().await, ["c"]);
}

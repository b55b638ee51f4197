//! Which of two versions is wanted.

use argus_m365::{
    capabilities::Outcome,
    store::{
        AuditFilter, DeliveryState, NewDeadLetter, Rejection,
        Taken::{self, Applied, Conflict, Duplicate, Stale},
    },
};

use crate::world::{World, arrival, context, dead, dead_letter, entry, now, outgoing, page, retry, scope, settled, version};

pub(crate) async fn a_higher_version_becomes_what_is_wanted(world: &World) {
    let acme = scope("acme");
    let first = world.store.take_in(now(0), vec![arrival(&acme, "1", 1, "mara")], vec![]).await.unwrap();
    let second = world.store.take_in(now(5), vec![arrival(&acme, "1", 7, "mara")], vec![]).await.unwrap();
    assert_eq!([first, second].concat(), [Taken::Applied, Taken::Applied]);
    let task = world.task(&acme, "1").await;
    assert_eq!((task.version, task.settled, task.body.as_str()), (version(7), None, "{\"version\":7}"));
    assert_eq!(task.updated_at, now(5));
}

pub(crate) async fn the_same_version_with_the_same_data_is_a_duplicate(world: &World) {
    let acme = scope("acme");
    world.want(&acme, "1", 3, "mara", 0).await;
    let taken = world.store.take_in(now(9), vec![arrival(&acme, "1", 3, "mara")], vec![]).await.unwrap();
    assert_eq!(taken, [Taken::Duplicate]);
    assert_eq!(world.task(&acme, "1").await.updated_at, now(0));
    assert!(world.actions(&acme).await.is_empty());
}

pub(crate) async fn the_same_version_with_other_data_is_audited_and_not_applied(world: &World) {
    let acme = scope("acme");
    world.want(&acme, "1", 3, "mara", 0).await;
    let mut other = arrival(&acme, "1", 3, "mara");
    other.digest = [9; 32];
    other.body = "{\"other\":true}".into();
    assert_eq!(world.store.take_in(now(1), vec![other], vec![]).await.unwrap(), [Taken::Conflict]);
    assert_eq!(world.task(&acme, "1").await.body, "{\"version\":3}");
    let trail = world.store.audit_trail(&acme, AuditFilter::default(), page(10)).await.unwrap();
    let entry = &trail.rows[0].1.entry;
    assert_eq!((entry.action.as_str(), entry.outcome), ("event.conflict", Outcome::Superseded));
    assert_eq!((entry.actor.as_str(), entry.target.as_str()), ("event:/argus/tasks#1-3", "task/1"));
}

pub(crate) async fn a_lower_version_changes_nothing(world: &World) {
    let acme = scope("acme");
    world.want(&acme, "1", 3, "mara", 0).await;
    let taken = world.store.take_in(now(1), vec![arrival(&acme, "1", 2, "milo")], vec![]).await.unwrap();
    assert_eq!(taken, [Taken::Stale]);
    let task = world.task(&acme, "1").await;
    assert_eq!((task.version, task.updated_at), (version(3), now(0)));
}

pub(crate) async fn arrivals_of_one_batch_are_applied_in_order(world: &World) {
    let acme = scope("acme");
    let mut other = arrival(&acme, "1", 3, "mara");
    other.digest = [9; 32];
    let batch = vec![
        arrival(&acme, "1", 1, "mara"),
        arrival(&acme, "2", 5, "milo"),
        arrival(&acme, "1", 3, "mara"),
        arrival(&acme, "1", 2, "mara"),
        arrival(&acme, "1", 3, "mara"),
        other,
        arrival(&acme, "2", 4, "milo"),
    ];
    let taken = world.store.take_in(now(0), batch, vec![]).await.unwrap();
    assert_eq!(taken, [Applied, Applied, Applied, Stale, Duplicate, Conflict, Stale]);
    assert_eq!(world.task(&acme, "1").await.version, version(3));
    assert_eq!(world.task(&acme, "2").await.version, version(5));
}

pub(crate) async fn a_newer_version_starts_anew_after_failures(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.record(2, &claim.lease, retry(1_000)).await;
    assert!(world.claim(3, 10, 4).await.is_empty(), "it waits");
    world.want(&acme, "1", 2, "mara", 4).await;
    let task = world.task(&acme, "1").await;
    assert_eq!((task.attempts, task.last_error, task.next_attempt_at), (0, None, None));
    let claim = world.claim_one(5).await;
    assert_eq!((claim.attempts, claim.version), (1, version(2)));
    world.record(6, &claim.lease, dead(2, "letter-1")).await;
    assert_eq!(world.task(&acme, "1").await.state, DeliveryState::Dead);
    world.want(&acme, "1", 3, "mara", 7).await;
    let claim = world.claim_one(8).await;
    world.record(9, &claim.lease, settled(3)).await;
    assert!(world.letters(&acme).await.is_empty());
}

pub(crate) async fn an_arrival_without_a_target_keeps_the_one_that_was_known(world: &World) {
    let acme = scope("acme");
    world.want(&acme, "1", 1, "mara", 0).await;
    world.want(&acme, "1", 2, "", 0).await;
    world.want(&acme, "2", 1, "", 0).await;
    assert_eq!(world.raw.texts("SELECT target FROM wanted ORDER BY key").await, ["mara", ""]);
}

fn rejection(letter: NewDeadLetter) -> Rejection {
    let (audit, outgoing) = (vec![entry("event.rejected")], vec![outgoing(&letter.id)]);
    Rejection { scope: scope("acme"), dead_letter: letter, audit, outgoing }
}

pub(crate) async fn a_rejected_event_is_kept_once_however_often_it_comes(world: &World) {
    let acme = scope("acme");
    let of_event = |id: &str, event: &str| NewDeadLetter { context: Some(context(event)), ..dead_letter(id) };
    let batch = vec![rejection(of_event("a", "e-1")), rejection(of_event("b", "e-1")), rejection(dead_letter("c"))];
    world.store.take_in(now(0), vec![], batch).await.unwrap();
    let again = vec![rejection(of_event("d", "e-1")), rejection(dead_letter("c")), rejection(of_event("e", "e-2"))];
    world.store.take_in(now(1), vec![], again).await.unwrap();
    assert_eq!(world.letters(&acme).await, ["e", "c", "a"]);
    assert_eq!(world.published().await, ["a", "c", "e"]);
    assert_eq!(world.actions(&acme).await.len(), 3);
}

pub(crate) async fn a_batch_of_any_size_is_taken_in_whole(world: &World) {
    let acme = scope("acme");
    let batch: Vec<_> = (0..311).map(|n| arrival(&acme, &format!("t{n:03}"), 1, &format!("m{}", n % 7))).collect();
    let taken = world.store.take_in(now(0), batch.clone(), vec![]).await.unwrap();
    assert!(taken.len() == 311 && taken.iter().all(|taken| *taken == Taken::Applied));
    let taken = world.store.take_in(now(1), batch, vec![]).await.unwrap();
    assert!(taken.len() == 311 && taken.iter().all(|taken| *taken == Taken::Duplicate));
}

pub(crate) async fn a_nul_in_a_text_stops_nothing(world: &World) {
    let acme = scope("acme");
    let odd = arrival(&acme, "a\0b", 1, "ma\0ra");
    assert_eq!(world.store.take_in(now(0), vec![odd.clone()], vec![]).await.unwrap(), [Taken::Applied]);
    assert_eq!(world.store.take_in(now(0), vec![odd], vec![]).await.unwrap(), [Taken::Duplicate]);
    let mut odd = entry("calendar.event.created");
    odd.actor = "event:\0".into();
    odd.personal = vec![("mailbox".into(), "ma\0ra".into())];
    world.store.append_audit(&acme, vec![odd]).await.unwrap();
    assert!(world.store.verify_audit(&acme).await.unwrap().intact);
}

//! What a person decides, and what the store counts so that nobody has to.

use std::collections::BTreeSet;

use argus_m365::{
    capabilities::{CapabilityName, Place},
    organisation::OrgScope,
    store::{Arrival, DeadLetterFilter, DeliveryState, Kind, NewDeadLetter, Next, Pause, Rejection, Remedy, Replay},
};

use crate::world::{World, arrival, dead, dead_letter, entry, now, page, retry, settled, version};

fn pause(capability: CapabilityName) -> Pause {
    Pause { capability, reason: Some("audit week".into()), since: now(1) }
}

async fn replay(world: &World, scope: &OrgScope, at: i64, id: &str, remedy: Remedy) -> u64 {
    let replay = Replay { id: id.into(), remedy, audit: entry("dead-letter.replayed") };
    world.store.replay(scope, now(at), vec![replay]).await.unwrap()
}

fn of_task(key: &str) -> Remedy {
    Remedy::Delivery(Kind::Task, key.into())
}

/// One dead task, `1`, with its letter.
async fn dead_task(world: &World) -> OrgScope {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.record(2, &claim.lease, dead(1, "letter")).await;
    acme
}

async fn rejected(world: &World, scope: &OrgScope, id: &str) {
    let dead_letter = NewDeadLetter { capability: None, code: "INVALID_DATA".into(), ..dead_letter(id) };
    let rejection = Rejection { scope: scope.clone(), dead_letter, audit: vec![], outgoing: vec![] };
    world.store.take_in(now(0), vec![], vec![rejection]).await.unwrap();
}

async fn replays(world: &World, scope: &OrgScope) -> Vec<u32> {
    let letters = world.store.dead_letters(scope, DeadLetterFilter::default(), page(9)).await.unwrap();
    letters.rows.into_iter().map(|(_, row)| row.replays).collect()
}

pub(crate) async fn what_is_paused_is_not_claimed_and_shown_as_blocked(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    world.store.pause(&acme, pause(CapabilityName::Calendar), entry("capability.paused")).await.unwrap();
    assert!(world.claim(10, 10, 4).await.is_empty());
    assert_eq!(world.store.next_due(&world.worker, &[Kind::Task]).await.unwrap(), None);
    assert_eq!(world.task(&acme, "1").await.state, DeliveryState::Blocked);
    let blocked = world.store.objects(&acme, Kind::Task, Some(DeliveryState::Blocked), page(9)).await.unwrap();
    assert_eq!(blocked.total, 1);
    for rows in [world.store.backlog(&world.worker).await.unwrap(), world.store.backlog_of(&acme).await.unwrap()] {
        assert_eq!((rows.len(), rows[0].state, rows[0].oldest), (1, DeliveryState::Blocked, Some(now(0))));
    }
    assert_eq!(world.store.pauses(&acme).await.unwrap(), [pause(CapabilityName::Calendar)]);
    assert_eq!(world.actions(&acme).await, ["capability.paused"]);
}

pub(crate) async fn resuming_makes_everything_due_at_once(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.record(2, &claim.lease, retry(1_000)).await;
    assert!(!world.store.resume(&acme, now(3), CapabilityName::Calendar, entry("never")).await.unwrap());
    assert!(world.claim(4, 10, 4).await.is_empty(), "what was not paused is not resumed");
    world.store.pause(&acme, pause(CapabilityName::Calendar), entry("capability.paused")).await.unwrap();
    let again = Pause { reason: None, ..pause(CapabilityName::Calendar) };
    world.store.pause(&acme, again.clone(), entry("capability.paused")).await.unwrap();
    assert_eq!(world.store.pauses(&acme).await.unwrap(), [again]);
    assert!(world.store.resume(&acme, now(5), CapabilityName::Calendar, entry("capability.resumed")).await.unwrap());
    assert_eq!(world.claim_one(5).await.lease.key, "1");
    assert_eq!(world.actions(&acme).await, ["capability.paused", "capability.paused", "capability.resumed"]);
    assert!(world.store.pauses(&acme).await.unwrap().is_empty());
}

pub(crate) async fn a_pause_is_one_organisations_and_one_capabilitys(world: &World) {
    let (acme, zenith) = (world.connect("acme").await, world.connect("zenith").await);
    world.want(&acme, "1", 1, "mara", 0).await;
    world.want(&zenith, "1", 1, "mara", 0).await;
    world.store.pause(&acme, pause(CapabilityName::Teams), entry("a")).await.unwrap();
    world.store.pause(&zenith, pause(CapabilityName::Calendar), entry("a")).await.unwrap();
    assert_eq!(world.claim_one(1).await.lease.scope, acme);
    assert!(!world.store.resume(&acme, now(2), CapabilityName::Calendar, entry("a")).await.unwrap());
    assert_eq!(world.store.pauses(&zenith).await.unwrap().len(), 1);
}

pub(crate) async fn a_replayed_delivery_starts_anew(world: &World) {
    let acme = dead_task(world).await;
    assert_eq!(replay(world, &acme, 5, "letter", of_task("1")).await, 1);
    assert_eq!(replay(world, &acme, 5, "letter", of_task("1")).await, 0, "it is on its way already");
    let task = world.task(&acme, "1").await;
    assert_eq!((task.state, task.attempts), (DeliveryState::Pending, 0));
    assert_eq!((world.letters(&acme).await, replays(world, &acme).await), (vec!["letter".to_owned()], vec![1]));
    let claim = world.claim_one(5).await;
    assert_eq!(claim.attempts, 1);
    world.record(6, &claim.lease, settled(1)).await;
    assert!(world.letters(&acme).await.is_empty());
    assert_eq!(world.actions(&acme).await, ["dead-letter.replayed"]);
}

pub(crate) async fn a_delivery_that_is_not_dead_any_more_is_not_replayed(world: &World) {
    let acme = dead_task(world).await;
    world.want(&acme, "1", 2, "milo", 3).await;
    let claim = world.claim_one(4).await;
    assert_eq!(replay(world, &acme, 5, "letter", of_task("1")).await, 0);
    world.record(6, &claim.lease, retry(1_000)).await;
    assert_eq!(replay(world, &acme, 7, "letter", of_task("1")).await, 0);
    let task = world.task(&acme, "1").await;
    assert_eq!((task.version, task.attempts, task.next_attempt_at), (version(2), 1, Some(now(1_000))));
}

pub(crate) async fn how_often_an_object_was_replayed_outlives_its_letter(world: &World) {
    let acme = dead_task(world).await;
    replay(world, &acme, 5, "letter", of_task("1")).await;
    let claim = world.claim_one(6).await;
    world.record(7, &claim.lease, dead(1, "letter-2")).await;
    assert_eq!((world.letters(&acme).await, replays(world, &acme).await), (vec!["letter-2".to_owned()], vec![1]));
    assert_eq!(replay(world, &acme, 8, "letter", of_task("1")).await, 0, "the old letter is gone");
    assert_eq!(replay(world, &acme, 8, "letter-2", of_task("1")).await, 1);
    assert_eq!(replays(world, &acme).await, [2]);
}

pub(crate) async fn a_replayed_event_never_overwrites_a_newer_version(world: &World) {
    let acme = world.connect("acme").await;
    rejected(world, &acme, "letter").await;
    world.want(&acme, "1", 5, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.record(2, &claim.lease, settled(5)).await;
    assert_eq!(replay(world, &acme, 3, "letter", Remedy::Event(arrival(&acme, "1", 4, "milo"))).await, 1);
    let task = world.task(&acme, "1").await;
    assert_eq!((task.version, task.state), (version(5), DeliveryState::Settled));
    assert!(world.letters(&acme).await.is_empty(), "there is nothing left to do about it");
}

pub(crate) async fn a_replayed_event_becomes_what_is_wanted_and_its_letter_goes(world: &World) {
    let acme = world.connect("acme").await;
    rejected(world, &acme, "letter").await;
    let event = || Remedy::Event(arrival(&acme, "1", 4, "milo"));
    assert_eq!(replay(world, &acme, 3, "letter", event()).await, 1);
    assert_eq!(replay(world, &acme, 4, "letter", event()).await, 0, "only once");
    assert_eq!((world.letters(&acme).await.len(), world.claim_one(5).await.version), (0, version(4)));
}

pub(crate) async fn an_event_that_still_cannot_be_read_is_counted(world: &World) {
    let acme = world.connect("acme").await;
    rejected(world, &acme, "letter").await;
    assert_eq!(replay(world, &acme, 3, "letter", Remedy::Refused).await, 0);
    assert_eq!((world.letters(&acme).await.len(), replays(world, &acme).await), (1, vec![1]));
    assert!(world.actions(&acme).await.is_empty());
}

pub(crate) async fn letters_of_another_organisation_are_not_found(world: &World) {
    let acme = dead_task(world).await;
    rejected(world, &acme, "event").await;
    let zenith = world.connect("zenith").await;
    let ids = ["letter".to_owned(), "event".to_owned()];
    assert!(world.store.dead_letters_by_id(&zenith, &ids).await.unwrap().is_empty());
    assert_eq!(world.store.dead_letters_by_id(&acme, &ids).await.unwrap().len(), 2);
    let foreign: Arrival = arrival(&acme, "1", 9, "milo");
    for remedy in [of_task("1"), Remedy::Refused, Remedy::Event(foreign.clone()), Remedy::Event(arrival(&zenith, "1", 9, "milo"))]
    {
        for id in ["letter", "event"] {
            assert_eq!(replay(world, &zenith, 5, id, remedy.clone()).await, 0);
        }
    }
    assert_eq!(world.store.discard(&zenith, vec![("letter".into(), entry("x"))]).await.unwrap(), 0);
    assert_eq!(world.task(&acme, "1").await.state, DeliveryState::Dead);
    assert_eq!(replays(world, &acme).await, [0, 0]);
    assert!(world.store.object(&zenith, Kind::Task, "1").await.unwrap().is_none());
    assert!(world.actions(&zenith).await.is_empty());
}

pub(crate) async fn a_discarded_letter_is_gone_and_its_object_stays(world: &World) {
    let acme = dead_task(world).await;
    let letters = vec![("letter".to_owned(), entry("dead-letter.discarded")), ("nobody".to_owned(), entry("never"))];
    assert_eq!(world.store.discard(&acme, letters.clone()).await.unwrap(), 1);
    assert_eq!(world.store.discard(&acme, letters).await.unwrap(), 0);
    assert_eq!((world.letters(&acme).await.len(), world.actions(&acme).await), (0, vec!["dead-letter.discarded".to_owned()]));
    assert_eq!(world.task(&acme, "1").await.state, DeliveryState::Dead);
}

pub(crate) async fn claims_that_end_without_a_word_are_counted(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    for (crashes, at) in [(0, 1), (1, 100), (2, 200), (3, 300)] {
        let claim = world.claim_one(at).await;
        assert_eq!(claim.crashes, crashes);
        // An intent is no word: the worker may die of the call that it announces.
        world.record(at, &claim.lease, Next::Keep).await;
    }
}

pub(crate) async fn a_word_in_between_or_a_newer_version_ends_the_count(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    world.claim_one(1).await;
    let claim = world.claim_one(100).await;
    assert_eq!(claim.crashes, 1);
    world.record(101, &claim.lease, retry(102)).await;
    assert_eq!(world.claim_one(102).await.crashes, 0);
    assert_eq!(world.claim_one(200).await.crashes, 1);
    world.want(&acme, "1", 2, "mara", 201).await;
    assert_eq!(world.claim_one(300).await.crashes, 1, "the newer version has been tried by nobody but the last");
}

pub(crate) async fn what_is_taken_in_again_is_looked_at_before_anything_is_done(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "known", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.record(2, &claim.lease, settled(1)).await;
    world.want(&acme, "leased", 1, "leo", 2).await;
    let leased = world.claim_one(2).await;
    let again = ["known", "leased", "new"].map(|key| arrival(&acme, key, 1, key)).into();
    world.store.take_in_again(&world.worker, now(3), again, vec![]).await.unwrap();
    assert_eq!(world.task(&acme, "known").await.state, DeliveryState::Pending, "the calendar may say more than the stream");
    let claims = world.claim(4, 10, 4).await;
    assert_eq!(claims.iter().map(|claim| claim.lease.key.as_str()).collect::<BTreeSet<_>>(), BTreeSet::from(["known", "new"]));
    for claim in claims {
        assert!(claim.recheck);
        assert_eq!(claim.places, [Place::suspected(&claim.lease.key)], "the event named this mailbox");
        world.record(5, &claim.lease, settled(1)).await;
    }
    world.record(6, &leased.lease, settled(1)).await;
    assert!(world.claim_one(6).await.recheck, "its worker looked before the mark");
}

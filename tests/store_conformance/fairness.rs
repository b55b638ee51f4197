//! Who comes first, and what one organisation's backlog costs another.

use std::time::{Duration, Instant};

use argus_m365::store::{ClaimRequest, ConnectionState, Kind, Recorded, Shares};

use crate::{
    claims::{change, held},
    world::{World, arrival, now, settled},
};

pub(crate) async fn a_quiet_organisation_is_served_at_once_beside_ten_thousand_items_of_another(world: &World) {
    let (busy, quiet) = (world.connect("a-busy").await, world.connect("b-quiet").await);
    let tasks = (0..10_000).map(|n| arrival(&busy, &format!("t{n:05}"), 1, &format!("m{}", n % 500)));
    for batch in tasks.collect::<Vec<_>>().chunks(1_000) {
        world.store.take_in(now(0), batch.to_vec(), vec![]).await.unwrap();
    }
    for round in 0..5 {
        let at = 1 + round;
        world.want(&quiet, &format!("q{round}"), 1, "mara", at).await;
        let claims = world.claim(at, 10, 4).await;
        let of_quiet: Vec<_> = claims.iter().filter(|claim| claim.lease.scope == quiet).collect();
        assert_eq!(of_quiet.len(), 1, "served by the first claim, round {round}");
        world.record(at, &of_quiet[0].lease, settled(1)).await;
        if round == 2 {
            // From here on the other one is throttled as a whole: its ten thousand objects are not even looked at.
            let of_busy = claims.iter().find(|claim| claim.lease.scope == busy).unwrap();
            world.store.record(now(at), held(of_busy, None, 500)).await.unwrap();
        }
        if round > 2 {
            assert_eq!(claims.len(), 1, "nothing of a throttled organisation is claimed");
        }
    }
}

pub(crate) async fn an_organisation_with_its_share_is_passed_over_and_the_next_gets_what_is_free(world: &World) {
    let (busy, quiet) = (world.connect("a-busy").await, world.connect("b-quiet").await);
    for n in 0..40 {
        world.want(&busy, &format!("t{n:02}"), 1, &format!("m{n}"), 0).await;
    }
    world.want(&quiet, "q1", 1, "mara", 0).await;
    world.want(&quiet, "q2", 1, "mara", 0).await;
    let claim = async |free, held| {
        let shares = Shares::new(28, free, [(busy.clone(), held)]);
        let limit = u32::try_from(free).unwrap();
        let lease_until = now(61);
        let request = ClaimRequest { kinds: vec![Kind::Task], limit, per_target: 4, owner: "r".into(), lease_until, shares };
        let claims = world.store.claim(&world.worker, now(1), request).await.unwrap();
        let of_busy = claims.iter().filter(|claim| claim.lease.scope == busy).count();
        (of_busy, claims.len() - of_busy)
    };
    assert_eq!(claim(1, 7).await, (0, 1), "seven for one that is free, and it has them; the last one is another's");
    assert_eq!(claim(32, 25).await, (3, 1), "up to the most that one may have");
    assert_eq!(claim(4, 28).await, (0, 0));
    assert_eq!(claim(32, 0).await, (28, 0));
}

pub(crate) async fn what_is_due_next_is_found_fast_beside_ten_thousand_items_of_mailboxes_that_wait(world: &World) {
    let busy = world.connect("busy").await;
    let tasks = (0..10_000).map(|n| arrival(&busy, &format!("t{n:05}"), 1, &format!("m{:03}", n % 500)));
    for batch in tasks.collect::<Vec<_>>().chunks(1_000) {
        world.store.take_in(now(0), batch.to_vec(), vec![]).await.unwrap();
    }
    // Each mailbox is told to wait.
    let claims = world.claim(1, 500, 1).await;
    let mailbox = |key: &str| format!("m{:03}", key[1..].parse::<u32>().unwrap() % 500);
    let records = claims.iter().map(|claim| world.store.record(now(2), held(claim, Some(&mailbox(&claim.lease.key)), 60)));
    for recorded in futures_util::future::join_all(records).await {
        assert_eq!(recorded.unwrap(), Recorded::Done);
    }
    let (mut walked, mut looked) = (Duration::MAX, Duration::MAX);
    // The fastest of a few, and one against the other, so that a busy machine does not matter. It was a thousand times once.
    for _ in 0..3 {
        let started = Instant::now();
        assert!(world.claim(3, 256, 4).await.is_empty(), "all wait");
        walked = walked.min(started.elapsed());
        let started = Instant::now();
        assert_eq!(world.store.next_due(&world.worker, &[Kind::Task]).await.unwrap(), Some(now(60)));
        looked = looked.min(started.elapsed());
    }
    assert!(looked < walked * 20, "{looked:?} to say what is due next, {walked:?} to find that nothing is");
}

pub(crate) async fn ten_thousand_items_of_a_disabled_connection_are_not_claimed_and_cost_no_other_its_turn(world: &World) {
    let (broken, quiet) = (world.connect("a-broken").await, world.connect("b-quiet").await);
    let tasks = (0..10_000).map(|n| arrival(&broken, &format!("t{n:05}"), 1, &format!("m{}", n % 500)));
    for batch in tasks.collect::<Vec<_>>().chunks(1_000) {
        world.store.take_in(now(0), batch.to_vec(), vec![]).await.unwrap();
    }
    let disabled = change(ConnectionState::Disabled);
    world.store.change_connection_state(&broken, now(1), disabled, vec![], vec![]).await.unwrap();
    world.want(&quiet, "q", 1, "mara", 2).await;
    let claims = world.claim(2, 256, 4).await;
    assert_eq!(claims.iter().map(|claim| claim.lease.key.as_str()).collect::<Vec<_>>(), ["q"]);
    let active = change(ConnectionState::Active);
    world.store.change_connection_state(&broken, now(3), active, vec![], vec![]).await.unwrap();
    assert_eq!(world.claim(3, 256, 4).await.len(), 256, "all of it is due again by itself");
}

//! Two replicas, arrivals, claims and records all at once: in the end everything stands as last wanted.

use argus_m365::{
    capabilities::PlaceChange,
    store::{ClaimRequest, DeliveryState, Kind, PageRequest, Progress, Recorded, Shares, Store},
};
use futures_util::future::join_all;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use crate::world::{World, arrival, entry, now, outgoing, place, progress, settled, version};

const TASKS: u64 = 40;
const VERSIONS: u64 = 6;

pub(crate) async fn replicas_that_work_at_once_end_in_the_same_place(world: &World) {
    let orgs = [world.connect("acme").await, world.connect("other").await];
    let replica = Store::open(&world.url).await.unwrap();
    let stores = [&world.store, &replica];
    let mut dice = StdRng::seed_from_u64(7);
    let mut arrivals: Vec<_> = orgs
        .iter()
        .flat_map(|org| (0..TASKS).flat_map(move |task| (1..=VERSIONS).map(move |version| (org, task, version))))
        .map(|(org, task, version)| arrival(org, &format!("t{task}"), version, &format!("m{}", task % 9)))
        .collect();
    arrivals.shuffle(&mut dice);
    let batches: Vec<_> = arrivals.chunks(30).map(<[_]>::to_vec).collect();
    let intake = batches.into_iter().map(|batch| {
        let store = stores[dice.random_range(0..2)];
        async move { store.take_in(now(0), batch, vec![]).await.unwrap() }
    });
    let workers = (0..6).map(|worker| work(world, stores[worker % 2], worker));
    futures_util::future::join(join_all(intake), join_all(workers)).await;
    // Whatever came after the workers had found nothing more.
    while work(world, &replica, 9).await > 0 {}
    for org in &orgs {
        let page = PageRequest { first: 1_000, after: None };
        let tasks = replica.objects(org, Kind::Task, None, page).await.unwrap();
        assert_eq!(tasks.total, TASKS);
        for (key, task) in tasks.rows {
            assert_eq!((task.state, task.settled), (DeliveryState::Settled, Some(version(VERSIONS))), "{key}");
        }
        let verified = world.store.verify_audit(org).await.unwrap();
        assert!(verified.intact && verified.entries >= TASKS, "{verified:?}");
    }
    replica.close().await;
}

/// Claims and settles until nothing is due; how many it settled.
async fn work(world: &World, store: &Store, worker: usize) -> usize {
    let mut done = 0;
    loop {
        let request = ClaimRequest {
            kinds: vec![Kind::Task],
            limit: 16,
            per_target: 2,
            owner: format!("worker-{worker}"),
            lease_until: now(600),
            shares: Shares::default(),
        };
        let claims = store.claim(&world.worker, now(1), request).await.unwrap();
        if claims.is_empty() {
            return done;
        }
        let records = claims.into_iter().map(|claim| {
            let told = Progress {
                places: vec![PlaceChange::Put(place("mara", 1))],
                audit: vec![entry("calendar.event.created")],
                outgoing: vec![outgoing(&format!("{}-{}", claim.lease.key, claim.version.event))],
                ..progress(&claim.lease, settled(claim.version.event))
            };
            store.record(now(1), told)
        });
        for recorded in join_all(records).await {
            assert_eq!(recorded.unwrap(), Recorded::Done);
            done += 1;
        }
    }
}

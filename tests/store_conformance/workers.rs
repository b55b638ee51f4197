//! Which workers live, and what becomes of a dead one's leases.

use argus_m365::store::Beat;

use crate::world::{World, now, settled};

/// The name that the harness claims under.
const OWNER: &str = "worker";

fn beat(beats: u64) -> Beat {
    Beat { owner: OWNER.into(), beats }
}

pub(crate) async fn who_stood_still_loses_its_leases_and_who_moved_keeps_them(world: &World) {
    let acme = world.connect("acme").await;
    world.want(&acme, "1", 1, "mara", 0).await;
    world.want(&acme, "2", 1, "leo", 0).await;
    let claims = world.claim(1, 10, 4).await;
    let done = &claims[0];
    world.record(2, &done.lease, settled(1)).await;
    for _ in 0..2 {
        world.store.beat(&world.worker, OWNER).await.unwrap();
    }
    assert_eq!(world.store.beats(&world.worker).await.unwrap(), [beat(2)]);
    assert_eq!(world.store.bury(&world.worker, now(3), beat(1)).await.unwrap(), 0, "it has moved since");
    assert!(world.claim(3, 10, 4).await.is_empty());
    assert_eq!(world.store.bury(&world.worker, now(3), beat(2)).await.unwrap(), 1, "what is done is not under lease");
    assert_eq!(world.store.bury(&world.worker, now(3), beat(2)).await.unwrap(), 0, "only once");
    let claim = world.claim_one(3).await;
    assert_eq!((claim.lease.key.as_str(), claim.recheck, claim.crashes), (claims[1].lease.key.as_str(), true, 1));
    assert!(claim.lease.epoch > claims[1].lease.epoch);
}

pub(crate) async fn who_stopped_in_order_is_forgotten(world: &World) {
    world.store.beat(&world.worker, OWNER).await.unwrap();
    world.store.leave(&world.worker, OWNER).await.unwrap();
    assert_eq!(world.store.beats(&world.worker).await.unwrap(), []);
}

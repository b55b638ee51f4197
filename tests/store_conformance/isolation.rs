//! Organisations in one store know nothing of each other. Both use the same ids here.

use argus_m365::{
    capabilities::PlaceChange,
    store::{DeliveryState, Kind, Progress, Recorded},
};

use crate::world::{World, connection, dead, entry, now, page, place, progress, scope, settled, version};

/// Everything that an organisation can have.
pub(crate) async fn fill(world: &World, org: &str) {
    let scope = world.connect(org).await;
    world.want(&scope, "dead", 1, "mara", 0).await;
    let claim = world.claim_one(1).await;
    world.record(1, &claim.lease, dead(1, "letter")).await;
    world.want(&scope, "task", 5, "mara", 0).await;
    let claim = world.claim_one(2).await;
    let told = Progress {
        places: vec![PlaceChange::Put(place("mara", 1))],
        audit: vec![entry("of-a")],
        ..progress(&claim.lease, settled(5))
    };
    world.store.record(now(2), told).await.unwrap();
}

pub(crate) async fn an_organisation_sees_nothing_of_another(world: &World) {
    fill(world, "a").await;
    let b = scope("b");
    assert!(world.store.connection(&b).await.unwrap().is_none());
    assert_eq!(world.store.last_connection_numbers(&b).await.unwrap(), (0, 0));
    assert!(world.store.object(&b, Kind::Task, "task").await.unwrap().is_none());
    assert_eq!(world.store.objects(&b, Kind::Task, None, page(9)).await.unwrap().total, 0);
    assert_eq!(world.store.backlog_of(&b).await.unwrap(), []);
    assert!(world.letters(&b).await.is_empty() && world.actions(&b).await.is_empty());
    assert_eq!(world.store.verify_audit(&b).await.unwrap().entries, 0);
}

pub(crate) async fn an_organisation_changes_nothing_of_another(world: &World) {
    fill(world, "a").await;
    let (a, b) = (scope("a"), scope("b"));
    // The same ids, another version, a whole life of them.
    world.want(&b, "task", 9, "milo", 3).await;
    world.want(&b, "dead", 9, "milo", 3).await;
    world.store.put_connection(&b, None, connection(7, 7), vec![], vec![]).await.unwrap();
    for claim in world.claim(4, 10, 4).await {
        assert_eq!(claim.lease.scope, b);
        assert!(claim.places.is_empty());
        let mut stolen = claim.lease.clone();
        stolen.scope = a.clone();
        stolen.epoch = 99;
        assert_eq!(world.store.extend(vec![stolen.clone()], now(999)).await.unwrap(), [stolen]);
        assert_eq!(world.record(5, &claim.lease, settled(9)).await, Recorded::Done);
    }
    world.store.put_connection(&b, Some(7), connection(8, 8), vec![], vec![]).await.unwrap();
    world.store.remove_connection(&b, vec![entry("of-b")]).await.unwrap();
    let task = world.task(&a, "task").await;
    assert_eq!((task.version, task.state, task.places.len()), (version(5), DeliveryState::Settled, 1));
    assert_eq!(world.task(&a, "dead").await.state, DeliveryState::Dead);
    assert_eq!((world.letters(&a).await, world.actions(&a).await), (vec!["letter".into()], vec!["of-a".into()]));
    assert_eq!(world.store.connection(&a).await.unwrap().unwrap().epoch, 1);
    assert!(world.store.verify_audit(&a).await.unwrap().intact);
}

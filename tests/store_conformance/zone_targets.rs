//! The list that zones go to.

use argus_m365::{
    capabilities::sharepoint::{
        LANE,
        request::{FieldRequest, TargetRequest},
        target::{Column, ColumnType, Mapping, Retire, Target},
    },
    store::{Arrival, Kind, NewOperation, OperationKind, OperationState, StoreError, ZoneTarget},
};
use serde_json::json;

use crate::world::{World, arrival, connection, entry, now, scope};

fn column(name: &str, kind: ColumnType) -> Column {
    Column { name: name.into(), kind, indexed: true, unique: false }
}

fn target(connection_epoch: u64) -> ZoneTarget {
    let field = FieldRequest { zone_field: "name".into(), column: "Zone name".into() };
    ZoneTarget {
        connection_epoch,
        asked: TargetRequest {
            site: "acme.sharepoint.example:/sites/ops".into(),
            list: "Zones".into(),
            match_column: "Zone id".into(),
            match_field: "zoneId".into(),
            fields: vec![field],
            retire: Retire::Leave,
            retire_column: None,
        },
        target: Target {
            site_id: "acme.sharepoint.example,1,2".into(),
            list_id: "3".into(),
            match_field: "zoneId".into(),
            match_column: column("Zone_x0020_id", ColumnType::Text),
            fields: vec![Mapping { zone_field: "name".into(), column: column("Title", ColumnType::MultilineText) }],
            retire: Retire::Leave,
            retire_column: None,
        },
        warnings: vec!["the column is not unique".into()],
        set_at: now(5),
    }
}

fn publication(id: &str) -> NewOperation {
    NewOperation {
        id: id.into(),
        kind: OperationKind::PublishZones,
        dry_run: false,
        input: json!({}),
        requested_by: "user:kim".into(),
        trace: None,
    }
}

pub(crate) async fn another_target_makes_every_zone_due_and_queues_its_publication(world: &World) {
    let acme = world.connect("acme").await;
    let epoch = world.store.connection(&acme).await.unwrap().unwrap().epoch;
    let set = async |target: ZoneTarget, id: &str| {
        world.store.set_zone_target(&acme, target, publication(id), entry("zone-target.set")).await.unwrap()
    };
    assert!(!set(target(epoch), "p-1").await, "no zone is kept");
    let zone = |key: &str| Arrival { kind: Kind::Zone, target: LANE.into(), ..arrival(&acme, key, 1, LANE) };
    world.store.take_in(now(1), vec![zone("Z-1"), zone("Z-2"), zone("Z-3")], vec![]).await.unwrap();
    let states = "UPDATE wanted SET state = 'settled', settled_event_version = 1, settled_mutation = 0, due_at = NULL WHERE key = 'Z-1'; \
        UPDATE wanted SET state = 'dead', due_at = NULL WHERE key = 'Z-2'; \
        UPDATE wanted SET lease_until = 9999999999999999, due_at = 9999999999999999, lease_owner = 'w' WHERE key = 'Z-3'";
    world.raw.run(states).await.unwrap();
    let same = ZoneTarget { set_at: now(8), warnings: vec![], ..target(epoch) };
    assert!(!set(same, "p-2").await, "it is the same list with the same columns");
    let due = "SELECT CAST(COUNT(*) AS TEXT) FROM wanted WHERE state = 'pending' AND (due_at IS NOT NULL) AND kind = 'zone'";
    assert_eq!(world.raw.texts(due).await, ["1"], "where a zone stands is not touched");
    let mut other = ZoneTarget { set_at: now(9), ..target(epoch) };
    other.target.list_id = "4".into();
    assert!(set(other, "p-3").await);
    assert_eq!(world.raw.texts(due).await, ["3"]);
    let overtaken = world.raw.texts("SELECT key FROM wanted WHERE overtaken = 1").await;
    assert_eq!(overtaken, ["Z-3"], "who works on it now works for the list before");
    assert_eq!(world.store.operation(&acme, "p-2").await.unwrap(), None);
    let queued = world.store.operation(&acme, "p-3").await.unwrap().unwrap();
    assert_eq!((queued.state, queued.requested_at), (OperationState::Queued, now(9)));
}

pub(crate) async fn a_zone_target_is_kept_replaced_and_removed(world: &World) {
    let acme = world.connect("acme").await;
    assert_eq!(world.store.zone_target(&acme).await.unwrap(), None);
    let epoch = world.store.connection(&acme).await.unwrap().unwrap().epoch;
    world.store.set_zone_target(&acme, target(epoch), publication("p-1"), entry("zone-target.set")).await.unwrap();
    assert_eq!(world.store.zone_target(&acme).await.unwrap(), Some(target(epoch)));
    let other = ZoneTarget { warnings: Vec::new(), set_at: now(6), ..target(epoch) };
    world.store.set_zone_target(&acme, other.clone(), publication("p-1"), entry("zone-target.set")).await.unwrap();
    assert_eq!(world.store.zone_target(&acme).await.unwrap(), Some(other));
    assert_eq!(world.store.zone_target(&scope("beta")).await.unwrap(), None);
    assert!(!world.store.remove_zone_target(&scope("beta"), entry("zone-target.set")).await.unwrap());
    assert!(world.store.remove_zone_target(&acme, entry("zone-target.set")).await.unwrap());
    assert!(!world.store.remove_zone_target(&acme, entry("zone-target.set")).await.unwrap());
    assert_eq!(world.store.zone_target(&acme).await.unwrap(), None);
    assert_eq!(world.actions(&acme).await.len(), 3, "what changed nothing left no entry");
}

pub(crate) async fn another_directory_makes_a_zone_target_meaningless(world: &World) {
    let acme = scope("acme");
    let early = world.store.set_zone_target(&acme, target(1), publication("p-1"), entry("zone-target.set")).await;
    assert!(matches!(early, Err(StoreError::Conflict { .. })), "{early:?}");
    world.store.put_connection(&acme, None, connection(1, 1), vec![], vec![]).await.unwrap();
    world.store.set_zone_target(&acme, target(1), publication("p-1"), entry("zone-target.set")).await.unwrap();
    world.store.put_connection(&acme, Some(1), connection(1, 2), vec![], vec![]).await.unwrap();
    assert!(world.store.zone_target(&acme).await.unwrap().is_some(), "a new secret is the same directory");
    world.store.put_connection(&acme, Some(2), connection(2, 3), vec![], vec![]).await.unwrap();
    assert_eq!(world.store.zone_target(&acme).await.unwrap(), None);
    let late = world.store.set_zone_target(&acme, target(1), publication("p-1"), entry("zone-target.set")).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "resolved in the directory before: {late:?}");
    assert_eq!(world.actions(&acme).await, ["zone-target.set"]);
}

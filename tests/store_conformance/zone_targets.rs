//! The list that zones go to.

use argus_m365::{
    capabilities::sharepoint::{
        request::{FieldRequest, TargetRequest},
        target::{Column, ColumnType, Mapping, Retire, Target},
    },
    store::{StoreError, ZoneTarget},
};

use crate::world::{World, connection, entry, now, scope};

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

pub(crate) async fn a_zone_target_is_kept_replaced_and_removed(world: &World) {
    let acme = world.connect("acme").await;
    assert_eq!(world.store.zone_target(&acme).await.unwrap(), None);
    let epoch = world.store.connection(&acme).await.unwrap().unwrap().epoch;
    world.store.set_zone_target(&acme, target(epoch), entry("zone-target.set")).await.unwrap();
    assert_eq!(world.store.zone_target(&acme).await.unwrap(), Some(target(epoch)));
    let other = ZoneTarget { warnings: Vec::new(), set_at: now(6), ..target(epoch) };
    world.store.set_zone_target(&acme, other.clone(), entry("zone-target.set")).await.unwrap();
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
    let early = world.store.set_zone_target(&acme, target(1), entry("zone-target.set")).await;
    assert!(matches!(early, Err(StoreError::Conflict { .. })), "{early:?}");
    world.store.put_connection(&acme, None, connection(1, 1), vec![], vec![]).await.unwrap();
    world.store.set_zone_target(&acme, target(1), entry("zone-target.set")).await.unwrap();
    world.store.put_connection(&acme, Some(1), connection(1, 2), vec![], vec![]).await.unwrap();
    assert!(world.store.zone_target(&acme).await.unwrap().is_some(), "a new secret is the same directory");
    world.store.put_connection(&acme, Some(2), connection(2, 3), vec![], vec![]).await.unwrap();
    assert_eq!(world.store.zone_target(&acme).await.unwrap(), None);
    let late = world.store.set_zone_target(&acme, target(1), entry("zone-target.set")).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "resolved in the directory before: {late:?}");
    assert_eq!(world.actions(&acme).await, ["zone-target.set"]);
}

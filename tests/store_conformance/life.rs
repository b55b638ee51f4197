//! Opening, migrating, closing.

use std::collections::BTreeSet;

use argus_m365::store::{Store, StoreError};

use crate::world::{Raw, World, arrival, now, scope, version};

pub(crate) async fn migrating_again_is_harmless(world: &World) {
    world.want(&scope("acme"), "1", 1, "mara", 0).await;
    let replicas = [Store::open(&world.owner_url).await.unwrap(), Store::open(&world.owner_url).await.unwrap()];
    let both = futures_util::future::join(replicas[0].migrate(), replicas[1].migrate()).await;
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    world.store.check().await.unwrap();
    for replica in replicas {
        replica.check().await.unwrap();
        replica.close().await;
    }
    assert_eq!(world.task(&scope("acme"), "1").await.version, version(1));
}

async fn columns(raw: &Raw) -> BTreeSet<String> {
    let text = match raw {
        Raw::Sqlite(_) => {
            "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' \
             AND t.name NOT LIKE 'sqlite_%' AND t.name <> '_sqlx_migrations'"
        }
        Raw::Postgres(_) => {
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' \
             AND table_name <> '_sqlx_migrations'"
        }
    };
    raw.texts(text).await.into_iter().collect()
}

pub(crate) async fn both_stores_have_the_same_tables_and_columns(world: &World) {
    let sqlite = World::sqlite().await;
    let (here, there) = (columns(&world.raw).await, columns(&sqlite.raw).await);
    assert!(here.len() > 100, "{here:?}");
    assert_eq!(here, there);
    sqlite.store.close().await;
}

pub(crate) async fn what_was_committed_is_there_after_reopening(world: &World) {
    let acme = scope("acme");
    world.want(&acme, "1", 4, "mara", 0).await;
    world.store.close().await;
    let reopened = Store::open(&world.url).await.unwrap();
    let task = reopened.object(&acme, argus_m365::store::Kind::Task, "1").await.unwrap().unwrap();
    assert_eq!(task.version, version(4));
    reopened.close().await;
}

pub(crate) async fn a_closed_store_refuses_work(world: &World) {
    let acme = scope("acme");
    world.store.close().await;
    let taken = world.store.take_in(now(0), vec![arrival(&acme, "1", 1, "mara")], vec![]).await;
    assert!(matches!(taken, Err(StoreError::Unavailable { .. })));
    assert!(matches!(world.store.check().await, Err(StoreError::Unavailable { .. })));
}

pub(crate) async fn the_check_notices_a_missing_schema(world: &World) {
    world.store.check().await.unwrap();
    world.raw.run("DELETE FROM _sqlx_migrations WHERE version > 1").await.unwrap();
    assert!(matches!(world.store.check().await, Err(StoreError::Unreadable { .. })));
}

//! Warnings of a credential's end.

use argus_m365::store::ConnectionRow;

use crate::world::{World, connection, entry, now, outgoing, scope};

const LAST: u64 = 1;

pub(crate) async fn a_threshold_is_written_down_once_and_only_nearer_ones_after_it(world: &World) {
    let acme = world.connect("acme").await;
    let ending = async || world.store.ending_credentials(&world.worker, now(2_000_000), LAST).await.unwrap();
    assert!(world.store.ending_credentials(&world.worker, now(999_999), LAST).await.unwrap().is_empty(), "it ends later");
    let first = ending().await.remove(0);
    assert_eq!((&first.scope, first.secret_version, first.ends, first.warned_days), (&acme, 1, now(1_000_000), None));
    let warn = async |days, event: &str| world.store.warn_of_end(&first, days, entry("warned"), outgoing(event)).await.unwrap();
    let at_once = futures_util::future::join_all((0..5).map(|_| warn(14, "e-14"))).await;
    assert_eq!(at_once.into_iter().filter(|won| *won).count(), 1);
    assert!(!warn(30, "e-30").await, "one that is over");
    assert!(warn(7, "e-7").await);
    assert_eq!(ending().await[0].warned_days, Some(7));
    assert!(warn(LAST, "e-1").await);
    assert!(ending().await.is_empty(), "there is nothing more to say");
    assert_eq!(world.published().await, ["e-14", "e-7", "e-1"]);
    assert_eq!(world.actions(&acme).await.len(), 3);
}

pub(crate) async fn another_credential_is_warned_of_anew_and_the_old_one_no_more(world: &World) {
    let acme = world.connect("acme").await;
    let old = world.store.ending_credentials(&world.worker, now(2_000_000), LAST).await.unwrap().remove(0);
    assert!(world.store.warn_of_end(&old, 7, entry("warned"), outgoing("e-1")).await.unwrap());
    let row = ConnectionRow { updated_at: now(10), ..connection(1, 2) };
    world.store.put_connection(&acme, Some(1), row, vec![], vec![]).await.unwrap();
    assert!(!world.store.warn_of_end(&old, LAST, entry("warned"), outgoing("e-2")).await.unwrap());
    let new = world.store.ending_credentials(&world.worker, now(2_000_000), LAST).await.unwrap();
    assert_eq!(new.iter().map(|new| (new.secret_version, new.warned_days)).collect::<Vec<_>>(), [(2, None)]);
    // A connection without a known end is nothing to warn of.
    let endless = ConnectionRow { secret_expires_at: None, ..connection(1, 1) };
    world.store.put_connection(&scope("globex"), None, endless, vec![], vec![]).await.unwrap();
    assert_eq!(world.store.ending_credentials(&world.worker, now(2_000_000), LAST).await.unwrap().len(), 1);
}

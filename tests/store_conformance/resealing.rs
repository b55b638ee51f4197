//! Moving what is sealed under another key, while it is in use.

use argus_m365::store::{ConnectionRow, Rewrapped};

use crate::{
    teams_account::{sealed, signed_in, turn},
    world::{World, connection, entry, now},
};

pub(crate) async fn a_connection_is_re_sealed_only_as_it_was_read(world: &World) {
    let acme = world.connect("acme").await;
    let left = async || world.store.connections_under_another_key(&world.worker, "key-2027", 10).await.unwrap();
    assert_eq!(left().await, std::slice::from_ref(&acme));
    let rewrap = async |version, old: &str, new: &str| {
        world.store.rewrap_connection(&acme, version, old, new, b"re-sealed".to_vec(), entry("keys.rotated")).await.unwrap()
    };
    // A secret registered meanwhile is sealed under the newest key, by a data key of its own.
    let row = ConnectionRow { key_id: "key-2027".into(), updated_at: now(10), ..connection(1, 2) };
    world.store.put_connection(&acme, Some(1), row.clone(), vec![], vec![]).await.unwrap();
    assert!(!rewrap(1, "key-2026", "key-2027").await, "another secret");
    assert!(!rewrap(2, "key-2026", "key-2027").await, "another key");
    assert_eq!(world.store.connection(&acme).await.unwrap().unwrap().sealed_data_key, row.sealed_data_key);
    assert!(left().await.is_empty() && world.actions(&acme).await.is_empty(), "nothing is told of what was not done");
    assert!(rewrap(2, "key-2027", "key-2028").await);
    let row = world.store.connection(&acme).await.unwrap().unwrap();
    assert_eq!((row.key_id.as_str(), row.sealed_data_key.as_slice()), ("key-2028", &b"re-sealed"[..]));
    assert_eq!(world.actions(&acme).await, ["keys.rotated"]);
}

pub(crate) async fn a_refresh_token_is_re_sealed_only_as_it_was_read(world: &World) {
    let acme = signed_in(world).await;
    let told = world.actions(&acme).await.len();
    let rewrap = async |version| {
        let (old_key, new_key, data_key) = ("key-2026".into(), "key-2027".into(), b"re-sealed".to_vec());
        let new = Rewrapped { account: true, record: "a".into(), version, old_key, new_key, data_key };
        world.store.rewrap_teams_account(&acme, new, entry("keys.rotated")).await.unwrap()
    };
    assert!(world.store.take_refresh_turn(&acme, &turn(1, "one"), now(10), now(70)).await.unwrap());
    assert!(world.store.rotate_teams_account(&acme, &turn(1, "one"), sealed("refresh-2"), now(11)).await.unwrap());
    assert!(!rewrap(1).await, "another token by now");
    assert_eq!(world.store.teams_account(&acme).await.unwrap().unwrap().token, sealed("refresh-2"));
    assert!(rewrap(2).await);
    assert_eq!(world.store.teams_account(&acme).await.unwrap().unwrap().token.key_id, "key-2027");
    assert_eq!(world.actions(&acme).await.len(), told + 1);
}

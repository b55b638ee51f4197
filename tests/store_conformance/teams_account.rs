//! The account that posts to Teams: turns to refresh it, its loss, and sign-ins that wait.

use argus_m365::{
    organisation::OrgScope,
    store::{DuePoll, RefreshTurn, SealedToken, TeamsAccountRow, TeamsSignInRow},
};
use chrono::TimeDelta;

use crate::world::{World, connection, entry, now, outgoing, scope};

pub(crate) fn sealed(value: &str) -> SealedToken {
    SealedToken { key_id: "key-2026".into(), data_key: b"wrapped".to_vec(), value: value.into() }
}

fn sign_in(id: &str) -> TeamsSignInRow {
    TeamsSignInRow {
        sign_in_id: id.into(),
        epoch: 1,
        code: sealed("code"),
        actor: "user:ann".into(),
        correlation_id: Some("c".into()),
        pause: TimeDelta::seconds(5),
        poll_at: Some(now(5)),
        expires_at: now(900),
        failure: None,
        started_at: now(0),
    }
}

fn account(id: &str) -> TeamsAccountRow {
    TeamsAccountRow {
        account_id: id.into(),
        epoch: 1,
        token_version: 1,
        user_principal_name: Some("alerts@acme.example".into()),
        lost: None,
        token: sealed("refresh-1"),
        signed_in_at: now(6),
    }
}

fn due(scope: &OrgScope, id: &str) -> DuePoll {
    DuePoll { scope: scope.clone(), sign_in_id: id.into(), poll_at: now(5) }
}

pub(crate) fn turn(version: u64, owner: &str) -> RefreshTurn {
    RefreshTurn { account_id: "a".into(), token_version: version, owner: owner.into() }
}

pub(crate) async fn signed_in(world: &World) -> OrgScope {
    let acme = scope("acme");
    world.store.put_teams_sign_in(&acme, sign_in("a"), entry("started")).await.unwrap();
    assert!(world.store.complete_teams_sign_in(&due(&acme, "a"), account("a"), entry("signed-in")).await.unwrap());
    acme
}

pub(crate) async fn one_replica_at_a_time_asks_for_the_next_token(world: &World) {
    let acme = signed_in(world).await;
    let (one, two) = (turn(1, "one"), turn(1, "two"));
    let take = async |turn, at| world.store.take_refresh_turn(&acme, turn, now(at), now(at + 60)).await.unwrap();
    assert!(take(&one, 10).await);
    assert!(!take(&two, 11).await, "the turn is taken");
    assert!(take(&two, 71).await, "a turn ends by itself");
    assert!(!world.store.rotate_teams_account(&acme, &one, sealed("late"), now(72)).await.unwrap(), "and is lost then");
    world.store.give_refresh_turn_back(&acme, &two).await.unwrap();
    assert!(take(&one, 73).await, "or is given back");
}

pub(crate) async fn a_token_that_is_rotated_late_is_refused(world: &World) {
    let acme = signed_in(world).await;
    let one = turn(1, "one");
    assert!(world.store.take_refresh_turn(&acme, &one, now(10), now(70)).await.unwrap());
    assert!(world.store.rotate_teams_account(&acme, &one, sealed("refresh-2"), now(11)).await.unwrap());
    let row = world.store.teams_account(&acme).await.unwrap().unwrap();
    assert_eq!((row.token_version, row.token), (2, sealed("refresh-2")));
    assert!(!world.store.rotate_teams_account(&acme, &one, sealed("again"), now(12)).await.unwrap());
    assert!(!world.store.take_refresh_turn(&acme, &turn(1, "two"), now(12), now(72)).await.unwrap(), "of an old version");
}

pub(crate) async fn a_lost_account_keeps_no_token(world: &World) {
    let acme = signed_in(world).await;
    let row = world.store.teams_account(&acme).await.unwrap().unwrap();
    let lose = async || {
        let why = ("the password was changed".to_owned(), now(20));
        world.store.lose_teams_account(&acme, &row, why, entry("lost"), outgoing("lost")).await.unwrap()
    };
    assert!(lose().await);
    assert!(!lose().await, "once");
    let kept = world.store.teams_account(&acme).await.unwrap().unwrap();
    assert_eq!((kept.lost.as_deref(), kept.token), (Some("the password was changed"), SealedToken::default()));
    assert_eq!(world.store.teams_accounts(&world.worker).await.unwrap(), [(acme.clone(), false)]);
    assert!(world.store.key_ids_in_use(&world.worker).await.unwrap().is_empty());
    assert_eq!(world.published().await, ["lost"]);
}

pub(crate) async fn a_sign_in_is_asked_about_by_one_replica_and_ends_once(world: &World) {
    let acme = scope("acme");
    world.store.put_teams_sign_in(&acme, sign_in("a"), entry("started")).await.unwrap();
    assert!(world.store.due_sign_in_polls(&world.worker, now(4)).await.unwrap().is_empty());
    let polls = world.store.due_sign_in_polls(&world.worker, now(5)).await.unwrap();
    assert_eq!(polls.len(), 1);
    let at_once = (0..5).map(|_| world.store.take_sign_in_poll(&polls[0], now(10)));
    let taken = futures_util::future::join_all(at_once).await.into_iter().filter(|taken| matches!(taken, Ok(true))).count();
    assert_eq!(taken, 1);
    let failed = async || world.store.fail_teams_sign_in(&polls[0], "declined".into(), entry("failed")).await.unwrap();
    assert!(failed().await);
    assert!(!failed().await);
    assert!(!world.store.complete_teams_sign_in(&polls[0], account("a"), entry("x")).await.unwrap());
    let row = world.store.teams_sign_in(&acme).await.unwrap().unwrap();
    assert_eq!((row.failure.as_deref(), row.poll_at, row.code), (Some("declined"), None, SealedToken::default()));
    assert!(world.store.teams_account(&acme).await.unwrap().is_none());
    assert_eq!(world.actions(&acme).await, ["started", "failed"]);
}

pub(crate) async fn an_account_goes_with_its_connection_and_is_nobody_elses(world: &World) {
    let acme = signed_in(world).await;
    let other = scope("other");
    assert!(world.store.teams_account(&other).await.unwrap().is_none());
    assert!(!world.store.remove_teams_account(&other, entry("x")).await.unwrap());
    world.store.put_connection(&acme, None, connection(1, 1), vec![], vec![]).await.unwrap();
    world.store.put_teams_sign_in(&acme, sign_in("b"), entry("started")).await.unwrap();
    assert!(world.store.remove_connection(&acme, vec![entry("connection.removed")]).await.unwrap());
    assert!(world.store.teams_account(&acme).await.unwrap().is_none());
    assert!(world.store.teams_sign_in(&acme).await.unwrap().is_none());
}

//! How a process ends, and how soon a killed one's work goes on, with the default lease of a minute.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Connector, Store, World, eventually, eventually_within};

const NIAMH: &str = "niamh@acme-water.example";
/// How soon after its death everything that a process had in hand must go on.
const BACK_AT_WORK: Duration = Duration::from_secs(15);
/// More than the leases that one mailbox may have.
const TASKS: usize = 8;

/// How long a call hangs. It takes effect then, whether or not its caller still lives, and takes up its mailbox's room until then.
const HANGS: Duration = Duration::from_secs(7);

async fn publish(world: &World, task: &str) {
    let event = json!({
        "specversion": "1.0", "id": task, "source": "/tests", "type": "argus.task.scheduled.v1", "time": "2026-11-23T09:00:00Z",
        "data": {
            "taskId": task, "version": 1, "title": task,
            "window": { "start": "2026-11-25T08:00:00", "end": "2026-11-25T08:45:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": NIAMH },
        },
    });
    world.publish("argus.acme.task.scheduled", &event).await;
}

/// Has as many tasks under lease as one mailbox may have, their calls hanging, and as many again behind them.
async fn hands_full(world: &World, connector: &Connector) {
    world
        .simulator
        .fault(json!({ "path": "/v1.0/users/", "when": "before", "delayMs": u64::try_from(HANGS.as_millis()).unwrap() }))
        .await;
    for number in 0..TASKS {
        publish(world, &format!("task-{number}")).await;
    }
    eventually("every event is taken", async || (world.untaken().await == 0).then_some(())).await;
    eventually("four calls hang", async || {
        let query = "{ tasks(state: PENDING) { nodes { attempts } } }";
        let tasks = connector.data(query, Value::Null).await["tasks"]["nodes"].take();
        let begun = tasks.as_array().unwrap().iter().filter(|task| task["attempts"] == 1).count();
        (begun == 4).then_some(())
    })
    .await;
}

async fn all_settle(connector: &Connector, died: Instant) {
    eventually_within(
        BACK_AT_WORK.saturating_sub(died.elapsed()),
        "all that it had in hand, and what waited behind",
        async || {
            let settled = connector.data("{ tasks(state: SETTLED) { totalCount } }", Value::Null).await;
            (settled["tasks"]["totalCount"] == TASKS).then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn what_a_killed_process_had_in_hand_is_taken_up_by_the_next_one_within_fifteen_seconds() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        hands_full(&world, &connector).await;
        connector.kill();
        let died = Instant::now();
        world.simulator.heal().await;
        let connector = world.connector(&[]).await;
        all_settle(&connector, died).await;
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn what_a_killed_replica_had_in_hand_is_taken_up_by_another_within_fifteen_seconds() {
    if !Store::available().contains(&Store::Postgres) {
        return;
    }
    let world = World::start(Store::Postgres).await;
    let connector = world.connector(&[]).await;
    connector.register().await;
    hands_full(&world, &connector).await;
    let other = world.connector(&[]).await;
    connector.kill();
    let died = Instant::now();
    world.simulator.heal().await;
    all_settle(&other, died).await;
    world.finish(other).await;
}

#[tokio::test]
async fn a_process_frozen_until_others_took_it_for_dead_acts_on_nothing_it_believed_before() {
    if !Store::available().contains(&Store::Postgres) {
        return;
    }
    let world = World::start(Store::Postgres).await;
    let frozen = world.connector(&[]).await;
    frozen.register().await;
    hands_full(&world, &frozen).await;
    let other = world.connector(&[]).await;
    frozen.signal("STOP");
    let died = Instant::now();
    world.simulator.heal().await;
    all_settle(&other, died).await;
    frozen.signal("CONT");
    // Its calls are over by now, one way or the other; it tells what came of them, and everything is looked at again.
    frozen.stop().await;
    other.nothing_left().await;
    let state = world.simulator.state().await;
    let mailboxes = state["mailboxes"].as_array().into_iter().flatten();
    let events = mailboxes.flat_map(|mailbox| mailbox["events"].as_array().into_iter().flatten());
    assert_eq!(events.count(), TASKS, "each stands once");
    world.finish(other).await;
}

#[tokio::test]
async fn a_process_told_to_stop_is_not_ready_first_takes_nothing_more_and_finishes_what_it_has_in_hand() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        hands_full(&world, &connector).await;
        let told = Instant::now();
        connector.signal("TERM");
        let ready = format!("{}/readyz", connector.url);
        eventually("it is not ready", async || {
            let answer = world.http.get(&ready).send().await.ok()?;
            (answer.status() == 503).then_some(())
        })
        .await;
        // While its calls still hang, which begin to be answered after seven seconds.
        assert!(told.elapsed() < HANGS, "not ready at once, not once it has finished");
        publish(&world, "too-late").await;
        assert_eq!(settled(&connector).await, 0, "it still answers");
        world.simulator.heal().await;
        connector.ends().await;
        assert!(told.elapsed() < Duration::from_secs(25), "it took {:?}", told.elapsed());
        let state = world.simulator.state().await;
        let mailboxes = state["mailboxes"].as_array().into_iter().flatten();
        let made = mailboxes.map(|mailbox| mailbox["events"].as_array().map_or(0, Vec::len)).sum::<usize>();
        assert_eq!(made, 4, "what it had in hand, and nothing besides");
        assert_eq!(world.untaken().await, 1, "what came later waits in the stream");
        // Nothing is under lease: its successor goes on at once, without a look at what stands.
        let connector = world.connector(&[]).await;
        connector.settled("too-late", 1).await;
        eventually("the rest", async || (settled(&connector).await == TASKS + 1).then_some(())).await;
        let looks = world.simulator.counts().await["listEvents 200"].clone();
        assert_eq!(looks, Value::Null, "no lease was left to run out");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_process_told_to_stop_while_calls_never_end_goes_in_time_and_its_successor_finds_out_what_became_of_them() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        // Every creation is made, and its answer never comes.
        world.simulator.fault(json!({ "method": "POST", "path": "/v1.0/users/", "when": "after", "effect": "stall" })).await;
        for number in 0..TASKS {
            publish(&world, &format!("task-{number}")).await;
        }
        eventually("four calls hang", async || (world.simulator.struck().await == 4).then_some(())).await;
        let told = Instant::now();
        connector.signal("TERM");
        let log = connector.log.clone();
        connector.ends().await;
        let log = || std::fs::read_to_string(&log).unwrap();
        assert!(told.elapsed() < Duration::from_secs(25), "it took {:?}: {}", told.elapsed(), log());
        world.simulator.heal().await;
        let connector = world.connector(&[]).await;
        all_settle(&connector, Instant::now()).await;
        let state = world.simulator.state().await;
        let mailboxes = state["mailboxes"].as_array().into_iter().flatten();
        let (made, live) = mailboxes.fold((0, 0), |(made, live), mailbox| {
            (made + mailbox["made"].as_u64().unwrap(), live + mailbox["events"].as_array().map_or(0, Vec::len))
        });
        assert_eq!((made, live), (TASKS as u64, TASKS), "each was made once");
        world.finish(connector).await;
    }
}

async fn settled(connector: &Connector) -> usize {
    let settled = connector.data("{ tasks(state: SETTLED) { totalCount } }", Value::Null).await;
    usize::try_from(settled["tasks"]["totalCount"].as_u64().unwrap()).unwrap()
}

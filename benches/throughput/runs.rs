//! What is measured.

use std::time::{Duration, Instant};

use crate::{
    process::used,
    scene::{Scene, settled},
    support::{Store, eventually_within},
    table::Line,
};

/// Events taken in when nothing is delivered.
const INTAKE: u32 = 20_000;
/// Tasks delivered in one run, and over how many mailboxes.
const TASKS: u32 = 5_000;
const MAILBOXES: u32 = 500;
/// The crowded run: so many tasks for so few mailboxes.
const CROWD: u32 = 500;
const FEW: u32 = 5;
/// Calls that Exchange allows at once for one mailbox.
const PER_MAILBOX: u32 = 4;
/// The connector's default `delivery.concurrency`.
const CONCURRENCY: u32 = 256;
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// JetStream to committed: no connection is registered, so nothing is delivered. From the first acknowledged event to the last.
pub(crate) async fn intake(store: Store) -> Line {
    let scene = Scene::new(store, 1, Duration::ZERO).await;
    scene.prepare(false).await;
    scene.publish(INTAKE, 1).await;
    let connector = scene.world.connector(&[]).await;
    let first = untaken(&scene).await;
    let started = Instant::now();
    eventually_within(PATIENCE, "all events are taken", async || (untaken(&scene).await == 0).then_some(())).await;
    let rate = per_second(first, started.elapsed());
    let used = used(connector.process_id());
    connector.stop().await;
    scene.world.abandon().await;
    let target = if store == Store::Sqlite { "10,000/s".to_owned() } else { String::new() };
    let reached = (store == Store::Sqlite).then_some(rate >= 10_000.0);
    Line {
        what: format!("intake alone, {store:?}"),
        target,
        measured: format!("{rate:.0}/s"),
        reached,
        used: Some((used, INTAKE)),
    }
}

/// From the worker's start, with every event waiting in the stream, until every visit stands and is written down so.
pub(crate) async fn end_to_end(store: Store, latency: Duration) -> Line {
    let scene = Scene::new(store, MAILBOXES, latency).await;
    scene.prepare(true).await;
    scene.publish(TASKS, MAILBOXES).await;
    let started = Instant::now();
    let connector = scene.world.connector(&[]).await;
    let took = all_settled(&scene, &connector, TASKS, started).await;
    let used = used(connector.process_id());
    scene.world.finish(connector).await;
    let rate = per_second(u64::from(TASKS), took);
    let cpu = used.cpu.as_secs_f64() * 1_000.0 / f64::from(TASKS);
    let what = format!("{TASKS} tasks, {MAILBOXES} mailboxes, {} ms, {store:?}", latency.as_millis());
    let (target, measured, reached) = if latency.is_zero() {
        ("4,000/s, CPU 0.10, 60 MiB".to_owned(), format!("{rate:.0}/s"), rate >= 4_000.0 && cpu <= 0.1 && used.peak_mib < 60.0)
    } else {
        let ideal = f64::from(TASKS) * latency.as_secs_f64() / f64::from(CONCURRENCY);
        let share = ideal / took.as_secs_f64() * 100.0;
        let measured = format!("{rate:.0}/s, {:.2} s = {share:.0} % of ideal {ideal:.2} s", took.as_secs_f64());
        ("2,000/s, 95 % of ideal".to_owned(), measured, rate >= 2_000.0 && share >= 95.0)
    };
    Line { what, target, measured, reached: Some(reached), used: Some((used, TASKS)) }
}

/// Many tasks for few mailboxes: the floor is what the calls allowed at once take, and no call may be one too many.
pub(crate) async fn crowded(latency: Duration) -> Line {
    let scene = Scene::new(Store::Sqlite, FEW, latency).await;
    scene.prepare(true).await;
    scene.publish(CROWD, FEW).await;
    let started = Instant::now();
    let connector = scene.world.connector(&[]).await;
    let took = all_settled(&scene, &connector, CROWD, started).await;
    let (used, refused) = (used(connector.process_id()), scene.answers(" 429").await);
    scene.world.finish(connector).await;
    let floor = f64::from(CROWD) / f64::from(FEW * PER_MAILBOX) * latency.as_secs_f64();
    Line {
        what: format!("{CROWD} tasks, {FEW} mailboxes, {} ms", latency.as_millis()),
        target: format!("{:.1} s (floor {floor:.1}), no 429", floor * 1.2),
        measured: format!("{:.2} s, {refused} of 429", took.as_secs_f64()),
        reached: Some(took.as_secs_f64() <= floor * 1.2 && refused == 0),
        used: Some((used, CROWD)),
    }
}

/// `kill -9` in the middle of the work: until the next worker has settled something, and until all is settled.
pub(crate) async fn killed(latency: Duration) -> Line {
    let scene = Scene::new(Store::Sqlite, MAILBOXES, latency).await;
    scene.prepare(true).await;
    scene.publish(TASKS, MAILBOXES).await;
    let connector = scene.world.connector(&[]).await;
    let middle = u64::from(TASKS / 3);
    eventually_within(PATIENCE, "a third stands", async || (scene.answers("createEvent 201").await >= middle).then_some(()))
        .await;
    connector.kill();
    let started = Instant::now();
    let connector = scene.world.connector(&[]).await;
    let before = settled(&connector).await;
    eventually_within(PATIENCE, "work goes on", async || (settled(&connector).await > before).then_some(())).await;
    let back = started.elapsed().as_secs_f64();
    let all = all_settled(&scene, &connector, TASKS, started).await.as_secs_f64();
    let twice = scene.answers("createEvent 201").await.saturating_sub(u64::from(TASKS));
    scene.world.finish(connector).await;
    Line {
        what: format!("back at work after kill -9, {} ms", latency.as_millis()),
        target: "15 s, none twice".to_owned(),
        measured: format!("{back:.1} s, all settled after {all:.1} s, {twice} twice"),
        reached: Some(back <= 15.0 && twice == 0),
        used: None,
    }
}

/// Asks the simulator first, so that the asking costs the worker nothing while it works.
pub(crate) async fn all_settled(scene: &Scene, connector: &crate::support::Connector, tasks: u32, started: Instant) -> Duration {
    let tasks = u64::from(tasks);
    let new = u64::from(TASKS).min(tasks);
    eventually_within(PATIENCE, "all visits stand", async || (scene.answers("createEvent 201").await >= new).then_some(())).await;
    eventually_within(PATIENCE, "all visits are settled", async || (settled(connector).await == tasks).then_some(())).await;
    started.elapsed()
}

pub(crate) async fn untaken(scene: &Scene) -> u64 {
    scene.world.untaken().await
}

pub(crate) fn per_second(events: u64, took: Duration) -> f64 {
    f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

//! A store that has been at work for a while: a million tasks that stand as wanted, beside those that are due.

use std::time::{Duration, Instant};

use argus_m365::store::{ClaimRequest, Kind, Shares, Store as Rows, WorkerScope};
use chrono::{TimeDelta, Utc};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::{
    process::used,
    runs::{all_settled, per_second},
    scene::Scene,
    support::Store,
    table::Line,
};

const SETTLED: u32 = 1_000_000;
const TASKS: u32 = 5_000;
const MAILBOXES: u32 = 500;
/// Claims that are timed, and objects in each.
const CLAIMS: u32 = 16;
const CLAIM: u32 = 256;

/// Rows as deliveries leave them (or intake, when due), without their events.
fn rows(count: u32, name: &str, due: bool) -> String {
    let (state, settled, due_at) = if due { ("pending", "NULL", "0") } else { ("settled", "1", "NULL") };
    format!(
        "INSERT INTO wanted (org, kind, key, event_version, mutation, digest, body, body_format, target, context, event_time, state, \
         settled_event_version, settled_mutation, generation, recheck, attempts, not_before, due_since, due_at, lease_epoch, \
         overtaken, reopen, has_letter, updated_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
         SELECT 'acme', 'task', '{name}-' || i, 1, 0, zeroblob(32), '{{\"pad\":\"' || hex(zeroblob(150)) || '\"}}', 1, \
         'worker-' || (i % {MAILBOXES}) || '@acme-water.example', \
         '{{\"id\":\"e\",\"source\":\"/bench\",\"time\":\"2026-11-23T09:00:00Z\"}}', 0, '{state}', {settled}, {settled}, 0, 0, 0, \
         0, 0, {due_at}, 0, 0, 0, 0, 0 FROM n"
    )
}

const CONNECTION: &str = "INSERT INTO connection (org, connection_id, epoch, secret_version, cloud, credential_kind, credential_hint, \
    key_id, sealed_data_key, sealed_directory_id, sealed_application_id, sealed_credential, state, registered_at, updated_at) \
    VALUES ('acme', 'c', 1, 1, 'GLOBAL', 'SECRET', 'x', 'k', x'', x'', x'', x'', 'active', 0, 0)";

#[expect(clippy::expect_used, reason = "a bench that cannot set the scene ends")]
async fn run(path: &str, text: String) {
    let mut conn = SqliteConnection::connect(path).await.expect("the store's file");
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut conn).await.expect("rows");
    conn.close().await.expect("closing");
}

/// How long a claim takes without and with settled rows beside those that are due.
#[expect(clippy::expect_used, reason = "a bench that cannot set the scene ends")]
pub(crate) async fn claims() -> Line {
    let folder = tempfile::tempdir().expect("a folder");
    let mut took = Vec::new();
    for settled in [0, SETTLED] {
        let url = format!("sqlite://{}", folder.path().join(format!("{settled}.db")).display());
        let store = Rows::open(&url).await.expect("a store");
        store.migrate().await.expect("its tables");
        run(&url, CONNECTION.to_owned()).await;
        if settled > 0 {
            run(&url, rows(settled, "settled", false)).await;
        }
        run(&url, rows(CLAIMS * CLAIM + CLAIM, "due", true)).await;
        took.push(one_claim(&store).await);
        store.close().await;
    }
    let [without, with] = [0, 1].map(|which| took.get(which).copied().unwrap_or_default().as_secs_f64() * 1_000.0);
    Line {
        what: format!("a claim of {CLAIM} beside {SETTLED} settled rows"),
        target: "as without them (1.2 times)".into(),
        measured: format!("{without:.1} ms without, {with:.1} ms with"),
        reached: Some(with <= without * 1.2),
        used: None,
    }
}

/// The median of several.
#[expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a bench that cannot set the scene ends; it has no clock of its own"
)]
async fn one_claim(store: &Rows) -> Duration {
    let worker = WorkerScope::for_loops();
    let mut took = Vec::new();
    // The first one makes the statements.
    for _ in 0..=CLAIMS {
        let now = Utc::now();
        let request = ClaimRequest {
            kinds: vec![Kind::Task],
            limit: CLAIM,
            per_target: 4_000,
            owner: "bench".into(),
            lease_until: now + TimeDelta::hours(1),
            shares: Shares::default(),
        };
        let started = Instant::now();
        let claims = store.claim(&worker, now, request).await.expect("a claim");
        took.push(started.elapsed());
        assert_eq!(claims.len(), CLAIM as usize, "a claim brought less than there is");
    }
    took.remove(0);
    took.sort();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

/// The usual delivery into a store with settled rows.
pub(crate) async fn delivery() -> Line {
    let scene = Scene::new(Store::Sqlite, MAILBOXES, Duration::ZERO).await;
    scene.prepare(true).await;
    run(&scene.world.store, rows(SETTLED, "settled", false)).await;
    scene.publish(TASKS, MAILBOXES).await;
    let started = Instant::now();
    let connector = scene.world.connector(&[]).await;
    let took = all_settled(&scene, &connector, SETTLED + TASKS, started).await;
    let used = used(connector.process_id());
    connector.stop().await;
    scene.world.abandon().await;
    Line {
        what: format!("{TASKS} tasks, 0 ms, beside {SETTLED} settled rows"),
        target: "60 MiB".into(),
        measured: format!("{:.0}/s", per_second(u64::from(TASKS), took)),
        reached: Some(used.peak_mib < 60.0),
        used: Some((used, TASKS)),
    }
}

//! Requests that ask for too much: how soon each is answered, and what memory that takes.

use std::time::Duration;

use crate::{
    attacks::{self, Attack, ask},
    process::used,
    support::{Store, World},
    table::Line,
};

/// Each form so often: its median counts, for the machine does other things, too.
const TRIES: usize = 9;
/// How soon each form is to be answered.
const BOUND: Duration = Duration::from_millis(100);
/// How much more memory the process may have held at its highest, MiB.
const MEMORY: f64 = 50.0;

/// Every form of the hardening tests, one after the other: the slowest of them, and how far the connector's memory rose.
pub(crate) async fn answered() -> Line {
    let world = World::start(Store::Sqlite).await;
    let connector = world.connector(&[]).await;
    ask(&connector, br#"{"query":"{ viewer { subject } }"}"#).await;
    let before = used(connector.process_id());
    let attacks = attacks::all();
    let mut slowest = (Duration::ZERO, "");
    for Attack { name, body, wanted } in &attacks {
        let mut times = Vec::with_capacity(TRIES);
        for _ in 0..TRIES {
            let (took, answer) = ask(&connector, body).await;
            assert_eq!(answer, *wanted, "{name}");
            times.push(took);
        }
        times.sort_unstable();
        slowest = slowest.max((times.get(TRIES / 2).copied().unwrap_or(Duration::MAX), name));
    }
    let after = used(connector.process_id());
    let grown = after.peak_mib - before.peak_mib;
    world.finish(connector).await;
    let (median, name) = slowest;
    let requests = u32::try_from(attacks.len() * TRIES).unwrap_or(u32::MAX);
    Line {
        what: format!("abuse of GraphQL, {} forms: the slowest ({name})", attacks.len()),
        target: format!("{} ms, +{MEMORY:.0} MiB", BOUND.as_millis()),
        measured: format!("{:.1} ms, +{grown:.1} MiB", median.as_secs_f64() * 1_000.0),
        reached: Some(median < BOUND && grown < MEMORY),
        used: Some((after, requests)),
    }
}

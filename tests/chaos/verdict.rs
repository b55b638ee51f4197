//! The judge: what the simulator remembers, held against what the stream acknowledged.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    early::{self, UnderWay},
    load::{Ledger, Visit},
    support::{Connector, Store, World},
};

/// How soon after the last fault everything must agree.
const PATIENCE: Duration = Duration::from_mins(1);
/// The reference that every event of ours carries.
const OURS: &str = "acme/task-";

/// A clean verdict: nothing lost, nothing twice, no call too early.
pub(crate) struct Verdict {
    /// From the end of the last fault to agreement.
    converged: Duration,
    /// Tasks judged.
    tasks: usize,
    /// Calls that arrived after a 429 and had left before their process could know of it.
    under_way: UnderWay,
}

/// Waits for agreement and judges; the error says what is wrong.
pub(crate) async fn of(world: &World, connector: &Connector, ledger: &Ledger) -> Result<Verdict, String> {
    let started = Instant::now();
    let stream = world.jetstream().await.get_stream("ARGUS").await.map_err(|error| error.to_string())?;
    loop {
        let consumer = stream.consumer_info("argus-m365").await.map_err(|error| error.to_string())?;
        let left = left(connector).await;
        let waiting = [consumer.num_pending, u64::try_from(consumer.num_ack_pending).unwrap(), left[0], left[1]];
        let differences = if waiting == [0; 4] {
            differences(world, ledger).await
        } else {
            vec![format!("[not taken, not acknowledged, pending, unknown]: {waiting:?}")]
        };
        if differences.is_empty() {
            break;
        }
        if started.elapsed() > PATIENCE {
            let letters = connector.data("{ deadLetters { totalCount nodes { code key message } } }", Value::Null).await;
            return Err(format!("no agreement within {PATIENCE:?}: {differences:?}; dead letters: {letters}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let converged = started.elapsed();
    let letters = connector.data("{ deadLetters { totalCount nodes { code key } } }", Value::Null).await;
    if letters["deadLetters"]["totalCount"] != 0 {
        return Err(format!("dead letters: {letters}"));
    }
    let state = world.simulator.state().await;
    let met = two_visits(&state);
    if !met.is_empty() {
        return Err(format!("two live events of one task at some time: {met:?}"));
    }
    let under_way = early::judge(&world.simulator.violations().await, world.folder.path())?;
    Ok(Verdict { converged, tasks: ledger.wanted.len(), under_way })
}

/// Companies of live events of one task in one mailbox in which more than one was a visit. The other thing that may stand there for a
/// moment is what a probe makes to learn what became of a creation: silent, in the past, without a word of the task.
pub(crate) fn two_visits(state: &Value) -> Vec<&Value> {
    let probe = json!({ "subject": "Argus", "start": "2000-01-01T00:00:00Z" });
    let visits = |company: &&Value| company.as_array().into_iter().flatten().filter(|event| **event != probe).count();
    let mailboxes = state["mailboxes"].as_array().into_iter().flatten();
    let copies = mailboxes.flat_map(|mailbox| mailbox["copies"].as_array().into_iter().flatten());
    let companies = copies.flat_map(|copies| copies["met"].as_array().into_iter().flatten());
    companies.filter(|company| visits(company) > 1).collect()
}

/// Tasks that wait: pending, and with an open outcome.
async fn left(connector: &Connector) -> [u64; 2] {
    let query = "{ pending: tasks(state: PENDING) { totalCount } unknown: tasks(state: UNKNOWN) { totalCount } }";
    let left = connector.data(query, Value::Null).await;
    ["pending", "unknown"].map(|state| left[state]["totalCount"].as_u64().unwrap())
}

/// What stands and should not, and what should stand and does not; a few of each.
async fn differences(world: &World, ledger: &Ledger) -> Vec<String> {
    let wanted: BTreeSet<_> = ledger.wanted.values().flatten().cloned().collect();
    let state = world.simulator.state().await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut standing = BTreeSet::new();
    let mut differences = Vec::new();
    for mailbox in state["mailboxes"].as_array().into_iter().flatten() {
        for event in mailbox["events"].as_array().into_iter().flatten() {
            if !event["extended"].as_array().into_iter().flatten().any(|pair| text(&pair[1]).starts_with(OURS)) {
                continue;
            }
            let body = text(&event["body"]);
            let line = body.lines().find(|line| line.starts_with("text of version")).unwrap_or_default().trim_end().to_owned();
            let visit = Visit {
                mailbox: text(&mailbox["userPrincipalName"]),
                subject: text(&event["subject"]),
                start: text(&event["start"]),
                line,
            };
            if !standing.insert(visit.clone()) {
                differences.push(format!("twice: {visit:?}"));
            }
        }
    }
    differences.extend(wanted.difference(&standing).take(3).map(|visit| format!("lost: {visit:?}")));
    differences.extend(standing.difference(&wanted).take(3).map(|visit| format!("stale: {visit:?}")));
    differences
}

impl Verdict {
    /// Prints the table's row, and appends it to the file that `ARGUS_CHAOS_TABLE` names.
    pub(crate) fn print(verdict: &Result<Self, String>, fault: &str, store: Store, count: usize, ledger: &Ledger, seed: u64) {
        let outcome = match verdict {
            Ok(Self { converged, tasks, under_way: UnderWay { calls, latest } }) => {
                let under_way = match (calls, latest) {
                    (0, _) => String::new(),
                    (_, None) => format!("; {calls} under way at a 429"),
                    (_, Some(latest)) => {
                        format!(
                            "; {calls} under way at a 429, the latest {} ms after another's commit",
                            latest.num_milliseconds()
                        )
                    }
                };
                format!(
                    "{tasks:>3} tasks right, 0 lost, 0 double, 0 stale, 0 early; agreed after {:>4.1} s{under_way}",
                    converged.as_secs_f64()
                )
            }
            Err(_) => "FAILED".to_owned(),
        };
        let store = format!("{store:?}");
        let mut row = String::new();
        let (events, repeated) = (ledger.acknowledged, ledger.repeated);
        writeln!(row, "| {fault:<42} | {store:<8} | {count:>5} | {events:>6} | {repeated:>4} | {outcome} | {seed} |")
            .expect("a text");
        print!("{row}");
        if let Some(file) = table() {
            let file = std::fs::File::options().create(true).append(true).open(file);
            file.expect("the table").write_all(row.as_bytes()).expect("the table");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is told through the environment where its table goes")]
fn table() -> Option<std::ffi::OsString> {
    std::env::var_os("ARGUS_CHAOS_TABLE")
}

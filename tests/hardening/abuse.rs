//! Queries that ask for too much: each is answered quickly and costs no memory that stays.

use std::time::Duration;

use crate::{
    attacks::{self, Answer, Attack, ask},
    support::{Store, World},
};

/// How long an answer may take. A busy machine may take longer once; the best of several tries may not. What is not optimised parses eight to
/// twenty times slower, so that there only work that grows faster than its cause is found.
const BOUND: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 100 });
const TRIES: usize = 7;
/// How much more memory the process may have held at its highest, kB.
const MEMORY: u64 = 50 * 1024;

/// The most memory that the process has held so far, kB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn what_asks_for_too_much_is_answered_at_once_and_takes_no_memory() {
    let world = World::start(Store::Sqlite).await;
    let connector = world.connector(&[]).await;
    let (ordinary, _) = ask(&connector, br#"{"query":"{ viewer { subject } }"}"#).await;
    let before = peak(connector.process_id());
    let attacks = attacks::all();
    assert!(attacks.len() >= 40, "{}", attacks.len());
    let (mut wrong, mut slowest) = (Vec::new(), (Duration::ZERO, ""));
    for Attack { name, body, wanted } in &attacks {
        let mut best = Duration::MAX;
        for _ in 0..TRIES {
            let (took, answer) = ask(&connector, body).await;
            if answer != *wanted {
                wrong.push(format!("{name}: {answer:?} where {wanted:?} was wanted"));
                break;
            }
            best = best.min(took);
            if best < BOUND / 2 {
                break;
            }
        }
        if best >= BOUND {
            wrong.push(format!("{name}: {best:?}"));
        }
        slowest = slowest.max((best, name));
    }
    let grown = peak(connector.process_id()) - before;
    println!("{} attacks; the slowest {slowest:?}, an ordinary query {ordinary:?}; memory + {grown} kB", attacks.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(grown < MEMORY, "memory + {grown} kB");
    // It still serves.
    assert_eq!(ask(&connector, br#"{"query":"{ viewer { subject } }"}"#).await.1, Answer::Data);
    world.finish(connector).await;
}

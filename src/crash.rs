//! Crash points: places between a commit, a call and an acknowledgement at which a test build can be told to die, as if by `kill -9`.
//!
//! `ARGUS_CRASH_AT=NAME:N` kills the process when it comes to that point for the N-th time. Only with the cargo feature `simulator`;
//! in the production image a point is nothing at all. `tests/chaos/` goes through every one of them.

/// Every point, in the order in which an event passes them.
pub const POINTS: &[&str] = &[
    "intake.before-commit",
    "intake.before-ack",
    "intake.after-ack",
    "intent.before-commit",
    "claim.after-commit",
    "call.before",
    "call.after",
    "outcome.before-commit",
    "outcome.after-commit",
    "outbox.before-publish",
    "outbox.before-forget",
    "outbox.after-forget",
];

/// Every point that an import of the directory passes.
pub const IMPORT_POINTS: &[&str] =
    &["import.begun", "import.page-staged", "import.read", "import.half-applied", "import.applied"];

/// Where a rotation of the master key may be cut short: after each of its steps.
pub const ROTATION_POINT: &str = "keys.rotate-step";

/// Dies here if told to.
#[cfg(feature = "simulator")]
pub(crate) fn point(name: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    #[expect(clippy::disallowed_methods, reason = "no setting of the product: it must not show in `config default`")]
    static ARMED: LazyLock<Option<(String, AtomicU64)>> = LazyLock::new(|| {
        let told = std::env::var("ARGUS_CRASH_AT").ok()?;
        let (name, times) = told.split_once(':')?;
        Some((name.to_owned(), AtomicU64::new(times.parse().ok()?)))
    });
    let Some((armed, left)) = &*ARMED else { return };
    if armed == name && left.fetch_sub(1, Ordering::Relaxed) == 1 {
        // Not `abort`: nothing may be flushed, and no core dump is wanted.
        let _unreachable = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(feature = "simulator"))]
pub(crate) fn point(_name: &str) {}

//! The proof with real processes: whatever is killed, frozen, cut or filled up, every task ends as it was wanted last, once.
//!
//! Each test sets a [`stage::Stage`] (broker, store, simulator, a publisher that never stops), plays one kind of fault many times,
//! and lets the simulator judge. `make test` plays the short form; `make chaos` the long one, and prints the table.
//! `ARGUS_CHAOS_SEED` repeats the choices of a run (the operating system's scheduling is chance of its own).

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a stage that cannot be set fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod dice;
mod early;
mod load;
mod microsoft;
mod postgres_server;
mod processes;
mod replica;
mod restore;
mod restored_attempt;
mod servers;
mod stage;
mod stores;
mod verdict;

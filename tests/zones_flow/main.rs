//! What must be right in an organisation's list, through the real binary against real servers, on every store.
//!
//! `long` holds the bars: run it by hand with `cargo nextest run --all-features --test zones_flow --run-ignored only --no-capture`.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

#[path = "../support/mod.rs"]
mod support;

mod command;
mod elsewhere;
mod following;
mod kills;
mod long;
mod matching;
mod retiring;
mod stage;
mod stories;
mod target;
mod trouble;
mod waits;

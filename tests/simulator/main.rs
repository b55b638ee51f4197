//! The tenant simulator, over HTTP as its callers meet it.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod batch;
mod calendar;
mod control;
mod delta;
mod directory;
mod duplicates;
mod faults;
mod identity;
mod sharepoint;
mod strictness;
mod support;
mod teams;
mod throttling;
mod traffic;

//! One event is one trace, and so is one operation: from whoever began it through our own work and the calls to Microsoft to the event that
//! goes out; and a collector that is away disturbs nobody.

#![expect(clippy::expect_used, reason = "a helper that cannot set the scene fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod asked;
mod collector;
mod event;
mod operations;
mod outages;

//! The tenant simulator, over HTTP as its callers meet it.

mod batch;
mod calendar;
mod control;
mod duplicates;
mod faults;
mod identity;
mod strictness;
mod support;
mod throttling;
mod traffic;

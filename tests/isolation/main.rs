//! Organisations that share a connector: every query and mutation × another organisation's real ids × tokens that are missing, wrong or not enough.
//! Made from the schema itself: a field or an argument that the table in `matrix` does not name fails the test.

#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the failure")]

mod matrix;
mod rows;
mod scene;
mod schema;
#[path = "../support/mod.rs"]
mod support;

//! The API as its callers meet it: over HTTP, with real tokens, and with memory where the store and Microsoft would be.

#![expect(clippy::unwrap_used, reason = "support code of tests: a failure is a failed test")]

mod backend;
mod bad_tokens;
mod directory;
mod http;
mod jwks;
mod keys;
mod limits;
mod permissions;
mod repeats;
mod schema;
mod subjects;
mod support;
mod tokens;

//! The client against a real server on loopback.

mod calls;
mod lost;
mod tokens;
mod waits;

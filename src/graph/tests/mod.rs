//! The client against a real server on loopback.

mod calls;
mod hostile;
mod lost;
mod tokens;
mod waits;

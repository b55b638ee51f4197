//! The proof by exhaustion: one task, two workers, a store and an Outlook in memory, and everything that can go wrong.
//!
//! What decides here is the real code: the calendar's decide, intend, perform and learn, the store's version rule, `Standing` and
//! suspicions, the reconciler's `begin`, `ending` and `Held`. Mirrored are only the two statements of SQL that take an event in and claim
//! a row ([`row`]), and the loop of `run.rs` cut into steps ([`world`]), so that anything may happen between two of them.
//!
//! | file | subject |
//! | --- | --- |
//! | [`scene`] | what a history plays in: the task's life, the manners of its Outlook, the mutant of the code |
//! | [`row`] | the store's row of the task |
//! | [`world`] | everything that changes, and the moves that change it |
//! | [`history`] | plays moves, judges how they end, and makes a failing history short |
//! | [`exhaustive`] | every order of a life, with every adversity at every step |
//! | [`random`] | seeded random histories, 10,000 or as many as `ARGUS_MODEL_HISTORIES` says |
//!
//! Not claimed, because no code can give it: a call that lands after a successor has settled the task, from a worker that dies before
//! its next record. It takes a process frozen between its last check and its call for longer than a lease, that dies within the one
//! round trip after it wakes. Nor a call that lands after a restore, of a process that only the lost database knew of: the operator waits
//! for `delivery.call_timeout` before that (`docs/operations.md`).

mod exhaustive;
mod history;
mod random;
mod row;
mod scene;
mod world;

//! Imports of the directory under every fault that has a name: each page wrong in each form, deltas that repeat themselves, links that
//! are refused, processes that die, directories that are exchanged. Nobody is ever disabled, and nobody loses a role, by what was not
//! whole; and what a delta makes of the directory is what a full read makes of it.
//!
//! | file | subject |
//! | --- | --- |
//! | `scene` | a tenant with people, groups in groups and a role; imports started and awaited |
//! | `pages` | every page of every answer, wrong in every form |
//! | `changes` | deltas: repeats, replays, removals and returns, beside full reads; links that end |
//! | `plans` | what was approved is applied exactly, or not at all; caps |
//! | `timer` | imports on a timer |
//! | `moved` | another directory behind the same organisation |
//! | `killed` | `kill -9` in imports of people and of groups |
//! | `terminal` | what an operator sees |

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

#[path = "../support/mod.rs"]
mod support;

mod changes;
mod killed;
mod moved;
mod pages;
mod plans;
mod scene;
mod terminal;
mod timer;

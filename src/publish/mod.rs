//! Zones into SharePoint lists: the loop's way for zones that came as events, and publications that somebody asked for.
//!
//! ```text
//! event ────> wanted row ──> reconcile::Reconciler ── fitted by Lists ──┐
//!                                                                       ├──> one chain of batches per list ──> Graph
//! publishZones ──> operation ──> jobs::Runner ──> PublishZones ─────────┘
//!                                  read the list → compare → claim what differs → runs
//! ```
//!
//! | file | subject |
//! | --- | --- |
//! | [`lists`] | the list that a zone goes to, and the chain of calls into it |
//! | [`read_list`] | a whole list into the store, page by page, going on where it stopped |
//! | [`publications`] | asking for one: checked, zones kept, queued |
//! | [`input`] | what a publication was asked for |
//! | [`job`] | publications as operations |
//! | [`publication`] | one from its start to its end |
//! | [`rivals`] | zones that would share an item, found before one overwrites the other |
//! | [`sweep`] | goes through the zones: what differs from what the list says |
//! | [`carry_out`] | makes what differs so, again and again until it is or cannot be |
//! | [`targets`] | the list that is set: looked at, kept, removed |
//! | [`target`] | a list that a publication names itself |
//! | [`tell`] | what is audited and told of it |
//! | [`tally`] | counts and changes, for those who follow it |
//!
//! Both ways use the same runs (`reconcile::run`) with the same capability, so what holds for one zone holds for ten thousand: the intent
//! is committed before the call, an open outcome is looked for before anything is created. A publication reads the list first, two
//! resource units a page instead of two a zone, and claims only the zones whose items differ. It keeps the loop away from the list
//! meanwhile.

mod carry_out;
mod input;
mod job;
mod lists;
mod publication;
mod publications;
mod read_list;
mod rivals;
mod sweep;
mod tally;
mod target;
mod targets;
mod tell;

pub use job::PublishZones;
pub use lists::Lists;
pub use publications::{Publications, PublishError, Request};
pub use targets::{TargetError, TargetSet, Targets};

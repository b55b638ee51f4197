//! Entra ID: who is there, and who belongs to which group. Only read, never written.
//!
//! ```text
//! scope     what one import is about: everybody or a department; all security groups or some
//! calls     the requests, as Microsoft Graph documents them
//! pages     one paged answer to its end, or not at all
//! person, group     what an entry says; a delta's entry says only what it names, and in the right type ([`entry`])
//! count     how many objects a list has, by Microsoft's own word
//! judge     what a complete plan may do unasked                                      pure
//! ```
//!
//! Application permissions: `User.Read.All` for people, `GroupMember.Read.All` for groups and their members. Pages of the reference:
//! [list users](https://learn.microsoft.com/graph/api/user-list), [users delta](https://learn.microsoft.com/graph/api/user-delta),
//! [list groups](https://learn.microsoft.com/graph/api/group-list), [groups delta](https://learn.microsoft.com/graph/api/group-delta),
//! [list members](https://learn.microsoft.com/graph/api/group-list-members).
//!
//! An import stands or falls as a whole: what was not read to its end is as good as not read. Nobody is ever disabled because an answer
//! was cut short.

pub mod calls;
mod count;
mod entry;
mod group;
mod judge;
mod pages;
mod person;
mod scope;
#[cfg(test)]
mod tests;
mod trouble;

pub use count::{Promise, how_many};
pub use group::{Group, GroupEntry, Member, MemberChange, MemberKind};
pub use judge::{Figures, Judgement, Limits, judge};
pub use pages::{Page, Pages};
pub use person::{Person, PersonEntry};
pub use scope::{GroupScope, ImportScope, ScopeProblem, UserScope};
pub use trouble::{ReadTrouble, read_by};

//! The GraphQL API and the probes: who is asking, whether the question is affordable, and the answer.
//!
//! A request to `POST /graphql` passes, in this order:
//!
//! ```text
//! http/graphql   content type, size, JSON                  → 413, 415, 400
//! auth           the caller's token                        → 401
//! limits         tokens, depth, complexity, aliases        → LIMIT_EXCEEDED
//! repeats        an Idempotency-Key that was used          → the same answer, or CONFLICT
//! schema         one file a subject; permission guards     → FORBIDDEN, BAD_USER_INPUT, …
//! errors         failures of the services, as codes        → extensions.code
//! ```
//!
//! Thin on purpose: resolvers speak to [`ConnectionAdmin`], [`Operator`], [`TeamsDesk`] and [`Records`] and turn what they get into the contract's types.
//! They see neither SQL nor Graph. A new subject is a new file in `schema/` and a line in `schema/mod.rs`.

pub mod auth;
mod backend;
mod caller;
mod directory;
mod errors;
mod http;
mod imports;
mod limits;
mod repeats;
mod schema;

pub use backend::{ConnectionAdmin, Operator, Publisher, Records, TargetAdmin, TeamsDesk};
pub use directory::{DirectoryRecords, RoleAdmin};
pub use http::{ApiParts, HttpSettings, MetricsHook, ReadinessProbe, router};
pub use imports::ImportAdmin;
pub use repeats::KeptAnswers;
pub use schema::sdl;

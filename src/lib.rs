//! The Argus Microsoft 365 connector: what Argus publishes becomes true in Microsoft 365, stays so, and can be proved.
//!
//! # The map
//!
//! ```text
//! publish ──> JetStream ──> intake ──> WANTED STATE ──> reconcile ──> capabilities ──> Microsoft Graph
//!                           ack after     (store)       claim → decide → perform → record
//! GraphQL, CLI ─────────────────────────────┘                    └──> audit + outbox, same transaction
//! ```
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`events`] | EVENT IN as types, and the events that go out; pure |
//! | [`intake`] | takes events from JetStream: read, commit, acknowledge |
//! | [`store`] | what is wanted, what stands, what was done; SQLite or Postgres |
//! | [`reconcile`] | the loop that makes Microsoft 365 agree |
//! | [`publish`] | zones into lists: the list of each, publications, batches |
//! | [`capabilities`] | one folder a part of Microsoft 365: decide, perform, learn |
//! | [`graph`] | Microsoft Graph as transport: tokens, throttling, errors |
//! | [`connections`] | an organisation's connection: registered, tested, opened |
//! | [`channels`] | Teams channels: set, opened for the loops; outages routed to them |
//! | [`vault`] | secrets at rest, each bound to where it belongs |
//! | [`audit`] | the append-only chain: canonical form and verification |
//! | [`outbox`] | publishes the events that the store owes |
//! | [`jobs`] | long-running operations carried out: publications and imports |
//! | [`imports`] | the directory read, planned and applied |
//! | [`operations`] | what a person decides: replay, discard, pause, resume |
//! | [`roles`] | which groups of the directory give which roles, as administrators decide |
//! | [`api`] | GraphQL, health and metrics over HTTP |
//! | [`app`] | composition root: builds everything, starts and stops it in order |
//! | [`cli`], [`settings`] | the commands, and what they are told |
//! | [`traces`] | what one event caused, as OpenTelemetry spans; off by default |
//! | [`organisation`], [`clock`], [`ids`], `hex`, [`metrics`] | small words that everything shares |
//! | [`crash`] | where a test build can be told to die |
//!
//! # The walk of an event
//!
//! 1. `intake/pull.rs` takes a batch from the durable consumer; [`events::read()`] turns each message into wanted state or a refusal
//!    with the JSON pointer of what is wrong.
//! 2. [`store::Store::take_in`] commits the batch in one transaction: the highest version of each object wins, refusals become dead
//!    letters. Only then is anything acknowledged.
//! 3. `reconcile/worker.rs` claims due objects under lease, fairly over organisations and mailboxes, and `reconcile/run.rs` asks the
//!    capability for the next step. A step that changes something is committed as an intent, with its audit entry, before its call leaves.
//! 4. `capabilities/calendar/perform.rs` makes the call; `learn.rs` says what is known now. When nothing is left to do, the outcome, its
//!    audit entries and the outgoing event are committed together.
//! 5. `outbox` publishes the event.
//!
//! A crash anywhere loses nothing: what was not acknowledged comes again, what was intended is looked for and adopted.
//!
//! # The walk of a mutation
//!
//! `POST /graphql` → `api/http` (size, type) → `api/auth` (the token makes the organisation's scope) → `api/limits` → a resolver in
//! `api/schema` → [`connections`], [`operations`] or [`store`]. `registerConnection` seals its secret in [`vault`] before anything else happens to it.

pub mod api;
pub mod app;
pub mod audit;
pub mod capabilities;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod connections;
pub mod crash;
pub mod events;
pub mod graph;
mod hex;
pub mod ids;
pub mod imports;
pub mod intake;
pub mod jobs;
pub mod metrics;
pub mod operations;
pub mod organisation;
pub mod outbox;
pub mod publish;
pub mod reconcile;
pub mod roles;
pub mod settings;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod store;
pub mod traces;
pub mod vault;
pub mod zone_files;

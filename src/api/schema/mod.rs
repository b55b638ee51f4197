//! The schema: one file a subject. Names and descriptions are the contract's.

mod audit;
mod backlog;
mod card_preview;
mod channels;
mod connection;
mod dead_letters;
mod directory;
mod operation;
mod operations;
mod outage_input;
mod outages;
mod page;
mod registration;
mod scalars;
mod tasks;
mod teams_account;
mod viewer;
mod words;
mod zone_inputs;
mod zone_target;
mod zones;

use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, MergedObject, Schema};

use super::{
    backend::{ConnectionAdmin, Operator, Publisher, Records, TargetAdmin, TeamsDesk},
    directory::{DirectoryRecords, RoleAdmin},
    errors::Refusal,
    imports::ImportAdmin,
};
use crate::clock::SharedClock;

/// Everything that can be asked.
#[derive(MergedObject, Default)]
pub(super) struct Query(
    viewer::ViewerQuery,
    connection::ConnectionQuery,
    tasks::TaskQuery,
    dead_letters::DeadLetterQuery,
    backlog::BacklogQuery,
    operation::OperationQuery,
    card_preview::PreviewQuery,
    channels::ChannelQuery,
    outages::OutageQuery,
    directory::DirectoryQuery,
    directory::RoleQuery,
    zones::ZoneQuery,
    zone_target::ZoneTargetQuery,
    audit::AuditQuery,
);

/// Everything that can be changed.
#[derive(MergedObject, Default)]
pub(super) struct Mutation(
    connection::ConnectionMutation,
    teams_account::TeamsAccountMutation,
    channels::ChannelMutation,
    outages::OutageMutation,
    operations::OperationMutation,
    directory::RoleMutation,
    directory::ImportMutation,
    zones::ZoneMutation,
    zone_target::ZoneTargetMutation,
);

/// The schema, ready to execute.
pub(super) type Api = Schema<Query, Mutation, EmptySubscription>;

fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription).disable_suggestions()
}

/// What answers the queries and carries out the mutations.
pub(super) struct Services {
    pub(super) connections: Arc<dyn ConnectionAdmin>,
    pub(super) records: Arc<dyn Records>,
    pub(super) operations: Arc<dyn Operator>,
    pub(super) teams: Arc<dyn TeamsDesk>,
    pub(super) directory: Arc<dyn DirectoryRecords>,
    pub(super) roles: Arc<dyn RoleAdmin>,
    pub(super) imports: Arc<dyn ImportAdmin>,
    pub(super) publications: Arc<dyn Publisher>,
    pub(super) targets: Arc<dyn TargetAdmin>,
    pub(super) clock: SharedClock,
}

/// Over these services. Limits are not the schema's: they are checked before it is asked (`super::limits`).
pub(super) fn build(services: Services) -> Api {
    let Services { connections, records, operations, teams, directory, roles, imports, publications, targets, clock } = services;
    let builder = builder().data(connections).data(records).data(operations).data(teams).data(publications).data(targets);
    builder.data(directory).data(roles).data(imports).data(clock).finish()
}

/// The schema's text, as in `schema.graphql` and under `GET /schema.graphql`.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new().prefer_single_line_descriptions().use_space_ident();
    builder().finish().sdl_with_options(options)
}

/// The reader of the organisation's objects.
fn records<'a>(context: &Context<'a>) -> Result<&'a dyn Records, Refusal> {
    let records = context.data_opt::<Arc<dyn Records>>();
    records.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without records"))
}

/// What carries out an operator's decisions.
fn operations<'a>(context: &Context<'a>) -> Result<&'a dyn Operator, Refusal> {
    let operations = context.data_opt::<Arc<dyn Operator>>();
    operations.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without operations"))
}

/// The time.
fn clock<'a>(context: &Context<'a>) -> Result<&'a SharedClock, Refusal> {
    context.data_opt::<SharedClock>().ok_or_else(|| Refusal::internal("the schema was built without a clock"))
}

/// Teams channels, and what they are told.
fn teams<'a>(context: &Context<'a>) -> Result<&'a dyn TeamsDesk, Refusal> {
    let teams = context.data_opt::<Arc<dyn TeamsDesk>>();
    teams.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without Teams"))
}

/// What takes requests for publications.
fn publisher<'a>(context: &Context<'a>) -> Result<&'a dyn Publisher, Refusal> {
    let publications = context.data_opt::<Arc<dyn Publisher>>();
    publications.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without publications"))
}

/// The administration of zone targets.
fn targets<'a>(context: &Context<'a>) -> Result<&'a dyn TargetAdmin, Refusal> {
    let targets = context.data_opt::<Arc<dyn TargetAdmin>>();
    targets.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without zone targets"))
}

/// The administration of connections.
fn connections<'a>(context: &Context<'a>) -> Result<&'a dyn ConnectionAdmin, Refusal> {
    let connections = context.data_opt::<Arc<dyn ConnectionAdmin>>();
    connections.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without connections"))
}

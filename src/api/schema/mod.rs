//! The schema: one file a subject. Names and descriptions are the contract's.

mod audit;
mod backlog;
mod connection;
mod dead_letters;
mod operation;
mod operations;
mod page;
mod registration;
mod scalars;
mod tasks;
mod viewer;
mod words;
mod zone_inputs;
mod zone_target;
mod zones;

use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, MergedObject, Schema};

use super::{
    backend::{ConnectionAdmin, Operator, Publisher, Records, TargetAdmin},
    errors::Refusal,
};

/// Everything that can be asked.
#[derive(MergedObject, Default)]
pub(super) struct Query(
    viewer::ViewerQuery,
    connection::ConnectionQuery,
    tasks::TaskQuery,
    dead_letters::DeadLetterQuery,
    backlog::BacklogQuery,
    operation::OperationQuery,
    zones::ZoneQuery,
    zone_target::ZoneTargetQuery,
    audit::AuditQuery,
);

/// Everything that can be changed.
#[derive(MergedObject, Default)]
pub(super) struct Mutation(
    connection::ConnectionMutation,
    operations::OperationMutation,
    zones::ZoneMutation,
    zone_target::ZoneTargetMutation,
);

/// The schema, ready to execute.
pub(super) type Api = Schema<Query, Mutation, EmptySubscription>;

fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription).disable_suggestions()
}

/// Over these services. Limits are not the schema's: they are checked before it is asked (`super::limits`).
pub(super) fn build(
    connections: Arc<dyn ConnectionAdmin>,
    records: Arc<dyn Records>,
    operations: Arc<dyn Operator>,
    publications: Arc<dyn Publisher>,
    targets: Arc<dyn TargetAdmin>,
) -> Api {
    builder().data(connections).data(records).data(operations).data(publications).data(targets).finish()
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

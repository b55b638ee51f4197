//! The schema: one file a subject. Names and descriptions are the contract's.

mod audit;
mod backlog;
mod connection;
mod dead_letters;
mod directory;
mod operation;
mod operations;
mod page;
mod registration;
mod scalars;
mod tasks;
mod viewer;
mod words;

use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, MergedObject, Schema};

use super::{
    backend::{ConnectionAdmin, Operator, Records},
    directory::{DirectoryRecords, RoleAdmin},
    errors::Refusal,
    imports::ImportAdmin,
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
    directory::DirectoryQuery,
    directory::RoleQuery,
    audit::AuditQuery,
);

/// Everything that can be changed.
#[derive(MergedObject, Default)]
pub(super) struct Mutation(
    connection::ConnectionMutation,
    operations::OperationMutation,
    directory::RoleMutation,
    directory::ImportMutation,
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
    pub(super) directory: Arc<dyn DirectoryRecords>,
    pub(super) roles: Arc<dyn RoleAdmin>,
    pub(super) imports: Arc<dyn ImportAdmin>,
}

/// Over these services. Limits are not the schema's: they are checked before it is asked (`super::limits`).
pub(super) fn build(services: Services) -> Api {
    let Services { connections, records, operations, directory, roles, imports } = services;
    builder().data(connections).data(records).data(operations).data(directory).data(roles).data(imports).finish()
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

/// The administration of connections.
fn connections<'a>(context: &Context<'a>) -> Result<&'a dyn ConnectionAdmin, Refusal> {
    let connections = context.data_opt::<Arc<dyn ConnectionAdmin>>();
    connections.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without connections"))
}

//! The list that an organisation's zones go to.

use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    scalars::Instant,
    zone_inputs::{RetireRule, ZoneTargetInput},
};
use crate::{capabilities::sharepoint::target::Mapping, store};

/// A field of a zone, and the column it goes into.
#[derive(SimpleObject)]
pub(super) struct FieldMapping {
    /// The field of the zone.
    zone_field: String,
    /// The column's internal name.
    column: String,
}

impl From<Mapping> for FieldMapping {
    fn from(mapping: Mapping) -> Self {
        Self { zone_field: mapping.zone_field, column: mapping.column.name }
    }
}

/// Where zones go. Columns are shown by their internal names, which stay when people rename a column.
#[derive(SimpleObject)]
pub(super) struct ZoneTarget {
    /// The site, as it was named.
    site: String,
    /// The list, as it was named.
    list: String,
    /// The site's id.
    site_id: String,
    /// The list's id.
    list_id: String,
    /// The column whose value finds a zone's item.
    match_column: String,
    /// The zone's field in it.
    match_field: String,
    /// What else goes where.
    fields: Vec<FieldMapping>,
    /// What becomes of the items of zones that are gone.
    retire: RetireRule,
    /// The column that marks them.
    retire_column: Option<String>,
    /// What works and should be changed all the same, each with what to do: an index or uniqueness that is missing, above all.
    warnings: Vec<String>,
    /// When it was set.
    set_at: Instant,
    /// In the answer of `setZoneTarget`, when it is another target than before and zones are kept: the operation that publishes all of
    /// them there. What stands in the list that was set before stays as it is.
    publication_id: Option<ID>,
}

impl From<store::ZoneTarget> for ZoneTarget {
    fn from(set: store::ZoneTarget) -> Self {
        let target = set.target;
        Self {
            site: set.asked.site,
            list: set.asked.list,
            site_id: target.site_id,
            list_id: target.list_id,
            match_column: target.match_column.name,
            match_field: target.match_field,
            fields: target.fields.into_iter().map(FieldMapping::from).collect(),
            retire: target.retire.into(),
            retire_column: target.retire_column.map(|column| column.name),
            warnings: set.warnings,
            set_at: set.set_at.into(),
            publication_id: None,
        }
    }
}

/// `zoneTarget`.
#[derive(Default)]
pub(super) struct ZoneTargetQuery;

#[Object]
impl ZoneTargetQuery {
    /// Where zones go; null when nothing is set, or when the connection has moved to another directory since.
    #[graphql(guard = "Permission::Read")]
    async fn zone_target(&self, context: &Context<'_>) -> Result<Option<ZoneTarget>> {
        let set = super::targets(context)?.target(Caller::of(context)?.scope()).await.map_err(Refusal::from)?;
        Ok(set.map(ZoneTarget::from))
    }
}

/// `setZoneTarget`, `removeZoneTarget`.
#[derive(Default)]
pub(super) struct ZoneTargetMutation;

#[Object]
impl ZoneTargetMutation {
    /// Checks site, list and every column against the real list, and keeps the target when everything fits. Waits for Microsoft,
    /// for at most 8 seconds; nothing is changed when it does not answer. Another target than before is filled at once: every kept
    /// zone is published to it, and the list that was set before is left as it is.
    #[graphql(guard = "Permission::Admin")]
    async fn set_zone_target(&self, context: &Context<'_>, input: ZoneTargetInput) -> Result<ZoneTarget> {
        let caller = Caller::of(context)?;
        let set =
            super::targets(context)?.set_target(caller.scope(), caller.actor(), input.into()).await.map_err(Refusal::from)?;
        Ok(ZoneTarget { publication_id: set.publication.map(ID), ..set.target.into() })
    }

    /// Zones go nowhere from now on; what stands in the list stays. False when none was set.
    #[graphql(guard = "Permission::Admin")]
    async fn remove_zone_target(&self, context: &Context<'_>) -> Result<bool> {
        let caller = Caller::of(context)?;
        Ok(super::targets(context)?.remove_target(caller.scope(), caller.actor()).await.map_err(Refusal::from)?)
    }
}

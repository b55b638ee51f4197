//! Lists as administrators name them.

use async_graphql::{Enum, InputObject};

use crate::capabilities::sharepoint::{
    request::{FieldRequest, TargetRequest},
    target::Retire,
};

/// What becomes of the items of zones that are gone.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Retire")]
pub(super) enum RetireRule {
    /// They stay.
    Leave,
    /// A column says so.
    Mark,
    /// They are deleted.
    Delete,
}

/// zoneField: zoneId, name, kind, utilityType, boundary (GeoJSON text), boundaryWkt (the same as well-known text), latitude, longitude
/// (of the boundary's centroid), version, or `attributes.<name>`.
#[derive(InputObject)]
pub(super) struct FieldMappingInput {
    /// The field of the zone.
    zone_field: String,
    /// The column, by display or internal name.
    column: String,
}

/// Where zones go.
#[derive(InputObject)]
pub(super) struct ZoneTargetInput {
    /// Site id, or `hostname:/path`.
    site: String,
    /// List id or title.
    list: String,
    /// The column, by display or internal name, whose value is unique to a zone.
    match_column: String,
    /// The zone's field in it.
    #[graphql(default_with = "Some(\"zoneId\".to_owned())")]
    match_field: Option<String>,
    /// What else goes where.
    fields: Vec<FieldMappingInput>,
    /// What becomes of the items of zones that are gone.
    #[graphql(default_with = "Some(RetireRule::Leave)")]
    retire: Option<RetireRule>,
    /// The column that marks them.
    retire_column: Option<String>,
}

impl From<ZoneTargetInput> for TargetRequest {
    fn from(input: ZoneTargetInput) -> Self {
        let fields = input.fields.into_iter();
        Self {
            site: input.site,
            list: input.list,
            match_column: input.match_column,
            match_field: input.match_field.unwrap_or_else(|| "zoneId".to_owned()),
            fields: fields.map(|field| FieldRequest { zone_field: field.zone_field, column: field.column }).collect(),
            retire: input.retire.map_or(Retire::Leave, Into::into),
            retire_column: input.retire_column,
        }
    }
}

//! Zones, and their publication to a list.

use std::collections::HashMap;

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use serde_json::{Map, Value, json};

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    operation::Operation,
    page::{self, List, Listed},
    scalars::{Instant, Long},
    tasks::DeliveryError,
    words::DeliveryState,
    zone_inputs::ZoneTargetInput,
};
use crate::{
    capabilities::{Place, PlaceState},
    events::{self, ReadZone, zone::WantedZone},
    publish::Request,
    store::ObjectRow,
};

/// Zones of one mutation, at most; a file of more is published in parts.
const MOST_ZONES: usize = 20_000;

/// A zone, and what became of its item.
#[derive(SimpleObject)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
pub(super) struct Zone {
    /// Its id in Argus.
    zone_id: String,
    /// The newest version that was taken in.
    version: Long,
    /// For people; empty for a zone that is gone.
    name: String,
    /// What sort of zone it is.
    kind: Option<String>,
    /// What its network carries.
    utility_type: Option<String>,
    /// A GeoJSON geometry.
    boundary: Option<Value>,
    /// Values by name.
    attributes: Value,
    /// Where its publication stands.
    state: DeliveryState,
    /// Its item in the list that is set; what a publication did in another list is told by its changes.
    item_id: Option<String>,
    /// What last went wrong.
    last_error: Option<DeliveryError>,
    /// When anything of this last changed.
    updated_at: Instant,
}

impl Listed for Zone {
    const NAME: &'static str = "Zone";
}

impl Zone {
    /// As it is kept; its item in this list, if one is set.
    fn of(row: ObjectRow, list: Option<&str>) -> Self {
        // What cannot be read is a dead letter of its own; here it shows as a zone without a name.
        let zone = match serde_json::from_str(&row.body) {
            Ok(WantedZone::Present(zone)) => Some(zone),
            Ok(WantedZone::Removed) | Err(_) => None,
        };
        let there = |place: &&Place| place.state == PlaceState::Present && Some(place.target.as_str()) == list;
        let item = row.places.iter().filter(there);
        let item_id = item.max_by_key(|place: &&Place| place.generation).and_then(|place| place.remote_id.clone());
        let zone = zone.unwrap_or_else(|| events::zone::Zone {
            name: String::new(),
            kind: None,
            utility_type: None,
            boundary: None,
            attributes: Map::new(),
        });
        Self {
            zone_id: row.key,
            version: Long(row.version.event),
            name: zone.name,
            kind: zone.kind,
            utility_type: zone.utility_type.and_then(|word| json!(word).as_str().map(str::to_owned)),
            boundary: zone.boundary.map(Value::Object),
            attributes: Value::Object(zone.attributes),
            state: row.state.into(),
            item_id,
            last_error: row.last_error.map(DeliveryError::from),
            updated_at: row.updated_at.into(),
        }
    }
}

/// A zone to publish.
#[derive(InputObject)]
pub(super) struct ZoneInput {
    /// Its id.
    zone_id: String,
    /// Its version; without one it applies on top of what is wanted now.
    version: Option<Long>,
    /// For people.
    name: String,
    /// What sort of zone it is.
    kind: Option<String>,
    /// What its network carries.
    utility_type: Option<String>,
    /// A GeoJSON geometry.
    boundary: Option<Value>,
    /// Strings, numbers, booleans and nulls by name.
    attributes: Option<Value>,
}

/// What to publish, and where to.
#[derive(InputObject)]
pub(super) struct PublishZonesInput {
    /// Used for this publication alone; without it, the one set with setZoneTarget.
    target: Option<ZoneTargetInput>,
    /// Kept and published; without any, all that are kept are published.
    zones: Option<Vec<ZoneInput>>,
    /// Tells what would be done, and changes nothing.
    #[graphql(default_with = "Some(false)")]
    dry_run: Option<bool>,
}

/// `zones`.
#[derive(Default)]
pub(super) struct ZoneQuery;

#[Object]
impl ZoneQuery {
    /// Zones by id.
    #[graphql(guard = "Permission::Read")]
    async fn zones(
        &self,
        context: &Context<'_>,
        state: Option<DeliveryState>,
        #[graphql(default_with = "Some(50)")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<Zone>> {
        let page = page::request(first, after)?;
        let (records, scope) = (super::records(context)?, Caller::of(context)?.scope());
        let rows = records.zones(scope, state.map(Into::into), page).await.map_err(Refusal::from)?;
        let set = super::targets(context)?.target(scope).await.map_err(Refusal::from)?;
        let list = set.map(|set| set.target.key());
        Ok(List::of(rows, |row| Zone::of(row, list.as_deref())))
    }
}

/// `publishZones`.
#[derive(Default)]
pub(super) struct ZoneMutation;

#[Object]
impl ZoneMutation {
    /// Publishes the zones given here or, without any, all that are kept. Returns at once; follow operation(id).
    #[graphql(guard = "Permission::Operate")]
    async fn publish_zones(&self, context: &Context<'_>, input: PublishZonesInput) -> Result<Operation> {
        let zones = input.zones.map(read_all).transpose()?;
        let request = Request { target: input.target.map(Into::into), zones, dry_run: input.dry_run.unwrap_or(false) };
        let caller = Caller::of(context)?;
        let publisher = super::publisher(context)?;
        let queued = publisher.publish(caller.scope(), caller.actor(), request).await.map_err(Refusal::from)?;
        Ok(Operation::from(queued))
    }
}

fn read_all(zones: Vec<ZoneInput>) -> Result<Vec<ReadZone>, Refusal> {
    if zones.is_empty() || zones.len() > MOST_ZONES {
        return Err(Refusal::input("zones", format!("zones: 1 to {MOST_ZONES}; leave it out to publish all that are kept")));
    }
    let mut seen = HashMap::with_capacity(zones.len());
    for (at, zone) in zones.iter().enumerate() {
        if let Some(earlier) = seen.insert(zone.zone_id.as_str(), at) {
            let field = format!("zones[{at}].zoneId");
            let message = format!("{field}: is the id of zones[{earlier}] already");
            return Err(Refusal::input(field, message));
        }
    }
    zones.into_iter().enumerate().map(|(at, zone)| read(at, zone)).collect()
}

fn read(at: usize, zone: ZoneInput) -> Result<ReadZone, Refusal> {
    let mut data = Map::new();
    let mut put = |name: &str, value: Option<Value>| data.extend(value.map(|value| (name.to_owned(), value)));
    put("zoneId", Some(json!(zone.zone_id)));
    put("version", zone.version.map(|version| json!(version.0)));
    put("name", Some(json!(zone.name)));
    put("kind", zone.kind.map(Value::String));
    put("utilityType", zone.utility_type.map(Value::String));
    put("boundary", zone.boundary);
    put("attributes", zone.attributes);
    events::given_zone(&data).map_err(|wrong| {
        let place = wrong.place.replace('/', ".");
        let field = if place.is_empty() { format!("zones[{at}]") } else { format!("zones[{at}].{place}") };
        let message = format!("{field}: {}", wrong.message);
        Refusal::input(field, message)
    })
}

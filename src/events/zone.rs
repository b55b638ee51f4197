//! A zone record as events tell of it, and as wanted state keeps it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    fields::{Fields, ID, NAME},
    geometry,
    outage::UtilityType,
    refusal::Problem,
    subject::Verb,
};

/// Bytes of a boundary as compact JSON.
const BOUNDARY: usize = 256 * 1024;
/// Entries of a zone's attributes.
const ATTRIBUTES: usize = 100;
/// Characters of an attribute's text.
const ATTRIBUTE: usize = 1_000;
/// GeoJSON's geometries (RFC 7946, section 3.1) and the member that holds what they are made of.
const GEOMETRIES: [(&str, &str); 7] = [
    ("Point", "coordinates"),
    ("MultiPoint", "coordinates"),
    ("LineString", "coordinates"),
    ("MultiLineString", "coordinates"),
    ("Polygon", "coordinates"),
    ("MultiPolygon", "coordinates"),
    ("GeometryCollection", "geometries"),
];

/// What a zone's newest event wants published: the body of its row in the store (`body_format` 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum WantedZone {
    /// It stands in the organisation's list.
    Present(Zone),
    /// It is retired as the list's rule says.
    Removed,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Zone {
    /// For people.
    pub name: String,
    /// The publisher's word for what sort of zone it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What its network carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utility_type: Option<UtilityType>,
    /// A GeoJSON geometry, checked by [`geometry`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Map<String, Value>>,
    /// Strings, numbers, booleans and nulls by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
}

/// Reads what a zone event wants published.
pub(super) fn read(data: &Fields<'_>, verb: Verb) -> Result<WantedZone, Problem> {
    if verb == Verb::Gone {
        return Ok(WantedZone::Removed);
    }
    Ok(WantedZone::Present(Zone {
        name: data.required_text("name", NAME)?,
        kind: data.kept_text("kind", NAME)?,
        utility_type: data.word("utilityType")?,
        boundary: boundary(data)?,
        attributes: data.object("attributes")?.map(|fields| attributes(data, &fields)).transpose()?.unwrap_or_default(),
    }))
}

fn boundary(data: &Fields<'_>) -> Result<Option<Map<String, Value>>, Problem> {
    let Some(fields) = data.object("boundary")? else { return Ok(None) };
    let geometry = fields.required_text("type", NAME)?;
    let Some((_, member)) = GEOMETRIES.iter().find(|(name, _)| *name == geometry) else {
        return Err(fields.problem("type", "is not the name of a GeoJSON geometry"));
    };
    if !fields.value(member).is_some_and(Value::is_array) {
        return Err(fields.problem(member, "is required and must be an array"));
    }
    let map: Map<String, Value> = fields.entries().map(|(name, value)| (name.clone(), value.clone())).collect();
    let size = Value::Object(map.clone()).to_string().len();
    if size > BOUNDARY {
        return Err(fields.problem_here(format!("must have at most {BOUNDARY} bytes as JSON, has {size}")));
    }
    geometry::check(&map).map_err(|flaw| fields.problem_below(&flaw.place, flaw.problem))?;
    Ok(Some(map))
}

fn attributes(data: &Fields<'_>, fields: &Fields<'_>) -> Result<Map<String, Value>, Problem> {
    if fields.entries().len() > ATTRIBUTES {
        return Err(data.problem("attributes", format!("must have at most {ATTRIBUTES} entries, has {}", fields.entries().len())));
    }
    for (name, value) in fields.entries() {
        if name.trim().is_empty() || name.chars().count() > ID || name.chars().any(char::is_control) {
            return Err(data.problem("attributes", "must have names of 1 to 128 characters"));
        }
        match value {
            Value::Array(_) | Value::Object(_) => return Err(fields.problem(name, "must be a string, number, boolean or null")),
            Value::String(_) => {
                fields.text(name, ATTRIBUTE)?;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(fields.entries().map(|(name, value)| (name.clone(), value.clone())).collect())
}

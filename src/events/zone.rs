//! A zone record as events tell of it, and as wanted state keeps it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    fields::Fields,
    geometry,
    kind::Kind,
    kinds::{Id, Text, Word},
    limits::NAME,
    outage::UtilityType,
    refusal::Problem,
    shape::{Optional, Required, Shape, optional, required},
    subject::Verb,
    version::VERSION,
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

pub(super) const ZONE_ID: Required<Id> = required("zoneId", Id, "The zone, for ever.");
const ZONE_NAME: Required<Text> = required("name", Text(NAME), "For people.");
const KIND: Optional<Text> = optional("kind", Text(NAME), "The publisher's word for what sort of zone it is.");
const UTILITY: Optional<Word<UtilityType>> = optional("utilityType", Word::of(), "What its network carries.");
const OUTLINE: Optional<Geometry> = optional("boundary", Geometry, "A GeoJSON geometry (RFC 7946), at most 256 KiB.");
const FACTS: Optional<Attributes> = optional("attributes", Attributes, "Texts, numbers, booleans and nulls by name.");

/// `data` of `changed`.
pub(super) static CHANGED: Shape = Shape::of(&[&ZONE_ID, &VERSION, &ZONE_NAME, &KIND, &UTILITY, &OUTLINE, &FACTS]);
/// `data` of `removed`.
pub(super) static REMOVED: Shape = Shape::of(&[&ZONE_ID, &VERSION]);

/// Reads what a zone event wants published.
pub(super) fn read(data: &Fields<'_>, verb: Verb) -> Result<WantedZone, Problem> {
    if verb == Verb::Gone {
        return Ok(WantedZone::Removed);
    }
    Ok(WantedZone::Present(Zone {
        name: data.required(&ZONE_NAME)?.to_owned(),
        kind: data.kept(&KIND)?,
        utility_type: data.optional(&UTILITY)?,
        boundary: boundary(data)?,
        attributes: attributes(data)?,
    }))
}

fn boundary(data: &Fields<'_>) -> Result<Option<Map<String, Value>>, Problem> {
    let Some(map) = data.optional(&OUTLINE)? else { return Ok(None) };
    let fields = data.below(OUTLINE.0.name, map);
    let geometry = fields.required(&GEOMETRY_TYPE)?;
    let Some((_, member)) = GEOMETRIES.iter().find(|(name, _)| *name == geometry) else {
        return Err(fields.problem("type", "is not the name of a GeoJSON geometry"));
    };
    if !fields.value(member).is_some_and(Value::is_array) {
        return Err(fields.problem(member, "is required and must be an array"));
    }
    let size = Value::Object(map.clone()).to_string().len();
    if size > BOUNDARY {
        return Err(fields.problem_here(format!("must have at most {BOUNDARY} bytes as JSON, has {size}")));
    }
    geometry::check(map).map_err(|flaw| fields.problem_below(&flaw.place, flaw.problem))?;
    Ok(Some(map.clone()))
}

fn attributes(data: &Fields<'_>) -> Result<Map<String, Value>, Problem> {
    let Some(map) = data.optional(&FACTS)? else { return Ok(Map::new()) };
    if map.len() > ATTRIBUTES {
        return Err(data.problem(FACTS.0.name, format!("must have at most {ATTRIBUTES} entries, has {}", map.len())));
    }
    let fields = data.below(FACTS.0.name, map);
    for (name, value) in map {
        // A name is read as an id is, from a value that is its own.
        if !matches!(Id.read(&Value::String(name.clone())), Ok(Some(_))) {
            return Err(data.problem(FACTS.0.name, "must have names of 1 to 128 characters"));
        }
        match value {
            Value::Array(_) | Value::Object(_) => return Err(fields.problem(name, "must be a string, number, boolean or null")),
            Value::String(_) => {
                Text(ATTRIBUTE).read(value).map_err(|problem| fields.problem(name, problem))?;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(map.clone())
}

const GEOMETRY_TYPE: Required<Text> = required("type", Text(NAME), "One of GeoJSON's geometries.");

/// A GeoJSON geometry, as far as its outermost form; [`boundary`] reads it.
struct Geometry;

impl Kind for Geometry {
    type Read<'a> = &'a Map<String, Value>;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a Map<String, Value>>, String> {
        value.as_object().map(Some).ok_or_else(|| "must be an object".to_owned())
    }

    fn schema(&self, _required: bool) -> Value {
        let cases: Vec<Value> = std::iter::once(json!({ "type": "null" })).chain(GEOMETRIES.iter().map(of_geometry)).collect();
        json!({ "anyOf": cases })
    }
}

fn of_geometry((name, member): &(&'static str, &'static str)) -> Value {
    json!({ "type": "object", "required": ["type", member], "properties": { "type": { "const": name }, *member: geometry::schema(name) } })
}

/// A zone's attributes; [`attributes`] reads them.
struct Attributes;

impl Kind for Attributes {
    type Read<'a> = &'a Map<String, Value>;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a Map<String, Value>>, String> {
        value.as_object().map(Some).ok_or_else(|| "must be an object".to_owned())
    }

    fn schema(&self, _required: bool) -> Value {
        let mut value = Text(ATTRIBUTE).schema(false);
        value["type"] = json!(["string", "number", "boolean", "null"]);
        json!({
            "type": ["object", "null"], "maxProperties": ATTRIBUTES, "propertyNames": Id.schema(true), "additionalProperties": value,
        })
    }
}

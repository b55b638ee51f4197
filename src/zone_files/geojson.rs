//! A `FeatureCollection`: the feature's id or its property `zoneId`, the properties `name`, `kind`, `utilityType` and `version`, the
//! geometry as boundary, every other property as an attribute.

use serde_json::{Map, Value};

use super::{Flaw, Reader, flaw};
use crate::events::ReadZone;

const OWN: [&str; 5] = ["zoneId", "name", "kind", "utilityType", "version"];

pub(super) fn read(text: &str) -> Result<Vec<ReadZone>, Flaw> {
    let at = |error: &serde_json::Error| format!("line {}, column {}", error.line(), error.column());
    let root: Value = serde_json::from_str(text).map_err(|error| flaw(at(&error), "is not JSON"))?;
    if root["type"] != "FeatureCollection" {
        return Err(flaw("/type", "must be \"FeatureCollection\""));
    }
    let Value::Array(features) = &root["features"] else { return Err(flaw("/features", "must be an array")) };
    let mut reader = Reader::default();
    for (number, feature) in features.iter().enumerate() {
        let place = format!("/features/{number}");
        if feature["type"] != "Feature" {
            return Err(flaw(format!("{place}/type"), "must be \"Feature\""));
        }
        let data = data(feature, &place)?;
        reader.take(&data, place.clone(), |field| pointer(&place, feature, field))?;
    }
    Ok(reader.zones)
}

/// The feature as an event's data would say it.
fn data(feature: &Value, place: &str) -> Result<Map<String, Value>, Flaw> {
    let nothing = Map::new();
    let properties = match &feature["properties"] {
        Value::Object(properties) => properties,
        Value::Null => &nothing,
        _ => return Err(flaw(format!("{place}/properties"), "must be an object or null")),
    };
    let mut data: Map<String, Value> =
        OWN.iter().filter_map(|&name| Some((name.to_owned(), properties.get(name)?.clone()))).collect();
    // RFC 7946 allows a number as id.
    let id = match feature.get("id") {
        Some(Value::Number(number)) => Some(Value::String(number.to_string())),
        other => other.cloned(),
    };
    if let (Some(id), None) = (id, data.get("zoneId")) {
        data.insert("zoneId".to_owned(), id);
    }
    let attributes: Map<String, Value> = properties
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    data.insert("attributes".to_owned(), Value::Object(attributes));
    data.insert("boundary".to_owned(), feature["geometry"].clone());
    Ok(data)
}

/// Where a field of the data stands in the file.
fn pointer(place: &str, feature: &Value, field: &str) -> String {
    match field.split_once('/').unwrap_or((field, "")) {
        ("", _) => place.to_owned(),
        ("boundary", "") => format!("{place}/geometry"),
        ("boundary", rest) => format!("{place}/geometry/{rest}"),
        ("attributes", "") => format!("{place}/properties"),
        ("attributes", rest) => format!("{place}/properties/{rest}"),
        ("zoneId", _) if feature["properties"].get("zoneId").is_none() => format!("{place}/id"),
        (own, _) => format!("{place}/properties/{own}"),
    }
}

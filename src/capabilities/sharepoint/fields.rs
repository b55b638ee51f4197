//! What a zone says about each of its fields. Pure.

use serde_json::{Value, json};

use crate::events::{geometry, zone::Zone};

/// Where attributes begin among the fields.
const ATTRIBUTES: &str = "attributes.";
/// Coordinates are kept to a centimetre: more digits do not survive a number column.
const PER_DEGREE: f64 = 1e7;

/// The value of a zone's field; null when the zone does not say, or when there is no such field.
pub(super) fn value(zone_id: &str, version: u64, zone: &Zone, field: &str) -> Value {
    match field {
        "zoneId" => json!(zone_id),
        "version" => json!(version),
        "name" => json!(zone.name),
        "kind" => json!(zone.kind),
        "utilityType" => json!(zone.utility_type),
        "boundary" => zone.boundary.as_ref().map_or(Value::Null, |boundary| json!(Value::Object(boundary.clone()).to_string())),
        "boundaryWkt" => json!(zone.boundary.as_ref().and_then(geometry::wkt::text)),
        "latitude" => coordinate(zone, |(latitude, _)| latitude),
        "longitude" => coordinate(zone, |(_, longitude)| longitude),
        _ => field.strip_prefix(ATTRIBUTES).and_then(|name| zone.attributes.get(name)).cloned().unwrap_or_default(),
    }
}

fn coordinate(zone: &Zone, choose: impl Fn((f64, f64)) -> f64) -> Value {
    let centre = zone.boundary.as_ref().and_then(geometry::centroid).map(|(longitude, latitude)| (latitude, longitude));
    centre.map_or(Value::Null, |centre| json!((choose(centre) * PER_DEGREE).round() / PER_DEGREE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_contract_has_its_value() {
        let zone: Zone = serde_json::from_value(json!({
            "name": "North", "kind": "pressure", "utilityType": "water", "boundary": { "type": "Point", "coordinates": [-6.26, 53.35] },
            "attributes": { "priority": 2, "open": true, "note": null },
        }))
        .unwrap();
        let of = |field: &str| value("Z-1", 7, &zone, field);
        assert_eq!(
            (of("zoneId"), of("version"), of("name"), of("kind")),
            (json!("Z-1"), json!(7), json!("North"), json!("pressure"))
        );
        assert_eq!((of("utilityType"), of("latitude"), of("longitude")), (json!("water"), json!(53.35), json!(-6.26)));
        assert_eq!((of("attributes.priority"), of("attributes.open")), (json!(2), json!(true)));
        assert_eq!((of("attributes.note"), of("attributes.none"), of("nonsense")), (Value::Null, Value::Null, Value::Null));
        assert_eq!(of("boundary"), json!("{\"coordinates\":[-6.26,53.35],\"type\":\"Point\"}"));
        assert_eq!(of("boundaryWkt"), json!("POINT (-6.26 53.35)"));
    }
}

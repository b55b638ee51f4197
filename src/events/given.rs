//! A zone that a caller or a file gives, read by the rules of a zone event's data.

use serde_json::{Map, Value};

use super::{
    fields::Fields,
    json,
    refusal::Problem,
    subject::Verb,
    version::GIVEN_VERSION,
    zone::{self, WantedZone},
};

/// A zone that was given.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadZone {
    /// Its id.
    pub zone_id: String,
    /// Its version, if it has one.
    pub version: Option<u64>,
    /// What it should be.
    pub wanted: WantedZone,
    /// Over its data, as that of an event with the same data would be.
    pub digest: [u8; 32],
}

/// What is wrong with a zone that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where, from the zone on: `boundary/coordinates/0`. Empty for the zone itself.
    pub place: String,
    /// What.
    pub message: String,
}

/// Reads `zoneId`, `version`, `name`, `kind`, `utilityType`, `boundary` and `attributes`. Pure.
pub fn given_zone(data: &Map<String, Value>) -> Result<ReadZone, Wrong> {
    read(data).map_err(|problem| Wrong {
        place: problem.pointer.as_deref().and_then(|pointer| pointer.strip_prefix("/data/")).unwrap_or_default().to_owned(),
        message: problem.message,
    })
}

fn read(data: &Map<String, Value>) -> Result<ReadZone, Problem> {
    let fields = Fields::data(data);
    Ok(ReadZone {
        zone_id: fields.required(&zone::ZONE_ID)?.to_owned(),
        version: fields.optional(&GIVEN_VERSION)?,
        wanted: zone::read(&fields, Verb::Is)?,
        digest: json::digest("zone/is", &Value::Object(data.clone())),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_value(value: Value) -> Result<ReadZone, Wrong> {
        let Value::Object(map) = value else { panic!() };
        given_zone(&map)
    }

    #[test]
    fn a_zone_is_read_as_an_event_s_data_would_be() {
        let zone = read_value(json!({ "zoneId": "Z-1", "name": "North", "attributes": { "a": 1 } })).unwrap();
        assert_eq!((zone.zone_id.as_str(), zone.version), ("Z-1", None));
        assert!(matches!(zone.wanted, WantedZone::Present(zone) if zone.name == "North"));
    }

    #[test]
    fn what_is_wrong_is_named_from_the_zone_on() {
        let wrong = |value| read_value(value).unwrap_err().place;
        assert_eq!(wrong(json!({ "zoneId": "Z-1" })), "name");
        assert_eq!(wrong(json!({ "zoneId": "Z-1", "name": "N", "boundary": { "type": "Circle" } })), "boundary/type");
        assert_eq!(wrong(json!({ "name": "N" })), "zoneId");
    }
}

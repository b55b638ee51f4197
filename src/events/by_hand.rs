//! An outage as a person gives it, through the API or from a file: the same fields and limits as in an event, without the envelope.

use serde_json::{Map, Value, json};

use super::{
    fields::Fields,
    outage::{self, WantedOutage},
    refusal::Problem,
    subject::Verb,
    version::GIVEN_VERSION,
};

/// An outage that a person gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenOutage {
    /// Its id.
    pub outage_id: String,
    /// Its version; a mutation may leave it out.
    pub version: Option<u64>,
    /// What should be shown.
    pub wanted: WantedOutage,
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidOutage {
    /// The field, as the API names it (`customersAffected`, `area.zoneIds.3`).
    pub field: String,
    /// What is wrong with it. Never repeats the value.
    pub problem: String,
}

/// Reads an outage: an event's `data`, or the API's `OutageInput`, where the area is a name alone.
pub fn given_outage(data: &Value) -> Result<GivenOutage, InvalidOutage> {
    let refused = |problem: &str| InvalidOutage { field: "outage".into(), problem: problem.into() };
    let mut map = data.as_object().cloned().ok_or_else(|| refused("must be a JSON object"))?;
    if let Some(name) = map.get("area").filter(|area| area.is_string()).cloned() {
        map.insert("area".into(), json!({ "name": name }));
    }
    read(&map).map_err(|problem| invalid(&problem))
}

fn read(map: &Map<String, Value>) -> Result<GivenOutage, Problem> {
    let fields = Fields::data(map);
    Ok(GivenOutage {
        outage_id: fields.required(&outage::OUTAGE_ID)?.to_owned(),
        version: fields.optional(&GIVEN_VERSION)?,
        wanted: outage::read(&fields, Verb::Is)?,
    })
}

/// `/data/area/zoneIds/3` of an event is `area.zoneIds.3` here.
fn invalid(problem: &Problem) -> InvalidOutage {
    let pointer = problem.pointer.as_deref().unwrap_or_default();
    let path = pointer.strip_prefix("/data").unwrap_or(pointer).trim_start_matches('/');
    let field = if path.is_empty() { "outage".into() } else { path.replace('/', ".").replace("~1", "/").replace("~0", "~") };
    InvalidOutage { field, problem: problem.message.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::outage::{OutageStatus, UtilityType};

    fn given() -> Value {
        json!({ "outageId": "O-1", "title": "Burst main", "status": "reported", "customersAffected": 3, "utilityType": "water" })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut given = given();
        given[name] = value;
        given
    }

    #[test]
    fn the_required_fields_are_enough() {
        let read = given_outage(&given()).unwrap();
        assert_eq!((read.outage_id.as_str(), read.version), ("O-1", None));
        assert_eq!((read.wanted.status, read.wanted.utility_type), (OutageStatus::Reported, UtilityType::Water));
    }

    #[test]
    fn an_area_may_be_a_name_alone() {
        let area = |value| given_outage(&with("area", value)).unwrap().wanted.area.and_then(|area| area.name);
        assert_eq!(area(json!("North Ward")).as_deref(), Some("North Ward"));
        assert_eq!(area(json!({ "name": "North Ward" })).as_deref(), Some("North Ward"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (data, field) in [
            (with("title", json!(" ")), "title"),
            (with("customersAffected", json!(-1)), "customersAffected"),
            (with("status", json!("exploded")), "status"),
            (with("startedAt", json!("yesterday")), "startedAt"),
            (with("url", json!("javascript:x")), "url"),
            (with("area", json!({ "zoneIds": ["a", 1] })), "area.zoneIds.1"),
            (json!({ "title": "x" }), "outageId"),
            (json!([]), "outage"),
        ] {
            assert_eq!(given_outage(&data).unwrap_err().field, field, "{data}");
        }
    }
}

use serde_json::json;

use super::*;
use crate::events::zone::{WantedZone, Zone};

fn zone(read: &ReadZone) -> &Zone {
    let WantedZone::Present(zone) = &read.wanted else { panic!("a zone that is there") };
    zone
}

fn wrong(form: Form, text: &str) -> String {
    form.read(text).unwrap_err().to_string()
}

#[test]
fn the_form_is_told_by_the_name() {
    assert_eq!(
        [Form::of("a.geojson"), Form::of("b.JSON"), Form::of("c.csv")],
        [Some(Form::GeoJson), Some(Form::GeoJson), Some(Form::Csv)]
    );
    assert_eq!([Form::of("zones"), Form::of("zones.shp")], [None, None]);
}

#[test]
fn a_feature_is_a_zone() {
    let text = json!({ "type": "FeatureCollection", "features": [
        { "type": "Feature", "id": "Z-1", "properties": { "name": "North", "kind": "pressure", "utilityType": "water", "valves": 4 },
          "geometry": { "type": "Point", "coordinates": [-6.26, 53.35] } },
        { "type": "Feature", "id": 7, "properties": { "name": "Seven" }, "geometry": null },
        { "type": "Feature", "properties": { "zoneId": "Z-3", "name": "Three", "version": 9 } },
    ]});
    let zones = Form::GeoJson.read(&text.to_string()).unwrap();
    let ids: Vec<_> = zones.iter().map(|zone| (zone.zone_id.as_str(), zone.version)).collect();
    assert_eq!(ids, [("Z-1", None), ("7", None), ("Z-3", Some(9))]);
    let first = zone(&zones[0]);
    assert_eq!((first.kind.as_deref(), &first.attributes["valves"]), (Some("pressure"), &json!(4)));
    assert!(first.boundary.is_some() && zone(&zones[1]).boundary.is_none());
}

#[test]
fn what_is_wrong_in_geojson_is_named_by_its_pointer() {
    let one = |feature: Value| wrong(Form::GeoJson, &json!({ "type": "FeatureCollection", "features": [feature] }).to_string());
    let with = |properties: Value, geometry: Value| {
        one(json!({ "type": "Feature", "id": "Z", "properties": properties, "geometry": geometry }))
    };
    let open = json!({ "type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]] });
    assert!(with(json!({ "name": "N" }), open).starts_with("/features/0/geometry/coordinates/0: "));
    assert!(with(json!({}), Value::Null).starts_with("/features/0/properties/name: "));
    assert!(with(json!({ "name": "N", "nested": { "a": 1 } }), Value::Null).starts_with("/features/0/properties/nested: "));
    assert!(one(json!({ "type": "Feature", "properties": { "name": "N" } })).starts_with("/features/0/id: "));
    assert!(one(json!({ "type": "Point" })).starts_with("/features/0/type: "));
    assert!(wrong(Form::GeoJson, "{\n  \"type\": nothing").starts_with("line 2, column "));
    assert!(wrong(Form::GeoJson, "{\"type\": \"Feature\"}").starts_with("/type: "));
    assert_eq!(wrong(Form::GeoJson, "{\"type\": \"FeatureCollection\", \"features\": []}"), "the file: holds no zone");
}

#[test]
fn a_line_is_a_zone() {
    let text = "\u{feff}zoneId,name,utilityType,version,latitude,longitude,Customers,attributes.note\r\n\
                Z-1,\"North, upper\",water,3,53.35,-6.26,1200,\r\n\
                \"O'Brien \"\"7\"\"\",Seven,,,,,,\"two\nlines\"\r\n";
    let zones = Form::Csv.read(text).unwrap();
    let (first, second) = (zone(&zones[0]), zone(&zones[1]));
    assert_eq!(
        (zones[0].version, first.name.as_str(), &first.attributes["Customers"]),
        (Some(3), "North, upper", &json!("1200"))
    );
    assert_eq!(first.boundary.as_ref().unwrap()["coordinates"], json!([-6.26, 53.35]));
    assert!(!first.attributes.contains_key("note"), "empty is absent");
    assert_eq!(
        (zones[1].zone_id.as_str(), &second.attributes["note"], second.boundary.is_none()),
        ("O'Brien \"7\"", &json!("two\nlines"), true)
    );
}

#[test]
fn what_is_wrong_in_csv_is_named_by_line_and_column() {
    let of = |text: &str| wrong(Form::Csv, text);
    assert_eq!(of("zoneId\nZ-1"), "line 1: has no column name");
    assert_eq!(of("zoneId,name,name\nZ-1,a,b"), "line 1: has the column \"name\" twice");
    assert_eq!(of("zoneId,name\nZ-1,North\nZ-2"), "line 3: has 1 fields, the heading has 2");
    assert!(of("zoneId,name\nZ-1,North\nZ-2,").starts_with("line 3, column name: "));
    assert_eq!(of("zoneId,name\nZ-1,a\nZ-1,b"), "line 3, column zoneId: is the id of an earlier zone of the file, line 2");
    assert_eq!(of("zoneId,name,version\nZ-1,a,-1"), "line 2, column version: must be a whole number");
    assert_eq!(of("zoneId,name,latitude,longitude\nZ-1,a,5,"), "line 2, column longitude: is required beside latitude");
    assert!(of("zoneId,name,latitude,longitude\nZ-1,a,5,200").starts_with("line 2, column boundary/coordinates: "));
    assert!(of("zoneId,name,boundary\nZ-1,a,x").starts_with("line 2, column boundary: "));
}

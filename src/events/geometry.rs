//! GeoJSON geometries: what of RFC 7946 is checked before one is taken, the middle of one, and its well-known text. Pure.
//!
//! Checked: the type (section 3.1), positions of two or three numbers with longitude in ±180 and latitude in ±90 (3.1.1 and 4), lines
//! of two positions or more (3.1.4), rings of four or more that end where they begin (3.1.6), nesting and count. Not checked: the
//! direction of rings and crossings; readers must accept any direction, and a crossing is for the publisher to mend.

mod middle;
pub mod wkt;

use serde_json::{Map, Value, json};

pub use middle::centroid;

/// Positions of one geometry, at most; 256 KiB of JSON hold fewer.
const MOST_POSITIONS: usize = 50_000;
/// Collections in collections, at most. RFC 7946 advises against any (3.1.8).
const DEEPEST: usize = 4;

/// GeoJSON's geometries (RFC 7946, section 3.1).
const NAMES: [&str; 7] =
    ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"];

/// What is wrong with a geometry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Below the geometry, as JSON pointer tokens joined by `/`: `coordinates/0/3`. Empty for the geometry as a whole.
    pub place: String,
    /// In words that go on from "it": "must …".
    pub problem: String,
}

/// Checks a geometry.
pub fn check(geometry: &Map<String, Value>) -> Result<(), Flaw> {
    let mut positions = 0;
    visit(geometry, &mut Vec::new(), 0, &mut positions)
}

type Path = Vec<String>;

fn flaw(path: &Path, problem: impl Into<String>) -> Flaw {
    Flaw { place: path.join("/"), problem: problem.into() }
}

fn visit(geometry: &Map<String, Value>, path: &mut Path, depth: usize, positions: &mut usize) -> Result<(), Flaw> {
    let kind = geometry.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind == "GeometryCollection" {
        return collection(geometry, path, depth, positions);
    }
    path.push("coordinates".to_owned());
    let coordinates = geometry.get("coordinates").unwrap_or(&Value::Null);
    let mut check = Check { path, positions };
    match kind {
        "Point" => check.position(coordinates)?,
        "MultiPoint" => check.each(coordinates, 1, Check::position)?,
        "LineString" => check.line(coordinates)?,
        "MultiLineString" => check.each(coordinates, 1, Check::line)?,
        "Polygon" => check.polygon(coordinates)?,
        "MultiPolygon" => check.each(coordinates, 1, Check::polygon)?,
        _ => {
            path.pop();
            path.push("type".to_owned());
            return Err(flaw(path, "is not the name of a GeoJSON geometry"));
        }
    }
    path.pop();
    Ok(())
}

fn collection(geometry: &Map<String, Value>, path: &mut Path, depth: usize, positions: &mut usize) -> Result<(), Flaw> {
    path.push("geometries".to_owned());
    if depth >= DEEPEST {
        return Err(flaw(path, format!("must not be nested more than {DEEPEST} deep")));
    }
    let Some(members) = geometry.get("geometries").and_then(Value::as_array) else {
        return Err(flaw(path, "is required and must be an array"));
    };
    for (at, member) in members.iter().enumerate() {
        path.push(at.to_string());
        let Some(member) = member.as_object() else { return Err(flaw(path, "must be a geometry")) };
        visit(member, path, depth + 1, positions)?;
        path.pop();
    }
    path.pop();
    Ok(())
}

/// The JSON Schema of what a geometry's member (`coordinates`, `geometries`) holds. That rings are closed, how many positions there are
/// and how deep collections nest, JSON Schema cannot say.
pub(super) fn schema(name: &str) -> Value {
    let position = json!({
        "type": "array", "minItems": 2, "maxItems": 3, "additionalItems": { "type": "number" },
        "items": [{ "type": "number", "minimum": -180, "maximum": 180 }, { "type": "number", "minimum": -90, "maximum": 90 }, { "type": "number" }],
    });
    let each = |least: usize, items: &Value| json!({ "type": "array", "minItems": least, "items": items });
    let (line, polygon) = (each(2, &position), each(1, &each(4, &position)));
    match name {
        "Point" => position,
        "MultiPoint" => each(1, &position),
        "LineString" => line,
        "MultiLineString" => each(1, &line),
        "Polygon" => polygon,
        "MultiPolygon" => each(1, &polygon),
        _ => {
            json!({ "type": "array", "items": { "type": "object", "required": ["type"], "properties": { "type": { "enum": NAMES } } } })
        }
    }
}

struct Check<'a> {
    path: &'a mut Path,
    positions: &'a mut usize,
}

impl Check<'_> {
    fn each(
        &mut self,
        value: &Value,
        least: usize,
        mut one: impl FnMut(&mut Self, &Value) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        let Some(items) = value.as_array() else { return Err(flaw(self.path, "must be an array")) };
        if items.len() < least {
            return Err(flaw(self.path, format!("must have at least {least} entries, has {}", items.len())));
        }
        for (at, item) in items.iter().enumerate() {
            self.path.push(at.to_string());
            one(self, item)?;
            self.path.pop();
        }
        Ok(())
    }

    fn position(&mut self, value: &Value) -> Result<(), Flaw> {
        *self.positions += 1;
        if *self.positions > MOST_POSITIONS {
            return Err(flaw(self.path, format!("is one position too many: at most {MOST_POSITIONS}")));
        }
        let numbers = value.as_array().and_then(|items| items.iter().map(Value::as_f64).collect::<Option<Vec<_>>>());
        let Some(numbers) = numbers else {
            return Err(flaw(self.path, "must be a position: [longitude, latitude]"));
        };
        match numbers.as_slice() {
            [longitude, latitude] | [longitude, latitude, _] => {
                if !(-180.0..=180.0).contains(longitude) {
                    return Err(flaw(self.path, "has a longitude that is not within -180 and 180"));
                }
                if !(-90.0..=90.0).contains(latitude) {
                    let problem = "has a latitude that is not within -90 and 90 (GeoJSON puts longitude first)";
                    return Err(flaw(self.path, problem));
                }
                Ok(())
            }
            _ => Err(flaw(self.path, "must be a position of two or three numbers: [longitude, latitude]")),
        }
    }

    fn line(&mut self, value: &Value) -> Result<(), Flaw> {
        self.each(value, 2, Self::position)
    }

    fn polygon(&mut self, value: &Value) -> Result<(), Flaw> {
        self.each(value, 1, Self::ring)
    }

    fn ring(&mut self, value: &Value) -> Result<(), Flaw> {
        self.each(value, 4, Self::position)?;
        let ends = value.as_array().and_then(|items| items.first().zip(items.last()));
        let same = ends.is_some_and(|(first, last)| {
            let place = |value: &Value| Some((value.get(0)?.as_f64()?, value.get(1)?.as_f64()?));
            place(first) == place(last)
        });
        if same { Ok(()) } else { Err(flaw(self.path, "must be closed: its last position is not its first")) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    fn place_of(value: &Value) -> String {
        check(&map(value)).unwrap_err().place
    }

    fn ring(points: &[(f64, f64)]) -> Value {
        json!(points.iter().chain(points.first()).map(|(x, y)| json!([x, y])).collect::<Vec<_>>())
    }

    #[test]
    fn every_type_is_taken_when_it_is_well_formed() {
        let square = ring(&[(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]);
        let good = [
            json!({"type": "Point", "coordinates": [-6.26, 53.35, 12.5]}),
            json!({"type": "MultiPoint", "coordinates": [[180, 90], [-180, -90]]}),
            json!({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}),
            json!({"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]]]}),
            json!({"type": "Polygon", "coordinates": [square]}),
            json!({"type": "MultiPolygon", "coordinates": [[square], [square]]}),
            json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, 0]}]}),
        ];
        for geometry in good {
            assert_eq!(check(&map(&geometry)), Ok(()), "{geometry}");
            assert!(centroid(&map(&geometry)).is_some(), "{geometry}");
        }
    }

    #[test]
    fn what_is_wrong_is_found_where_it_is() {
        let square = ring(&[(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]);
        let open = json!([[0, 0], [1, 0], [1, 1], [0, 1]]);
        let of = |kind: &str, coordinates: Value| place_of(&json!({"type": kind, "coordinates": coordinates}));
        assert_eq!(of("Polygon", json!([square, open])), "coordinates/1");
        assert_eq!(of("MultiPolygon", json!([[square], [[[0, 0], [1, 0], [0, 0]]]])), "coordinates/1/0");
        assert_eq!(of("LineString", json!([[0, 0]])), "coordinates");
        assert_eq!(of("LineString", json!([[0, 0], [53.35, 181]])), "coordinates/1");
        assert_eq!(of("Point", json!([181, 0])), "coordinates");
        assert_eq!(of("Point", json!(["6", 0])), "coordinates");
        assert_eq!(of("Point", json!([1, 2, 3, 4])), "coordinates");
        assert_eq!(of("MultiPoint", json!([[1, 2], 3])), "coordinates/1");
        assert_eq!(of("Polygon", json!([])), "coordinates");
        assert_eq!(of("Circle", json!([0, 0])), "type");
        let mut nested = json!({"type": "Point", "coordinates": [0, 0]});
        for _ in 0..=DEEPEST {
            nested = json!({"type": "GeometryCollection", "geometries": [nested]});
        }
        assert!(place_of(&nested).ends_with("geometries"));
        let bad = json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, 0]}, {"type": "Point", "coordinates": [0]}]});
        assert_eq!(place_of(&bad), "geometries/1/coordinates");
        let many = json!({"type": "MultiPoint", "coordinates": vec![json!([0, 0]); MOST_POSITIONS + 1]});
        assert_eq!(place_of(&many), format!("coordinates/{MOST_POSITIONS}"));
    }

    proptest! {
        #[test]
        fn no_json_whatever_breaks_it(text in "[\\[\\]0-9,.\"a-z{}:-]{0,60}", kind in 0..7usize) {
            let kinds = ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"];
            let inner: Value = serde_json::from_str(&text).unwrap_or(json!([[text]]));
            let geometry = map(&json!({"type": kinds[kind], "coordinates": inner, "geometries": inner}));
            let sound = check(&geometry).is_ok();
            let (middle, text) = (centroid(&geometry), wkt::text(&geometry));
            prop_assert!(!sound || text.is_some(), "{:?}", geometry);
            prop_assert!(middle.is_none_or(|(longitude, latitude)| longitude.is_finite() && latitude.is_finite()));
        }
    }
}

//! A geometry as well-known text (OGC 06-103r4, section 7): what maps and reports outside GeoJSON read. Pure.
//!
//! Longitude first, as in GeoJSON. Heights are left out: an outline is what it is for, and of readers that know the form without
//! heights some refuse the one with them.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// `POLYGON ((-6.3 53.3, -6.2 53.3, …))`; none for what [`check`](super::check) would refuse.
pub fn text(geometry: &Map<String, Value>) -> Option<String> {
    let mut text = String::new();
    put(&mut text, geometry)?;
    Some(text)
}

fn put(text: &mut String, geometry: &Map<String, Value>) -> Option<()> {
    let (name, depth) = match geometry.get("type")?.as_str()? {
        "GeometryCollection" => return collection(text, geometry.get("geometries")?.as_array()?),
        "Point" => ("POINT", 1),
        "MultiPoint" => ("MULTIPOINT", 2),
        "LineString" => ("LINESTRING", 1),
        "MultiLineString" => ("MULTILINESTRING", 2),
        "Polygon" => ("POLYGON", 2),
        "MultiPolygon" => ("MULTIPOLYGON", 3),
        _ => return None,
    };
    let coordinates = geometry.get("coordinates")?;
    text.push_str(name);
    text.push(' ');
    if name == "POINT" {
        text.push('(');
        position(text, coordinates)?;
        text.push(')');
        return Some(());
    }
    nested(text, coordinates, depth, name == "MULTIPOINT")
}

fn collection(text: &mut String, members: &[Value]) -> Option<()> {
    text.push_str("GEOMETRYCOLLECTION ");
    if members.is_empty() {
        text.push_str("EMPTY");
        return Some(());
    }
    listed(text, members, |text, member| put(text, member.as_object()?))
}

/// Positions in so many parentheses; each point of several in its own.
fn nested(text: &mut String, value: &Value, depth: u8, points: bool) -> Option<()> {
    match depth {
        0 => None,
        1 if points => listed(text, std::slice::from_ref(value), position),
        1 => listed(text, value.as_array()?, position),
        _ => listed(text, value.as_array()?, |text, part| nested(text, part, depth - 1, points)),
    }
}

fn listed(text: &mut String, items: &[Value], mut each: impl FnMut(&mut String, &Value) -> Option<()>) -> Option<()> {
    text.push('(');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        each(text, item)?;
    }
    text.push(')');
    Some(())
}

fn position(text: &mut String, value: &Value) -> Option<()> {
    let (longitude, latitude) = (value.get(0)?.as_number()?, value.get(1)?.as_number()?);
    write!(text, "{longitude} {latitude}").ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: &Value) -> Option<String> {
        text(&value.as_object().cloned().unwrap())
    }

    #[test]
    fn every_type_has_its_words() {
        let (triangle, hole) = (json!([[0, 0], [4, 0], [0, 4], [0, 0]]), json!([[1, 1], [2, 1], [1, 2], [1, 1]]));
        let texts = [
            (json!({"type": "Point", "coordinates": [-6.26, 53.35, 12]}), "POINT (-6.26 53.35)"),
            (json!({"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}), "MULTIPOINT ((1 2), (3 4))"),
            (json!({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}), "LINESTRING (1 2, 3 4)"),
            (json!({"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]]]}), "MULTILINESTRING ((1 2, 3 4))"),
            (json!({"type": "Polygon", "coordinates": [triangle, hole]}), "POLYGON ((0 0, 4 0, 0 4, 0 0), (1 1, 2 1, 1 2, 1 1))"),
            (
                json!({"type": "MultiPolygon", "coordinates": [[triangle], [hole]]}),
                "MULTIPOLYGON (((0 0, 4 0, 0 4, 0 0)), ((1 1, 2 1, 1 2, 1 1)))",
            ),
            (
                json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]}),
                "GEOMETRYCOLLECTION (POINT (1 2))",
            ),
            (json!({"type": "GeometryCollection", "geometries": []}), "GEOMETRYCOLLECTION EMPTY"),
        ];
        for (geometry, expected) in texts {
            assert_eq!(of(&geometry).as_deref(), Some(expected), "{geometry}");
        }
    }

    #[test]
    fn what_is_no_geometry_has_no_text() {
        assert_eq!(of(&json!({"type": "Circle", "coordinates": [0, 0]})), None);
        assert_eq!(of(&json!({"type": "Polygon", "coordinates": [0, 0]})), None);
        assert_eq!(of(&json!({"type": "Point", "coordinates": ["a", "b"]})), None);
    }
}

//! The middle of a geometry: one place that stands for it in columns for latitude and longitude. Pure.

use serde_json::{Map, Value};

/// Longitude and latitude of a geometry's middle: of its areas when it has any, else of its lines, else of its points.
///
/// A geometry on both sides of the antimeridian is read as one, whether it was cut there (RFC 7946, section 3.1.9) or not: else the
/// middle of a zone around Fiji would be said to lie in Africa.
pub fn centroid(geometry: &Map<String, Value>) -> Option<(f64, f64)> {
    let mut span = Span::default();
    span.of(geometry);
    let mut middle = Middle { crosses: span.crosses(), areas: Sum::default(), lines: Sum::default(), points: Sum::default() };
    middle.add(geometry);
    let (longitude, latitude) = [middle.areas, middle.lines, middle.points].into_iter().find_map(Sum::middle)?;
    Some((if longitude > 180.0 { longitude - 360.0 } else { longitude }, latitude))
}

/// From where to where longitudes go, as they are given and counted on beyond 180.
struct Span {
    given: (f64, f64),
    counted_on: (f64, f64),
    /// A line goes once around: from one end of the map to the other.
    around: bool,
}

impl Default for Span {
    fn default() -> Self {
        let nothing = (f64::INFINITY, f64::NEG_INFINITY);
        Self { given: nothing, counted_on: nothing, around: false }
    }
}

impl Span {
    fn of(&mut self, geometry: &Map<String, Value>) {
        for member in geometry.get("geometries").and_then(Value::as_array).into_iter().flatten() {
            member.as_object().into_iter().for_each(|member| self.of(member));
        }
        let joined = geometry.get("type").is_some_and(|kind| kind != "MultiPoint");
        if let Some(coordinates) = geometry.get("coordinates") {
            self.positions(coordinates, joined);
        }
    }

    fn positions(&mut self, value: &Value, joined: bool) {
        if let Some((longitude, _)) = place(value) {
            let wider = |(least, most): (f64, f64), longitude: f64| (least.min(longitude), most.max(longitude));
            self.given = wider(self.given, longitude);
            self.counted_on = wider(self.counted_on, counted_on(longitude));
            return;
        }
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let jumps = |(one, next): (&Value, &Value)| place(one).zip(place(next)).is_some_and(|(a, b)| (a.0 - b.0).abs() >= 360.0);
        self.around |= joined && items.iter().zip(items.iter().skip(1)).any(jumps);
        for item in items {
            self.positions(item, joined);
        }
    }

    /// Wider than half the earth as it is given, and not when it is counted on: it lies around the antimeridian.
    fn crosses(&self) -> bool {
        let width = |(least, most): (f64, f64)| most - least;
        width(self.given) > 180.0 && width(self.counted_on) < 180.0 && !self.around
    }
}

fn counted_on(longitude: f64) -> f64 {
    if longitude < 0.0 { longitude + 360.0 } else { longitude }
}

fn place(value: &Value) -> Option<(f64, f64)> {
    Some((value.get(0)?.as_f64()?, value.get(1)?.as_f64()?))
}

/// A weighted sum of places.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    weight: f64,
    longitude: f64,
    latitude: f64,
}

impl Sum {
    fn put(&mut self, weight: f64, (longitude, latitude): (f64, f64)) {
        self.weight += weight;
        self.longitude += weight * longitude;
        self.latitude += weight * latitude;
    }

    fn middle(self) -> Option<(f64, f64)> {
        let middle = (self.longitude / self.weight, self.latitude / self.weight);
        (self.weight.abs() > f64::EPSILON * f64::EPSILON && middle.0.is_finite() && middle.1.is_finite()).then_some(middle)
    }
}

/// What a geometry is made of, summed up.
struct Middle {
    /// Longitudes are counted on beyond 180.
    crosses: bool,
    areas: Sum,
    lines: Sum,
    points: Sum,
}

impl Middle {
    fn add(&mut self, geometry: &Map<String, Value>) {
        let coordinates = geometry.get("coordinates").unwrap_or(&Value::Null);
        let items = coordinates.as_array().map(Vec::as_slice).unwrap_or_default();
        match geometry.get("type").and_then(Value::as_str).unwrap_or_default() {
            "GeometryCollection" => {
                let members = geometry.get("geometries").and_then(Value::as_array).into_iter().flatten();
                members.filter_map(Value::as_object).for_each(|member| self.add(member));
            }
            "Point" => self.point(coordinates),
            "MultiPoint" => items.iter().for_each(|one| self.point(one)),
            "LineString" => self.line(coordinates),
            "MultiLineString" => items.iter().for_each(|one| self.line(one)),
            "Polygon" => self.polygon(coordinates),
            "MultiPolygon" => items.iter().for_each(|one| self.polygon(one)),
            _ => {}
        }
    }

    fn place(&self, value: &Value) -> Option<(f64, f64)> {
        let (longitude, latitude) = place(value)?;
        Some((if self.crosses { counted_on(longitude) } else { longitude }, latitude))
    }

    fn places(&self, value: &Value) -> Vec<(f64, f64)> {
        value.as_array().into_iter().flatten().filter_map(|one| self.place(one)).collect()
    }

    fn point(&mut self, value: &Value) {
        if let Some(at) = self.place(value) {
            self.points.put(1.0, at);
        }
    }

    fn line(&mut self, value: &Value) {
        let places = self.places(value);
        for (from, to) in places.iter().zip(places.iter().skip(1)) {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            self.lines.put(length, (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1)));
        }
        for at in places {
            self.points.put(1.0, at);
        }
    }

    /// The outer ring's area counts, the holes' are taken away, whatever way the rings turn.
    fn polygon(&mut self, value: &Value) {
        for (at, ring) in value.as_array().into_iter().flatten().enumerate() {
            let places = self.places(ring);
            let Some(&origin) = places.first() else { continue };
            // Counted from a corner of its own: far from 0/0 the products would swallow what a small zone differs by.
            let from = |at: &(f64, f64)| (at.0 - origin.0, at.1 - origin.1);
            let (mut area, mut sum) = (0.0, (0.0, 0.0));
            for (one, next) in places.iter().zip(places.iter().skip(1)) {
                let (a, b) = (from(one), from(next));
                let cross = a.0 * b.1 - b.0 * a.1;
                area += cross / 2.0;
                sum = (sum.0 + (a.0 + b.0) * cross / 6.0, sum.1 + (a.1 + b.1) * cross / 6.0);
            }
            if area != 0.0 {
                let weight = if at == 0 { area.abs() } else { -area.abs() };
                self.areas.put(weight, (origin.0 + sum.0 / area, origin.1 + sum.1 / area));
            }
            if at == 0 {
                self.line(ring);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{super::check, *};

    fn of(value: &Value) -> (f64, f64) {
        centroid(&value.as_object().cloned().unwrap()).unwrap()
    }

    fn ring(points: &[(f64, f64)]) -> Value {
        json!(points.iter().chain(points.first()).map(|(x, y)| json!([x, y])).collect::<Vec<_>>())
    }

    fn square(x: f64, side: f64) -> Value {
        ring(&[(x, 0.0), (x + side, 0.0), (x + side, side), (x, side)])
    }

    fn near((x, y): (f64, f64), (a, b): (f64, f64)) {
        assert!((x - a).abs() < 1e-9 && (y - b).abs() < 1e-9, "{x} {y}");
    }

    #[test]
    fn the_middle_of_an_area_is_its_areas_and_a_hole_pushes_it_away() {
        near(of(&json!({"type": "Polygon", "coordinates": [square(10.0, 2.0)]})), (11.0, 1.0));
        near(of(&json!({"type": "MultiPolygon", "coordinates": [[square(0.0, 1.0)], [square(10.0, 1.0)]]})), (5.5, 0.5));
        let (x, y) = of(&json!({"type": "Polygon", "coordinates": [square(0.0, 4.0), square(0.0, 2.0)]}));
        near((x, y), (7.0 / 3.0, 7.0 / 3.0));
        near(of(&json!({"type": "LineString", "coordinates": [[0, 0], [2, 0], [2, 2]]})), (1.5, 0.5));
        near(of(&json!({"type": "Polygon", "coordinates": [[[1, 1], [3, 1], [1, 1], [1, 1]]]})), (2.0, 1.0));
        near(of(&json!({"type": "Point", "coordinates": [-6.26, 53.35]})), (-6.26, 53.35));
    }

    #[test]
    fn a_zone_around_the_antimeridian_has_its_middle_there() {
        let (west, east) = (square(177.0, 3.0), square(-180.0, 3.0));
        near(of(&json!({"type": "MultiPolygon", "coordinates": [[west], [east]]})), (180.0, 1.5));
        // Not cut, as many a tool writes it: the middle is on the larger side.
        let uncut = ring(&[(178.0, -1.0), (-176.0, -1.0), (-176.0, 1.0), (178.0, 1.0)]);
        near(of(&json!({"type": "Polygon", "coordinates": [uncut]})), (-179.0, 0.0));
        near(of(&json!({"type": "LineString", "coordinates": [[179, 10], [-179, 20]]})), (180.0, 15.0));
        near(of(&json!({"type": "MultiPoint", "coordinates": [[179, 10], [-177, 20]]})), (-179.0, 15.0));
        let parts = json!([{"type": "Point", "coordinates": [179, 0]}, {"type": "Point", "coordinates": [-179, 0]}]);
        near(of(&json!({"type": "GeometryCollection", "geometries": parts})), (180.0, 0.0));
    }

    #[test]
    fn what_is_wide_is_not_taken_for_what_crosses() {
        let around = ring(&[(-180.0, -10.0), (180.0, -10.0), (180.0, 10.0), (-180.0, 10.0)]);
        near(of(&json!({"type": "Polygon", "coordinates": [around]})), (0.0, 0.0));
        // America and Asia: nearer over the Atlantic than it would be counted on.
        near(of(&json!({"type": "MultiPoint", "coordinates": [[-100, 0], [10, 0], [105, 0]]})), (5.0, 0.0));
        near(of(&json!({"type": "LineString", "coordinates": [[-80, 5], [80, 5]]})), (0.0, 5.0));
    }

    proptest! {
        #[test]
        fn a_small_zone_anywhere_has_its_middle_inside_it(x in -179.0..179.0f64, y in -89.0..89.0f64, side in 1e-5..0.5f64, back: bool) {
            let mut corners = vec![(x, y), (x + side, y), (x + side, y + side), (x, y + side)];
            if back {
                corners.reverse();
            }
            let geometry = json!({"type": "Polygon", "coordinates": [ring(&corners)]});
            prop_assert_eq!(check(geometry.as_object().unwrap()), Ok(()));
            let (a, b) = of(&geometry);
            prop_assert!((a - x - side / 2.0).abs() < side * 1e-3 && (b - y - side / 2.0).abs() < side * 1e-3, "{} {}", a, b);
        }

        #[test]
        fn a_small_zone_across_the_antimeridian_has_its_middle_inside_it(x in 170.0..179.9f64, y in -80.0..80.0f64, side in 0.2..20.0f64) {
            prop_assume!(x + side > 180.0);
            let back = |longitude: f64| if longitude > 180.0 { longitude - 360.0 } else { longitude };
            let corners = [(x, y), (x + side, y), (x + side, y + 1.0), (x, y + 1.0)].map(|(x, y)| (back(x), y));
            let (a, b) = of(&json!({"type": "Polygon", "coordinates": [ring(&corners)]}));
            prop_assert!((a - back(x + side / 2.0)).abs() < 1e-6 && (b - y - 0.5).abs() < 1e-6, "{} {}", a, b);
        }
    }
}

//! Zones in files: a GeoJSON `FeatureCollection` (RFC 7946, section 3.3) or CSV (RFC 4180), read by the rules of a zone event.
//!
//! Pure: text in, zones out. The first thing that is wrong ends it, with its place in the file; then nothing of the file is taken.

mod geojson;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::events::{ReadZone, given_zone};

/// The forms of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A GeoJSON `FeatureCollection`.
    GeoJson,
    /// Comma-separated values with a heading line.
    Csv,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Flaw {
    /// A JSON pointer (`/features/2/geometry/coordinates/0`), or a line and column (`line 5, column name`).
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl Form {
    /// By a file's name: `.geojson` and `.json`, or `.csv`.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "geojson" | "json" => Some(Self::GeoJson),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Reads the zones of a file, in its order.
    pub fn read(self, text: &str) -> Result<Vec<ReadZone>, Flaw> {
        // Spreadsheets write a mark at the beginning.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let zones = match self {
            Self::GeoJson => geojson::read(text)?,
            Self::Csv => table::read(text)?,
        };
        if zones.is_empty() { Err(flaw("the file", "holds no zone")) } else { Ok(zones) }
    }
}

fn flaw(place: impl Into<String>, problem: impl Into<String>) -> Flaw {
    Flaw { place: place.into(), problem: problem.into() }
}

/// Reads zones one by one, and refuses an id that came before.
#[derive(Default)]
struct Reader {
    zones: Vec<ReadZone>,
    seen: HashMap<String, String>,
}

impl Reader {
    /// Takes a zone. `place` names it in the file; `field` says where in it something of an event's data stands.
    fn take(&mut self, data: &Map<String, Value>, place: String, field: impl Fn(&str) -> String) -> Result<(), Flaw> {
        let zone = given_zone(data).map_err(|wrong| flaw(field(&wrong.place), wrong.message))?;
        if let Some(earlier) = self.seen.insert(zone.zone_id.clone(), place) {
            return Err(flaw(field("zoneId"), format!("is the id of an earlier zone of the file, {earlier}")));
        }
        self.zones.push(zone);
        Ok(())
    }
}

//! CSV with a heading line: `zoneId` and `name`, then any of `kind`, `utilityType`, `version`, `boundary` (GeoJSON as text), or
//! `latitude` and `longitude` (a point); every other column is an attribute, as text. Empty fields are absent.

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value, json};

use super::{Flaw, Reader, flaw};
use crate::events::ReadZone;

pub(super) fn read(text: &str) -> Result<Vec<ReadZone>, Flaw> {
    let mut file = ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let unreadable = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let problem = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("has {len} fields, the heading has {expected_len}")
            }
            _ => "cannot be read as CSV".to_owned(),
        };
        flaw(format!("line {line}"), problem)
    };
    let heading = file.headers().map_err(|error| unreadable(&error))?.clone();
    check(&heading)?;
    let mut reader = Reader::default();
    for record in file.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        let line = format!("line {}", record.position().map_or(0, csv::Position::line));
        let data = data(&heading, &record, &line)?;
        reader.take(&data, line.clone(), |field| column(&line, field))?;
    }
    Ok(reader.zones)
}

fn check(heading: &StringRecord) -> Result<(), Flaw> {
    for needed in ["zoneId", "name"] {
        if !heading.iter().any(|name| name == needed) {
            return Err(flaw("line 1", format!("has no column {needed}")));
        }
    }
    for (at, name) in heading.iter().enumerate() {
        if heading.iter().take(at).any(|earlier| earlier == name) {
            return Err(flaw("line 1", format!("has the column {name:?} twice")));
        }
    }
    Ok(())
}

/// The line as an event's data would say it.
fn data(heading: &StringRecord, record: &StringRecord, line: &str) -> Result<Map<String, Value>, Flaw> {
    let (mut data, mut attributes, mut place) = (Map::new(), Map::new(), [None, None]);
    for (name, text) in heading.iter().zip(record.iter()).filter(|(_, text)| !text.is_empty()) {
        let wrong = |problem: &str| flaw(column(line, name), problem);
        match name {
            "zoneId" | "name" | "kind" | "utilityType" => drop(data.insert(name.to_owned(), json!(text))),
            "version" => {
                let version: u64 = text.parse().map_err(|_| wrong("must be a whole number"))?;
                data.insert(name.to_owned(), json!(version));
            }
            "boundary" => {
                let boundary: Value = serde_json::from_str(text).map_err(|_| wrong("must be a GeoJSON geometry as text"))?;
                data.insert(name.to_owned(), boundary);
            }
            "longitude" => place[0] = Some(text.parse::<f64>().map_err(|_| wrong("must be a number"))?),
            "latitude" => place[1] = Some(text.parse::<f64>().map_err(|_| wrong("must be a number"))?),
            _ => drop(attributes.insert(name.strip_prefix("attributes.").unwrap_or(name).to_owned(), json!(text))),
        }
    }
    match place {
        [Some(longitude), Some(latitude)] if !data.contains_key("boundary") => {
            data.insert("boundary".to_owned(), json!({ "type": "Point", "coordinates": [longitude, latitude] }));
        }
        [Some(_), None] => return Err(flaw(column(line, "latitude"), "is required beside longitude")),
        [None, Some(_)] => return Err(flaw(column(line, "longitude"), "is required beside latitude")),
        _ => {}
    }
    data.insert("attributes".to_owned(), Value::Object(attributes));
    Ok(data)
}

fn column(line: &str, field: &str) -> String {
    let field = field.strip_prefix("attributes/").unwrap_or(field);
    if field.is_empty() { line.to_owned() } else { format!("{line}, column {field}") }
}

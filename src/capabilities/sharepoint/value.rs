//! Values as columns hold them: how they are sent, and when two are the same. Pure.
//!
//! Source: Microsoft, "Field values in SharePoint lists" and the field-type notes of `fieldValueSet`.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::target::{Choices, Column, ColumnType};
use crate::hex::hex;

/// Characters of a single line of text.
const LINE: usize = 255;
/// Digits of a number that survive being stored.
const DIGITS: usize = 14;

/// Bytes of a text from which on a reading of the list keeps its digest alone.
const LONG: usize = 500;
/// Where that digest stands. No column holds objects.
const DIGEST: &str = "digest";

/// The value as the column takes it, or why it does not.
pub(super) fn fitted(column: &Column, value: Value) -> Result<Value, String> {
    match (&column.kind, value) {
        (ColumnType::Boolean, Value::Null) => Ok(json!(false)),
        (_, Value::Null) => Ok(Value::Null),
        (ColumnType::Text, value) => line(text(value)),
        (ColumnType::MultilineText, value) => Ok(Value::String(text(value))),
        (ColumnType::Number | ColumnType::Currency, value) => number(&value),
        (ColumnType::Boolean, value) => boolean(&value),
        (ColumnType::DateTime, value) => instant(&value),
        (ColumnType::Choice(choices), value) => choice(choices, text(value)).map(Value::String),
        (ColumnType::MultiChoice(choices), value) => Ok(json!([choice(choices, text(value))?])),
        (ColumnType::Lookup, value) => {
            value.as_u64().map(|id| json!(id)).ok_or_else(|| format!("holds an item's number, not {}", shown(&value)))
        }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn line(text: String) -> Result<Value, String> {
    match text.chars().count() {
        0..=LINE => Ok(Value::String(text)),
        length => Err(format!("takes at most {LINE} characters, the value has {length}")),
    }
}

fn number(value: &Value) -> Result<Value, String> {
    let parsed = match value {
        Value::Number(number) => return Ok(Value::Number(number.clone())),
        Value::String(text) => {
            let text = text.trim();
            let fraction = || text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| json!(number));
            // A whole number stays one, as people wrote it down.
            text.parse::<i64>().ok().map(|number| json!(number)).or_else(fraction)
        }
        _ => None,
    };
    parsed.ok_or_else(|| format!("holds numbers, not {}", shown(value)))
}

fn boolean(value: &Value) -> Result<Value, String> {
    match value {
        Value::Bool(_) => Ok(value.clone()),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes") => Ok(json!(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text.eq_ignore_ascii_case("no") => Ok(json!(false)),
        _ => Err(format!("holds yes or no, not {}", shown(value))),
    }
}

fn instant(value: &Value) -> Result<Value, String> {
    let read = value.as_str().and_then(read_instant);
    read.map(|_| value.clone()).ok_or_else(|| format!("holds dates (2026-11-23 or RFC 3339), not {}", shown(value)))
}

fn choice(choices: &Choices, text: String) -> Result<String, String> {
    if choices.others_allowed || choices.offered.contains(&text) {
        return Ok(text);
    }
    Err(format!("does not offer the choice {}", shown(&Value::String(text))))
}

/// A value for people: its beginning.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    let mut start: String = text.chars().take(40).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

fn read_instant(text: &str) -> Option<DateTime<Utc>> {
    let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0).map(|start| start.and_utc());
    DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc()).or_else(day)
}

/// Puts a value into the `fields` of a body: some types go under another name, and collections say what they are of.
pub(super) fn put(fields: &mut Map<String, Value>, column: &Column, value: Value) {
    if let ColumnType::MultiChoice(_) = column.kind {
        fields.insert(format!("{}@odata.type", column.name), json!("Collection(Edm.String)"));
    }
    fields.insert(wire_name(column), value);
}

/// The name under which the value is sent and read.
pub(super) fn wire_name(column: &Column) -> String {
    match column.kind {
        ColumnType::Lookup => format!("{}LookupId", column.name),
        _ => column.name.clone(),
    }
}

/// Tells whether two values of a column are the same, in little space: what SharePoint gives back for a value (line ends, `5.0` for
/// `5`, `…T00:00:00Z` for a day) has the digest of what was sent.
pub(super) fn digest(column: &Column, value: &Value) -> String {
    if let Some(kept) = value.get(DIGEST).and_then(Value::as_str) {
        return kept.to_owned();
    }
    let normal = normal(&column.kind, value);
    let digest = Sha256::digest(normal.to_string().as_bytes());
    hex(digest.get(..12).unwrap_or_default())
}

/// A long text, as it is kept of a reading of the whole list: its digest and its length.
pub(super) fn shortened(column: &Column, value: Value) -> Value {
    match &value {
        Value::String(text) if text.len() > LONG => json!({ DIGEST: digest(column, &value), "characters": text.chars().count() }),
        _ => value,
    }
}

/// What an item is found by: equal for two values of the match column that are one to the list. SharePoint compares text without
/// case, so where it enforces unique values `north` and `North` cannot both stand; elsewhere they can, and are told apart. Spaces at
/// an end do not survive. None for an empty value, which finds nothing.
pub(super) fn key(column: &Column, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => {
            let text = text.trim_end();
            (!text.is_empty()).then(|| if column.unique { text.to_lowercase() } else { text.to_owned() })
        }
        other => Some(digest(column, other)),
    }
}

fn normal(kind: &ColumnType, value: &Value) -> Value {
    match (kind, value) {
        (ColumnType::Boolean, Value::Null) => json!(false),
        (ColumnType::Boolean, Value::Number(number)) => json!(number.as_f64() != Some(0.0)),
        (ColumnType::Number | ColumnType::Currency, value) => {
            let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
            number.map_or_else(|| value.clone(), |number| json!(format!("{:.*e}", DIGITS - 1, number + 0.0)))
        }
        (ColumnType::Lookup, value) => {
            let id = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            id.map_or(Value::Null, |id| json!(id))
        }
        (ColumnType::DateTime, Value::String(text)) => {
            read_instant(text).map_or_else(|| value.clone(), |instant| json!(instant.timestamp()))
        }
        (ColumnType::MultiChoice(_), Value::Array(values)) => {
            let mut words: Vec<String> = values.iter().cloned().map(text).collect();
            words.sort();
            if words.is_empty() { Value::Null } else { json!(words) }
        }
        (_, Value::String(text)) => {
            let text = text.replace("\r\n", "\n");
            let text = text.trim_end();
            if text.is_empty() { Value::Null } else { json!(text) }
        }
        (_, value) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: ColumnType) -> Column {
        Column { name: "C".into(), kind, indexed: false, unique: false }
    }

    fn choices() -> Choices {
        Choices { offered: vec!["water".into(), "gas".into()], others_allowed: false }
    }

    #[test]
    fn a_value_goes_in_as_its_column_takes_it() {
        let fits = |kind, value| fitted(&column(kind), value).unwrap();
        assert_eq!(fits(ColumnType::Text, json!(5)), json!("5"));
        assert_eq!(fits(ColumnType::Number, json!("5.5")), json!(5.5));
        assert_eq!(fits(ColumnType::Number, json!("1240")), json!(1240));
        assert_eq!(fits(ColumnType::Boolean, Value::Null), json!(false));
        assert_eq!(fits(ColumnType::DateTime, json!("2026-11-23")), json!("2026-11-23"));
        assert_eq!(fits(ColumnType::MultiChoice(choices()), json!("gas")), json!(["gas"]));
        assert_eq!(fits(ColumnType::Number, Value::Null), Value::Null);
    }

    #[test]
    fn a_value_that_does_not_fit_says_why() {
        let refused = |kind, value| fitted(&column(kind), value).unwrap_err();
        assert_eq!(refused(ColumnType::Text, json!("x".repeat(256))), "takes at most 255 characters, the value has 256");
        assert_eq!(refused(ColumnType::Number, json!("five")), "holds numbers, not \"five\"");
        assert_eq!(refused(ColumnType::Boolean, json!(7)), "holds yes or no, not 7");
        assert_eq!(refused(ColumnType::DateTime, json!("soon")), "holds dates (2026-11-23 or RFC 3339), not \"soon\"");
        assert_eq!(refused(ColumnType::Choice(choices()), json!("heat")), "does not offer the choice \"heat\"");
        assert_eq!(refused(ColumnType::Lookup, json!("Ann")), "holds an item's number, not \"Ann\"");
    }

    #[test]
    fn what_comes_back_for_a_value_is_the_same_value() {
        let same = |kind: ColumnType, sent, read| digest(&column(kind.clone()), &sent) == digest(&column(kind), &read);
        assert!(same(ColumnType::MultilineText, json!("a\r\nb"), json!("a\nb\n")));
        assert!(same(ColumnType::Text, json!(""), Value::Null));
        assert!(same(ColumnType::Number, json!(5), json!(5.0)));
        assert!(same(ColumnType::Number, json!(53.349_805_1), json!(53.349_805_1)));
        assert!(same(ColumnType::DateTime, json!("2026-11-23"), json!("2026-11-23T00:00:00Z")));
        assert!(same(ColumnType::Boolean, json!(false), Value::Null));
        assert!(same(ColumnType::Lookup, json!(4), json!("4")));
        assert!(same(ColumnType::MultiChoice(choices()), json!(["water", "gas"]), json!(["gas", "water"])));
        assert!(!same(ColumnType::Text, json!("a"), json!("A")));
        assert!(!same(ColumnType::Number, json!(5), json!(6)));
    }

    #[test]
    fn a_list_that_enforces_unique_values_knows_no_case() {
        let plain = column(ColumnType::Text);
        let unique = Column { unique: true, ..plain.clone() };
        assert_ne!(key(&plain, &json!("North")), key(&plain, &json!("north")));
        assert_eq!(key(&unique, &json!("North Élan ")), key(&unique, &json!("north élan")));
        assert_ne!(key(&unique, &json!("Elan")), key(&unique, &json!("Élan")));
        assert_eq!((key(&unique, &json!("  ")), key(&unique, &Value::Null)), (None, None));
        assert_eq!(key(&column(ColumnType::Number), &json!(5)), key(&column(ColumnType::Number), &json!(5.0)));
    }
}

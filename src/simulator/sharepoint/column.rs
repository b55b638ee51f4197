//! Columns: as Graph shows them, and which values each takes.
//!
//! Sources: Microsoft, "columnDefinition resource type", "List columns in a list", "Update an item in a list".

use serde_json::{Map, Value, json};

use super::spec::{ColumnKind, ColumnSpec, SharePointSettings};
use crate::simulator::errors::Failure;

/// Characters of a single line.
const LINE: usize = 255;

/// The columns that every list has.
pub(super) fn built_in() -> Vec<ColumnSpec> {
    let fixed = |name: &str, kind| ColumnSpec { read_only: true, ..ColumnSpec::new(name, name, kind) };
    vec![
        ColumnSpec { required: true, ..ColumnSpec::new("Title", "Title", ColumnKind::Text) },
        fixed("ID", ColumnKind::Number).indexed(),
        fixed("Created", ColumnKind::DateTime),
        fixed("Modified", ColumnKind::DateTime),
        fixed("Author", ColumnKind::Person),
        fixed("Editor", ColumnKind::Person),
    ]
}

/// The column as a `columnDefinition`.
pub(super) fn definition(column: &ColumnSpec, number: usize) -> Value {
    let (facet, content, kind) = facet(&column.kind);
    let mut definition = json!({
        "columnGroup": "Custom Columns", "description": "", "displayName": column.display_name,
        "enforceUniqueValues": column.enforce_unique_values, "hidden": column.hidden,
        "id": uuid::Uuid::from_u64_pair(0x5f3a_11d0_77c2_4a00, 0x9000_0000_0000_0000 | number as u64).to_string(),
        "indexed": is_indexed(column), "name": column.name, "readOnly": column.read_only, "required": column.required,
        "type": kind,
    });
    if let Value::Object(map) = &mut definition {
        map.insert(facet.to_owned(), content);
    }
    definition
}

fn facet(kind: &ColumnKind) -> (&'static str, Value, &'static str) {
    let choices = |choices: &[String], others: bool, display: &str| json!({"allowTextEntry": others, "choices": choices, "displayAs": display});
    match kind {
        ColumnKind::Text => ("text", text(false), "text"),
        ColumnKind::MultilineText => ("text", text(true), "note"),
        ColumnKind::Number => ("number", json!({"decimalPlaces": "automatic", "displayAs": "number"}), "number"),
        ColumnKind::Currency => ("currency", json!({"locale": "en-ie"}), "currency"),
        ColumnKind::Boolean => ("boolean", json!({}), "boolean"),
        ColumnKind::DateTime => ("dateTime", json!({"displayAs": "default", "format": "dateTime"}), "dateTime"),
        ColumnKind::Choice { choices: words, allow_text_entry } => {
            ("choice", choices(words, *allow_text_entry, "dropDownMenu"), "choice")
        }
        ColumnKind::MultiChoice { choices: words, allow_text_entry } => {
            ("choice", choices(words, *allow_text_entry, "checkBoxes"), "multichoice")
        }
        ColumnKind::Lookup => ("lookup", json!({"allowMultipleValues": false, "columnName": "Title"}), "lookup"),
        ColumnKind::Person => ("personOrGroup", json!({"allowMultipleSelection": false, "displayAs": "name"}), "user"),
        ColumnKind::HyperlinkOrPicture => ("hyperlinkOrPicture", json!({"isPicture": false}), "url"),
        ColumnKind::Geolocation => ("geolocation", json!({}), "location"),
        ColumnKind::Calculated => ("calculated", json!({"formula": "=[Title]", "outputType": "text"}), "calculated"),
        ColumnKind::Term => ("term", json!({"allowMultipleValues": false, "showFullyQualifiedName": false}), "term"),
        ColumnKind::Thumbnail => ("thumbnail", json!({}), "thumbnail"),
    }
}

fn text(lines: bool) -> Value {
    json!({
        "allowMultipleLines": lines, "appendChangesToExistingText": false, "linesForEditing": if lines { 6 } else { 0 },
        "maxLength": if lines { Value::Null } else { json!(LINE) }, "textType": "plain",
    })
}

/// Whether the list has an index on it; a unique column always has one.
pub(super) fn is_indexed(column: &ColumnSpec) -> bool {
    column.indexed || column.enforce_unique_values
}

/// The name a column's value is read and written under.
pub(super) fn wire_name(column: &ColumnSpec) -> String {
    match column.kind {
        ColumnKind::Lookup | ColumnKind::Person => format!("{}LookupId", column.name),
        _ => column.name.clone(),
    }
}

/// The values that a caller writes, by internal name, each as it will be kept.
pub(super) fn written(
    columns: &[ColumnSpec],
    body: &Map<String, Value>,
    settings: &SharePointSettings,
) -> Result<Map<String, Value>, Failure> {
    let mut values = Map::new();
    for (name, value) in body.iter().filter(|(name, _)| !name.contains('@')) {
        let known = columns.iter().find(|column| wire_name(column) == *name);
        let column = known.ok_or_else(|| Failure {
            // A name that no column can have (a display name, most likely) is a mistake in the request's form.
            refused: !name.chars().all(|letter| letter.is_alphanumeric() || letter == '_'),
            ..Failure::new(400, "invalidRequest", format!("Field '{name}' is not recognized."))
        })?;
        if column.read_only || column.hidden {
            return Err(Failure::new(400, "invalidRequest", format!("Field '{name}' is read-only.")));
        }
        let annotation = body.get(&format!("{name}@odata.type")).and_then(Value::as_str);
        let kept = kept(&column.kind, value, annotation).ok_or_else(|| {
            let text = format!("General exception while processing the value of field '{name}'.");
            Failure::new(settings.type_error_status, "generalException", text)
        })?;
        values.insert(name.clone(), kept);
    }
    let base = |name: &str| name.split('@').next().is_some_and(|base| values.contains_key(base));
    match body.keys().find(|name| name.contains('@') && !base(name)) {
        Some(stray) => Err(Failure::malformed("invalidRequest", format!("The annotation '{stray}' belongs to no value."))),
        None => Ok(values),
    }
}

fn kept(kind: &ColumnKind, value: &Value, annotation: Option<&str>) -> Option<Value> {
    if value.is_null() {
        let writable = !matches!(
            kind,
            ColumnKind::HyperlinkOrPicture
                | ColumnKind::Geolocation
                | ColumnKind::Calculated
                | ColumnKind::Term
                | ColumnKind::Thumbnail
        );
        return writable.then(|| if *kind == ColumnKind::Boolean { json!(false) } else { Value::Null });
    }
    match (kind, value) {
        (ColumnKind::Text, Value::String(text)) => (text.chars().count() <= LINE).then(|| value.clone()),
        (ColumnKind::MultilineText, Value::String(text)) => Some(json!(text.replace("\r\n", "\n"))),
        // SharePoint keeps doubles.
        (ColumnKind::Number | ColumnKind::Currency, Value::Number(number)) => number.as_f64().map(|number| json!(number)),
        (ColumnKind::Boolean, Value::Bool(_)) => Some(value.clone()),
        (ColumnKind::DateTime, Value::String(text)) => instant(text).map(|at| json!(at)),
        (ColumnKind::Choice { choices, allow_text_entry }, Value::String(word)) => {
            (*allow_text_entry || choices.contains(word)).then(|| value.clone())
        }
        (ColumnKind::MultiChoice { choices, allow_text_entry }, Value::Array(words)) => {
            let fits =
                |word: &Value| word.as_str().is_some_and(|word| *allow_text_entry || choices.iter().any(|one| one == word));
            (annotation == Some("Collection(Edm.String)") && words.iter().all(fits)).then(|| value.clone())
        }
        // Written as a number, read back as text.
        (ColumnKind::Lookup | ColumnKind::Person, Value::Number(number)) => number.as_u64().map(|id| json!(id.to_string())),
        _ => None,
    }
}

fn instant(text: &str) -> Option<String> {
    let day = || text.parse::<chrono::NaiveDate>().ok()?.and_hms_opt(0, 0, 0).map(|start| start.and_utc());
    let at = chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()).or_else(day)?;
    Some(at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A value as an index and a comparison see it: text without case, numbers by value.
pub(super) fn comparable(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.to_lowercase()),
        Value::Number(number) => number.as_f64().map(|number| (number + 0.0).to_string()),
        other => Some(other.to_string()),
    }
}

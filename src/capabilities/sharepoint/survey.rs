//! What was asked for, held against the real list: every name resolved, every type compared. Pure.

use super::{
    columns::{Definition, named},
    request::{FieldRequest, TargetRequest},
    target::{Column, ColumnType, Mapping, Retire, Target},
};

/// A list that zones can go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// Resolved.
    pub target: Target,
    /// What works and should be changed all the same: each a sentence with what to do.
    pub warnings: Vec<String>,
}

/// A value of the request that does not fit the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// As the API names it: `fields[2].column`.
    pub field: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// The fields of a zone, beside `attributes.<name>`.
const ZONE_FIELDS: [&str; 9] =
    ["zoneId", "name", "kind", "utilityType", "boundary", "boundaryWkt", "latitude", "longitude", "version"];
/// Where attributes begin among them.
const ATTRIBUTES: &str = "attributes.";
/// The utilities there are, for choice columns that might not offer one.
const UTILITIES: [&str; 7] = ["electricity", "gas", "water", "wastewater", "heat", "telecom", "other"];
/// What a text or choice column says of a zone that is gone.
const RETIRED: &str = "retired";
/// Fields of one target, at most: a list has far fewer columns that can be written.
const MOST_FIELDS: usize = 200;

fn wrong(field: impl Into<String>, problem: impl Into<String>) -> Wrong {
    Wrong { field: field.into(), problem: problem.into() }
}

/// Checks what can be checked without the list.
pub fn check(asked: &TargetRequest) -> Result<(), Wrong> {
    for (field, value) in [("site", &asked.site), ("list", &asked.list), ("matchColumn", &asked.match_column)] {
        if value.trim().is_empty() || value.chars().count() > 400 || value.chars().any(char::is_control) {
            return Err(wrong(field, "must have 1 to 400 characters"));
        }
    }
    if asked.fields.len() > MOST_FIELDS {
        return Err(wrong("fields", format!("at most {MOST_FIELDS}")));
    }
    known("matchField", &asked.match_field)?;
    if matches!(asked.match_field.as_str(), "boundary" | "boundaryWkt" | "latitude" | "longitude" | "version") {
        return Err(wrong("matchField", format!("{} does not tell one zone from another: use zoneId", asked.match_field)));
    }
    for (at, field) in asked.fields.iter().enumerate() {
        known(&format!("fields[{at}].zoneField"), &field.zone_field)?;
    }
    match (asked.retire, &asked.retire_column) {
        (Retire::Mark, None) => Err(wrong("retireColumn", "is required with retire: MARK")),
        (Retire::Leave | Retire::Delete, Some(_)) => Err(wrong("retireColumn", "is for retire: MARK only")),
        _ => Ok(()),
    }
}

fn known(place: &str, field: &str) -> Result<(), Wrong> {
    let attribute = field.strip_prefix(ATTRIBUTES).is_some_and(|name| !name.trim().is_empty());
    if attribute || ZONE_FIELDS.contains(&field) {
        return Ok(());
    }
    Err(wrong(place, format!("{field:?} is not a field of a zone: {} or attributes.<name>", ZONE_FIELDS.join(", "))))
}

/// Resolves the request against the columns of its list. Everything that does not fit is told at once: of ten columns with three
/// misspelt, nobody should have to ask three times.
pub(super) fn survey(
    asked: &TargetRequest,
    (site_id, list_id): (String, String),
    columns: &[Definition],
) -> Result<Surveyed, Wrong> {
    let (mut warnings, mut wrong) = (Vec::new(), Vec::new());
    let match_column = resolved(columns, "matchColumn", &asked.match_column)
        .and_then(|column| matchable(&column, &asked.match_field).map(|()| column));
    warnings.extend(match_column.iter().flat_map(|column| about_match(column, &asked.match_column)));
    let mut fields: Vec<Mapping> = Vec::with_capacity(asked.fields.len());
    for (at, field) in asked.fields.iter().enumerate() {
        let place = format!("fields[{at}].column");
        match mapped(columns, &place, field, (asked, match_column.as_ref().ok(), &fields)) {
            Ok(mapping) => {
                warnings.extend(about_field(columns, &mapping.column, &field.zone_field));
                fields.push(mapping);
            }
            Err(other) => wrong.push(other),
        }
    }
    let mark = |name: &String| mark(columns, name, match_column.as_ref().ok(), &fields);
    let retire_column = asked.retire_column.as_ref().map(mark).transpose().map_err(|other| wrong.push(other)).ok().flatten();
    let match_column = match match_column {
        Ok(column) => column,
        Err(first) => return Err(first.beside(wrong)),
    };
    let mut wrong = wrong.into_iter();
    if let Some(first) = wrong.next() {
        return Err(first.beside(wrong.collect()));
    }
    let match_field = asked.match_field.clone();
    let target = Target { site_id, list_id, match_field, match_column, fields, retire: asked.retire, retire_column };
    Ok(Surveyed { target, warnings })
}

impl Wrong {
    /// With what else is wrong: each by its own field, after the first.
    fn beside(self, others: Vec<Self>) -> Self {
        let others = others.into_iter().map(|other| format!("; {}: {}", other.field, other.problem));
        Self { problem: others.fold(self.problem, |problem, other| problem + &other), field: self.field }
    }
}

/// The column of a field, beside the columns that are taken.
fn mapped(
    columns: &[Definition],
    place: &str,
    field: &FieldRequest,
    (asked, match_column, fields): (&TargetRequest, Option<&Column>, &[Mapping]),
) -> Result<Mapping, Wrong> {
    let column = resolved(columns, place, &field.column)?;
    suits(place, &field.zone_field, &column)?;
    if match_column.is_some_and(|matched| column.name == matched.name) && field.zone_field != asked.match_field {
        return Err(wrong(place, format!("column {} is the match column and holds {}", column.name, asked.match_field)));
    }
    if let Some(other) = fields.iter().find(|other| other.column.name == column.name) {
        return Err(wrong(place, format!("column {} holds {} already", column.name, other.zone_field)));
    }
    Ok(Mapping { zone_field: field.zone_field.clone(), column })
}

fn resolved(columns: &[Definition], place: &str, name: &str) -> Result<Column, Wrong> {
    let column = named(columns, name).map_err(|problem| wrong(place, problem))?;
    column.writable().map_err(|why| wrong(place, format!("column {name:?} ({}) {why}", column.name)))
}

/// Whether a column can find the item of a zone: SharePoint filters on single values, and indexes no long text.
fn matchable(column: &Column, field: &str) -> Result<(), Wrong> {
    let fits = match column.kind {
        ColumnType::Text | ColumnType::Choice(_) => true,
        ColumnType::Number | ColumnType::Currency => field.starts_with(ATTRIBUTES),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let problem =
        format!("column {} holds {}: use a single line of text to match {field} on", column.name, described(&column.kind));
    Err(wrong("matchColumn", problem))
}

/// Whether a column can hold a field of a zone. An attribute may be anything; each value is checked when it is sent.
fn suits(place: &str, field: &str, column: &Column) -> Result<(), Wrong> {
    let text = matches!(column.kind, ColumnType::Text | ColumnType::MultilineText);
    let word = matches!(column.kind, ColumnType::Choice(_) | ColumnType::MultiChoice(_));
    let number = column.kind == ColumnType::Number;
    let (fits, needs) = match field {
        "boundary" | "boundaryWkt" => {
            (column.kind == ColumnType::MultilineText, "several lines of text (a boundary is longer than 255 characters)")
        }
        "latitude" | "longitude" | "version" => (text || number, "a number or text"),
        "kind" | "utilityType" => (text || word, "text or a choice"),
        "zoneId" | "name" => (text || matches!(column.kind, ColumnType::Choice(_)), "text"),
        _ => (true, ""),
    };
    if fits {
        return Ok(());
    }
    Err(wrong(place, format!("column {} holds {}, and {field} needs {needs}", column.name, described(&column.kind))))
}

fn mark(columns: &[Definition], name: &str, match_column: Option<&Column>, fields: &[Mapping]) -> Result<Column, Wrong> {
    let place = "retireColumn";
    let column = resolved(columns, place, name)?;
    let matched = match_column.is_some_and(|matched| column.name == matched.name);
    if matched || fields.iter().any(|field| field.column.name == column.name) {
        return Err(wrong(place, format!("column {} holds a field of the zone already", column.name)));
    }
    let fits = match &column.kind {
        ColumnType::Choice(choices) => choices.others_allowed || choices.offered.iter().any(|word| word == RETIRED),
        ColumnType::MultiChoice(_) | ColumnType::Lookup | ColumnType::Currency => false,
        _ => true,
    };
    let needs = format!("use a yes/no or date column, a text, or a choice that offers {RETIRED:?}");
    if fits {
        Ok(column)
    } else {
        Err(wrong(place, format!("column {} holds {}: {needs}", column.name, described(&column.kind))))
    }
}

fn about_match(column: &Column, asked: &str) -> Vec<String> {
    let name = &column.name;
    if column.unique {
        return Vec::new();
    }
    let patch = |body: &str| format!("PATCH the column through Graph with {body} (Sites.Manage.All)");
    if column.indexed {
        return vec![format!(
            "column {asked:?} ({name}) does not enforce unique values: two writers at once could make two items for one zone. In the \
             list's settings open the column and set \"Enforce unique values\" to Yes, or {}.",
            patch("{\"enforceUniqueValues\": true}")
        )];
    }
    vec![format!(
        "column {asked:?} ({name}) has no index and does not enforce unique values: above 5,000 items the whole list is read for \
         every look-up, and two writers at once could make two items for one zone. In the list's settings open the column and set \
         \"Enforce unique values\" to Yes (this adds the index), or {}.",
        patch("{\"indexed\": true, \"enforceUniqueValues\": true}")
    )]
}

fn about_field(columns: &[Definition], column: &Column, field: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    if columns.iter().any(|one| one.name == column.name && one.is_rich()) {
        warnings.push(format!(
            "column {} keeps formatted text: what comes back differs from what is sent, so it is written at every publication. Set \
             \"Specify the type of text to allow\" to plain text.",
            column.name
        ));
    }
    if let (ColumnType::Choice(choices) | ColumnType::MultiChoice(choices), "utilityType") = (&column.kind, field) {
        let missing: Vec<&str> =
            UTILITIES.into_iter().filter(|word| !choices.offered.iter().any(|offered| offered == word)).collect();
        if !choices.others_allowed && !missing.is_empty() {
            warnings.push(format!(
                "column {} does not offer {}: zones of these utilities will fail. Add the choices, or allow fill-in choices.",
                column.name,
                missing.join(", ")
            ));
        }
    }
    warnings
}

fn described(kind: &ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "a single line of text",
        ColumnType::MultilineText => "several lines of text",
        ColumnType::Number => "numbers",
        ColumnType::Currency => "amounts of money",
        ColumnType::Boolean => "yes or no",
        ColumnType::DateTime => "dates",
        ColumnType::Choice(_) => "a choice",
        ColumnType::MultiChoice(_) => "several choices",
        ColumnType::Lookup => "look-ups or people",
    }
}

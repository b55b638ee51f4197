//! A list's columns as Graph describes them, and what of that matters for writing. Pure.
//!
//! Source: Microsoft, "columnDefinition resource type". Not writable through Graph v1.0: hyperlinks and pictures, locations, managed
//! metadata, images, calculated and read-only columns.

use serde::Deserialize;
use serde_json::Value;

use super::target::{Choices, Column, ColumnType};

/// One column of the answer to `GET …/columns`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Definition {
    pub(super) name: String,
    display_name: Option<String>,
    indexed: Option<bool>,
    enforce_unique_values: Option<bool>,
    read_only: Option<bool>,
    hidden: Option<bool>,
    text: Option<TextFacet>,
    number: Option<Value>,
    currency: Option<Value>,
    boolean: Option<Value>,
    date_time: Option<Value>,
    choice: Option<ChoiceFacet>,
    lookup: Option<ManyFacet>,
    person_or_group: Option<ManyFacet>,
    hyperlink_or_picture: Option<Value>,
    geolocation: Option<Value>,
    calculated: Option<Value>,
    term: Option<Value>,
    thumbnail: Option<Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TextFacet {
    allow_multiple_lines: Option<bool>,
    text_type: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ChoiceFacet {
    choices: Vec<String>,
    allow_text_entry: Option<bool>,
    display_as: Option<String>,
}

/// Lookups and people say in two words whether they hold several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ManyFacet {
    allow_multiple_values: Option<bool>,
    allow_multiple_selection: Option<bool>,
}

impl Definition {
    /// As people see it.
    pub(super) fn shown(&self) -> &str {
        self.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.name)
    }

    /// As it can be written, or why it cannot.
    pub(super) fn writable(&self) -> Result<Column, String> {
        if self.calculated.is_some() {
            return Err("is calculated by SharePoint and cannot be written".to_owned());
        }
        if self.read_only == Some(true) {
            return Err("is read-only".to_owned());
        }
        if self.hidden == Some(true) {
            return Err("is hidden, and Graph does not write hidden columns".to_owned());
        }
        let kind = self.kind()?;
        let unique = self.enforce_unique_values == Some(true);
        Ok(Column { name: self.name.clone(), kind, indexed: unique || self.indexed == Some(true), unique })
    }

    /// Whether it keeps formatted text, which comes back as other text than was sent.
    pub(super) fn is_rich(&self) -> bool {
        self.text.as_ref().is_some_and(|text| text.text_type.as_deref() == Some("richText"))
    }

    fn kind(&self) -> Result<ColumnType, String> {
        let many = |facet: &ManyFacet| facet.allow_multiple_values == Some(true) || facet.allow_multiple_selection == Some(true);
        if let Some(text) = &self.text {
            let lines = text.allow_multiple_lines == Some(true);
            return Ok(if lines { ColumnType::MultilineText } else { ColumnType::Text });
        }
        if let Some(choice) = &self.choice {
            let words = Choices { offered: choice.choices.clone(), others_allowed: choice.allow_text_entry == Some(true) };
            let several = choice.display_as.as_deref() == Some("checkBoxes");
            return Ok(if several { ColumnType::MultiChoice(words) } else { ColumnType::Choice(words) });
        }
        match (&self.lookup, &self.person_or_group) {
            (Some(facet), _) | (_, Some(facet)) if many(facet) => {
                return Err("holds several look-up values, which is not supported".to_owned());
            }
            (Some(_), _) | (_, Some(_)) => return Ok(ColumnType::Lookup),
            (None, None) => {}
        }
        let simple = [
            (&self.number, ColumnType::Number),
            (&self.currency, ColumnType::Currency),
            (&self.boolean, ColumnType::Boolean),
            (&self.date_time, ColumnType::DateTime),
        ];
        let found = simple.into_iter().find(|(facet, _)| facet.is_some()).map(|(_, kind)| kind);
        found.ok_or_else(|| format!("{}, which Graph cannot write", self.unsupported()))
    }

    fn unsupported(&self) -> &'static str {
        let facets = [
            (&self.hyperlink_or_picture, "holds hyperlinks or pictures"),
            (&self.geolocation, "holds locations (use number columns for latitude and longitude)"),
            (&self.term, "holds managed metadata"),
            (&self.thumbnail, "holds images"),
        ];
        facets.into_iter().find(|(facet, _)| facet.is_some()).map_or("is of a type that is not known here", |(_, what)| what)
    }
}

/// The column that a person names: by internal name, else by display name, else by display name without case.
pub(super) fn named<'a>(columns: &'a [Definition], name: &str) -> Result<&'a Definition, String> {
    let exact: Vec<_> = columns.iter().filter(|column| column.name == name).collect();
    let shown: Vec<_> = columns.iter().filter(|column| column.shown() == name).collect();
    let lower = name.to_lowercase();
    let alike: Vec<_> = columns.iter().filter(|column| column.shown().to_lowercase() == lower).collect();
    let found = [exact, shown, alike].into_iter().find(|found| !found.is_empty()).unwrap_or_default();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(format!(
            "the list has no column {name:?}; it has {}",
            listed(columns.iter().filter(|one| one.writable().is_ok()))
        )),
        several => Err(format!("several columns are called {name:?}: name it by its internal name, {}", internal(several))),
    }
}

fn internal(columns: &[&Definition]) -> String {
    columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(" or ")
}

/// The first names, for people.
fn listed<'a>(columns: impl Iterator<Item = &'a Definition>) -> String {
    let names: Vec<&str> = columns.map(Definition::shown).collect();
    let more = names.len().saturating_sub(20);
    let list = names.into_iter().take(20).collect::<Vec<_>>().join(", ");
    if more == 0 { list } else { format!("{list} and {more} more") }
}

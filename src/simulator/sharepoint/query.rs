//! Query options of item reads: `$select`, `$expand=fields($select=…)`, `$filter`, `$top` and our own `$skiptoken`.
//!
//! `$skip`, `$count` and `$search` are not there (Microsoft Graph's CSDL: `items` is not countable; reference, "List items").

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{column::wire_name, list::List};
use crate::simulator::{calendar::select, call::Call, errors::Failure};

const ITEM: &[&str] = &[
    "id",
    "createdBy",
    "createdDateTime",
    "eTag",
    "lastModifiedBy",
    "lastModifiedDateTime",
    "webUrl",
    "contentType",
    "parentReference",
];
/// The most rows of a page.
const MOST: usize = 5_000;

/// Whether an item's fields are shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Expand {
    #[default]
    Nothing,
    /// These; all when there are none.
    Fields(Vec<String>),
}

/// The options of one read.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) select: Vec<String>,
    pub(super) expand: Expand,
    pub(super) filter: Option<String>,
    pub(super) top: Option<usize>,
    /// Only items with a higher number.
    pub(super) after: u64,
}

/// Of a page of items.
pub(super) fn items(call: &Call, list: &List) -> Result<Query, Failure> {
    read(call, list, true)
}

/// Of one item.
pub(super) fn item(call: &Call, list: &List) -> Result<Query, Failure> {
    read(call, list, false)
}

/// Of an item's fields: those selected.
pub(super) fn fields(call: &Call, list: &List) -> Result<Vec<String>, Failure> {
    match call.options().unwrap_or_default().as_slice() {
        [] => Ok(Vec::new()),
        [(name, value)] if name == "$select" => field_names(value, list),
        _ => Err(refuse("Only $select is described for this call.".to_owned())),
    }
}

/// The title in `displayName eq '…'`.
pub(super) fn title(filter: &str) -> Result<String, Failure> {
    let quoted = filter.strip_prefix("displayName eq '").and_then(|rest| rest.strip_suffix('\''));
    let title = quoted.filter(|title| !title.replace("''", "").contains('\''));
    title.map(|title| title.replace("''", "'")).ok_or_else(|| refuse(format!("Invalid filter clause: '{filter}'.")))
}

fn read(call: &Call, list: &List, many: bool) -> Result<Query, Failure> {
    let options = call.options().ok_or_else(|| refuse("The query is not UTF-8.".to_owned()))?;
    let mut query = Query::default();
    for (at, (name, value)) in options.iter().enumerate() {
        if options.iter().take(at).any(|(earlier, _)| earlier == name) {
            return Err(refuse(format!("The query option '{name}' is given twice.")));
        }
        match name.as_str() {
            "$select" => query.select = select(value, ITEM)?,
            "$expand" => query.expand = expand(value, list)?,
            "$filter" if many => query.filter = Some(value.clone()),
            "$top" if many => match value.parse() {
                Ok(top) if (1..=MOST).contains(&top) => query.top = Some(top),
                _ => return Err(refuse(format!("$top must be from 1 to {MOST}, not '{value}'."))),
            },
            "$skiptoken" if many => {
                query.after = place(value).ok_or_else(|| refuse("The $skiptoken is not one of ours.".to_owned()))?;
            }
            _ => return Err(refuse(format!("The query option '{name}={value}' is not described for this call."))),
        }
    }
    Ok(query)
}

fn expand(value: &str, list: &List) -> Result<Expand, Failure> {
    if value == "fields" {
        return Ok(Expand::Fields(Vec::new()));
    }
    let names = value.strip_prefix("fields($select=").and_then(|rest| rest.strip_suffix(')'));
    let names = names.ok_or_else(|| refuse(format!("$expand is only known as fields or fields($select=…), not '{value}'.")))?;
    field_names(names, list).map(Expand::Fields)
}

fn field_names(value: &str, list: &List) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = value.split(',').map(str::to_owned).collect();
    let known = |name: &str| name == "id" || list.columns.iter().any(|column| wire_name(column) == name);
    match names.iter().find(|name| !known(name)) {
        // A column may have been deleted since: that is no fault of the request's form.
        Some(name) => Err(Failure::new(400, "invalidRequest", format!("Field '{name}' is not recognized."))),
        None => Ok(names),
    }
}

fn place(token: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("Paged=TRUE&p_ID=")?.parse().ok()
}

fn refuse(text: String) -> Failure {
    Failure::malformed("invalidRequest", text)
}

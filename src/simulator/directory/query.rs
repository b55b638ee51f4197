//! Query options of directory reads.

use super::filter::{self, Filter};
use crate::simulator::{call::Call, errors::Failure};

/// People and groups on a page when `$top` is absent; the most that `$top` may ask for is 999.
pub(super) const PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;

/// The options of a list.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) select: Vec<String>,
    pub(super) filter: Option<Filter>,
    pub(super) top: Option<usize>,
    pub(super) count: bool,
    pub(super) skip_token: Option<String>,
    pub(super) delta_token: Option<String>,
}

/// Which options a read takes, and over which properties.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) properties: &'a [&'a str],
    /// Names that `$select` may have beside the properties (`members` of groups).
    pub(super) navigation: &'a [&'a str],
    pub(super) delta: bool,
}

/// Reads and checks a list's options.
pub(super) fn parse(call: &Call, shape: Shape<'_>) -> Result<Query, Failure> {
    let options = call.options().ok_or_else(|| refuse("The query is not UTF-8.".to_owned()))?;
    let mut query = Query::default();
    let mut seen: Vec<&str> = Vec::with_capacity(options.len());
    for (name, value) in &options {
        if seen.contains(&name.as_str()) {
            return Err(refuse(format!("The query option '{name}' is given twice.")));
        }
        read(&mut query, shape, name, value)?;
        seen.push(name);
    }
    advanced(call, &query)?;
    Ok(query)
}

fn read(query: &mut Query, shape: Shape<'_>, name: &str, value: &str) -> Result<(), Failure> {
    match name {
        "$select" => query.select = select(value, &[shape.properties, shape.navigation].concat())?,
        "$filter" => {
            let parsed =
                filter::parse(value, shape.properties).map_err(|why| refuse(format!("Invalid filter clause: {why}.")))?;
            query.filter = Some(parsed);
        }
        "$top" if !shape.delta => match value.parse() {
            Ok(top) if (1..=LARGEST_PAGE).contains(&top) => query.top = Some(top),
            _ => return Err(refuse(format!("Invalid page size specified: '{value}'. Must be between 1 and 999 inclusive."))),
        },
        "$count" if !shape.delta && matches!(value, "true" | "false") => query.count = value == "true",
        "$skiptoken" => query.skip_token = Some(value.to_owned()),
        "$deltatoken" if shape.delta => query.delta_token = Some(value.to_owned()),
        _ => return Err(refuse(format!("The query option '{name}={value}' is not described for this call here."))),
    }
    Ok(())
}

/// `$count`, and filters that the plain index cannot answer, are for callers that accept eventual consistency.
fn advanced(call: &Call, query: &Query) -> Result<(), Failure> {
    let eventual = call.header("consistencylevel") == Some("eventual");
    if query.count && !eventual {
        return Err(unsupported("$count=true needs the header 'ConsistencyLevel: eventual'."));
    }
    let filter = query.filter.as_ref().is_some_and(Filter::is_advanced);
    if filter && !(query.count && eventual) {
        return Err(unsupported("This filter needs $count=true and the header 'ConsistencyLevel: eventual'."));
    }
    Ok(())
}

/// What a list that ends in a cast needs. The reference asks for it; Graph itself is not known to insist. A page's link carries the
/// option, but no header: the caller has to send that again.
pub(super) fn cast_needs(call: &Call, query: &Query) -> Result<(), Failure> {
    if query.count && call.header("consistencylevel") == Some("eventual") {
        return Ok(());
    }
    Err(unsupported("A cast needs $count=true and the header 'ConsistencyLevel: eventual'."))
}

/// The one option of a read of one object.
pub(super) fn select_alone(call: &Call, known: &[&str], default: &[&str]) -> Result<Vec<String>, Failure> {
    match call.options().unwrap_or_default().as_slice() {
        [] => Ok(default.iter().map(|&name| name.to_owned()).collect()),
        [(name, value)] if name == "$select" => select(value, known),
        _ => Err(refuse("Only $select is described for this call here.".to_owned())),
    }
}

fn select(value: &str, known: &[&str]) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(refuse(format!("Could not find a property named '{name}'."))),
        None => Ok(names),
    }
}

fn unsupported(text: &str) -> Failure {
    Failure::malformed("Request_UnsupportedQuery", text)
}

pub(super) fn refuse(text: String) -> Failure {
    Failure::malformed("Request_BadRequest", text)
}

//! Query options of event reads: `$select`, `$expand`, `$filter`, `$orderby`, `$top`, `$skip`, `$count` and our own `$skiptoken`.

use super::filter::{self, Expr};
use crate::simulator::{call::Call, errors::Failure};

/// The options of one read.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) select: Vec<String>,
    /// Ids of the extended properties to show.
    pub(crate) expand: Vec<String>,
    pub(crate) filter: Option<Expr>,
    pub(crate) order: Option<(Order, bool)>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    pub(crate) count: bool,
    /// `startDateTime` and `endDateTime` of a calendar view.
    pub(crate) window: (Option<String>, Option<String>),
}

/// What a list can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Start,
    End,
    Created,
    Modified,
    Subject,
}

/// Which options a read takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One item: `$select` and `$expand`.
    Item,
    /// A list.
    List,
    /// A list within a window of time.
    View,
}

/// Every property that `$select` may name.
const PROPERTIES: &[&str] = &[
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "transactionId",
    "originalStartTimeZone",
    "originalEndTimeZone",
    "iCalUId",
    "reminderMinutesBeforeStart",
    "isReminderOn",
    "hasAttachments",
    "subject",
    "bodyPreview",
    "importance",
    "sensitivity",
    "isAllDay",
    "isCancelled",
    "isOrganizer",
    "responseRequested",
    "seriesMasterId",
    "showAs",
    "type",
    "webLink",
    "onlineMeetingUrl",
    "isOnlineMeeting",
    "allowNewTimeProposals",
    "isDraft",
    "hideAttendees",
    "recurrence",
    "onlineMeeting",
    "responseStatus",
    "body",
    "start",
    "end",
    "location",
    "locations",
    "attendees",
    "organizer",
];

/// Reads and checks a call's options.
pub(crate) fn parse(call: &Call, kind: Kind) -> Result<Query, Failure> {
    let options = call.options().ok_or_else(|| refuse("The query is not UTF-8.".to_owned()))?;
    let mut query = Query::default();
    let mut seen = Vec::with_capacity(options.len());
    for (name, value) in &options {
        if seen.contains(name) {
            return Err(refuse(format!("The query option '{name}' is given twice.")));
        }
        read(&mut query, kind, name, value)?;
        seen.push(name.clone());
    }
    if kind == Kind::View && (query.window.0.is_none() || query.window.1.is_none()) {
        let text = "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.";
        return Err(Failure::malformed("ErrorInvalidParameter", text));
    }
    Ok(query)
}

fn read(query: &mut Query, kind: Kind, name: &str, value: &str) -> Result<(), Failure> {
    let list = kind != Kind::Item;
    match name {
        "$select" => query.select = select(value, PROPERTIES)?,
        "$expand" => query.expand = expand(value)?,
        "$filter" if list => {
            query.filter = Some(filter::parse(value).map_err(|why| refuse(format!("Invalid filter clause: {why}.")))?);
        }
        "$orderby" if list => query.order = Some(order(value)?),
        "$top" if list => match value.parse() {
            Ok(top) if (1..=1000).contains(&top) => query.top = Some(top),
            _ => return Err(refuse(format!("$top must be from 1 to 1000, not '{value}'."))),
        },
        "$skip" if list => query.skip = value.parse().map_err(|_| refuse(format!("$skip must be a number, not '{value}'.")))?,
        "$skiptoken" if list => {
            query.skip = token(value).ok_or_else(|| refuse("The $skiptoken is not one of ours.".to_owned()))?;
        }
        "$count" if list && matches!(value, "true" | "false") => query.count = value == "true",
        "startDateTime" if kind == Kind::View => query.window.0 = Some(value.to_owned()),
        "endDateTime" if kind == Kind::View => query.window.1 = Some(value.to_owned()),
        _ => return Err(refuse(format!("The query option '{name}={value}' is not described for this call."))),
    }
    Ok(())
}

/// The names in a `$select`, each of which must be known.
pub(crate) fn select(value: &str, known: &[&str]) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(refuse(format!("Could not find a property named '{name}'."))),
        None => Ok(names),
    }
}

/// `singleValueExtendedProperties($filter=id eq '…' [or id eq '…'])`: the ids.
fn expand(value: &str) -> Result<Vec<String>, Failure> {
    let inner = value.strip_prefix("singleValueExtendedProperties($filter=").and_then(|rest| rest.strip_suffix(')'));
    let ids = inner.map(|filter| filter.split(" or ").map(expanded_id).collect::<Option<Vec<_>>>());
    ids.flatten().ok_or_else(|| {
        refuse(format!("$expand is only known as singleValueExtendedProperties($filter=id eq '…'), not '{value}'."))
    })
}

fn expanded_id(condition: &str) -> Option<String> {
    let quoted = condition.trim().strip_prefix("id eq '")?.strip_suffix('\'')?;
    super::property_id::is_valid(quoted).then(|| quoted.to_owned())
}

fn order(value: &str) -> Result<(Order, bool), Failure> {
    let (path, direction) = value.split_once(' ').unwrap_or((value, "asc"));
    let by = match path {
        "start/dateTime" => Order::Start,
        "end/dateTime" => Order::End,
        "createdDateTime" => Order::Created,
        "lastModifiedDateTime" => Order::Modified,
        "subject" => Order::Subject,
        _ => return Err(refuse(format!("Events cannot be ordered by '{path}'."))),
    };
    match direction {
        "asc" => Ok((by, false)),
        "desc" => Ok((by, true)),
        _ => Err(refuse(format!("'{direction}' is not an order."))),
    }
}

/// A page's place as an opaque token: a caller that rebuilds links instead of following them breaks here.
pub(crate) fn skip_token(skip: usize) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(format!("page:{skip}"))
}

fn token(text: &str) -> Option<usize> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("page:")?.parse().ok()
}

fn refuse(text: String) -> Failure {
    Failure::malformed("RequestBroker--ParseUri", text)
}

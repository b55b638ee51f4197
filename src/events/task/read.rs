//! Reading a task's `data`.

use super::{Assignee, Location, Visit, WantedTask};
use crate::events::{
    fields::{ADDRESS, Fields, ID, NAME, TEXT},
    refusal::Problem,
    subject::Verb,
    window,
};

/// Reads what a task event wants. `closed` needs nothing but the id and version, whatever else it carries.
pub(in crate::events) fn read(data: &Fields<'_>, verb: Verb) -> Result<WantedTask, Problem> {
    let reason = data.kept_text("reason", TEXT)?;
    match verb {
        Verb::Gone => Ok(WantedTask::Closed { reason }),
        Verb::Is | Verb::Restored => Ok(WantedTask::Scheduled(visit(data)?)),
    }
}

fn visit(data: &Fields<'_>) -> Result<Visit, Problem> {
    // Argus' own word for where the task stands. Nothing depends on it, but what the contract limits is held to the limit.
    data.text("status", NAME)?;
    Ok(Visit {
        reference: data.kept_text("reference", ID)?,
        title: data.required_text("title", NAME)?,
        description: data.kept_text("description", TEXT)?,
        window: window::read(&data.required_object("window")?)?,
        assignee: assignee(&data.required_object("assignee")?)?,
        location: data.object("location")?.map(|fields| location(&fields)).transpose()?.flatten(),
        priority: data.word("priority")?.unwrap_or_default(),
        privacy: data.word("privacy")?.unwrap_or_default(),
        url: data.link("url")?,
    })
}

fn assignee(fields: &Fields<'_>) -> Result<Assignee, Problem> {
    let object_id = fields.text("objectId", ID)?;
    if object_id.is_some_and(|id| !is_object_id(id)) {
        return Err(fields.problem("objectId", "must be a GUID like 01234567-89ab-cdef-0123-456789abcdef"));
    }
    let user_principal_name = fields.kept_text("userPrincipalName", NAME)?;
    if user_principal_name.as_deref().is_some_and(|name| !is_principal_name(name)) {
        return Err(fields.problem("userPrincipalName", "must have the form name@domain, without spaces or separators"));
    }
    if object_id.is_none() && user_principal_name.is_none() {
        return Err(fields.problem_here("needs objectId or userPrincipalName"));
    }
    let display_name = fields.kept_text("displayName", NAME)?;
    Ok(Assignee { object_id: object_id.map(str::to_ascii_lowercase), user_principal_name, display_name })
}

/// `None` for a location that says nothing.
fn location(fields: &Fields<'_>) -> Result<Option<Location>, Problem> {
    let location = Location {
        display_name: fields.kept_text("displayName", NAME)?,
        address: fields.kept_text("address", ADDRESS)?,
        latitude: fields.number("latitude", -90.0..=90.0)?,
        longitude: fields.number("longitude", -180.0..=180.0)?,
    };
    let empty = Location { display_name: None, address: None, latitude: None, longitude: None };
    Ok((location != empty).then_some(location))
}

/// The 8-4-4-4-12 form alone: other spellings of a GUID would be another path segment for the same mailbox.
fn is_object_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// One `@` with something on both sides, and nothing that could change the meaning of a URL's path, a query or a list of
/// addresses. `#` stands in the names of guests (`ann_example.com#EXT#@contoso.example`); requests encode it.
fn is_principal_name(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "/\\?%\"<>|*:;,()[]{}".contains(c);
    let mut sides = text.split('@');
    let two = (sides.next().is_some_and(|name| !name.is_empty()), sides.next().is_some_and(|domain| !domain.is_empty()));
    two == (true, true) && sides.next().is_none() && !text.contains(forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_name_cannot_reach_out_of_its_path_segment() {
        for good in
            ["niamh@acme-water.example", "o'shea@a.example", "ann_b.example#EXT#@a.example", "x+y@a.example", "é@a.example"]
        {
            assert!(is_principal_name(good), "{good}");
        }
        for bad in ["niamh", "@a.example", "a@", "a@b@c", "a b@c", "../x@c", "a@c/events", "a%2f@c", "a?x@c", "a\u{0}@c", "a@c;d"]
        {
            assert!(!is_principal_name(bad), "{bad}");
        }
    }

    #[test]
    fn an_object_id_has_one_spelling() {
        assert!(is_object_id("01234567-89ab-CDEF-0123-456789abcdef"));
        for bad in
            ["0123456789abcdef0123456789abcdef", "{01234567-89ab-cdef-0123-456789abcdef}", "01234567-89ab-cdef-0123-456789abcdeg"]
        {
            assert!(!is_object_id(bad), "{bad}");
        }
    }
}

//! What the headers of a Graph request must be. Stricter than Microsoft where Microsoft is silent.

use http::header;

use super::{
    calendar::{Presentation, zone_rules},
    call::Call,
    errors::Failure,
};

/// What a kind of call allows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowed {
    /// A JSON body is required; else none may be there.
    pub(crate) body: bool,
    /// `If-Match` is described for the call.
    pub(crate) if_match: bool,
    /// The call has query options.
    pub(crate) query: bool,
}

/// Checks the headers and reads the preferences among them.
pub(crate) fn check(call: &Call, allowed: Allowed) -> Result<Presentation, Failure> {
    body(call, allowed.body)?;
    if !allowed.query && !call.query.is_empty() {
        return Err(Failure::malformed("BadRequest", format!("This call takes no query options: '{}'.", call.query)));
    }
    if let Some(id) = call.headers.get("client-request-id") {
        let guid = id.to_str().is_ok_and(|text| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok());
        if !guid {
            return Err(Failure::malformed("BadRequest", "client-request-id must be a GUID."));
        }
    }
    if call.header("consistencylevel").is_some_and(|level| level != "eventual") {
        return Err(Failure::malformed("BadRequest", "ConsistencyLevel can only be 'eventual'."));
    }
    if let Some(tag) = call.headers.get(header::IF_MATCH) {
        let tag = tag.to_str().unwrap_or_default();
        if !allowed.if_match {
            return Err(Failure::malformed("BadRequest", "If-Match is not described for this call."));
        }
        if tag != "*" && !is_entity_tag(tag) {
            return Err(Failure::malformed("ErrorInvalidChangeKey", format!("If-Match is not a quoted entity tag: {tag}")));
        }
    }
    preferences(call)
}

fn body(call: &Call, wanted: bool) -> Result<(), Failure> {
    if !wanted {
        let text = "This call takes no body.";
        return if call.body.is_empty() { Ok(()) } else { Err(Failure::malformed("BadRequest", text)) };
    }
    let kind = call.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Failure::malformed("RequestBodyRead", "A body needs 'Content-Type: application/json'."));
    }
    if call.body.is_empty() { Err(Failure::malformed("BadRequest", "A JSON body is required.")) } else { Ok(()) }
}

fn is_entity_tag(text: &str) -> bool {
    let quoted = text.strip_prefix("W/").unwrap_or(text);
    quoted.len() >= 2 && quoted.starts_with('"') && quoted.ends_with('"') && !quoted[1..quoted.len() - 1].contains('"')
}

/// Reads the `Prefer` tokens; one that Graph does not document is refused.
fn preferences(call: &Call) -> Result<Presentation, Failure> {
    let mut wanted = Presentation::default();
    for line in call.headers.get_all("prefer") {
        let line = line.to_str().map_err(|_| Failure::malformed("BadRequest", "Prefer is not text."))?;
        for token in tokens(line) {
            prefer(token, &mut wanted)?;
        }
    }
    Ok(wanted)
}

fn prefer(token: &str, wanted: &mut Presentation) -> Result<(), Failure> {
    let (name, value) = token.split_once('=').unwrap_or((token, ""));
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match (name.to_ascii_lowercase().as_str(), quoted) {
        ("idtype", Some("ImmutableId")) => wanted.immutable_ids = true,
        ("outlook.timezone", Some(zone)) => {
            let text = || format!("The following TimeZone value is not supported: '{zone}'.");
            let rules = zone_rules(zone).ok_or_else(|| Failure::malformed("TimeZoneNotSupportedException", text()))?;
            wanted.zone = Some((zone.to_owned(), rules));
        }
        ("outlook.body-content-type", Some("text")) => wanted.text_bodies = true,
        ("outlook.body-content-type", Some("html")) => wanted.text_bodies = false,
        ("honornonindexedquerieswarningmayfailrandomly", None) if value.is_empty() => wanted.non_indexed = true,
        ("return", _) if matches!(value, "minimal" | "representation") => {}
        ("odata.maxpagesize", _) if value.parse::<usize>().is_ok_and(|size| size > 0) => wanted.page_size = value.parse().ok(),
        _ => return Err(Failure::malformed("BadRequest", format!("The Prefer token '{token}' is not a documented one."))),
    }
    Ok(())
}

/// Splits at commas that stand outside quotes.
fn tokens(line: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = line.split(|letter: char| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    });
    parts.map(str::trim).filter(|token| !token.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_inside_quotes_does_not_split() {
        assert_eq!(tokens("a=\"x,y\", b"), ["a=\"x,y\"", "b"]);
    }

    #[test]
    fn an_entity_tag_is_quoted() {
        assert!(is_entity_tag("W/\"abc\"") && is_entity_tag("\"abc\""));
        assert!(!is_entity_tag("abc") && !is_entity_tag("\"") && !is_entity_tag("\"a\"b\""));
    }
}

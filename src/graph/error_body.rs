//! Reads an error's body. Pure, and lenient: bodies come absent, cut, as HTML, and in three shapes.
//!
//! ```text
//! {"error": {"code", "message", "innerError": {"code", "innererror": {…}, "request-id"}}}    Graph
//! {"error": "invalid_client", "error_description", "trace_id"}                              the token endpoint
//! {"odata.error": {"code", "message": {"value"}}}                                          old SharePoint
//! ```

use serde_json::{Map, Value};

/// Longest code, message and detail that are kept, in characters and in bytes.
const CODE: usize = 100;
const MESSAGE: usize = 400;
const DETAIL: usize = 16 * 1024;

/// How deep inner errors are followed.
const DEPTH: usize = 8;

/// Codes that somebody branches on: of an error and its inner errors, the innermost of these counts. One that is not here is
/// passed over for the one around it, as OData asks of clients (Microsoft, "Microsoft Graph error responses").
const KNOWN: [&str; 25] = [
    "ApplicationThrottled",
    "Authorization_RequestDenied",
    "ConcurrentItemSave",
    "ErrorAccessDenied",
    "ErrorDuplicateTransactionId",
    "ErrorInvalidUser",
    "ErrorIrresolvableConflict",
    "ErrorItemNotFound",
    "ErrorQuotaExceeded",
    "InvalidAuthenticationToken",
    "MailboxConcurrency",
    "MailboxNotEnabledForRESTAPI",
    "MailboxNotSupportedForRESTAPI",
    "Request_BadRequest",
    "Request_ResourceNotFound",
    "ResourceNotFound",
    "SyncStateNotFound",
    "accessDenied",
    "extensionError",
    "invalidRequest",
    "itemNotFound",
    "nameAlreadyExists",
    "resourceLocked",
    "resourceModified",
    "resyncRequired",
];

/// What an error's body says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Described {
    /// The most specific code; empty when there is none.
    pub(super) code: String,
    /// The text for people, shortened, on one line; empty when there is none.
    pub(super) message: String,
    /// The error object as it came, or without its large members when it is too large; null when there is none.
    pub(super) detail: Value,
    /// The request's or trace's id that the body names.
    pub(super) request_id: Option<String>,
    /// Whether it is the token endpoint's form.
    pub(super) oauth: bool,
}

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Described {
    let Ok(Value::Object(mut whole)) = serde_json::from_slice(body) else { return Described::default() };
    if let Some(Value::String(code)) = whole.get("error") {
        return oauth(code, &whole);
    }
    let error = ["error", "odata.error"].into_iter().find_map(|name| match whole.remove(name) {
        Some(Value::Object(error)) => Some(error),
        _ => None,
    });
    // Some front doors answer with the error object itself.
    let Some(error) = error.or_else(|| whole.contains_key("code").then_some(whole)) else { return Described::default() };
    graph(error)
}

fn graph(error: Map<String, Value>) -> Described {
    let message = match error.get("message") {
        Some(Value::Object(message)) => text(message, "value"),
        _ => text(&error, "message"),
    };
    let request_id = inner(&error).and_then(|inner| inner.get("request-id")).and_then(Value::as_str).map(|id| shorten(id, CODE));
    Described {
        code: shorten(most_specific(&error), CODE),
        message: shorten(message, MESSAGE),
        request_id,
        detail: bounded(error),
        oauth: false,
    }
}

fn oauth(code: &str, whole: &Map<String, Value>) -> Described {
    // The description's first line is the sentence; trace, correlation and time follow in lines of their own.
    let description = text(whole, "error_description").lines().next().unwrap_or_default();
    Described {
        code: shorten(code, CODE),
        message: shorten(description, MESSAGE),
        detail: Value::Null,
        request_id: whole.get("trace_id").and_then(Value::as_str).map(|id| shorten(id, CODE)),
        oauth: true,
    }
}

fn most_specific(error: &Map<String, Value>) -> &str {
    let mut codes = Vec::new();
    let mut level = Some(error);
    while let Some(object) = level.filter(|_| codes.len() < DEPTH) {
        codes.push(text(object, "code"));
        level = inner(object);
    }
    let known = |code: &&&str| KNOWN.iter().any(|known| known.eq_ignore_ascii_case(code));
    let innermost_known = codes.iter().rev().find(known);
    innermost_known.or_else(|| codes.iter().find(|code| !code.is_empty())).copied().unwrap_or_default()
}

fn inner(error: &Map<String, Value>) -> Option<&Map<String, Value>> {
    ["innerError", "innererror"].into_iter().find_map(|name| error.get(name)?.as_object())
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The object itself, or, when it is large, its short members alone.
fn bounded(mut error: Map<String, Value>) -> Value {
    let size = |value: &Value| value.to_string().len();
    if error.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>() > DETAIL {
        error.retain(|name, value| name.len() + size(value) <= DETAIL / 32);
        error = error.into_iter().take(32).collect();
    }
    Value::Object(error)
}

/// At most `length` characters, control characters as spaces.
fn shorten(text: &str, length: usize) -> String {
    let line: String = text.chars().take(length).map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(body: &Value) -> Described {
        read(body.to_string().as_bytes())
    }

    #[test]
    fn the_innermost_known_code_counts_in_either_spelling() {
        let outer =
            json!({"error": {"code": "ErrorItemNotFound", "message": "gone", "innerError": {"request-id": "r1", "date": "x"}}});
        assert_eq!(read_json(&outer).code, "ErrorItemNotFound");
        assert_eq!(read_json(&outer).request_id.as_deref(), Some("r1"));
        let nested = json!({"error": {"code": "notAllowed", "innererror": {"code": "RESOURCELOCKED", "innerError": {"code": "whatever"}}}});
        assert_eq!(read_json(&nested).code, "RESOURCELOCKED");
        let unknown = json!({"error": {"code": "outerUnknown", "innerError": {"code": "innerUnknown"}}});
        assert_eq!(read_json(&unknown).code, "outerUnknown");
        let empty = json!({"error": {"code": "", "innerError": {"code": "onlyThis"}}});
        assert_eq!(read_json(&empty).code, "onlyThis");
    }

    #[test]
    fn every_shape_is_read() {
        let bare = json!({"code": "invalidRequest", "message": "no"});
        assert_eq!((read_json(&bare).code.as_str(), read_json(&bare).message.as_str()), ("invalidRequest", "no"));
        let old = json!({"odata.error": {"code": "-1, X", "message": {"lang": "en", "value": "old"}}});
        assert_eq!(read_json(&old).message, "old");
        let login =
            json!({"error": "invalid_client", "error_description": "AADSTS7000215: wrong.\r\nTrace ID: t", "trace_id": "t"});
        let described = read_json(&login);
        assert!(described.oauth);
        assert_eq!((described.code.as_str(), described.message.as_str()), ("invalid_client", "AADSTS7000215: wrong."));
        assert_eq!(described.request_id.as_deref(), Some("t"));
    }

    #[test]
    fn what_is_no_error_body_says_nothing() {
        for body in [
            "",
            "<html>502</html>",
            "null",
            "[]",
            "\"x\"",
            "{",
            "{}",
            r#"{"error":null}"#,
            r#"{"error":[]}"#,
            r#"{"error":{"code":5}}"#,
        ] {
            assert_eq!(read(body.as_bytes()).code, "", "{body}");
        }
        assert_eq!(read(&[0xff, 0xfe]).code, "");
    }

    #[test]
    fn annotations_stay_readable_and_everything_is_bounded() {
        let body = json!({"error": {"code": "ErrorDuplicateTransactionId", "@event.existingEventId": "AAMk=", "message": "x".repeat(100_000)}});
        let described = read_json(&body);
        assert_eq!(described.detail["@event.existingEventId"], "AAMk=");
        assert_eq!(described.message.len(), MESSAGE);
        assert!(described.detail.to_string().len() <= 2 * DETAIL);
        let deep = format!("{{\"error\":{}{}{}}}", "{\"innerError\":".repeat(100), "{\"code\":\"x\"}", "}".repeat(100));
        assert_eq!(read(deep.as_bytes()).code, "");
        let many: Map<String, Value> = (0..100_000).map(|n| (format!("k{n}"), json!("v"))).collect();
        assert!(read_json(&json!({"error": many})).detail.to_string().len() <= DETAIL);
        assert_eq!(read_json(&json!({"error": {"code": "c", "message": "a\nb\u{7}c"}})).message, "a b c");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_within_bounds(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), code in ".{0,300}") {
            read(&body);
            let described = read_json(&json!({"error": {"code": code, "message": code, "innerError": code}}));
            proptest::prop_assert!(described.code.chars().count() <= CODE && described.message.chars().count() <= MESSAGE);
        }
    }
}

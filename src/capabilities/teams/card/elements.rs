//! The few elements that the cards are made of.

use serde_json::{Value, json};

/// Longest marker, in bytes.
const MARKER: usize = 256;

/// A text that wraps, with more of its looks.
pub(super) fn text_block(text: &str, looks: Value) -> Value {
    let mut block = looks;
    block["type"] = json!("TextBlock");
    block["text"] = json!(text);
    block["wrap"] = json!(true);
    block
}

/// Small print.
pub(super) fn note(text: &str) -> Value {
    text_block(text, json!({ "size": "Small", "isSubtle": true, "spacing": "Medium" }))
}

/// Names and values, side by side.
pub(super) fn fact_set(facts: &[(&str, String)]) -> Value {
    let facts: Vec<_> = facts.iter().map(|(title, value)| json!({ "title": title, "value": value })).collect();
    json!({ "type": "FactSet", "spacing": "Medium", "facts": facts })
}

/// A marker as an element's id: characters that no serialiser writes in more than one way.
pub(super) fn marker(marker: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '/' | '-');
    marker.chars().filter(plain).take(MARKER).collect()
}

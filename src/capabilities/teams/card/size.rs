//! How many bytes a card is on the wire.
//!
//! Workflows and connectors take about 28 KB a message (Microsoft, "Create and send messages"), and nothing says how the services
//! in between spell the card again. So the heaviest spelling counts: the card as a string inside the message, as Graph takes it,
//! with everything outside ASCII escaped in the card and the backslashes escaped once more.

use serde_json::Value;

/// The limit, with the kilobyte taken as 1,000 bytes.
const LIMIT: usize = 28_000;
/// What the message around the card takes.
const ENVELOPE: usize = 1_000;

/// The first card that is small enough; the last one when none is, which the tests show does not happen.
pub(super) fn first_that_fits<B>(steps: &[B], make: impl Fn(&B) -> Value) -> Value {
    let mut card = Value::Null;
    for step in steps {
        card = make(step);
        if heaviest(&card) + ENVELOPE <= LIMIT {
            break;
        }
    }
    card
}

/// Bytes of the card in its heaviest spelling.
pub(super) fn heaviest(card: &Value) -> usize {
    card.to_string().chars().map(weight).sum()
}

fn weight(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        // `\\u00e9`, twice for what UTF-16 writes as a pair.
        _ if !character.is_ascii() => 7 * character.len_utf16(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_heaviest_spelling_is_the_escaped_card_as_a_string() {
        // {"a":"é\"😀"}  →  {\"a\":\"\\u00e9\\\"\\ud83d\\ude00\"}
        assert_eq!(heaviest(&json!({"a": "é\"😀"})), r#"{\"a\":\"\\u00e9\\\"\\ud83d\\ude00\"}"#.len());
    }

    #[test]
    fn the_first_small_enough_card_is_taken() {
        let card = first_that_fits(&[30_000, 20_000, 10], |length| json!("x".repeat(*length)));
        assert_eq!(card.as_str().map(str::len), Some(20_000));
    }
}

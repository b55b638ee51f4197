//! A look at a query's text before it is parsed: how many tokens, how deeply nested.

use super::{Code, Refusal};

/// A parser reads every character, in comments and texts too: a megabyte of them took 200 ms. Data belongs into variables, which are read
/// thirty times as fast.
const MAX_TEXT: usize = 256 * 1024;
/// More than any query within the other limits needs; a parser's work is proportional to it.
const MAX_TOKENS: u32 = 8_000;
/// The grammar descends once for every bracket: a megabyte of `[` would overflow the stack, which ends the process.
const MAX_BRACKETS: u32 = 64;

/// Refuses text that is too long or too deep to parse. Anything else wrong with it is the parser's business.
pub(super) fn check(query: &str) -> Result<(), Refusal> {
    if query.len() > MAX_TEXT {
        let text = format!("the query's text exceeds {MAX_TEXT} bytes; give data in variables");
        return Err(Refusal::new(Code::LimitExceeded, text));
    }
    let mut rest = query.as_bytes();
    let (mut tokens, mut open) = (0_u32, 0_u32);
    while let [first, after @ ..] = rest {
        rest = match first {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => after,
            b'#' => skip_while(after, |byte| byte != b'\n' && byte != b'\r'),
            _ => {
                tokens += 1;
                match first {
                    b'{' | b'[' | b'(' => open += 1,
                    b'}' | b']' | b')' => open = open.saturating_sub(1),
                    _ => {}
                }
                after_token(*first, after)
            }
        };
        if tokens > MAX_TOKENS || open > MAX_BRACKETS {
            return Err(Refusal::new(Code::LimitExceeded, "the query is too long or too deeply nested"));
        }
    }
    Ok(())
}

/// What follows the token that begins with `first`.
fn after_token(first: u8, after: &[u8]) -> &[u8] {
    match (first, after) {
        (b'"', [b'"', b'"', text @ ..]) => after_block_string(text),
        (b'"', _) => after_string(after),
        _ if is_word(first) => skip_while(after, is_word),
        _ => after,
    }
}

/// Names and numbers; bytes of other alphabets are errors that the parser may count as one.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-') || !byte.is_ascii()
}

fn skip_while(text: &[u8], belongs: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().position(|byte| !belongs(*byte)).unwrap_or(text.len());
    text.get(end..).unwrap_or_default()
}

/// A string ends at its quote or, broken, with its line.
fn after_string(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [b'"' | b'\n' | b'\r', rest @ ..] => return rest,
            [b'\\', _, rest @ ..] | [_, rest @ ..] => rest,
            [] => return text,
        };
    }
}

fn after_block_string(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [b'"', b'"', b'"', rest @ ..] => return rest,
            [b'\\', b'"', b'"', b'"', rest @ ..] | [_, rest @ ..] => rest,
            [] => return text,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_megabyte_of_brackets_never_reaches_the_parser() {
        for bracket in ["[", "{", "("] {
            assert!(check(&bracket.repeat(1_000_000)).is_err(), "{bracket}");
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let many = "[".repeat(1000);
        for harmless in [
            format!("{{ a(b: \"{many}\") }}"),
            format!("{{ a(b: \"\\\"{many}\") }}"),
            format!("{{ a(b: \"\"\"\n \" \\\"\"\" {many}\"\"\") }}"),
            format!("# {many}\n{{ a }}"),
        ] {
            assert!(check(&harmless).is_ok(), "{harmless:.40}");
        }
    }

    #[test]
    fn a_string_that_never_ends_hides_nothing_that_parses() {
        // Broken at the line's end, as in the grammar: what follows is counted.
        assert!(check(&format!("{{ a(b: \"\n{}", "[".repeat(100))).is_err());
        assert!(check("{ a(b: \"\"\" [[[").is_ok());
    }

    #[test]
    fn a_text_that_takes_long_to_read_is_refused_unread() {
        assert!(check(&format!("{{ a }} #{}", "x".repeat(MAX_TEXT))).is_err());
        assert!(check(&format!("{{ a }} #{}", "x".repeat(MAX_TEXT - 7))).is_ok());
    }

    #[test]
    fn tokens_are_counted_not_characters() {
        assert!(check(&format!("{{ a(b: \"{}\") }}", "x ".repeat(100_000))).is_ok());
        assert!(check(&"a ".repeat(8_000)).is_ok());
        assert!(check(&"a ".repeat(8_001)).is_err());
    }
}

//! What a search means: every word of it stands somewhere in the object's names, in any case. Pure.

use crate::store::db::Value;

/// Words that one search may have.
pub const MOST_SEARCH_WORDS: usize = 6;

/// A search as `LIKE` patterns, in the order of the statements' six places; places without a word match everything.
///
/// `%`, `_` and the escape sign are letters like any other: whoever looks for `50%` finds that.
pub(super) fn patterns(search: Option<&str>) -> [Value; MOST_SEARCH_WORDS] {
    let lower = search.unwrap_or_default().to_lowercase();
    let mut words = lower.split_whitespace();
    std::array::from_fn(|_| words.next().map(pattern).into())
}

fn pattern(word: &str) -> String {
    let mut pattern = String::with_capacity(word.len() + 2);
    pattern.push('%');
    for letter in word.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_anywhere_and_its_signs_are_letters() {
        assert_eq!(pattern("niamh"), "%niamh%");
        assert_eq!(pattern("50%_!'\""), "%50!%!_!!'\"%");
    }

    #[test]
    fn places_without_a_word_match_everything() {
        let texts = patterns(Some("  Ö'Brien  ÅSA ")).map(|value| match value {
            Value::Text(text) => text,
            _ => None,
        });
        assert_eq!(texts, [Some("%ö'brien%".into()), Some("%åsa%".into()), None, None, None, None]);
        assert!(patterns(Some("   ")).iter().all(|value| matches!(value, Value::Text(None))));
    }
}

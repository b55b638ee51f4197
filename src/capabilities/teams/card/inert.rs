//! Text of events, made inert: whatever a publisher wrote, a reader sees text and nothing else happens.
//!
//! Teams reads Markdown in every text block and, unlike in `RichTextBlock`, there is no way to switch it off in a fact set.
//! Backslashes do not help: the desktop obeys them, the phones show them (microsoft/AdaptiveCards#5590, #7474,
//! MicrosoftDocs/msteams-docs#5793), and the same is true of entities (msteams-docs#10997). So a character that some client
//! could take for markup is replaced by one that looks the same and means nothing.
//!
//! | could be | what happens to it |
//! | --- | --- |
//! | emphasis, code, strike-through `* _ ` ~` | look-alikes |
//! | a link `[x](y)`, a reference, an image | round brackets |
//! | an address that a client links by itself `https://a.b`, `//a.b`, `a.b`, `a@b.c` | colon, slash, dot or at sign of another width |
//! | a tag or mention `<at>`, an autolink `<https:…>` | `‹at›` |
//! | an entity `&lt;`, an escape `\*` | look-alikes |
//! | a macro `{{DATE(…)}}`, an expression `${…}`, `@{…}` | round brackets |
//! | a list, heading, quotation or rule at the start of a line | look-alikes |
//! | controls, bidirectional overrides, hidden characters | nothing is left of them |
//! | more than three accents on one letter | three are left |
//!
//! Text that runs from right to left is isolated, so that it does not turn around what stands beside it.

/// A line of inert text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    text: String,
    right_to_left: bool,
}

impl Line {
    /// Everything on one line.
    pub(super) fn of(text: &str) -> Self {
        let clean = visible(text);
        let characters: Vec<char> = clean.chars().collect();
        let text = (0..characters.len()).map(|at| inert(&characters, at)).collect();
        Self { text, right_to_left: characters.iter().copied().any(runs_from_the_right) }
    }

    /// Whether nothing is left to be seen.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text, to be measured and cut.
    pub(super) fn bare(&self) -> &str {
        &self.text
    }

    /// The text or a part of it, to be shown beside other text.
    pub(super) fn isolated(&self, part: &str) -> String {
        if self.right_to_left { format!("\u{2068}{part}\u{2069}") } else { part.to_owned() }
    }
}

/// The lines that hold something to be seen.
pub(super) fn lines(text: &str) -> Vec<Line> {
    text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).map(Line::of).filter(|line| !line.is_empty()).collect()
}

/// Without hidden characters, and with one space where white space was.
fn visible(text: &str) -> String {
    let spaced: String = text.chars().filter(|c| c.is_whitespace() || !is_hidden(*c)).collect();
    let mut accents = 0;
    let tame = |c: &char| {
        accents = if is_accent(*c) { accents + 1 } else { 0 };
        accents <= 3
    };
    let mut one_line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line = one_line.chars().filter(tame).collect();
    one_line
}

/// The character at `at`, or what stands in for it.
fn inert(line: &[char], at: usize) -> char {
    let character = line[at];
    let next = line.get(at + 1).copied();
    let previous = at.checked_sub(1).map(|before| line[before]);
    match character {
        '*' => '∗',
        '_' => 'ˍ',
        '`' => '\'',
        '~' => '∼',
        '[' | '{' => '(',
        ']' | '}' => ')',
        '\\' => '∖',
        '<' if next.is_some_and(|c| !c.is_whitespace() && !c.is_ascii_digit()) => '‹',
        '>' if previous.is_none_or(|c| !c.is_whitespace()) => '›',
        '&' if next.is_some_and(|c| c == '#' || c.is_ascii_alphanumeric()) && ends_as_entity(&line[at + 1..]) => '＆',
        ':' if line[at + 1..].starts_with(&['/', '/']) => '：',
        '/' if previous == Some('/') => '∕',
        '.' if previous.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphabetic) => '․',
        '@' if next.is_none_or(|c| !c.is_whitespace()) => '＠',
        _ if line[..at].iter().all(char::is_ascii_digit) => at_the_start(character, at > 0),
        _ => character,
    }
}

/// The first character of a line, or the one behind its leading number.
fn at_the_start(character: char, numbered: bool) -> char {
    match character {
        '.' if numbered => '․',
        ')' if numbered => '）',
        '#' if !numbered => '＃',
        '-' if !numbered => '–',
        '+' if !numbered => '＋',
        '=' if !numbered => '＝',
        '>' if !numbered => '›',
        _ => character,
    }
}

/// Whether what follows an ampersand is an entity's name and its semicolon. The longest name has 31 letters.
fn ends_as_entity(rest: &[char]) -> bool {
    let name = rest.iter().take(33).take_while(|c| c.is_ascii_alphanumeric() || **c == '#').count();
    rest.get(name) == Some(&';')
}

/// Characters that nobody sees and that change what others see: controls, bidirectional marks and overrides, zero-width spaces,
/// fillers, tags. The joiners stay: Persian and emoji are written with them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Marks that are drawn over the letter before them.
fn is_accent(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
    )
}

/// Letters of the scripts that run from right to left: Hebrew, Arabic and their neighbours.
fn runs_from_the_right(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Line::of(text).text
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "Transformer fault at St. John's (phase 2), 3.5 km",
            "U < 200 V & f > 49 Hz",
            "Straße 1-3, 100 %",
            "a: b/c #4 ½",
            "AT&T; no",
        ] {
            assert_eq!(shown(text).replace('＆', "&"), text);
        }
    }

    #[test]
    fn nothing_is_left_that_a_client_could_obey() {
        for (written, expected) in [
            ("**bold** _it_ `code` ~~no~~", "∗∗bold∗∗ ˍitˍ 'code' ∼∼no∼∼"),
            ("[pay](https://evil.example)", "(pay)(https：/∕evil․example)"),
            ("![x](y) [z]: w", "!(x)(y) (z): w"),
            ("<at>everyone</at> <b>", "‹at›everyone‹/at› ‹b›"),
            ("<https://evil.example>", "‹https：/∕evil․example›"),
            ("see www.evil.example or a@evil.example", "see www․evil․example or a＠evil․example"),
            ("&lt;at&gt; &#60;", "＆lt;at＆gt; ＆#60;"),
            ("{{DATE(2026-01-01T00:00:00Z)}} ${x} @{y}", "((DATE(2026-01-01T00:00:00Z))) $(x) ＠(y)"),
            ("\\*a\\*", "∖∗a∖∗"),
            ("# a", "＃ a"),
            ("- a", "– a"),
            ("12. a", "12․ a"),
            ("1) a", "1） a"),
            ("> a", "› a"),
            ("+ a", "＋ a"),
            ("===", "＝=="),
        ] {
            assert_eq!(shown(written), expected, "{written}");
        }
    }

    #[test]
    fn hidden_characters_go_and_white_space_is_one_space() {
        assert_eq!(shown("a\u{202e}b\u{200b}c\u{0}d\u{feff}"), "abcd");
        assert_eq!(shown(" a\t\tb\nc\u{a0}\u{3000}d "), "a b c d");
        assert_eq!(shown("e\u{301}\u{301}\u{301}\u{301}\u{301}"), "e\u{301}\u{301}\u{301}");
        assert_eq!(shown("\u{202e}\u{200b}"), "");
        // Hidden characters do not keep the parts of a marker apart until they are gone.
        assert_eq!(shown("http:\u{200b}//evil.example <\u{200b}at>"), "http：/∕evil․example ‹at›");
    }

    #[test]
    fn text_from_right_to_left_does_not_turn_its_neighbours() {
        let line = Line::of("הפסקה 12");
        assert_eq!(line.isolated(line.bare()), "\u{2068}הפסקה 12\u{2069}");
        assert_eq!(Line::of("abc").isolated("abc"), "abc");
    }

    #[test]
    fn a_text_is_split_at_every_kind_of_line_end() {
        let bare: Vec<_> = lines("a\r\nb\u{2028}c\n\n\u{200b}\n- d").into_iter().map(|line| line.text).collect();
        assert_eq!(bare, ["a", "b", "c", "– d"]);
    }
}

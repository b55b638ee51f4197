//! Shortening, so that the reader is told how much is left out.

use super::{inert::Line, words::number};

/// How much of each text a card takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Characters of a title or the name of an area.
    pub(super) name: usize,
    /// Characters of the cause.
    pub(super) cause: usize,
    /// Characters of the description.
    pub(super) description: usize,
    /// Lines of the description.
    pub(super) lines: usize,
    /// Entries of a list.
    pub(super) entries: usize,
}

impl Budget {
    /// From generous to what always fits, in whatever script the texts are.
    pub(super) const STEPS: [Self; 4] = [
        Self { name: 255, cause: 500, description: 2_000, lines: 12, entries: 12 },
        Self { name: 255, cause: 300, description: 800, lines: 12, entries: 8 },
        Self { name: 120, cause: 120, description: 300, lines: 6, entries: 5 },
        Self { name: 60, cause: 60, description: 100, lines: 3, entries: 3 },
    ];
}

/// A line of at most `limit` characters and the note of what is left out: cut between words where there is one near the end.
pub(super) fn line(line: &Line, limit: usize) -> String {
    let text = line.bare();
    let length = text.chars().count();
    if length <= limit {
        return line.isolated(text);
    }
    let end = text.char_indices().nth(limit).map_or(text.len(), |(index, _)| index);
    let (cut, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let between_words = if rest.starts_with(' ') { Some(cut.len()) } else { cut.rfind(' ') };
    let near = between_words.filter(|space| space * 4 > cut.len() * 3);
    let whole = near.and_then(|space| cut.get(..space)).unwrap_or(cut);
    let left = length - whole.chars().count();
    format!("{}… and {} more characters", line.isolated(whole), number(left as u64))
}

/// Lines up to a number and a length in sum; what is left out is counted.
pub(super) fn lines(all: Vec<Line>, most: usize, limit: usize) -> Vec<String> {
    let (total, mut kept, mut left) = (all.len(), Vec::new(), limit);
    for one in all {
        if kept.len() == most || left == 0 {
            break;
        }
        kept.push(line(&one, left));
        left = left.saturating_sub(one.bare().chars().count());
    }
    match total - kept.len() {
        0 => {}
        1 => kept.push("… and 1 more line".to_owned()),
        more => kept.push(format!("… and {} more lines", number(more as u64))),
    }
    kept
}

/// `a, b, c and 997 more`.
pub(super) fn list(entries: &[Line], most: usize, each: usize) -> String {
    let shown: Vec<_> = entries.iter().take(most).map(|entry| line(entry, each)).collect();
    match entries.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), number(more as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::inert;
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_words_and_says_how_much_is_left() {
        let text = Line::of("a substation fire near the river");
        assert_eq!(line(&text, 22), "a substation fire near… and 10 more characters");
        assert_eq!(line(&text, 20), "a substation fire… and 15 more characters");
        assert_eq!(line(&text, 32), "a substation fire near the river");
    }

    #[test]
    fn lists_and_lines_count_what_they_leave_out() {
        let zones: Vec<_> = (1..=1_000).map(|n| Line::of(&format!("Z{n}"))).collect();
        assert_eq!(list(&zones, 3, 40), "Z1, Z2, Z3 and 997 more");
        assert_eq!(list(&zones[..2], 3, 40), "Z1, Z2");
        let all = inert::lines("one\ntwo\n\nthree\nfour");
        assert_eq!(lines(all.clone(), 2, 100), ["one", "two", "… and 2 more lines"]);
        assert_eq!(lines(all, 4, 100), ["one", "two", "three", "four"]);
    }
}

//! The words of OData's `$filter`: cut into tokens once, for every part of the tenant that takes filters. Which of them may stand where
//! is each part's own affair (OData 4.01, "URL conventions", 5.1.1).

/// A word, a quoted text (its doubled quotes undone), or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A name, a path, an operator, a number, an instant.
    Word(String),
    /// What stood between single quotes.
    Text(String),
    /// One of `( ) , :`.
    Mark(char),
}

/// Goes through the tokens of a filter.
#[derive(Debug)]
pub(crate) struct Cursor {
    tokens: Vec<Token>,
    at: usize,
}

impl Cursor {
    /// Over a filter's text; the error says what cannot stand in one.
    pub(crate) fn of(text: &str) -> Result<Self, String> {
        Ok(Self { tokens: tokens(text)?, at: 0 })
    }

    /// The next token, passed.
    pub(crate) fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// The next token, which must be a word, passed.
    pub(crate) fn name(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("a name was expected, not {other:?}")),
        }
    }

    /// Passes this word, if it comes next.
    pub(crate) fn word(&mut self, wanted: &str) -> bool {
        let hit = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word == wanted);
        self.at += usize::from(hit);
        hit
    }

    /// Passes this sign, if it comes next.
    pub(crate) fn mark(&mut self, wanted: char) -> bool {
        let hit = self.tokens.get(self.at) == Some(&Token::Mark(wanted));
        self.at += usize::from(hit);
        hit
    }

    /// Passes this sign, which must come next.
    pub(crate) fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.mark(wanted) { Ok(()) } else { Err(format!("'{wanted}' was expected, not {:?}", self.tokens.get(self.at))) }
    }

    /// An error when something follows.
    pub(crate) fn end(&self) -> Result<(), String> {
        match self.tokens.get(self.at) {
            Some(rest) => Err(format!("there is something after the end of the filter: {rest:?}")),
            None => Ok(()),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => {}
            // A colon stands after a lambda's variable; elsewhere it is part of a bare instant.
            '(' | ')' | ',' | ':' => tokens.push(Token::Mark(letter)),
            '\'' => tokens.push(Token::Text(quoted(&mut letters)?)),
            _ if letter.is_ascii_alphanumeric() || letter == '-' => {
                let mut word = String::from(letter);
                let bare = !letter.is_ascii_alphabetic();
                while let Some(next) =
                    letters.next_if(|next| next.is_ascii_alphanumeric() || "/_.-".contains(*next) || (bare && *next == ':'))
                {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            _ => return Err(format!("unexpected character '{letter}'")),
        }
    }
    Ok(tokens)
}

/// The rest of a quoted text; a doubled quote stands for one.
fn quoted(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        if letter != '\'' {
            text.push(letter);
        } else if letters.next_if_eq(&'\'').is_some() {
            text.push('\'');
        } else {
            return Ok(text);
        }
    }
    Err("a quoted text has no end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_cut_where_its_parts_meet() {
        let word = |text: &str| Token::Word(text.to_owned());
        let cut = tokens("any(c:c/x_1 eq 'O''Brien, (1)') and n le -1.5 or at ge 2026-12-01T00:00:00Z").unwrap();
        let expected = [
            word("any"),
            Token::Mark('('),
            word("c"),
            Token::Mark(':'),
            word("c/x_1"),
            word("eq"),
            Token::Text("O'Brien, (1)".into()),
            Token::Mark(')'),
            word("and"),
            word("n"),
            word("le"),
            word("-1.5"),
            word("or"),
            word("at"),
            word("ge"),
            word("2026-12-01T00:00:00Z"),
        ];
        assert_eq!(cut, expected);
        for bad in ["a eq 'b", "a = 'b'", "a eq \"b\"", "'O'Brien'"] {
            assert!(tokens(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cursor_passes_only_what_it_was_asked_for() {
        let mut cursor = Cursor::of("not (a)").unwrap();
        assert!(!cursor.word("a") && cursor.word("not") && !cursor.mark(')') && cursor.mark('('));
        assert!(cursor.end().is_err() && cursor.expect(')').is_err());
        assert_eq!(cursor.name().as_deref(), Ok("a"));
        cursor.expect(')').unwrap();
        assert!(cursor.end().is_ok() && cursor.name().is_err());
    }
}

//! The part of OData's `$filter` that is documented for events, and nothing beyond it: parser.
//!
//! Comparisons (`eq ne gt ge lt le`), `and or not`, parentheses, `startswith`, `contains`, and
//! `singleValueExtendedProperties/Any(ep: ep/id eq '…' and ep/value eq '…')`. Evaluation is in `matching`.

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(Field, Op, Literal),
    StartsWith(Field, String),
    Contains(Field, String),
    /// Any extended property for which the inner condition holds.
    Any(Box<Expr>),
}

/// What a condition can look at. The last two only inside `Any`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Subject,
    Start,
    End,
    Created,
    Modified,
    IsAllDay,
    ShowAs,
    Importance,
    Sensitivity,
    PropertyId,
    PropertyValue,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A value in a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    Text(String),
    Bool(bool),
    /// A bare instant, `2026-12-01T00:00:00Z`.
    Bare(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

/// Parses a whole filter; the error says what is wrong, for the caller's 400.
pub(crate) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, variable: None };
    let expr = parser.or()?;
    if parser.at < parser.tokens.len() {
        return Err(format!("there is something after the end of the filter: {:?}", parser.tokens.get(parser.at)));
    }
    Ok(expr)
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            // A colon stands after a lambda's variable; elsewhere it is part of a bare instant.
            ':' => tokens.push(Token::Colon),
            '\'' => tokens.push(Token::Text(quoted(&mut letters)?)),
            _ if letter.is_ascii_alphanumeric() => {
                let mut word = String::from(letter);
                let instant = letter.is_ascii_digit();
                while let Some(next) =
                    letters.next_if(|next| next.is_ascii_alphanumeric() || "/_.-".contains(*next) || (instant && *next == ':'))
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

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// The lambda's variable while inside one.
    variable: Option<String>,
}

impl Parser {
    fn or(&mut self) -> Result<Expr, String> {
        let mut left = self.and()?;
        while self.word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, String> {
        let mut left = self.unary()?;
        while self.word("and") {
            left = Expr::And(Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.word("not") {
            return Ok(Expr::Not(Box::new(self.unary()?)));
        }
        if self.take(&Token::Open) {
            let inner = self.or()?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        let name = self.next_word()?;
        match name.as_str() {
            "startswith" | "contains" => self.function(&name),
            "singleValueExtendedProperties/Any" | "singleValueExtendedProperties/any" if self.variable.is_none() => self.any(),
            _ => {
                let field = self.field(&name)?;
                let op = op(&self.next_word()?)?;
                let literal = self.literal()?;
                comparable(field, op, &literal)?;
                Ok(Expr::Compare(field, op, literal))
            }
        }
    }

    fn function(&mut self, name: &str) -> Result<Expr, String> {
        self.expect(&Token::Open)?;
        let path = self.next_word()?;
        let field = self.field(&path)?;
        if !matches!(field, Field::Subject | Field::PropertyValue) {
            return Err(format!("{name} is not for '{path}'"));
        }
        self.expect(&Token::Comma)?;
        let Literal::Text(text) = self.literal()? else { return Err(format!("{name} needs a quoted text")) };
        self.expect(&Token::Close)?;
        Ok(if name == "contains" { Expr::Contains(field, text) } else { Expr::StartsWith(field, text) })
    }

    fn any(&mut self) -> Result<Expr, String> {
        self.expect(&Token::Open)?;
        self.variable = Some(self.next_word()?);
        self.expect(&Token::Colon)?;
        let inner = self.or()?;
        self.variable = None;
        self.expect(&Token::Close)?;
        if !names_a_property(&inner) {
            return Err("the condition on singleValueExtendedProperties must say which id it means".to_owned());
        }
        Ok(Expr::Any(Box::new(inner)))
    }

    fn field(&self, path: &str) -> Result<Field, String> {
        if let Some(variable) = &self.variable {
            return match path.strip_prefix(variable.as_str()) {
                Some("/id") => Ok(Field::PropertyId),
                Some("/value") => Ok(Field::PropertyValue),
                _ => Err(format!("'{path}' is not a property of {variable}")),
            };
        }
        Ok(match path {
            "subject" => Field::Subject,
            "start/dateTime" => Field::Start,
            "end/dateTime" => Field::End,
            "createdDateTime" => Field::Created,
            "lastModifiedDateTime" => Field::Modified,
            "isAllDay" => Field::IsAllDay,
            "showAs" => Field::ShowAs,
            "importance" => Field::Importance,
            "sensitivity" => Field::Sensitivity,
            _ => return Err(format!("'{path}' cannot be filtered on")),
        })
    }

    fn literal(&mut self) -> Result<Literal, String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) if word == "true" || word == "false" => Ok(Literal::Bool(word == "true")),
            Some(Token::Word(word)) if word.starts_with(|letter: char| letter.is_ascii_digit()) => Ok(Literal::Bare(word)),
            other => Err(format!("a value was expected, not {other:?}")),
        }
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn next_word(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("a name was expected, not {other:?}")),
        }
    }

    fn word(&mut self, wanted: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word == wanted);
        self.at += usize::from(there);
        there
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let there = self.tokens.get(self.at) == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(format!("{wanted:?} was expected, not {:?}", self.tokens.get(self.at))) }
    }
}

fn op(word: &str) -> Result<Op, String> {
    Ok(match word {
        "eq" => Op::Eq,
        "ne" => Op::Ne,
        "gt" => Op::Gt,
        "ge" => Op::Ge,
        "lt" => Op::Lt,
        "le" => Op::Le,
        _ => return Err(format!("'{word}' is not a comparison")),
    })
}

/// Refuses comparisons that mean nothing: an order among words, a truth value against a text.
fn comparable(field: Field, op: Op, literal: &Literal) -> Result<(), String> {
    let equality = matches!(op, Op::Eq | Op::Ne);
    let fits = match field {
        Field::IsAllDay => equality && matches!(literal, Literal::Bool(_)),
        Field::Start | Field::End => matches!(literal, Literal::Text(_)),
        Field::Created | Field::Modified => matches!(literal, Literal::Bare(_)),
        Field::PropertyId => op == Op::Eq && matches!(literal, Literal::Text(_)),
        _ => equality && matches!(literal, Literal::Text(_)),
    };
    if fits { Ok(()) } else { Err(format!("{field:?} cannot be compared in this way")) }
}

fn names_a_property(expr: &Expr) -> bool {
    match expr {
        Expr::Compare(Field::PropertyId, Op::Eq, _) => true,
        Expr::And(left, right) => names_a_property(left) || names_a_property(right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_look_up_parses_with_doubled_quotes() {
        let text = "singleValueExtendedProperties/Any(ep: ep/id eq 'String {x} Name R' and ep/value eq 'O''Brien')";
        let Expr::Any(inner) = parse(text).unwrap() else { panic!("not a lambda") };
        let Expr::And(_, value) = *inner else { panic!("no and") };
        assert_eq!(*value, Expr::Compare(Field::PropertyValue, Op::Eq, Literal::Text("O'Brien".to_owned())));
    }

    #[test]
    fn precedence_and_parentheses_hold() {
        let Expr::Or(_, right) = parse("subject eq 'a' or subject eq 'b' and isAllDay eq true").unwrap() else {
            panic!("or binds last")
        };
        assert!(matches!(*right, Expr::And(..)));
        assert!(matches!(parse("not (subject eq 'a' or subject eq 'b')").unwrap(), Expr::Not(_)));
    }

    #[test]
    fn what_is_not_documented_is_an_error() {
        for bad in [
            "",
            "subject",
            "subject eq",
            "subject eq 'O'Brien'",
            "subject like 'a'",
            "transactionId eq 'x'",
            "isAllDay gt true",
            "singleValueExtendedProperties/Any(ep: ep/value eq 'x')",
            "singleValueExtendedProperties/Any(ep: ep/id eq 'x' or ep/value eq 'x')",
            "singleValueExtendedProperties/Any(ep: other/id eq 'x')",
            "subject eq 'a' subject eq 'b'",
            "startswith(isAllDay,'x')",
            "createdDateTime ge '2026'",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}

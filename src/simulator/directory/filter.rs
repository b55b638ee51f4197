//! The part of OData's `$filter` that is documented for people and groups, and nothing beyond it.
//!
//! `eq ne ge le in`, `and or not`, parentheses, `startswith`, `endswith`, and `groupTypes/any(c:c eq '…')`. Texts are compared
//! ignoring case, as Entra does.

use super::properties::Shown;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    /// Property, comparison, values (more than one with `in`).
    Compare(String, Op, Vec<Literal>),
    /// A list property holds this.
    Holds(String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Ge,
    Le,
    StartsWith,
    EndsWith,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Null,
    Flag(bool),
    /// In lower case.
    Text(String),
}

impl Filter {
    /// Whether it needs `ConsistencyLevel: eventual` and `$count=true`.
    pub(super) fn is_advanced(&self) -> bool {
        match self {
            Self::And(left, right) | Self::Or(left, right) => left.is_advanced() || right.is_advanced(),
            Self::Not(_) => true,
            Self::Compare(_, op, _) => matches!(op, Op::Ne | Op::EndsWith),
            Self::Holds(..) => false,
        }
    }

    /// Whether an object with these properties fits.
    pub(super) fn fits<'a>(&self, value: &impl Fn(&str) -> Shown<'a>) -> bool {
        match self {
            Self::And(left, right) => left.fits(value) && right.fits(value),
            Self::Or(left, right) => left.fits(value) || right.fits(value),
            Self::Not(inner) => !inner.fits(value),
            Self::Compare(name, op, literals) => literals.iter().any(|literal| compared(value(name), *op, literal)),
            Self::Holds(name, text) => match value(name) {
                Shown::Texts(texts) => texts.iter().any(|have| lower(have) == *text),
                _ => false,
            },
        }
    }

    /// The ids of `id eq '…' or id eq '…'`; `None` when it is anything else.
    pub(super) fn ids(&self) -> Option<Vec<String>> {
        match self {
            Self::Or(left, right) => Some([left.ids()?, right.ids()?].concat()),
            Self::Compare(name, Op::Eq, literals) if name == "id" => literals
                .iter()
                .map(|literal| match literal {
                    Literal::Text(id) => Some(id.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }
}

fn compared(value: Shown<'_>, op: Op, literal: &Literal) -> bool {
    match (value, literal) {
        (Shown::Null, Literal::Null) => op == Op::Eq,
        (Shown::Flag(have), Literal::Flag(wanted)) => (have == *wanted) == (op == Op::Eq),
        (Shown::Text(have), Literal::Text(wanted)) => {
            let have = lower(have);
            match op {
                Op::Eq => have == *wanted,
                Op::Ne => have != *wanted,
                Op::Ge => have >= *wanted,
                Op::Le => have <= *wanted,
                Op::StartsWith => have.starts_with(wanted.as_str()),
                Op::EndsWith => have.ends_with(wanted.as_str()),
            }
        }
        _ => op == Op::Ne,
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

/// Parses a whole filter over these properties; the error says what is wrong.
pub(super) fn parse(text: &str, known: &[&str]) -> Result<Filter, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, known };
    let filter = parser.or()?;
    match parser.tokens.get(parser.at) {
        Some(rest) => Err(format!("there is something after the end of the filter: {rest:?}")),
        None => Ok(filter),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => {}
            '(' | ')' | ',' | ':' => tokens.push(Token::Mark(letter)),
            '\'' => {
                let mut quoted = String::new();
                loop {
                    match letters.next() {
                        Some('\'') if letters.next_if_eq(&'\'').is_some() => quoted.push('\''),
                        Some('\'') => break,
                        Some(other) => quoted.push(other),
                        None => return Err("a quoted text has no end".to_owned()),
                    }
                }
                tokens.push(Token::Text(quoted));
            }
            _ if letter.is_ascii_alphanumeric() => {
                let mut word = String::from(letter);
                while let Some(next) = letters.next_if(|next| next.is_ascii_alphanumeric() || *next == '/') {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            _ => return Err(format!("unexpected character '{letter}'")),
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    known: &'a [&'a str],
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Filter, String> {
        let mut left = self.and()?;
        while self.word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, String> {
        let mut left = self.term()?;
        while self.word("and") {
            left = Filter::And(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Filter, String> {
        if self.word("not") {
            return Ok(Filter::Not(Box::new(self.term()?)));
        }
        if self.mark('(') {
            let inner = self.or()?;
            self.expect(')')?;
            return Ok(inner);
        }
        let name = self.name()?;
        match name.as_str() {
            "startswith" | "startsWith" => self.function(Op::StartsWith),
            "endswith" | "endsWith" => self.function(Op::EndsWith),
            "groupTypes/any" => self.any("groupTypes"),
            _ => self.comparison(name),
        }
    }

    fn comparison(&mut self, name: String) -> Result<Filter, String> {
        self.is_known(&name)?;
        let op = match self.name()?.as_str() {
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "ge" => Op::Ge,
            "le" => Op::Le,
            "in" => {
                self.expect('(')?;
                let mut literals = vec![self.literal()?];
                while self.mark(',') {
                    literals.push(self.literal()?);
                }
                self.expect(')')?;
                return Ok(Filter::Compare(name, Op::Eq, literals));
            }
            other => return Err(format!("'{other}' is not a comparison")),
        };
        Ok(Filter::Compare(name, op, vec![self.literal()?]))
    }

    fn function(&mut self, op: Op) -> Result<Filter, String> {
        self.expect('(')?;
        let name = self.name()?;
        self.is_known(&name)?;
        self.expect(',')?;
        let literal = self.literal()?;
        self.expect(')')?;
        Ok(Filter::Compare(name, op, vec![literal]))
    }

    /// `(c:c eq 'Unified')`
    fn any(&mut self, name: &str) -> Result<Filter, String> {
        self.is_known(name)?;
        self.expect('(')?;
        let variable = self.name()?;
        self.expect(':')?;
        if self.name()? != variable || !self.word("eq") {
            return Err("any() is only known as any(c:c eq '…')".to_owned());
        }
        let Literal::Text(text) = self.literal()? else { return Err("any() compares with a text".to_owned()) };
        self.expect(')')?;
        Ok(Filter::Holds(name.to_owned(), text))
    }

    fn literal(&mut self) -> Result<Literal, String> {
        let literal = match self.tokens.get(self.at) {
            Some(Token::Text(text)) => Literal::Text(lower(text)),
            Some(Token::Word(word)) if word == "true" => Literal::Flag(true),
            Some(Token::Word(word)) if word == "false" => Literal::Flag(false),
            Some(Token::Word(word)) if word == "null" => Literal::Null,
            other => return Err(format!("a value was expected, not {other:?}")),
        };
        self.at += 1;
        Ok(literal)
    }

    fn is_known(&self, name: &str) -> Result<(), String> {
        if self.known.contains(&name) { Ok(()) } else { Err(format!("there is no property '{name}'")) }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word.clone())
            }
            other => Err(format!("a name was expected, not {other:?}")),
        }
    }

    fn word(&mut self, wanted: &str) -> bool {
        let hit = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word == wanted);
        self.at += usize::from(hit);
        hit
    }

    fn mark(&mut self, wanted: char) -> bool {
        let hit = self.tokens.get(self.at) == Some(&Token::Mark(wanted));
        self.at += usize::from(hit);
        hit
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.mark(wanted) { Ok(()) } else { Err(format!("'{wanted}' was expected at part {}", self.at)) }
    }
}

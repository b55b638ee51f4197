//! The part of OData's `$filter` that is documented for people and groups, and nothing beyond it.
//!
//! `eq ne ge le in`, `and or not`, parentheses, `startswith`, `endswith`, and `groupTypes/any(c:c eq '…')`. Texts are compared
//! ignoring case, as Entra does.

use super::properties::Shown;
use crate::simulator::odata::{Cursor, Token};

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

/// Parses a whole filter over these properties; the error says what is wrong.
pub(super) fn parse(text: &str, known: &[&str]) -> Result<Filter, String> {
    let mut parser = Parser { cursor: Cursor::of(text)?, known };
    let filter = parser.or()?;
    parser.cursor.end()?;
    Ok(filter)
}

struct Parser<'a> {
    cursor: Cursor,
    known: &'a [&'a str],
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Filter, String> {
        let mut left = self.and()?;
        while self.cursor.word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, String> {
        let mut left = self.term()?;
        while self.cursor.word("and") {
            left = Filter::And(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Filter, String> {
        if self.cursor.word("not") {
            return Ok(Filter::Not(Box::new(self.term()?)));
        }
        if self.cursor.mark('(') {
            let inner = self.or()?;
            self.cursor.expect(')')?;
            return Ok(inner);
        }
        let name = self.cursor.name()?;
        match name.as_str() {
            "startswith" | "startsWith" => self.function(Op::StartsWith),
            "endswith" | "endsWith" => self.function(Op::EndsWith),
            "groupTypes/any" => self.any("groupTypes"),
            _ => self.comparison(name),
        }
    }

    fn comparison(&mut self, name: String) -> Result<Filter, String> {
        self.is_known(&name)?;
        let op = match self.cursor.name()?.as_str() {
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "ge" => Op::Ge,
            "le" => Op::Le,
            "in" => {
                self.cursor.expect('(')?;
                let mut literals = vec![self.literal()?];
                while self.cursor.mark(',') {
                    literals.push(self.literal()?);
                }
                self.cursor.expect(')')?;
                return Ok(Filter::Compare(name, Op::Eq, literals));
            }
            other => return Err(format!("'{other}' is not a comparison")),
        };
        Ok(Filter::Compare(name, op, vec![self.literal()?]))
    }

    fn function(&mut self, op: Op) -> Result<Filter, String> {
        self.cursor.expect('(')?;
        let name = self.cursor.name()?;
        self.is_known(&name)?;
        self.cursor.expect(',')?;
        let literal = self.literal()?;
        self.cursor.expect(')')?;
        Ok(Filter::Compare(name, op, vec![literal]))
    }

    /// `(c:c eq 'Unified')`
    fn any(&mut self, name: &str) -> Result<Filter, String> {
        self.is_known(name)?;
        self.cursor.expect('(')?;
        let variable = self.cursor.name()?;
        self.cursor.expect(':')?;
        if self.cursor.name()? != variable || !self.cursor.word("eq") {
            return Err("any() is only known as any(c:c eq '…')".to_owned());
        }
        let Literal::Text(text) = self.literal()? else { return Err("any() compares with a text".to_owned()) };
        self.cursor.expect(')')?;
        Ok(Filter::Holds(name.to_owned(), text))
    }

    fn literal(&mut self) -> Result<Literal, String> {
        match self.cursor.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(lower(&text))),
            Some(Token::Word(word)) if word == "true" || word == "false" => Ok(Literal::Flag(word == "true")),
            Some(Token::Word(word)) if word == "null" => Ok(Literal::Null),
            other => Err(format!("a value was expected, not {other:?}")),
        }
    }

    fn is_known(&self, name: &str) -> Result<(), String> {
        if self.known.contains(&name) { Ok(()) } else { Err(format!("there is no property '{name}'")) }
    }
}

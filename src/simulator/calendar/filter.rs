//! The part of OData's `$filter` that is documented for events, and nothing beyond it: parser.
//!
//! Comparisons (`eq ne gt ge lt le`), `and or not`, parentheses, `startswith`, `contains`, and
//! `singleValueExtendedProperties/Any(ep: ep/id eq '…' and ep/value eq '…')`. Evaluation is in `matching`.

use crate::simulator::odata::{Cursor, Token};

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

/// Parses a whole filter; the error says what is wrong, for the caller's 400.
pub(crate) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser { cursor: Cursor::of(text)?, variable: None };
    let expr = parser.or()?;
    parser.cursor.end()?;
    Ok(expr)
}

struct Parser {
    cursor: Cursor,
    /// The lambda's variable while inside one.
    variable: Option<String>,
}

impl Parser {
    fn or(&mut self) -> Result<Expr, String> {
        let mut left = self.and()?;
        while self.cursor.word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, String> {
        let mut left = self.unary()?;
        while self.cursor.word("and") {
            left = Expr::And(Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.cursor.word("not") {
            return Ok(Expr::Not(Box::new(self.unary()?)));
        }
        if self.cursor.mark('(') {
            let inner = self.or()?;
            self.cursor.expect(')')?;
            return Ok(inner);
        }
        let name = self.cursor.name()?;
        match name.as_str() {
            "startswith" | "contains" => self.function(&name),
            "singleValueExtendedProperties/Any" | "singleValueExtendedProperties/any" if self.variable.is_none() => self.any(),
            _ => {
                let field = self.field(&name)?;
                let op = op(&self.cursor.name()?)?;
                let literal = self.literal()?;
                comparable(field, op, &literal)?;
                Ok(Expr::Compare(field, op, literal))
            }
        }
    }

    fn function(&mut self, name: &str) -> Result<Expr, String> {
        self.cursor.expect('(')?;
        let path = self.cursor.name()?;
        let field = self.field(&path)?;
        if !matches!(field, Field::Subject | Field::PropertyValue) {
            return Err(format!("{name} is not for '{path}'"));
        }
        self.cursor.expect(',')?;
        let Literal::Text(text) = self.literal()? else { return Err(format!("{name} needs a quoted text")) };
        self.cursor.expect(')')?;
        Ok(if name == "contains" { Expr::Contains(field, text) } else { Expr::StartsWith(field, text) })
    }

    fn any(&mut self) -> Result<Expr, String> {
        self.cursor.expect('(')?;
        self.variable = Some(self.cursor.name()?);
        self.cursor.expect(':')?;
        let inner = self.or()?;
        self.variable = None;
        self.cursor.expect(')')?;
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
        match self.cursor.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) if word == "true" || word == "false" => Ok(Literal::Bool(word == "true")),
            Some(Token::Word(word)) if word.starts_with(|letter: char| letter.is_ascii_digit()) => Ok(Literal::Bare(word)),
            other => Err(format!("a value was expected, not {other:?}")),
        }
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

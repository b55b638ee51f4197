//! What a query may cost, checked before anything is executed or even validated.
//!
//! The library's own limits come too late for hostile text: its grammar descends without a bound into nested lists, and its
//! validation walks fragments once for every spread. So the text is scanned first ([`scan`]), then parsed, then weighed with
//! every fragment weighed once ([`weigh`]).

mod scan;
mod shape;
mod weigh;

use async_graphql::{
    Variables,
    parser::{parse_query, types::ExecutableDocument},
};

use self::{shape::Shape, weigh::Weight};
use super::errors::{Code, Refusal};

/// The most rows of a page.
pub(super) const MAX_PAGE: u32 = 200;
/// The most that introspection may cost: the queries of the usual tools cost a third of it.
const MAX_INTROSPECTION: u64 = 100_000;
/// The deepest nesting of selections, fragments and introspection included. The library refuses above 32.
const MAX_NESTING: u32 = 30;

/// The limits of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) depth: u32,
    pub(super) complexity: u64,
    pub(super) root_fields: u64,
    pub(super) directives: u64,
}

/// Weighs queries against the limits.
pub(super) struct Gate {
    limits: Limits,
    shape: Shape,
}

impl Gate {
    /// For queries to the schema with this text.
    pub(super) fn new(limits: Limits, sdl: &str) -> Self {
        Self { limits, shape: Shape::of(sdl) }
    }

    /// Parses a query that is within the limits.
    pub(super) fn admit(&self, query: &str, variables: &Variables) -> Result<ExecutableDocument, Refusal> {
        scan::check(query)?;
        let document = parse_query(query).map_err(|error| unreadable(&error))?;
        self.check(&weigh::document(&document, variables, &self.shape)?)?;
        Ok(document)
    }

    fn check(&self, weight: &Weight) -> Result<(), Refusal> {
        let Limits { depth, complexity, root_fields, directives } = self.limits;
        within("depth", weight.depth.into(), depth.into())?;
        within("nesting", weight.nesting.into(), MAX_NESTING.into())?;
        within("root fields", weight.root_fields, root_fields)?;
        within("directives", weight.directives, directives)?;
        within("complexity", weight.cost, complexity)?;
        within("complexity of introspection", weight.introspection, MAX_INTROSPECTION)
    }
}

/// Says where, not what: the parser's own message quotes the line, and with it a secret that stands there.
fn unreadable(error: &async_graphql::parser::Error) -> Refusal {
    let place = error.positions().next().map(|at| format!(" at line {}, column {}", at.line, at.column)).unwrap_or_default();
    Refusal::new(Code::BadUserInput, format!("the query cannot be parsed{place}"))
}

fn within(what: &str, is: u64, limit: u64) -> Result<(), Refusal> {
    if is <= limit { Ok(()) } else { Err(Refusal::new(Code::LimitExceeded, format!("the query's {what} exceeds {limit}"))) }
}

#[cfg(test)]
mod tests;

//! Lists in the Relay connection form: `XConnection { edges, nodes, pageInfo, totalCount }`.

use std::borrow::Cow;

use async_graphql::{Object, OutputType, SimpleObject, TypeName};

use super::super::{errors::Refusal, limits::MAX_PAGE};
use crate::store::{Page, PageRequest};

/// The longest cursor that is handed to the store; those it hands out are far shorter.
const MAX_CURSOR: usize = 1024;

/// The page that a query asks for. `first` defaults to 50 in the schema; an explicit null means the same.
pub(super) fn request(first: Option<i32>, after: Option<String>) -> Result<PageRequest, Refusal> {
    let first = u32::try_from(first.unwrap_or(50)).ok().filter(|rows| (1..=MAX_PAGE).contains(rows));
    let first = first.ok_or_else(|| Refusal::input("first", format!("first: 1 to {MAX_PAGE}")))?;
    if after.as_ref().is_some_and(|cursor| cursor.len() > MAX_CURSOR) {
        return Err(Refusal::input("after", "after: not a cursor of this list"));
    }
    Ok(PageRequest { first, after })
}

/// A page of a list.
pub(super) struct List<T> {
    rows: Vec<(String, T)>,
    has_next: bool,
    total: u64,
}

impl<T> List<T> {
    /// From the store's rows.
    pub(super) fn of<R>(page: Page<R>, convert: impl Fn(R) -> T) -> Self {
        let rows = page.rows.into_iter().map(|(cursor, row)| (cursor, convert(row))).collect();
        Self { rows, has_next: page.has_next, total: page.total }
    }
}

/// The name of a type that comes in lists.
pub(super) trait Listed: OutputType {
    /// `TaskEvent` for `TaskEventConnection` and `TaskEventEdge`.
    const NAME: &'static str;
}

impl<T: Listed> TypeName for List<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::NAME).into()
    }
}

/// A page of a list.
#[Object(name_type)]
impl<T: Listed> List<T> {
    /// The rows, each with its cursor.
    async fn edges(&self) -> Vec<Edge<'_, T>> {
        self.rows.iter().map(|(cursor, node)| Edge { cursor, node }).collect()
    }

    /// The rows.
    async fn nodes(&self) -> Vec<&T> {
        self.rows.iter().map(|(_, node)| node).collect()
    }

    /// Whether more follow, and from where.
    async fn page_info(&self) -> PageInfo {
        PageInfo { has_next_page: self.has_next, end_cursor: self.rows.last().map(|(cursor, _)| cursor.clone()) }
    }

    /// Rows in the whole list.
    async fn total_count(&self) -> i32 {
        count(self.total)
    }
}

/// A row and its cursor.
pub(super) struct Edge<'a, T> {
    cursor: &'a str,
    node: &'a T,
}

impl<T: Listed> TypeName for Edge<'_, T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::NAME).into()
    }
}

/// A row and its cursor.
#[Object(name_type)]
impl<T: Listed> Edge<'_, T> {
    /// Give it as `after` for the rows that follow.
    async fn cursor(&self) -> &str {
        self.cursor
    }

    /// The row.
    async fn node(&self) -> &T {
        self.node
    }
}

/// Where a page ends.
#[derive(SimpleObject)]
pub(super) struct PageInfo {
    /// Whether rows follow.
    has_next_page: bool,
    /// The last row's cursor; null on an empty page.
    end_cursor: Option<String>,
}

/// A count as GraphQL's `Int`, which ends at 2^31 - 1.
pub(super) fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_200_rows_and_50_unless_said_otherwise() {
        assert_eq!(request(None, None).unwrap().first, 50);
        assert_eq!(request(Some(1), None).unwrap().first, 1);
        assert_eq!(request(Some(200), None).unwrap().first, 200);
        for bad in [0, -1, 201, i32::MAX, i32::MIN] {
            assert_eq!(request(Some(bad), None).unwrap_err().field.as_deref(), Some("first"), "{bad}");
        }
    }

    #[test]
    fn a_cursor_that_is_none_of_ours_is_refused() {
        assert_eq!(request(None, Some("x".repeat(1025))).unwrap_err().field.as_deref(), Some("after"));
    }
}

//! Pages of a list, by cursor.

/// Which page: at most `first` rows after the opaque cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most this many rows.
    pub first: u32,
    /// The `cursor` of the row before the page.
    pub after: Option<String>,
}

/// A page of rows, each with its cursor.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Cursor and row, in list order.
    pub rows: Vec<(String, T)>,
    /// Whether more follow.
    pub has_next: bool,
    /// Rows in the whole list.
    pub total: u64,
}

/// What [`super::StoreError::Unreadable`] says of a cursor that this list did not give out.
pub(super) const CURSOR: &str = "cursor";

impl PageRequest {
    /// One more than asked for: whether it is there says whether more follow.
    pub(super) fn limit(&self) -> i64 {
        i64::from(self.first) + 1
    }
}

impl<T> Page<T> {
    /// A page from rows read with [`PageRequest::limit`].
    pub(super) fn cut(request: &PageRequest, mut rows: Vec<(String, T)>, total: u64) -> Self {
        let first = usize::try_from(request.first).unwrap_or(usize::MAX);
        let has_next = rows.len() > first;
        rows.truncate(first);
        Self { rows, has_next, total }
    }
}

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

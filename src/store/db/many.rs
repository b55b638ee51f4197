//! Statements over many rows.
//!
//! A statement costs a hop to the driver's thread however many rows it carries, so hot paths carry many. Rows are cut into
//! a few fixed numbers a statement: each number is one prepared statement, used again and again, and its text is made once.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use super::{Conn, Failure, Row, Value};

/// Rows a statement, largest first.
const SIZES: [usize; 4] = [64, 16, 4, 1];

impl Conn {
    /// Runs `text` over `rows`, several statements if need be, and returns the rows it gives back. `{rows}` in the text stands
    /// for `($n, …), ($n, …)`; `fixed` are the values of `$1` and on in front of them.
    pub(in crate::store) async fn many<const N: usize>(
        &mut self,
        text: &'static str,
        fixed: &[Value],
        rows: Vec<[Value; N]>,
    ) -> Result<Vec<Row>, Failure> {
        let mut answer = Vec::new();
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        while left > 0 {
            let size = SIZES.into_iter().find(|size| *size <= left).unwrap_or(1);
            let (cells, fixed_ones) = (rows.by_ref().take(size).flatten(), fixed.iter().cloned());
            let values = if self.is_postgres() { fixed_ones.chain(cells).collect() } else { cells.chain(fixed_ones).collect() };
            let text = self.text_for(text, fixed.len(), N, size);
            answer.append(&mut self.fetch(text, values).await?);
            left -= size;
        }
        Ok(answer)
    }

    /// The text of a statement for so many rows: writing a thousand placeholders costs more than sending them.
    fn text_for(&self, text: &'static str, fixed: usize, columns: usize, rows: usize) -> Arc<str> {
        let key = (text.as_ptr() as usize, text.len(), rows, self.is_postgres());
        let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let text = self.dialect(text);
            if self.is_postgres() {
                text.replace("{rows}", &placeholders(fixed, columns, rows)).into()
            } else {
                behind(&text, columns * rows).replace("{rows}", &nameless(columns, rows)).into()
            }
        };
        Arc::clone(texts.entry(key).or_insert_with(make))
    }
}

/// By address and length of a constant's text, rows, and database. As many as there are constants and sizes.
type Texts = HashMap<(usize, usize, usize, bool), Arc<str>>;

static TEXTS: LazyLock<Mutex<Texts>> = LazyLock::new(Mutex::default);

/// The most rows for statements that must see all of them at once, and fill up what is missing ([`padded`]).
pub(in crate::store) const MOST_AT_ONCE: usize = SIZES[0];

/// Fills up to the next fixed size with copies of a row that matches nothing.
pub(in crate::store) fn padded<const N: usize>(mut rows: Vec<[Value; N]>, nothing: &[Value; N]) -> Vec<[Value; N]> {
    let size = SIZES.into_iter().rev().find(|size| *size >= rows.len()).unwrap_or(rows.len());
    rows.resize(size, nothing.clone());
    rows
}

/// Rows for SQLite. There, `$n` is a name, and the driver asks for the name of each parameter, for which SQLite walks the list of
/// all names: a thousand of them cost half a million steps a statement. A bare `?` has no name.
fn nameless(columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

/// `$1` and on as `$(1 + cells)` and on: the driver counts the bare `?` by themselves, from 1, so fixed values come behind them.
fn behind(text: &str, cells: usize) -> String {
    let mut parts = text.split('$');
    let mut moved = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        let number = number.parse::<usize>().map_or(0, |number| number + cells);
        // Writing to a string cannot fail.
        write!(moved, "${number}{rest}").unwrap_or_default();
    }
    moved
}

fn placeholders(fixed: usize, columns: usize, rows: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 7);
    let mut number = fixed;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            number += 1;
            let separator = if column == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            write!(text, "{separator}${number}").unwrap_or_default();
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_go_on_after_the_fixed_values() {
        assert_eq!(placeholders(1, 2, 2), "($2, $3), ($4, $5)");
    }

    #[test]
    fn sqlite_counts_bare_placeholders_first_and_fixed_values_behind_them() {
        assert_eq!(nameless(2, 2), "(?, ?), (?, ?)");
        assert_eq!(behind("SET a = $1, b = $12 WHERE c <= $1", 4), "SET a = $5, b = $16 WHERE c <= $5");
        assert_eq!(behind("SELECT 1", 4), "SELECT 1");
    }

    #[test]
    fn padding_goes_to_the_next_fixed_size() {
        let rows = |n: usize| vec![[Value::from("x")]; n];
        for (given, size) in [(1, 1), (2, 4), (4, 4), (5, 16), (64, 64)] {
            assert_eq!(padded(rows(given), &[Value::from("")]).len(), size);
        }
    }
}

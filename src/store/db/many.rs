//! Statements over many rows.
//!
//! A statement costs a hop to the driver's thread however many rows it carries, so hot paths carry many. Rows are cut into
//! a few fixed numbers a statement: each number is one prepared statement, used again and again.

use std::fmt::Write as _;

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
            let values = fixed.iter().cloned().chain(rows.by_ref().take(size).flatten()).collect();
            let text = self.dialect(text).replace("{rows}", &placeholders(fixed.len(), N, size));
            answer.append(&mut self.fetch(text, values).await?);
            left -= size;
        }
        Ok(answer)
    }
}

/// The smallest statement size that takes this many rows, for statements that must see all of them at once.
pub(in crate::store) const MOST_AT_ONCE: usize = SIZES[0];

/// Fills up to the next fixed size with copies of a row that matches nothing.
pub(in crate::store) fn padded<const N: usize>(mut rows: Vec<[Value; N]>, nothing: &[Value; N]) -> Vec<[Value; N]> {
    let size = SIZES.into_iter().rev().find(|size| *size >= rows.len()).unwrap_or(rows.len());
    rows.resize(size, nothing.clone());
    rows
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
    fn padding_goes_to_the_next_fixed_size() {
        let rows = |n: usize| vec![[Value::from("x")]; n];
        for (given, size) in [(1, 1), (2, 4), (4, 4), (5, 16), (64, 64)] {
            assert_eq!(padded(rows(given), &[Value::from("")]).len(), size);
        }
    }
}

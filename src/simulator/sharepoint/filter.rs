//! `$filter` on items: comparisons of `fields/…` joined by `and`, and the rules about what may be filtered on.
//!
//! Sources: Microsoft, "List items" and "Use the $filter query parameter"; the threshold: "Manage large lists and libraries".

use std::{cmp::Ordering, sync::Arc};

use serde_json::{Value, json};

use super::{
    column::{comparable, is_indexed},
    list::{Item, List, Rows},
    spec::SharePointSettings,
};
use crate::simulator::{
    errors::Failure,
    odata::{Cursor, Token},
};

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
struct Condition {
    column: String,
    op: String,
    value: Value,
}

/// The items that fit, in order.
pub(super) fn found(
    list: &List,
    rows: &Rows,
    (text, bold): (&str, bool),
    settings: &SharePointSettings,
) -> Result<Vec<Arc<Item>>, Failure> {
    let conditions = parse(text).map_err(|why| Failure::malformed("invalidRequest", format!("Invalid filter clause: {why}.")))?;
    for condition in &conditions {
        let column = list
            .column(&condition.column)
            .ok_or_else(|| Failure::new(400, "invalidRequest", format!("Field '{}' is not recognized.", condition.column)))?;
        if !is_indexed(column) && !bold {
            return Err(not_indexed(&condition.column));
        }
    }
    let Some((first, others)) = conditions.split_first() else { return Ok(Vec::new()) };
    let indexed = list.column(&first.column).is_some_and(is_indexed);
    let key = comparable(&first.value).filter(|_| indexed && first.op == "eq");
    let mut items = match key {
        Some(key) => rows.with(&first.column, &key),
        // Without an index every row is looked at, and above the threshold that is refused, whatever the caller prefers.
        None if !indexed && rows.len() > settings.threshold => return Err(over_threshold()),
        None => rows.all().filter(|item| fits(item, first)).cloned().collect(),
    };
    if items.len() > settings.threshold {
        return Err(over_threshold());
    }
    items.retain(|item| others.iter().all(|condition| fits(item, condition)));
    Ok(items)
}

fn not_indexed(column: &str) -> Failure {
    let text = format!(
        "Field '{column}' cannot be referenced in filter or orderby as it is not indexed. Provide the 'Prefer: \
         HonorNonIndexedQueriesWarningMayFailRandomly' header to allow this, but be warned that such queries may fail on large lists."
    );
    Failure::new(400, "invalidRequest", text)
}

/// Seen as a 429 without a time to wait: it stays so however long one does.
fn over_threshold() -> Failure {
    let text = "The attempted operation is prohibited because it exceeds the list view threshold enforced by the administrator.";
    Failure::new(429, "activityLimitReached", text)
}

fn fits(item: &Item, condition: &Condition) -> bool {
    let have = item.field(&condition.column);
    if condition.op == "startswith" {
        let text = |value: &Value| value.as_str().map(str::to_lowercase);
        return text(&have).zip(text(&condition.value)).is_some_and(|(have, start)| have.starts_with(&start));
    }
    let (have, wanted) = (comparable(&have), comparable(&condition.value));
    if condition.op == "ne" {
        return have != wanted;
    }
    let (Some(have), Some(wanted)) = (&have, &wanted) else { return condition.op == "eq" && have == wanted };
    let numbers = have.parse::<f64>().ok().zip(wanted.parse::<f64>().ok()).filter(|_| condition.value.is_number());
    let order = numbers.and_then(|(have, wanted)| have.partial_cmp(&wanted)).unwrap_or_else(|| have.cmp(wanted));
    match condition.op.as_str() {
        "eq" => order == Ordering::Equal,
        "gt" => order == Ordering::Greater,
        "ge" => order != Ordering::Less,
        "lt" => order == Ordering::Less,
        _ => order != Ordering::Greater,
    }
}

fn parse(text: &str) -> Result<Vec<Condition>, String> {
    let mut cursor = Cursor::of(text)?;
    let mut conditions = vec![one(&mut cursor)?];
    while cursor.word("and") {
        conditions.push(one(&mut cursor)?);
    }
    cursor.end()?;
    Ok(conditions)
}

fn one(cursor: &mut Cursor) -> Result<Condition, String> {
    let path = cursor.name()?;
    if path == "startswith" {
        cursor.expect('(')?;
        let column = column(&cursor.name()?)?;
        cursor.expect(',')?;
        let value = literal(cursor)?;
        cursor.expect(')')?;
        return Ok(Condition { column, op: path, value });
    }
    let (column, op) = (column(&path)?, cursor.name()?);
    if !["eq", "ne", "gt", "ge", "lt", "le"].contains(&op.as_str()) {
        return Err(format!("'{op}' is not a comparison"));
    }
    Ok(Condition { column, op, value: literal(cursor)? })
}

fn column(path: &str) -> Result<String, String> {
    path.strip_prefix("fields/").map(str::to_owned).ok_or_else(|| format!("'{path}' cannot be filtered on"))
}

/// A quoted text, a number, `true`, `false` or `null`.
fn literal(cursor: &mut Cursor) -> Result<Value, String> {
    let word = match cursor.next() {
        Some(Token::Text(text)) => return Ok(Value::String(text)),
        Some(Token::Word(word)) => word,
        other => return Err(format!("a value was expected, not {other:?}")),
    };
    match word.as_str() {
        "true" => Ok(json!(true)),
        "false" => Ok(json!(false)),
        "null" => Ok(Value::Null),
        _ => word.parse::<f64>().map(|number| json!(number)).map_err(|_| format!("'{word}' is not a value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_out_as_they_went_in() {
        for key in ["Z-1", "O'Brien", "''", "a and b eq 'c'", "50 % #7 é )"] {
            let text = format!("fields/K eq '{}' and fields/N le 5", key.replace('\'', "''"));
            let conditions = parse(&text).unwrap();
            assert_eq!((conditions[0].value.clone(), conditions[1].value.clone()), (json!(key), json!(5.0)), "{key}");
        }
    }

    #[test]
    fn what_is_not_documented_is_an_error() {
        for bad in [
            "",
            "K eq 'a'",
            "fields/K",
            "fields/K eq",
            "fields/K eq 'a",
            "fields/K eq 'O'Brien'",
            "fields/K like 'a'",
            "fields/K eq 'a' or fields/K eq 'b'",
            "fields/K eq a",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("startswith(fields/K,'a') and fields/N eq true").is_ok());
    }
}

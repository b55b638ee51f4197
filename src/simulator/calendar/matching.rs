//! The part of OData's `$filter` that is documented for events: evaluation. Texts are compared without case, as Exchange does;
//! an extended property's name with case.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::{
    draft::ExtendedProperty,
    event::Event,
    filter::{Expr, Field, Literal, Op},
    property_id, zones,
};

/// Whether an event meets a filter.
pub(crate) fn matches(expr: &Expr, event: &Event) -> bool {
    holds(expr, event, None)
}

/// The exact value that every match must carry in an extended property, when the filter is the plain look-up: an index can find it.
pub(crate) fn looked_up(expr: &Expr) -> Option<&str> {
    let Expr::Any(inner) = expr else { return None };
    let Expr::And(left, right) = &**inner else { return None };
    [left, right].into_iter().find_map(|side| match &**side {
        Expr::Compare(Field::PropertyValue, Op::Eq, Literal::Text(text)) => Some(text.as_str()),
        _ => None,
    })
}

/// An instant as it stands in a filter or a query: with `Z`, an offset, or as UTC wall clock.
pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let with_offset = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc)).ok();
    with_offset.or_else(|| zones::wall_clock(text).map(|wall| wall.and_utc()))
}

fn holds(expr: &Expr, event: &Event, property: Option<&ExtendedProperty>) -> bool {
    match expr {
        Expr::And(left, right) => holds(left, event, property) && holds(right, event, property),
        Expr::Or(left, right) => holds(left, event, property) || holds(right, event, property),
        Expr::Not(inner) => !holds(inner, event, property),
        Expr::Any(inner) => event.content.extended.iter().any(|one| holds(inner, event, Some(one))),
        Expr::StartsWith(field, text) => {
            lower(*field, event, property).is_some_and(|have| have.starts_with(&text.to_lowercase()))
        }
        Expr::Contains(field, text) => lower(*field, event, property).is_some_and(|have| have.contains(&text.to_lowercase())),
        Expr::Compare(field, op, literal) => compare(*field, *op, literal, event, property),
    }
}

fn compare(field: Field, op: Op, literal: &Literal, event: &Event, property: Option<&ExtendedProperty>) -> bool {
    let order = match (field, literal) {
        (Field::PropertyId, Literal::Text(text)) => return property.is_some_and(|one| property_id::same(&one.id, text)),
        (Field::IsAllDay, Literal::Bool(wanted)) => event.content.is_all_day.cmp(wanted),
        (_, Literal::Text(text) | Literal::Bare(text)) => match (time(field, event), instant(text)) {
            (Some(have), Some(wanted)) => have.cmp(&wanted),
            (Some(_), None) => return false,
            (None, _) => match lower(field, event, property) {
                Some(have) => have.cmp(&text.to_lowercase()),
                None => return false,
            },
        },
        (_, Literal::Bool(_)) => return false,
    };
    match op {
        Op::Eq => order == Ordering::Equal,
        Op::Ne => order != Ordering::Equal,
        Op::Gt => order == Ordering::Greater,
        Op::Ge => order != Ordering::Less,
        Op::Lt => order == Ordering::Less,
        Op::Le => order != Ordering::Greater,
    }
}

fn time(field: Field, event: &Event) -> Option<DateTime<Utc>> {
    match field {
        Field::Start => Some(event.content.start.utc),
        Field::End => Some(event.content.end.utc),
        Field::Created => Some(event.created),
        Field::Modified => Some(event.modified),
        _ => None,
    }
}

fn lower(field: Field, event: &Event, property: Option<&ExtendedProperty>) -> Option<String> {
    let content = &event.content;
    match field {
        Field::Subject => Some(content.subject.to_lowercase()),
        Field::PropertyValue => property.map(|one| one.value.to_lowercase()),
        Field::ShowAs => Some(format!("{:?}", content.show_as).to_lowercase()),
        Field::Importance => Some(format!("{:?}", content.importance).to_lowercase()),
        Field::Sensitivity => Some(format!("{:?}", content.sensitivity).to_lowercase()),
        _ => None,
    }
}

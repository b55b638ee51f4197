//! What a parsed query would cost.
//!
//! Fragments are weighed once for every operation, so that fragments that spread fragments twice each, thirty levels deep,
//! weigh in at once what would take the executor years.

use std::collections::HashMap;

use async_graphql::{
    Name, Value, Variables,
    parser::types::{ExecutableDocument, Field, FragmentDefinition, OperationDefinition, OperationType, Selection, SelectionSet},
};

use super::{
    Code, MAX_NESTING, MAX_PAGE, Refusal,
    shape::{PAGE_ARGUMENT, Shape},
};

/// What a query, or a part of it, would cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// Fields, those of a paged list once for every row it may have.
    pub(super) cost: u64,
    /// The same for introspection, whose lists have the length that the schema gives them.
    pub(super) introspection: u64,
    /// Levels of fields; introspection has none.
    pub(super) depth: u32,
    /// Levels of anything.
    pub(super) nesting: u32,
    /// Fields on the first level, aliases counted.
    pub(super) root_fields: u64,
    /// Directives.
    pub(super) directives: u64,
}

impl Weight {
    /// Both, side by side.
    fn and(self, other: Self) -> Self {
        Self {
            cost: self.cost.saturating_add(other.cost),
            introspection: self.introspection.saturating_add(other.introspection),
            depth: self.depth.max(other.depth),
            nesting: self.nesting.max(other.nesting),
            root_fields: self.root_fields.saturating_add(other.root_fields),
            directives: self.directives.saturating_add(other.directives),
        }
    }

    fn directives(mut self, more: usize) -> Self {
        self.directives = self.directives.saturating_add(more as u64);
        self
    }

    /// One level further out.
    fn nested(mut self) -> Self {
        self.nesting += 1;
        self
    }
}

/// The weight of all operations of a document: validation looks at each of them, whichever is executed.
pub(super) fn document(document: &ExecutableDocument, variables: &Variables, shape: &Shape) -> Result<Weight, Refusal> {
    let mut total = Weight::default();
    for (_, operation) in document.operations.iter() {
        let mut scale = Scale { document, variables, shape, operation: &operation.node, fragments: HashMap::new() };
        let root = match operation.node.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let directives_of_variables: usize =
            operation.node.variable_definitions.iter().map(|variable| variable.node.directives.len()).sum();
        let weight =
            scale.selections(&operation.node.selection_set.node, Place { ty: Some(root), introspection: false, level: 0 })?;
        total = total.and(weight).directives(operation.node.directives.len() + directives_of_variables);
    }
    Ok(total)
}

/// Where a selection stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    ty: Option<&'a str>,
    introspection: bool,
    level: u32,
}

struct Scale<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    shape: &'a Shape,
    operation: &'a OperationDefinition,
    /// `None` while a fragment is being weighed: meeting it again then is a cycle.
    fragments: HashMap<(&'a Name, bool), Option<Weight>>,
}

impl<'a> Scale<'a> {
    fn selections(&mut self, set: &'a SelectionSet, place: Place<'a>) -> Result<Weight, Refusal> {
        if place.level > MAX_NESTING {
            return Err(Refusal::new(Code::LimitExceeded, format!("the query's nesting exceeds {MAX_NESTING}")));
        }
        let inside = Place { level: place.level + 1, ..place };
        let mut total = Weight::default();
        for selection in &set.items {
            total = total.and(match &selection.node {
                Selection::Field(field) => self.field(&field.node, inside)?,
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                    let weight = self.selections(&inline.node.selection_set.node, Place { ty: on.or(place.ty), ..inside })?;
                    weight.nested().directives(inline.node.directives.len())
                }
                Selection::FragmentSpread(spread) => {
                    let weight = self.fragment(&spread.node.fragment_name.node, inside)?;
                    weight.nested().directives(spread.node.directives.len())
                }
            });
        }
        Ok(total)
    }

    fn fragment(&mut self, name: &'a Name, place: Place<'a>) -> Result<Weight, Refusal> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else { return Ok(Weight::default()) };
        let fragment: &'a FragmentDefinition = &fragment.node;
        let key = (name, place.introspection);
        match self.fragments.get(&key) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err(Refusal::new(Code::BadUserInput, format!("the fragment \"{name}\" contains itself"))),
            None => {}
        }
        self.fragments.insert(key, None);
        let on = fragment.type_condition.node.on.node.as_str();
        let weight = self.selections(&fragment.selection_set.node, Place { ty: Some(on), ..place })?;
        // A spread costs something even when its fields do not, or empty ones could be multiplied for nothing.
        let weight = Weight { cost: weight.cost.saturating_add(1), ..weight }.directives(fragment.directives.len());
        self.fragments.insert(key, Some(weight));
        Ok(weight)
    }

    fn field(&mut self, field: &'a Field, place: Place<'a>) -> Result<Weight, Refusal> {
        let name = field.name.node.as_str();
        let introspection = place.introspection || matches!(name, "__schema" | "__type");
        let shape = self.shape.field(place.ty, name);
        let inside = Place { ty: shape.map(|shape| shape.ty.as_str()), introspection, ..place };
        let children = self.selections(&field.selection_set.node, inside)?;
        let weight = Weight { root_fields: 1, ..children }.nested().directives(field.directives.len());
        if introspection {
            let cost = children.introspection.saturating_mul(typical_length(name)).saturating_add(1);
            return Ok(Weight { introspection: cost, ..weight });
        }
        let rows = shape.and_then(|shape| shape.page).map_or(1, |page| self.rows(field, page));
        Ok(Weight { cost: children.cost.saturating_mul(rows).saturating_add(1), depth: children.depth + 1, ..weight })
    }

    /// The rows that a page may have. A size beyond the limit costs as much as the limit: the resolver refuses it by name.
    fn rows(&self, field: &Field, default: u64) -> u64 {
        let argument = field.get_argument(PAGE_ARGUMENT).map(|value| value.node.clone());
        let asked = argument.and_then(|value| value.into_const_with(|name| self.variable(&name).ok_or(())).ok());
        let rows = match asked {
            Some(Value::Number(number)) => number.as_i64().map_or(MAX_PAGE.into(), |rows| u64::try_from(rows).unwrap_or(1)),
            _ => default,
        };
        rows.clamp(1, MAX_PAGE.into())
    }

    fn variable(&self, name: &Name) -> Option<Value> {
        let definition = self.operation.variable_definitions.iter().find(|definition| definition.node.name.node == *name);
        let default = || definition?.node.default_value.as_ref().map(|value| &value.node);
        self.variables.get(name).or_else(default).cloned()
    }
}

/// About how long the lists of introspection are here.
fn typical_length(field: &str) -> u64 {
    match field {
        "types" => 40,
        "fields" | "inputFields" => 8,
        "enumValues" | "directives" => 5,
        "args" => 2,
        _ => 1,
    }
}

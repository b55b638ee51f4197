//! What the schema says of fields, as far as their cost goes. Read from the schema's own text, so that a new field needs no
//! line here.

use std::collections::HashMap;

use async_graphql::{
    Value,
    parser::{
        parse_schema,
        types::{BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition},
    },
};

/// The argument that makes a field a paged list.
pub(super) const PAGE_ARGUMENT: &str = "first";

/// A field, as far as its cost goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldShape {
    /// The name of the type it yields.
    pub(super) ty: String,
    /// For a paged list, the rows of a page when the query does not say.
    pub(super) page: Option<u64>,
}

/// The fields of every object type.
#[derive(Debug, Default)]
pub(super) struct Shape(HashMap<String, HashMap<String, FieldShape>>);

impl Shape {
    /// Of a schema's text. Text that does not parse has no fields: everything then costs one.
    pub(super) fn of(sdl: &str) -> Self {
        let definitions = parse_schema(sdl).map(|document| document.definitions).unwrap_or_default();
        let objects = definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) => match ty.node.kind {
                TypeKind::Object(object) => Some((ty.node.name.node.to_string(), object.fields)),
                _ => None,
            },
            _ => None,
        });
        Self(
            objects
                .map(|(name, fields)| {
                    (name, fields.iter().map(|field| (field.node.name.node.to_string(), shape(&field.node))).collect())
                })
                .collect(),
        )
    }

    /// The field of a type; `None` when there is no such field, which validation will say.
    pub(super) fn field(&self, ty: Option<&str>, name: &str) -> Option<&FieldShape> {
        self.0.get(ty?)?.get(name)
    }
}

fn shape(field: &FieldDefinition) -> FieldShape {
    let page = field.arguments.iter().find(|argument| argument.node.name.node == PAGE_ARGUMENT).map(|argument| {
        match argument.node.default_value.as_ref().map(|value| &value.node) {
            Some(Value::Number(number)) => number.as_u64().unwrap_or(1),
            _ => super::MAX_PAGE.into(),
        }
    });
    FieldShape { ty: named(&field.ty.node), page }
}

fn named(ty: &Type) -> String {
    match &ty.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(of) => named(of),
    }
}

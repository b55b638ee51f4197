//! What stands in an object, written once: the reader takes its fields by these descriptions, and the published JSON Schemas are made
//! of them. So a limit, a word or a required field cannot be one thing in the documentation and another in the code.

use serde_json::{Map, Value, json};

use super::kind::{Kind, SAYS};

/// A field that must be there.
pub(super) struct Required<K>(pub(super) Field<K>);

/// A field that may be missing, `null` or blank.
pub(super) struct Optional<K>(pub(super) Field<K>);

/// A field: what it is called, what may stand in it and what it means.
pub(super) struct Field<K> {
    pub(super) name: &'static str,
    pub(super) kind: K,
    pub(super) meaning: &'static str,
}

/// A required field.
pub(super) const fn required<K>(name: &'static str, kind: K, meaning: &'static str) -> Required<K> {
    Required(Field { name, kind, meaning })
}

/// An optional field.
pub(super) const fn optional<K>(name: &'static str, kind: K, meaning: &'static str) -> Optional<K> {
    Optional(Field { name, kind, meaning })
}

/// A field, whatever its kind: for lists of them.
pub(super) trait Described: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Whether it must be there.
    fn is_required(&self) -> bool;

    /// Its JSON Schema, with its meaning.
    fn schema(&self) -> Value;

    /// What is wrong with a value of it; `None` for a field that is not there.
    fn problem(&self, value: Option<&Value>) -> Option<String>;
}

impl<K: Kind> Described for Required<K> {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn is_required(&self) -> bool {
        true
    }

    fn schema(&self) -> Value {
        with_meaning(self.0.kind.schema(true), self.0.meaning)
    }

    fn problem(&self, value: Option<&Value>) -> Option<String> {
        match value.map(|value| self.0.kind.read(value)) {
            Some(Ok(Some(_))) => None,
            Some(Err(problem)) => Some(problem),
            None | Some(Ok(None)) => Some("is required and missing or blank".to_owned()),
        }
    }
}

impl<K: Kind> Described for Optional<K> {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn is_required(&self) -> bool {
        false
    }

    fn schema(&self) -> Value {
        with_meaning(self.0.kind.schema(false), self.0.meaning)
    }

    fn problem(&self, value: Option<&Value>) -> Option<String> {
        self.0.kind.read(value?).err()
    }
}

fn with_meaning(mut schema: Value, meaning: &str) -> Value {
    schema["description"] = meaning.into();
    schema
}

/// What stands in an object. Other fields may stand there, too: what is not known is not looked at.
pub(super) struct Shape {
    /// Its fields, in the order in which they are documented.
    pub(super) fields: &'static [&'static dyn Described],
    /// Of these, at least one must be there.
    pub(super) any_of: &'static [&'static str],
}

impl Shape {
    /// Fields that do not depend on each other.
    pub(super) const fn of(fields: &'static [&'static dyn Described]) -> Self {
        Self { fields, any_of: &[] }
    }

    /// Its JSON Schema.
    pub(super) fn schema(&self) -> Value {
        let properties: Map<String, Value> = self.fields.iter().map(|field| (field.name().to_owned(), field.schema())).collect();
        let required: Vec<_> = self.fields.iter().filter(|field| field.is_required()).map(|field| field.name()).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if !self.any_of.is_empty() {
            let one = |name: &&str| json!({ "required": [name], "properties": { *name: { "type": "string", "pattern": SAYS } } });
            schema["anyOf"] = self.any_of.iter().map(one).collect();
        }
        schema
    }

    /// The first field that is not as described, and what is wrong with it.
    pub(super) fn problem(&self, object: &Map<String, Value>) -> Option<(&'static str, String)> {
        self.fields.iter().find_map(|field| {
            let value = object.get(field.name()).filter(|value| !value.is_null());
            field.problem(value).map(|problem| (field.name(), problem))
        })
    }
}

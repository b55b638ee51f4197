//! Reading fields out of a JSON object by their descriptions, each refusal with the field's JSON pointer and the limit it broke.
//!
//! Lengths count Unicode scalar values. `null` is the same as absent. A blank text counts as absent, too. Texts may hold tabs
//! and line breaks; any other control character is refused rather than stripped: a stripped text would no longer be the
//! publisher's, and a NUL cannot be kept by every store.

use serde_json::{Map, Value};

use super::{
    kind::Kind,
    kinds::Object,
    refusal::{Problem, RefusalCode},
    shape::{Field, Optional, Required, Shape},
};

/// An object and where it stands in the envelope.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    at: String,
    code: RefusalCode,
}

impl<'a> Fields<'a> {
    /// The envelope itself: what is wrong with an attribute is `INVALID_ENVELOPE`.
    pub(super) fn envelope(map: &'a Map<String, Value>) -> Self {
        Self { map, at: String::new(), code: RefusalCode::InvalidEnvelope }
    }

    /// `data`: what is wrong inside is `INVALID_DATA`.
    pub(super) fn data(map: &'a Map<String, Value>) -> Self {
        Self { map, at: "/data".into(), code: RefusalCode::InvalidData }
    }

    /// A problem with one field.
    pub(super) fn problem(&self, name: &str, message: impl Into<String>) -> Problem {
        Problem { code: self.code, pointer: Some(self.pointer(name)), message: message.into() }
    }

    /// A problem with the object itself.
    pub(super) fn problem_here(&self, message: impl Into<String>) -> Problem {
        Problem { code: self.code, pointer: Some(self.at.clone()), message: message.into() }
    }

    /// A problem deeper in the object: `place` is made of JSON pointer tokens that need no escape, joined by `/`.
    pub(super) fn problem_below(&self, place: &str, message: impl Into<String>) -> Problem {
        Problem { code: self.code, pointer: Some(format!("{}/{place}", self.at)), message: message.into() }
    }

    /// A required field was not there.
    pub(super) fn missing(&self, name: &str) -> Problem {
        self.problem(name, "is required and missing or blank")
    }

    /// The value of a field; `None` when absent or `null`.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A field that may be missing: what its description makes of it.
    pub(super) fn optional<K: Kind>(&self, field: &Optional<K>) -> Result<Option<K::Read<'a>>, Problem> {
        self.read(&field.0)
    }

    /// A field that must be there.
    pub(super) fn required<K: Kind>(&self, field: &Required<K>) -> Result<K::Read<'a>, Problem> {
        self.read(&field.0)?.ok_or_else(|| self.missing(field.0.name))
    }

    /// The same of a text, as a value to keep.
    pub(super) fn kept<K: Kind<Read<'a> = &'a str>>(&self, field: &Optional<K>) -> Result<Option<String>, Problem> {
        Ok(self.optional(field)?.map(str::to_owned))
    }

    /// An object inside this one.
    pub(super) fn object(&self, field: &Optional<Object>) -> Result<Option<Fields<'a>>, Problem> {
        Ok(self.optional(field)?.map(|map| self.below(field.0.name, map)))
    }

    /// An object that must be there.
    pub(super) fn required_object(&self, field: &Required<Object>) -> Result<Fields<'a>, Problem> {
        Ok(self.below(field.0.name, self.required(field)?))
    }

    fn read<K: Kind>(&self, field: &Field<K>) -> Result<Option<K::Read<'a>>, Problem> {
        let Some(value) = self.value(field.name) else { return Ok(None) };
        field.kind.read(value).map_err(|problem| self.problem(field.name, problem))
    }

    /// An object that stands in a field of this one.
    pub(super) fn below(&self, name: &str, map: &'a Map<String, Value>) -> Fields<'a> {
        Self { map, at: self.pointer(name), code: self.code }
    }

    /// That at least one of those that a shape asks for is there.
    pub(super) fn any_of(&self, shape: &Shape) -> Result<(), Problem> {
        let says = |name: &&str| self.value(name).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
        if shape.any_of.is_empty() || shape.any_of.iter().any(says) {
            return Ok(());
        }
        Err(self.problem_here(format!("needs {}", shape.any_of.join(" or "))))
    }

    /// The pointer to a field (RFC 6901).
    pub(super) fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.at, name.replace('~', "~0").replace('/', "~1"))
    }
}

//! What an entry of an answer names, and in the right form. A value of another type than Microsoft documents is no value: whoever took
//! a department that is a number for none would disable everybody in it.

use serde_json::Value;

use super::ReadTrouble;

/// What an entry says of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Property {
    /// Nothing.
    Unnamed,
    /// That it has no value.
    Null,
    /// Its value.
    Is(String),
}

impl Property {
    /// A text; an empty one is no value.
    pub(super) fn read(entry: &Value, name: &str) -> Result<Self, ReadTrouble> {
        match entry.get(name) {
            None => Ok(Self::Unnamed),
            Some(Value::Null) => Ok(Self::Null),
            Some(Value::String(text)) if text.is_empty() => Ok(Self::Null),
            Some(Value::String(text)) => Ok(Self::Is(text.clone())),
            Some(_) => Err(ReadTrouble::incomplete(format!("an entry whose {name} is no text"))),
        }
    }

    /// The value, when what it was is known.
    pub(super) fn onto(self, known: Option<&String>) -> Option<String> {
        match self {
            Self::Unnamed => known.cloned(),
            Self::Null => None,
            Self::Is(text) => Some(text),
        }
    }
}

/// A flag; `None` when the entry does not name it, or names it without a value.
pub(super) fn flag(entry: &Value, name: &str) -> Result<Option<bool>, ReadTrouble> {
    match entry.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(ReadTrouble::incomplete(format!("an entry whose {name} is neither true nor false"))),
    }
}

/// `@removed`, an object with the reason: the object of the entry is no longer there.
pub(super) fn removed(entry: &Value) -> Result<bool, ReadTrouble> {
    match entry.get("@removed") {
        None => Ok(false),
        Some(Value::Object(_)) => Ok(true),
        Some(_) => Err(ReadTrouble::incomplete("an entry whose @removed is no object")),
    }
}

/// The object id of any entry, in lower case: ids are compared as they are stored.
pub(super) fn object_id(entry: &Value) -> Result<String, ReadTrouble> {
    match entry.get("id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() && id.len() <= 64 => Ok(id.to_lowercase()),
        _ => Err(ReadTrouble::incomplete("an entry without an object id")),
    }
}

//! The kinds of value that a field can hold: how each is read, and beside it the JSON Schema that says the same.
//!
//! The schemas keep to what draft-07 and 2020-12 share, so that every validator and AsyncAPI itself can read them. They are stricter
//! than the reader in one thing: where a word, a link or a time is optional, the reader takes a blank text for a missing one. They say
//! less where JSON Schema has no words for a rule; [`super::schema::RULES`] names those.

use std::{marker::PhantomData, ops::RangeInclusive};

use chrono::{DateTime, Datelike as _, SubsecRound as _, Utc};
use serde_json::{Map, Value, json};

use super::{
    kind::{Kind, SAYS},
    limits::{ID, MAX_INTEGER, NAME, URL, YEARS},
    shape::Shape,
};

/// Control characters but tabs and line ends.
const CONTROLS: &str = r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]";
/// Control characters.
const ALL_CONTROLS: &str = r"[\u0000-\u001f\u007f-\u009f]";

/// A text of at most so many characters. May hold tabs and line ends.
pub(super) struct Text(pub(super) usize);

impl Kind for Text {
    type Read<'a> = &'a str;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a str>, String> {
        let text = value.as_str().ok_or("must be a string")?;
        let (length, limit) = (text.chars().count(), self.0);
        if length > limit {
            return Err(format!("must have at most {limit} characters, has {length}"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
            return Err("must not hold control characters".to_owned());
        }
        Ok((!text.trim().is_empty()).then_some(text))
    }

    fn schema(&self, required: bool) -> Value {
        text(self.0, CONTROLS, required)
    }
}

/// An id: a text on one line.
pub(super) struct Id;

impl Kind for Id {
    type Read<'a> = &'a str;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a str>, String> {
        match Text(ID).read(value)? {
            Some(id) if id.chars().any(char::is_control) => Err("must not hold control characters".to_owned()),
            id => Ok(id),
        }
    }

    fn schema(&self, required: bool) -> Value {
        text(ID, ALL_CONTROLS, required)
    }
}

fn text(limit: usize, forbidden: &str, required: bool) -> Value {
    let mut schema =
        json!({ "type": kind("string", required), "maxLength": limit, "not": { "type": "string", "pattern": forbidden } });
    if required {
        schema["pattern"] = SAYS.into();
    }
    schema
}

/// `null` is as good as missing.
fn kind(name: &str, required: bool) -> Value {
    if required { name.into() } else { json!([name, "null"]) }
}

/// An `http` or `https` link. Others are refused: it becomes a link that people click.
pub(super) struct Link;

impl Kind for Link {
    type Read<'a> = &'a str;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a str>, String> {
        let Some(text) = Text(URL).read(value)? else { return Ok(None) };
        let starts = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        let absolute = (starts("http://") || starts("https://")) && url::Url::parse(text).is_ok();
        absolute.then_some(Some(text)).ok_or_else(|| "must be an absolute http or https URL".to_owned())
    }

    fn schema(&self, required: bool) -> Value {
        json!({
            "type": kind("string", required), "format": "uri", "maxLength": URL,
            "pattern": "^[hH][tT][tT][pP][sS]?://.", "not": { "type": "string", "pattern": CONTROLS },
        })
    }
}

/// Something that has a word for each of its values.
pub(super) trait Words: Copy + Sync + 'static {
    /// Each word with its value.
    const WORDS: &'static [(&'static str, Self)];
}

/// One of the words of `T`.
pub(super) struct Word<T>(PhantomData<fn() -> T>);

impl<T> Word<T> {
    /// The kind.
    pub(super) const fn of() -> Self {
        Self(PhantomData)
    }
}

impl<T: Words> Kind for Word<T> {
    type Read<'a> = T;

    fn read(&self, value: &Value) -> Result<Option<T>, String> {
        let Some(text) = Text(NAME).read(value)? else { return Ok(None) };
        let found = T::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| Some(*value)).ok_or_else(|| "is none of the allowed words".to_owned())
    }

    fn schema(&self, required: bool) -> Value {
        let null = (!required).then_some(Value::Null);
        let words: Vec<Value> = T::WORDS.iter().map(|(word, _)| Value::from(*word)).chain(null).collect();
        json!({ "enum": words })
    }
}

/// An integer from 0 to 2^53 - 1. `7.0` is refused: a publisher that writes its versions as floating-point numbers will sooner or
/// later round two of them to one.
pub(super) struct Integer;

impl Kind for Integer {
    type Read<'a> = u64;

    fn read(&self, value: &Value) -> Result<Option<u64>, String> {
        let allowed = value.as_u64().filter(|number| *number <= MAX_INTEGER);
        let problem = || "must be a JSON integer from 0 to 2^53 - 1, without fraction or exponent".to_owned();
        allowed.map(Some).ok_or_else(problem)
    }

    fn schema(&self, required: bool) -> Value {
        json!({ "type": kind("integer", required), "minimum": 0, "maximum": MAX_INTEGER })
    }
}

/// A number between two bounds.
pub(super) struct Number(pub(super) RangeInclusive<f64>);

impl Kind for Number {
    type Read<'a> = f64;

    fn read(&self, value: &Value) -> Result<Option<f64>, String> {
        let allowed = value.as_f64().filter(|number| self.0.contains(number));
        allowed.map(Some).ok_or_else(|| format!("must be a number from {} to {}", self.0.start(), self.0.end()))
    }

    fn schema(&self, required: bool) -> Value {
        json!({ "type": kind("number", required), "minimum": self.0.start(), "maximum": self.0.end() })
    }
}

/// True or false.
pub(super) struct Boolean;

impl Kind for Boolean {
    type Read<'a> = bool;

    fn read(&self, value: &Value) -> Result<Option<bool>, String> {
        value.as_bool().map(Some).ok_or_else(|| "must be true or false".to_owned())
    }

    fn schema(&self, required: bool) -> Value {
        json!({ "type": kind("boolean", required) })
    }
}

/// An instant in RFC 3339 form, kept to the microsecond.
pub(super) struct Instant;

impl Kind for Instant {
    type Read<'a> = DateTime<Utc>;

    fn read(&self, value: &Value) -> Result<Option<DateTime<Utc>>, String> {
        let Some(text) = Text(ID).read(value)? else { return Ok(None) };
        let instant = DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc().trunc_subsecs(6));
        let sane = instant.filter(|instant| YEARS.contains(&instant.year()));
        sane.map(Some).ok_or_else(|| "must be an RFC 3339 time with an offset, between 1900 and 2200".to_owned())
    }

    fn schema(&self, required: bool) -> Value {
        json!({
            "type": kind("string", required), "format": "date-time", "maxLength": ID,
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}", "not": { "type": "string", "pattern": CONTROLS },
        })
    }
}

/// An object of this shape. Its fields are read by whoever takes it.
pub(super) struct Object(pub(super) &'static Shape);

impl Kind for Object {
    type Read<'a> = &'a Map<String, Value>;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a Map<String, Value>>, String> {
        value.as_object().map(Some).ok_or_else(|| "must be an object".to_owned())
    }

    fn schema(&self, required: bool) -> Value {
        let mut schema = self.0.schema();
        schema["type"] = kind("object", required);
        schema
    }
}

/// An array of at most so many ids.
pub(super) struct Ids(pub(super) usize);

impl Kind for Ids {
    type Read<'a> = &'a [Value];

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a [Value]>, String> {
        let (values, limit) = (value.as_array().ok_or("must be an array")?, self.0);
        if values.len() > limit {
            return Err(format!("must have at most {limit} entries, has {}", values.len()));
        }
        Ok(Some(values))
    }

    fn schema(&self, required: bool) -> Value {
        json!({ "type": kind("array", required), "maxItems": self.0, "items": Id.schema(true) })
    }
}

/// One text alone.
pub(super) struct Exactly(pub(super) &'static str);

impl Kind for Exactly {
    type Read<'a> = &'a str;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a str>, String> {
        match Text(NAME).read(value)? {
            Some(text) if text != self.0 => Err(format!("must be {}", self.0)),
            text => Ok(text),
        }
    }

    fn schema(&self, _required: bool) -> Value {
        json!({ "const": self.0 })
    }
}

/// Anything: what cannot be used is left out, and is no reason to refuse the event.
pub(super) struct Anything;

impl Kind for Anything {
    type Read<'a> = &'a Value;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a Value>, String> {
        Ok(Some(value))
    }

    fn schema(&self, _required: bool) -> Value {
        json!({})
    }
}

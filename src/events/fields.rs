//! Reading fields out of a JSON object, each refusal with the field's JSON pointer and the limit it broke.
//!
//! Lengths count Unicode scalar values. `null` is the same as absent. A blank text counts as absent, too. Texts may hold tabs
//! and line breaks; any other control character is refused rather than stripped: a stripped text would no longer be the
//! publisher's, and a NUL cannot be kept by every store.

use chrono::{DateTime, Datelike, SubsecRound, Utc};
use serde::de::{DeserializeOwned, IntoDeserializer, value::StrDeserializer};
use serde_json::{Map, Value};

use super::refusal::{Problem, RefusalCode};

/// Characters of an id.
pub(super) const ID: usize = 128;
/// Characters of a title or name.
pub(super) const NAME: usize = 255;
/// Characters of a description or reason.
pub(super) const TEXT: usize = 4_000;
/// Characters of an address.
pub(super) const ADDRESS: usize = 1_000;
/// Characters of a link.
pub(super) const URL: usize = 2_048;
/// The largest integer that every JSON reader keeps exactly: 2^53 - 1.
pub(super) const MAX_INTEGER: u64 = (1 << 53) - 1;

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

    /// A text of at most `limit` characters.
    pub(super) fn text(&self, name: &str, limit: usize) -> Result<Option<&'a str>, Problem> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.problem(name, "must be a string"))?;
        let length = text.chars().count();
        if length > limit {
            return Err(self.problem(name, format!("must have at most {limit} characters, has {length}")));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
            return Err(self.problem(name, "must not hold control characters"));
        }
        Ok((!text.trim().is_empty()).then_some(text))
    }

    /// The same, as a value to keep.
    pub(super) fn kept_text(&self, name: &str, limit: usize) -> Result<Option<String>, Problem> {
        Ok(self.text(name, limit)?.map(str::to_owned))
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, name: &str, limit: usize) -> Result<String, Problem> {
        self.kept_text(name, limit)?.ok_or_else(|| self.missing(name))
    }

    /// An id: a text on one line.
    pub(super) fn id(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.text(name, ID)? {
            Some(id) if id.chars().any(char::is_control) => Err(self.problem(name, "must not hold control characters")),
            id => Ok(id.map(str::to_owned)),
        }
    }

    /// An id that must be there.
    pub(super) fn required_id(&self, name: &str) -> Result<String, Problem> {
        self.id(name)?.ok_or_else(|| self.missing(name))
    }

    /// An `http` or `https` link. Others are refused: it becomes a link that people click.
    pub(super) fn link(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some(text) = self.text(name, URL)? else { return Ok(None) };
        match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(text.to_owned())),
            _ => Err(self.problem(name, "must be an absolute http or https URL")),
        }
    }

    /// One of the words that `T` spells with serde.
    pub(super) fn word<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name, NAME)? else { return Ok(None) };
        let deserializer: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        T::deserialize(deserializer).map(Some).map_err(|_| self.problem(name, "is none of the allowed words"))
    }

    /// An integer from 0 to 2^53 - 1. `7.0` is refused: a publisher that writes its versions as floating-point numbers will
    /// sooner or later round two of them to one.
    pub(super) fn integer(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let allowed = value.as_u64().filter(|number| *number <= MAX_INTEGER);
        allowed
            .map(Some)
            .ok_or_else(|| self.problem(name, "must be a JSON integer from 0 to 2^53 - 1, without fraction or exponent"))
    }

    /// A number between two bounds.
    pub(super) fn number(&self, name: &str, bounds: std::ops::RangeInclusive<f64>) -> Result<Option<f64>, Problem> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let allowed = value.as_f64().filter(|number| bounds.contains(number));
        let message = || format!("must be a number from {} to {}", bounds.start(), bounds.end());
        allowed.map(Some).ok_or_else(|| self.problem(name, message()))
    }

    /// True or false.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        let Some(value) = self.value(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.problem(name, "must be true or false"))
    }

    /// An instant in RFC 3339 form, to the microsecond.
    pub(super) fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = self.text(name, ID)? else { return Ok(None) };
        let instant = DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc().trunc_subsecs(6));
        let sane = instant.filter(|instant| super::window::YEARS.contains(&instant.year()));
        sane.map(Some).ok_or_else(|| self.problem(name, "must be an RFC 3339 time with an offset, between 1900 and 2200"))
    }

    /// An object inside this one.
    pub(super) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Problem> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let map = value.as_object().ok_or_else(|| self.problem(name, "must be an object"))?;
        Ok(Some(Self { map, at: self.pointer(name), code: self.code }))
    }

    /// An object that must be there.
    pub(super) fn required_object(&self, name: &str) -> Result<Fields<'a>, Problem> {
        self.object(name)?.ok_or_else(|| self.missing(name))
    }

    /// An array of at most `limit` values.
    pub(super) fn array(&self, name: &str, limit: usize) -> Result<&'a [Value], Problem> {
        let Some(value) = self.value(name) else { return Ok(&[]) };
        let values = value.as_array().ok_or_else(|| self.problem(name, "must be an array"))?;
        if values.len() > limit {
            return Err(self.problem(name, format!("must have at most {limit} entries, has {}", values.len())));
        }
        Ok(values)
    }

    /// The names of the fields and their values.
    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.map.iter()
    }

    /// The pointer to a field (RFC 6901).
    pub(super) fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.at, name.replace('~', "~0").replace('/', "~1"))
    }
}

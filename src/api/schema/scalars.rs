//! The contract's scalars.

use std::borrow::Cow;

use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value, registry::Registry};
use chrono::{DateTime, SecondsFormat, Utc};

use super::super::errors::Refusal;

/// The largest number that every JSON reader keeps exactly.
const LARGEST: u64 = (1 << 53) - 1;

/// RFC 3339, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant(pub(super) DateTime<Utc>);

impl From<DateTime<Utc>> for Instant {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant)
    }
}

/// RFC 3339, UTC.
#[Scalar(name = "DateTime")]
impl ScalarType for Instant {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Ok(Self(DateTime::parse_from_rfc3339(text)?.to_utc())),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// A `DateTime` as it was given. The library's refusal of a malformed one does not say which argument it was; so it is read where the
/// argument's name is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GivenInstant(Option<Instant>);

impl GivenInstant {
    /// The instant; `field` is the argument's or input field's name in the API.
    pub(super) fn read(self, field: &'static str) -> Result<DateTime<Utc>, Refusal> {
        let malformed = || Refusal::input(field, format!("{field}: not an instant such as 2026-11-23T09:00:00Z"));
        self.0.map(|instant| instant.0).ok_or_else(malformed)
    }
}

impl InputType for GivenInstant {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        <Instant as InputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Instant as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        Ok(Self(<Instant as ScalarType>::parse(value.unwrap_or_default()).ok()))
    }

    fn to_value(&self) -> Value {
        self.0.map_or(Value::Null, |instant| ScalarType::to_value(&instant))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

/// Integer, 0 to 2^53 - 1; versions may be epoch milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Long(pub(super) u64);

/// Integer, 0 to 2^53 - 1; versions may be epoch milliseconds.
#[Scalar]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => match number.as_u64() {
                Some(number) if number <= LARGEST => Ok(Self(number)),
                _ => Err(InputValueError::custom("an integer from 0 to 2^53 - 1 is expected")),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_any_zone_and_written_in_utc() {
        let Ok(instant) = <Instant as ScalarType>::parse(Value::String("2026-03-29T02:30:00+02:00".into())) else { panic!() };
        assert_eq!(ScalarType::to_value(&instant), Value::String("2026-03-29T00:30:00Z".into()));
    }

    #[test]
    fn what_is_not_rfc_3339_is_no_instant() {
        for text in ["", "2026-03-29", "2026-03-29 02:30", "29.03.2026", "1774744200"] {
            assert!(<Instant as ScalarType>::parse(Value::String(text.into())).is_err(), "{text:?}");
        }
        assert!(<Instant as ScalarType>::parse(Value::Number(1.into())).is_err());
    }

    #[test]
    fn a_malformed_instant_names_its_argument() {
        let read = |value| <GivenInstant as InputType>::parse(Some(value)).ok().and_then(|given| given.read("from").err());
        assert_eq!(read(Value::String("2026-03-29T00:30:00Z".into())), None);
        for bad in [Value::String("yesterday".into()), Value::Number(1.into())] {
            assert_eq!(read(bad).and_then(|refusal| refusal.field), Some("from".into()));
        }
    }

    #[test]
    fn a_long_is_what_json_can_hold() {
        assert!(<Long as ScalarType>::parse(Value::Number(LARGEST.into())).is_ok());
        assert!(<Long as ScalarType>::parse(Value::Number((LARGEST + 1).into())).is_err());
        assert!(<Long as ScalarType>::parse(Value::Number((-1).into())).is_err());
    }
}

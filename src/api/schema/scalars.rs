//! The contract's scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, SecondsFormat, Utc};

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
        assert_eq!(instant.to_value(), Value::String("2026-03-29T00:30:00Z".into()));
    }

    #[test]
    fn what_is_not_rfc_3339_is_no_instant() {
        for text in ["", "2026-03-29", "2026-03-29 02:30", "29.03.2026", "1774744200"] {
            assert!(<Instant as ScalarType>::parse(Value::String(text.into())).is_err(), "{text:?}");
        }
        assert!(<Instant as ScalarType>::parse(Value::Number(1.into())).is_err());
    }

    #[test]
    fn a_long_is_what_json_can_hold() {
        assert!(<Long as ScalarType>::parse(Value::Number(LARGEST.into())).is_ok());
        assert!(<Long as ScalarType>::parse(Value::Number((LARGEST + 1).into())).is_err());
        assert!(<Long as ScalarType>::parse(Value::Number((-1).into())).is_err());
    }
}

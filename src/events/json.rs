//! JSON, read strictly and hashed regardless of its spelling.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

/// Reads a JSON text. A name that comes twice in one object is an error: publishers and readers disagree on which of the two
/// counts (RFC 8259, section 4), so an event that says two things says nothing. Depth is bounded by the parser (128).
pub(super) fn read(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// SHA-256 over a label and a value in canonical form: names sorted, no white space. Two spellings of the same data agree.
pub(super) fn digest(label: &str, value: &Value) -> [u8; 32] {
    let mut canonical = format!("{label}\n").into_bytes();
    write_canonical(value, &mut canonical);
    Sha256::digest(&canonical).into()
}

/// Appends the canonical form. Recursion is bounded by the depth that [`read`] accepts.
fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut names: Vec<_> = map.iter().collect();
            names.sort_unstable_by_key(|(name, _)| *name);
            write_list(*b"{}", names.into_iter(), out, |(name, value), out| {
                write_scalar(&Value::String(name.clone()), out);
                out.push(b':');
                write_canonical(value, out);
            });
        }
        Value::Array(values) => write_list(*b"[]", values.iter(), out, write_canonical),
        scalar => write_scalar(scalar, out),
    }
}

/// Appends items between two brackets, with commas.
fn write_list<T>([open, close]: [u8; 2], items: impl Iterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(close);
}

fn write_scalar(value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}

/// Builds a [`Value`] and stops at a repeated name.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Self)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a name comes twice in one object"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_ordinary_parser_reads() {
        let text = br#" {"a":[1,-2,3.5,1e3,true,null,"\u00e9\n"],"b":{"c":{}}} "#;
        assert_eq!(read(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn refuses_repeated_names_trailing_text_and_bottomless_nesting() {
        for bad in
            ["{\"a\":1,\"a\":1}", "{\"a\":{\"b\":1,\"b\":2}}", "{} {}", "NaN", "1e999", "\"\\ud800\"", &"[".repeat(100_000)]
        {
            assert!(read(bad.as_bytes()).is_err(), "{}", &bad[..bad.len().min(40)]);
        }
        assert!(read(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_digest_ignores_order_and_white_space_but_nothing_else() {
        let value = |text: &str| read(text.as_bytes()).unwrap();
        let one = value(r#"{"b":[1,{"y":2,"x":"é"}],"a":null}"#);
        let same = value("{\"a\" : null,\n \"b\": [1, {\"x\":\"\\u00e9\",\"y\":2}]}");
        assert_eq!(digest("l", &one), digest("l", &same));
        assert_ne!(digest("l", &one), digest("m", &one));
        assert_ne!(digest("l", &one), digest("l", &value(r#"{"b":[{"y":2,"x":"é"},1],"a":null}"#)));
        assert_ne!(digest("l", &one), digest("l", &value(r#"{"b":[1,{"y":2,"x":"é"}]}"#)));
    }
}

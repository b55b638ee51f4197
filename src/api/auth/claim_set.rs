//! A token's claims as they were written, each name once.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// The claims of a token.
///
/// One that names a claim twice is not read (RFC 7519, section 4, leaves that to the reader): which of the two somebody else goes by,
/// a proxy in front of us for instance, nobody knows.
pub(super) struct Claims(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachOnce).map(Self)
    }
}

struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("claims, each name once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut claims = Map::new();
        while let Some((name, value)) = pairs.next_entry::<String, Value>()? {
            if claims.insert(name, value).is_some() {
                return Err(A::Error::custom("a claim is named twice"));
            }
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Map<String, Value>> {
        serde_json::from_str::<Claims>(text).ok().map(|claims| claims.0)
    }

    #[test]
    fn a_claim_that_is_named_twice_is_not_read() {
        assert_eq!(read(r#"{"sub": "kim", "org_id": "acme"}"#).unwrap()["org_id"], "acme");
        assert!(read(r#"{"org_id": "acme", "sub": "kim", "org_id": "acme"}"#).is_none());
        assert!(read(r#"{"org_id": "globex", "org\u005fid": "acme"}"#).is_none());
        assert!(read("[]").is_none() && read("7").is_none());
    }
}

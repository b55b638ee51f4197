//! Mutations under an `Idempotency-Key`: the same key and body is the same answer, for a day.
//!
//! The key belongs to the caller (organisation and subject); the request is its body, byte for byte, and the caller's permission, so that nobody is
//! handed what was answered to somebody who was allowed more. Whoever comes second while the first still runs waits for its answer.
//! A runner that dies is taken over when its lease ends, and the mutation is run again: what it had done by then, it finds done.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};

use super::{auth::Identity, errors::Refusal};
use crate::{
    organisation::OrgScope,
    store::{KeyedRequest, Store, StoreError, Turn},
};

/// The header of a request.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, bytes.
const MAX_KEY: usize = 255;
/// How long an answer is kept.
const KEPT_FOR: TimeDelta = TimeDelta::hours(24);
/// How long a runner that says nothing is believed to live.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// Keeps answers. The promises are those of [`Store`].
pub trait KeptAnswers: Send + Sync + 'static {
    /// Takes a request's turn, or says what became of it.
    fn take<'a>(
        &'a self,
        scope: &'a OrgScope,
        request: &'a KeyedRequest,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Turn, StoreError>>;

    /// Says that its runner still works on it.
    fn extend<'a>(
        &'a self,
        scope: &'a OrgScope,
        request: &'a KeyedRequest,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Keeps the answer; without one, gives the turn back.
    fn end<'a>(
        &'a self,
        scope: &'a OrgScope,
        request: &'a KeyedRequest,
        answer: Option<String>,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;
}

impl KeptAnswers for Store {
    fn take<'a>(
        &'a self,
        scope: &'a OrgScope,
        request: &'a KeyedRequest,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Turn, StoreError>> {
        self.take_request(scope, request, now, now + LEASE, now + KEPT_FOR).boxed()
    }

    fn extend<'a>(
        &'a self,
        scope: &'a OrgScope,
        request: &'a KeyedRequest,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.extend_turn(scope, request, now + LEASE).boxed()
    }

    fn end<'a>(
        &'a self,
        scope: &'a OrgScope,
        request: &'a KeyedRequest,
        answer: Option<String>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        match answer {
            Some(answer) => self.keep_answer(scope, request, answer).boxed(),
            None => self.release_request(scope, request).boxed(),
        }
    }
}

/// The key among the headers: one, of 1 to 255 visible ASCII characters.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut given = headers.get_all(KEY).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let sane = (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if given.next().is_some() || !sane {
        return Err(Refusal::input("Idempotency-Key", "Idempotency-Key: give one, of 1 to 255 visible ASCII characters"));
    }
    Ok(Some(text.to_owned()))
}

/// What makes a request the same.
pub(super) fn digest(identity: &Identity, body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let allowed = identity.permission.map_or("", super::auth::Permission::word);
    digest.update([u8::try_from(allowed.len()).unwrap_or(u8::MAX)]);
    digest.update(allowed);
    digest.update(body);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::auth::Permission, organisation::OrganisationId};

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (KEY, value.parse().unwrap())).collect()
    }

    #[test]
    fn a_key_is_one_short_visible_text() {
        assert_eq!(key_of(&headers(&[])).unwrap(), None);
        for good in ["a", "0c4e-9f", "\"quoted\"", &"x".repeat(255)] {
            assert_eq!(key_of(&headers(&[good])).unwrap().as_deref(), Some(good));
        }
        for bad in ["", "a b", "a\tb", "é", &"x".repeat(256)] {
            assert_eq!(key_of(&headers(&[bad])).unwrap_err().field.as_deref(), Some("Idempotency-Key"), "{bad}");
        }
        assert!(key_of(&headers(&["a", "a"])).is_err());
    }

    #[test]
    fn a_request_is_its_body_and_what_its_caller_may() {
        let with = |permission| Identity {
            scope: OrgScope::verified_by_token(OrganisationId::parse("acme").unwrap()),
            subject: "s".into(),
            permission,
        };
        let (admin, nothing) = (with(Some(Permission::Admin)), with(None));
        assert_eq!(digest(&admin, b"{}"), digest(&admin.clone(), b"{}"));
        assert_ne!(digest(&admin, b"{}"), digest(&admin, b"{ }"));
        assert_ne!(digest(&admin, b"{}"), digest(&nothing, b"{}"));
        assert_ne!(digest(&nothing, b"m365:admin{}"), digest(&admin, b"{}"));
    }
}

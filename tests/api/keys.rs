//! Keys that sign test tokens, and the sets that publish them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use argus_m365::{
    api::auth::{AuthSettings, Authenticator, FetchFailure, FetchJwks, KeySource},
    clock::ManualClock,
};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "a shared secret of at least 32 bytes, for tests";
pub(crate) const RSA_1: &str = include_str!("../fixtures/api/rsa-1.pem");
pub(crate) const RSA_2: &str = include_str!("../fixtures/api/rsa-2.pem");
pub(crate) const EC_1: &str = include_str!("../fixtures/api/ec-1.pem");
pub(crate) const ED_1: &str = include_str!("../fixtures/api/ed-1.pem");

/// A key with its id and algorithm.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) id: &'static str,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: EncodingKey,
}

pub(crate) fn rsa(id: &'static str, pem: &str) -> Signer {
    Signer { id, algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap() }
}

pub(crate) fn ec(id: &'static str) -> Signer {
    Signer { id, algorithm: Algorithm::ES256, key: EncodingKey::from_ec_pem(EC_1.as_bytes()).unwrap() }
}

pub(crate) fn ed(id: &'static str) -> Signer {
    Signer { id, algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_pem(ED_1.as_bytes()).unwrap() }
}

impl Signer {
    /// The public half, as a set shows it.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.into());
        serde_json::to_value(jwk).unwrap()
    }

    pub(crate) fn header(&self) -> Header {
        Header { kid: Some(self.id.into()), ..Header::new(self.algorithm) }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    pub(crate) fn sign_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).unwrap()
    }
}

/// The time at which tests begin: far from the machine's, so that a look at the wrong clock shows.
pub(crate) fn start() -> DateTime<Utc> {
    "2031-05-06T07:08:09Z".parse().unwrap()
}

/// Claims that are accepted at [`start`].
pub(crate) fn claims() -> Value {
    json!({
        "iss": "https://id.test", "aud": "argus-m365", "sub": "dispatcher-7", "org_id": "acme",
        "scope": "openid m365:read", "iat": start().timestamp(), "exp": start().timestamp() + 3600,
    })
}

/// The claims with some replaced; null takes one out.
pub(crate) fn claims_with(changes: &Value) -> Value {
    let mut all = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(name);
        } else {
            all[name] = value.clone();
        }
    }
    all
}

pub(crate) fn settings() -> AuthSettings {
    AuthSettings {
        issuer: "https://id.test".into(),
        audience: "argus-m365".into(),
        keys: KeySource::Hs256(SECRET.into()),
        organisation_claim: "org_id".into(),
        permissions_claim: "scope".into(),
    }
}

/// An issuer whose set of keys can be changed and taken away, and that counts who asks.
#[derive(Default)]
pub(crate) struct Issuer {
    document: Mutex<Option<String>>,
    asked: AtomicUsize,
}

impl Issuer {
    pub(crate) fn with(keys: &[Value]) -> Arc<Self> {
        let issuer = Arc::new(Self::default());
        issuer.publish(keys);
        issuer
    }

    pub(crate) fn publish(&self, keys: &[Value]) {
        *self.document.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
    }

    pub(crate) fn publish_text(&self, text: &str) {
        *self.document.lock().unwrap() = Some(text.into());
    }

    pub(crate) fn go_away(&self) {
        *self.document.lock().unwrap() = None;
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl FetchJwks for Issuer {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchFailure>> {
        async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            // Others get their turn, as they would while an answer travels.
            tokio::task::yield_now().await;
            let document = self.document.lock().unwrap().clone();
            document.map(String::into_bytes).ok_or(FetchFailure::Status(503))
        }
        .boxed()
    }
}

/// An authenticator for an issuer's keys, and its clock.
pub(crate) fn authenticator(issuer: &Arc<Issuer>) -> (Authenticator, Arc<ManualClock>) {
    let clock = ManualClock::at(start());
    (Authenticator::with_fetch(settings(), clock.clone(), issuer.clone()), clock)
}

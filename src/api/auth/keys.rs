//! Keys that verify signatures, each bound to one algorithm.

use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{Rejection, claim_set::Claims};

/// Reads a token's header: which key it asks for. Nothing in it is trusted beyond that.
pub(super) fn read_header(token: &str) -> Result<Header, Rejection> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| Rejection::Malformed)?;
    // An extension that must be understood and is not (RFC 7515, 4.1.11); none is understood here.
    if header.crit.is_some() {
        return Err(Rejection::Kind);
    }
    // A logout or proof-of-possession token of the same issuer is no access token (RFC 8725, 3.11).
    match header.typ.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("jwt" | "at+jwt" | "application/at+jwt") => Ok(header),
        Some(_) => Err(Rejection::Kind),
    }
}

/// A key, and the one algorithm it verifies.
pub(super) struct VerificationKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerificationKey {
    /// A shared secret.
    pub(super) fn hs256(secret: &SecretString) -> Self {
        Self { id: None, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret.expose_secret().as_bytes()) }
    }

    /// A public key of a set; `None` when it is not for signatures, not of a supported kind, or secret (`oct`: whoever can read
    /// the set could sign).
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let may_verify = jwk.common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !for_signatures || !may_verify {
            return None;
        }
        let algorithm = algorithm_of(jwk)?;
        Some(Self { id: jwk.common.key_id.clone(), algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
    }

    /// The algorithm it verifies.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The claims of a token that this key signed. Their values are not checked yet.
    pub(super) fn verify(&self, token: &str) -> Result<Map<String, Value>, Rejection> {
        let mut signature_alone = Validation::new(self.algorithm);
        signature_alone.required_spec_claims.clear();
        signature_alone.validate_exp = false;
        signature_alone.validate_aud = false;
        match jsonwebtoken::decode::<Claims>(token, &self.key, &signature_alone) {
            Ok(data) => Ok(data.claims.0),
            Err(error) => Err(match error.kind() {
                ErrorKind::InvalidAlgorithm => Rejection::Algorithm,
                ErrorKind::InvalidSignature => Rejection::Signature,
                _ => Rejection::Malformed,
            }),
        }
    }
}

/// The algorithm a key is for: the one it names, if its type can do that; else the usual one of its type.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    let possible: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => {
            &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512]
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => &[],
    };
    match jwk.common.key_algorithm {
        None => possible.first().copied(),
        Some(named) => possible.iter().copied().find(|algorithm| KeyAlgorithm::from(*algorithm) == named),
    }
}

/// The keys of a set that can be used here.
#[derive(Default)]
pub(super) struct KeySet(Vec<std::sync::Arc<VerificationKey>>);

impl KeySet {
    /// Reads a JWKS (RFC 7517, section 5). Keys that cannot be used are left out; `None` when none is left.
    pub(super) fn from_json(text: &[u8]) -> Option<Self> {
        let set: Value = serde_json::from_slice(text).ok()?;
        let keys: Vec<_> = set
            .get("keys")?
            .as_array()?
            .iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok())
            .filter_map(|jwk| VerificationKey::from_jwk(&jwk))
            .map(std::sync::Arc::new)
            .collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The keys with this id; those of a token without an id only when the set leaves no choice.
    fn candidates<'a>(&'a self, id: Option<&'a str>) -> impl Iterator<Item = &'a std::sync::Arc<VerificationKey>> {
        self.0.iter().filter(move |key| if id.is_some() { key.id.as_deref() == id } else { self.0.len() == 1 })
    }

    /// Whether the set has a key with this id.
    pub(super) fn knows(&self, id: Option<&str>) -> bool {
        self.candidates(id).next().is_some()
    }

    /// The key with this id, which verifies `algorithm` and nothing else.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<std::sync::Arc<VerificationKey>, Rejection> {
        if !self.knows(id) {
            return Err(Rejection::UnknownKey);
        }
        self.candidates(id).find(|key| key.algorithm == algorithm).cloned().ok_or(Rejection::Algorithm)
    }
}

//! Certificate credentials: reads the PEM, and signs the assertion that stands in for a client secret.
//!
//! Form: Microsoft, "Microsoft identity platform application authentication certificate credentials": PS256, `x5t#S256`, and
//! the claims `aud`, `iss`, `sub`, `jti`, `nbf`, `iat`, `exp`.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use rustls::{
    SignatureAlgorithm, SignatureScheme,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SigningKey},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long an assertion is good: with `BEFORE`, the 10 minutes from beginning to end that Microsoft suggests at most.
const LIFE: TimeDelta = TimeDelta::minutes(9);
/// How far before our "now" it begins: our clock may be ahead of Microsoft's.
const BEFORE: TimeDelta = TimeDelta::minutes(1);

/// Why a certificate cannot serve as a credential. Texts are for administrators and never quote the PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// There is no `CERTIFICATE` section, or it is garbled.
    #[error("the PEM holds no readable certificate")]
    NoCertificate,
    /// There is no private key, or it is garbled.
    #[error("the PEM holds no readable private key (PKCS#8 or PKCS#1)")]
    NoPrivateKey,
    /// The private key is protected by a password.
    #[error("the private key is encrypted; give it without a password")]
    EncryptedKey,
    /// The key is of a kind that the assertion cannot be signed with.
    #[error("the private key is not RSA with 2048 to 8192 bits")]
    NotRsa,
    /// Certificate and key are not a pair.
    #[error("no certificate in the PEM belongs to its private key")]
    NotAPair,
    /// The key does not sign.
    #[error("the private key cannot sign")]
    CannotSign,
}

/// What administrators are told of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of the certificate, upper-case hexadecimal, as the portal shows it.
    pub thumbprint: String,
    /// When it ends (`notAfter`, RFC 5280 section 4.1.2.5): from then on Microsoft refuses it. `None`: it does not say so readably.
    pub ends: Option<DateTime<Utc>>,
}

/// Reads the certificate in a PEM with its private key. Anything that could not sign a token request is refused here, before it is stored.
pub fn certificate_facts(pem: &str) -> Result<CertificateFacts, CertificateError> {
    let signer = AssertionSigner::from_pem(pem)?;
    signer.sign("https://login.invalid", "probe", Uuid::nil(), DateTime::UNIX_EPOCH)?;
    Ok(CertificateFacts { thumbprint: hexadecimal(&signer.thumbprint), ends: signer.ends })
}

fn end_of(certificate: &CertificateDer<'_>) -> Option<DateTime<Utc>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).map_or('?', |digit| digit.to_ascii_uppercase());
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A certificate and its key, ready to sign.
pub(super) struct AssertionSigner {
    key: Arc<dyn SigningKey>,
    thumbprint: [u8; 32],
    ends: Option<DateTime<Utc>>,
}

impl AssertionSigner {
    /// Reads a PEM with a private key and its certificate, in any order; a chain's other certificates are passed over.
    pub(super) fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || pem.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(CertificateError::EncryptedKey);
        }
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::NoCertificate)?;
        if certificates.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertificateError::NoPrivateKey)?;
        let key = load(&key)?;
        let own = certificates
            .into_iter()
            .find(|certificate| CertifiedKey::new(vec![certificate.clone()], Arc::clone(&key)).keys_match().is_ok());
        let own = own.ok_or(CertificateError::NotAPair)?;
        Ok(Self { key, thumbprint: Sha256::digest(&own).into(), ends: end_of(&own) })
    }

    /// Signs an assertion by `application` for the token endpoint `audience`.
    pub(super) fn sign(
        &self,
        audience: &str,
        application: &str,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<String, CertificateError> {
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(self.thumbprint)});
        let claims = json!({
            "aud": audience,
            "iss": application,
            "sub": application,
            "jti": id.to_string(),
            "nbf": (now - BEFORE).timestamp(),
            "iat": now.timestamp(),
            "exp": (now + LIFE).timestamp(),
        });
        let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let scheme = self.key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]).ok_or(CertificateError::NotRsa)?;
        let signature = scheme.sign(signed.as_bytes()).map_err(|_| CertificateError::CannotSign)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn load(key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, CertificateError> {
    // The provider refuses RSA keys of other sizes with the same error as garbled ones; the kind of section tells them apart
    // only for PKCS#1, so the text of `NotRsa` names both.
    let key = aws_lc_rs::sign::any_supported_type(key).map_err(|_| match key {
        PrivateKeyDer::Sec1(_) | PrivateKeyDer::Pkcs1(_) => CertificateError::NotRsa,
        _ => CertificateError::NoPrivateKey,
    })?;
    if key.algorithm() == SignatureAlgorithm::RSA { Ok(key) } else { Err(CertificateError::NotRsa) }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};

    use super::*;

    fn pair(key: &KeyPair) -> String {
        CertificateParams::new(vec!["argus.example".into()]).unwrap().self_signed(key).unwrap().pem()
    }

    fn rsa() -> KeyPair {
        KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()
    }

    /// The same key in its older form: PKCS#8 wraps a PKCS#1 key, whose outer SEQUENCE begins 26 bytes in.
    fn pkcs1(key: &KeyPair) -> String {
        let inner = base64::engine::general_purpose::STANDARD.encode(&key.serialize_der()[26..]);
        let lines: Vec<&str> = inner.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"))
    }

    #[test]
    fn an_assertion_carries_what_microsoft_asks_and_its_signature_holds() {
        let key = rsa();
        let certificate = pair(&key);
        let now: DateTime<Utc> = "2026-11-23T20:00:00Z".parse().unwrap();
        let id = Uuid::from_u128(7);
        for pem in [
            format!("{certificate}{}", key.serialize_pem()),
            format!("{}{certificate}", key.serialize_pem()),
            format!("{certificate}{}", pkcs1(&key)),
            format!("{}{certificate}{}", pair(&rsa()), key.serialize_pem()),
        ] {
            let signer = AssertionSigner::from_pem(&pem).unwrap();
            let jwt = signer.sign("https://login.example/t/oauth2/v2.0/token", "app", id, now).unwrap();

            let header = decode_header(&jwt).unwrap();
            assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::PS256, Some("JWT")));
            let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            assert_eq!(header.x5t_s256.unwrap(), URL_SAFE_NO_PAD.encode(Sha256::digest(&der)));

            let mut rules = Validation::new(Algorithm::PS256);
            rules.set_audience(&["https://login.example/t/oauth2/v2.0/token"]);
            rules.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
            rules.validate_exp = false;
            let verifier = DecodingKey::from_rsa_pem(key.public_key_pem().as_bytes()).unwrap();
            let claims = decode::<serde_json::Value>(&jwt, &verifier, &rules).unwrap().claims;
            assert_eq!((&claims["iss"], &claims["sub"], &claims["jti"]), (&json!("app"), &json!("app"), &json!(id.to_string())));
            assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 600);
            assert_eq!(claims["iat"], now.timestamp());
        }
    }

    #[test]
    fn a_thumbprint_is_the_certificates_sha_256() {
        let key = rsa();
        let certificate = pair(&key);
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let shown = format!("{:02X?}", &Sha256::digest(&der)[..]).replace(['[', ']', ',', ' '], "");
        assert_eq!(certificate_facts(&format!("{certificate}\r\n{}", key.serialize_pem())).unwrap().thumbprint, shown);
    }

    #[test]
    fn a_certificate_says_itself_when_it_ends() {
        let key = rsa();
        // On both sides of 2050, where the form of an instant in a certificate changes.
        for (year, month, day) in [(2027, 2, 28), (2049, 12, 31), (2050, 1, 1), (9999, 12, 31)] {
            let mut params = CertificateParams::new(vec!["argus.example".into()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, month, day);
            let pem = format!("{}{}", params.self_signed(&key).unwrap().pem(), key.serialize_pem());
            let ends = chrono::NaiveDate::from_ymd_opt(year, month.into(), day.into()).unwrap();
            assert_eq!(certificate_facts(&pem).unwrap().ends, Some(ends.and_hms_opt(0, 0, 0).unwrap().and_utc()));
        }
    }

    #[test]
    fn what_could_not_sign_is_refused_with_the_reason() {
        let (key, other) = (rsa(), rsa());
        let (certificate, key_pem) = (pair(&key), key.serialize_pem());
        let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let encrypted = key_pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let garbled = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let cases = [
            (String::new(), CertificateError::NoCertificate),
            ("hello".to_owned(), CertificateError::NoCertificate),
            (key_pem.clone(), CertificateError::NoCertificate),
            (certificate.clone(), CertificateError::NoPrivateKey),
            (format!("{certificate}{garbled}"), CertificateError::NoPrivateKey),
            (format!("{certificate}{encrypted}"), CertificateError::EncryptedKey),
            (format!("{}{}", pair(&ec), ec.serialize_pem()), CertificateError::NotRsa),
            (format!("{certificate}{}", other.serialize_pem()), CertificateError::NotAPair),
            (format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{key_pem}"), CertificateError::NotAPair),
            (format!("-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n{key_pem}"), CertificateError::NoCertificate),
        ];
        for (pem, wanted) in cases {
            assert_eq!(certificate_facts(&pem).unwrap_err(), wanted);
        }
    }
}

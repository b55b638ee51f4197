//! Which tokens are believed.

use argus_m365::{
    api::auth::{AuthSetupError, Authenticator, KeySource, MintError, Permission, Rejection, mint},
    clock::ManualClock,
    organisation::OrganisationId,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::keys::{Issuer, RSA_1, RSA_2, SECRET, Signer, authenticator, claims, claims_with, ec, ed, rsa, settings, start};

fn with_secret() -> Authenticator {
    Authenticator::new(settings(), ManualClock::at(start())).unwrap()
}

fn hs256(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn reason(token: &str) -> Option<Rejection> {
    with_secret().authenticate(token).await.err()
}

#[tokio::test]
async fn a_good_token_names_caller_organisation_and_permissions() {
    let identity = with_secret().authenticate(&hs256(&claims())).await.unwrap();
    assert_eq!(identity.subject, "dispatcher-7");
    assert_eq!(identity.scope.as_str(), "acme");
    assert_eq!(identity.permission, Some(Permission::Read));
}

#[tokio::test]
async fn every_kind_of_public_key_works() {
    for signer in [rsa("r", RSA_1), ec("e"), ed("d"), Signer { algorithm: Algorithm::PS256, ..rsa("p", RSA_1) }] {
        let issuer = Issuer::with(&[signer.jwk()]);
        let (authenticator, _) = authenticator(&issuer);
        let identity = authenticator.authenticate(&signer.sign(&claims())).await;
        assert!(identity.is_ok(), "{}: {identity:?}", signer.id);
    }
}

#[tokio::test]
async fn permissions_come_as_one_text_or_as_an_array() {
    for (scope, highest) in [
        (json!("m365:operate openid m365:read"), Some(Permission::Operate)),
        (json!(["profile", "m365:admin"]), Some(Permission::Admin)),
        (json!("m365:ADMIN m365:admin2 admin"), None),
        (json!(""), None),
        (json!([]), None),
        (Value::Null, None),
    ] {
        let identity = with_secret().authenticate(&hs256(&claims_with(&json!({ "scope": scope })))).await.unwrap();
        assert_eq!(identity.permission, highest, "{scope}");
    }
}

#[tokio::test]
async fn a_claim_that_is_missing_wrong_or_of_another_type_is_refused() {
    use Rejection::{Audience, Expiry, Issuer, NotYet, Organisation, Permissions, Subject};
    let now = start().timestamp();
    let bad = [
        (json!({ "exp": null }), Expiry),
        (json!({ "exp": now - 31 }), Expiry),
        (json!({ "exp": now - 30 }), Expiry),
        (json!({ "exp": 0 }), Expiry),
        (json!({ "exp": -1 }), Expiry),
        (json!({ "exp": (now + 60).to_string() }), Expiry),
        (json!({ "exp": true }), Expiry),
        (json!({ "nbf": now + 31 }), NotYet),
        (json!({ "nbf": "soon" }), NotYet),
        (json!({ "iss": null }), Issuer),
        (json!({ "iss": "https://id.test/" }), Issuer),
        (json!({ "iss": "https://evil.test" }), Issuer),
        (json!({ "iss": ["https://id.test"] }), Issuer),
        (json!({ "aud": null }), Audience),
        (json!({ "aud": "argus" }), Audience),
        (json!({ "aud": "ARGUS-M365" }), Audience),
        (json!({ "aud": [] }), Audience),
        (json!({ "aud": ["other"] }), Audience),
        (json!({ "aud": ["argus-m365", 7] }), Audience),
        (json!({ "aud": { "argus-m365": true } }), Audience),
        (json!({ "sub": null }), Subject),
        (json!({ "sub": " " }), Subject),
        (json!({ "sub": 7 }), Subject),
        (json!({ "sub": "x".repeat(257) }), Subject),
        (json!({ "sub": "a\nforged line" }), Subject),
        (json!({ "org_id": null }), Organisation),
        (json!({ "org_id": "" }), Organisation),
        (json!({ "org_id": "acme.water" }), Organisation),
        (json!({ "org_id": "*" }), Organisation),
        (json!({ "org_id": "acme water" }), Organisation),
        (json!({ "org_id": "x".repeat(65) }), Organisation),
        (json!({ "org_id": ["acme"] }), Organisation),
        (json!({ "org_id": 7 }), Organisation),
        (json!({ "scope": 7 }), Permissions),
        (json!({ "scope": ["m365:read", 7] }), Permissions),
    ];
    for (changes, expected) in bad {
        assert_eq!(reason(&hs256(&claims_with(&changes))).await, Some(expected), "{changes}");
    }
}

#[tokio::test]
async fn clocks_may_differ_by_less_than_30_seconds() {
    let now = start().timestamp();
    for changes in
        [json!({ "exp": now - 29 }), json!({ "nbf": now + 30 }), json!({ "nbf": now - 9 }), json!({ "exp": 1_935_817_689.5 })]
    {
        assert_eq!(reason(&hs256(&claims_with(&changes))).await, None, "{changes}");
    }
}

#[tokio::test]
async fn audience_may_be_one_of_several() {
    assert_eq!(reason(&hs256(&claims_with(&json!({ "aud": ["other", "argus-m365"] })))).await, None);
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(header), part(claims))
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let good = hs256(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other_claims = URL_SAFE_NO_PAD.encode(claims_with(&json!({ "scope": "m365:admin" })).to_string());
    let bad = [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        message.to_owned(),
        format!("{good}.{signature}"),
        format!("{message}."),
        format!("{message}.{}", signature.to_uppercase()),
        format!("{message}.{}", &signature[1..]),
        format!("{}.{other_claims}.{signature}", message.split('.').next().unwrap()),
        format!(" {good}"),
        format!("{good}="),
        unsigned(&json!({ "alg": "none", "typ": "JWT" }), &claims()),
        unsigned(&json!({ "alg": "None" }), &claims()),
        unsigned(&json!({ "typ": "JWT" }), &claims()),
        unsigned(&json!({ "alg": "HS256" }), &claims()),
        unsigned(&json!({ "alg": ["HS256"] }), &claims()),
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &json!([1]), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap(),
    ];
    for token in bad {
        assert!(reason(&token).await.is_some(), "{token}");
    }
}

#[tokio::test]
async fn a_huge_token_is_not_even_read() {
    let huge = hs256(&claims_with(&json!({ "note": "x".repeat(9000) })));
    assert_eq!(reason(&huge).await, Some(Rejection::TooLong));
    assert_eq!(reason(&"a.".repeat(1_000_000)).await, Some(Rejection::TooLong));
}

#[tokio::test]
async fn another_secret_signs_nothing_here() {
    let forged = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(b"guess")).unwrap();
    assert_eq!(reason(&forged).await, Some(Rejection::Signature));
}

#[tokio::test]
async fn the_algorithm_is_the_keys_and_not_the_tokens() {
    // A secret for HS256 verifies no other member of its family.
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).unwrap();
        assert_eq!(reason(&token).await, Some(Rejection::Algorithm));
    }
    assert_eq!(reason(&rsa("r", RSA_1).sign(&claims())).await, Some(Rejection::Algorithm));

    let signer = rsa("r", RSA_1);
    let issuer = Issuer::with(&[signer.jwk()]);
    let (authenticator, _) = authenticator(&issuer);
    // The oldest trick: HS256, with the public key for a secret.
    for secret in [signer.jwk()["n"].as_str().unwrap().to_owned(), signer.jwk().to_string(), RSA_1.to_owned()] {
        let header = Header { kid: Some("r".into()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret.as_bytes())).unwrap();
        assert_eq!(authenticator.authenticate(&token).await.err(), Some(Rejection::Algorithm));
    }
    // The same key with a padding that the set does not name.
    for algorithm in [Algorithm::RS512, Algorithm::PS256] {
        let header = Header { kid: Some("r".into()), ..Header::new(algorithm) };
        let token = signer.sign_with(&header, &claims());
        assert_eq!(authenticator.authenticate(&token).await.err(), Some(Rejection::Algorithm));
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let (ours, theirs) = (rsa("r", RSA_1), rsa("r", RSA_2));
    let issuer = Issuer::with(&[ours.jwk()]);
    let (authenticator, _) = authenticator(&issuer);
    let jwk = serde_json::from_value(theirs.jwk()).unwrap();
    for header in [
        Header { jku: Some("https://evil.test/keys".into()), ..theirs.header() },
        Header { x5u: Some("https://evil.test/cert".into()), ..theirs.header() },
        Header { x5c: Some(vec!["MIIB".into()]), ..theirs.header() },
        Header { jwk: Some(jwk), ..theirs.header() },
        theirs.header(),
    ] {
        let token = theirs.sign_with(&header, &claims());
        assert_eq!(authenticator.authenticate(&token).await.err(), Some(Rejection::Signature));
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn other_kinds_of_token_of_the_same_issuer_are_no_access_tokens() {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", ""] {
        let header = Header { typ: Some(typ.into()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
        assert_eq!(reason(&token).await, Some(Rejection::Kind), "{typ}");
    }
    for typ in [None, Some("JWT".into()), Some("at+jwt".into()), Some("application/at+JWT".into())] {
        let token = jsonwebtoken::encode(&Header { typ, ..Header::new(Algorithm::HS256) }, &claims(), &key).unwrap();
        assert_eq!(reason(&token).await, None);
    }
    let critical = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) };
    assert_eq!(reason(&jsonwebtoken::encode(&critical, &claims(), &key).unwrap()).await, Some(Rejection::Kind));
}

#[tokio::test]
async fn secrets_and_keys_for_encryption_in_a_set_are_not_used() {
    let signer = rsa("r", RSA_1);
    let mut for_encryption = signer.jwk();
    for_encryption["use"] = json!("enc");
    let secret = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET) });
    let mut mismatched = signer.jwk();
    mismatched["alg"] = json!("ES256");
    for keys in [vec![for_encryption], vec![secret], vec![mismatched], vec![json!({ "kty": "EC" })], vec![]] {
        let issuer = Issuer::with(&keys);
        let (authenticator, _) = authenticator(&issuer);
        assert_eq!(authenticator.authenticate(&signer.sign(&claims())).await.err(), Some(Rejection::KeysUnavailable), "{keys:?}");
    }
}

#[tokio::test]
async fn a_minted_token_is_accepted_until_its_time_is_over() {
    let clock = ManualClock::at(start());
    let authenticator = Authenticator::new(settings(), clock.clone()).unwrap();
    let acme = OrganisationId::parse("acme").unwrap();
    let permissions = [Permission::Read, Permission::Operate];
    let token = mint(&settings(), &acme, &permissions, "operator", TimeDelta::hours(1), start()).unwrap();
    let identity = authenticator.authenticate(&token).await.unwrap();
    assert_eq!((identity.subject.as_str(), identity.permission), ("operator", Some(Permission::Operate)));
    clock.advance(TimeDelta::seconds(3600 + 30));
    assert_eq!(authenticator.authenticate(&token).await, Err(Rejection::Expiry));
}

#[test]
fn nothing_is_minted_without_a_secret_of_the_right_length() {
    let acme = OrganisationId::parse("acme").unwrap();
    let with = |keys| argus_m365::api::auth::AuthSettings { keys, ..settings() };
    let minted = |keys| mint(&with(keys), &acme, &[], "s", TimeDelta::hours(1), start());
    assert!(matches!(minted(KeySource::JwksFile("keys.json".into())), Err(MintError::NoSecret)));
    assert!(matches!(minted(KeySource::Hs256("short".into())), Err(MintError::ShortSecret)));
}

#[test]
fn settings_that_cannot_be_safe_are_refused() {
    let made =
        |keys| Authenticator::new(argus_m365::api::auth::AuthSettings { keys, ..settings() }, ManualClock::at(start())).err();
    assert!(matches!(made(KeySource::Hs256("x".repeat(31).into())), Some(AuthSetupError::ShortSecret)));
    let plain = "http://id.test/keys".parse().unwrap();
    assert!(matches!(made(KeySource::JwksUrl(plain)), Some(AuthSetupError::InsecureUrl)));
}

#[test]
fn a_debug_print_of_the_settings_shows_no_secret() {
    assert!(!format!("{:?}", settings()).contains(SECRET));
}

//! Tokens that must not be believed, over HTTP: each is refused with the same answer, so that nobody learns which part was nearly right.

use argus_m365::api::auth::Permission;
use axum::{
    body::Body,
    http::{HeaderValue, Request, header},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    keys::{Issuer, RSA_1, RSA_2, SECRET, Signer, authenticator, claims, claims_with, ec, rsa, start},
    support::{TestApi, token},
};

const QUERY: &str = r#"{"query":"{ viewer { subject organisation } }"}"#;

fn with_header(value: &[u8]) -> Request<Body> {
    Request::post("/graphql")
        .header(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(QUERY))
        .unwrap()
}

fn part(value: &str) -> String {
    URL_SAFE_NO_PAD.encode(value)
}

/// Signed with the shared secret, whatever the header says and however the claims are written.
fn signed_text(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn signed(changes: &Value) -> String {
    signed_text(r#"{"alg":"HS256","typ":"JWT"}"#, &claims_with(changes).to_string())
}

/// The good claims with something written in by hand behind them.
fn claims_and(more: &str) -> String {
    let text = claims().to_string();
    format!("{},{more}}}", text.strip_suffix('}').unwrap())
}

/// Bad by their claims. The signature is good.
fn by_claims() -> Vec<(&'static str, String)> {
    let now = start().timestamp();
    let hs = r#"{"alg":"HS256"}"#;
    vec![
        ("no exp", signed(&json!({ "exp": null }))),
        ("expired a second beyond the leeway", signed(&json!({ "exp": now - 31 }))),
        ("expired just at the leeway", signed(&json!({ "exp": now - 30 }))),
        ("exp as text", signed(&json!({ "exp": (now + 60).to_string() }))),
        ("exp as a list", signed(&json!({ "exp": [now + 60] }))),
        ("exp in the year 1", signed(&json!({ "exp": -62_135_596_800_i64 }))),
        (
            "exp not a number",
            signed_text(hs, &claims_and(r#""exp2":0"#).replace(&format!("\"exp\":{}", now + 3600), "\"exp\":NaN")),
        ),
        (
            "exp beyond every number",
            signed_text(hs, &claims_and(r#""exp2":0"#).replace(&format!("\"exp\":{}", now + 3600), "\"exp\":1e999")),
        ),
        ("nbf ahead", signed(&json!({ "nbf": now + 31 }))),
        ("nbf as text", signed(&json!({ "nbf": now.to_string() }))),
        ("no iss", signed(&json!({ "iss": null }))),
        ("iss with a slash more", signed(&json!({ "iss": "https://id.test/" }))),
        ("iss in capitals", signed(&json!({ "iss": "https://ID.test" }))),
        ("iss of somebody else", signed(&json!({ "iss": "https://evil.test" }))),
        ("iss as a list", signed(&json!({ "iss": ["https://id.test"] }))),
        ("iss with a blank", signed(&json!({ "iss": " https://id.test" }))),
        ("no aud", signed(&json!({ "aud": null }))),
        ("aud of somebody else", signed(&json!({ "aud": "argus" }))),
        ("aud with something behind", signed(&json!({ "aud": "argus-m365 other" }))),
        ("aud an empty list", signed(&json!({ "aud": [] }))),
        ("aud a list of others", signed(&json!({ "aud": ["other", "argus"] }))),
        ("aud a list with a number", signed(&json!({ "aud": ["argus-m365", 1] }))),
        ("aud an object", signed(&json!({ "aud": { "argus-m365": "argus-m365" } }))),
        ("no sub", signed(&json!({ "sub": null }))),
        ("sub blank", signed(&json!({ "sub": "  " }))),
        ("sub a number", signed(&json!({ "sub": 7 }))),
        ("sub with a line break", signed(&json!({ "sub": "kim\nforged" }))),
        ("sub too long", signed(&json!({ "sub": "x".repeat(257) }))),
        ("no organisation", signed(&json!({ "org_id": null }))),
        ("organisation empty", signed(&json!({ "org_id": "" }))),
        ("organisation every one", signed(&json!({ "org_id": "*" }))),
        ("organisation two", signed(&json!({ "org_id": "acme,globex" }))),
        ("organisation a list", signed(&json!({ "org_id": ["acme", "globex"] }))),
        ("organisation with a quote", signed(&json!({ "org_id": "acme'--" }))),
        ("organisation with a NUL", signed(&json!({ "org_id": "acme\u{0}" }))),
        ("organisation as a path", signed(&json!({ "org_id": "../acme" }))),
        ("organisation too long", signed(&json!({ "org_id": "x".repeat(65) }))),
        ("organisation in the wrong claim", signed(&json!({ "org_id": null, "org": "acme", "organisation": "acme" }))),
        ("permissions a number", signed(&json!({ "scope": 7 }))),
        ("permissions an object", signed(&json!({ "scope": { "m365:admin": true } }))),
        ("organisation twice", signed_text(hs, &claims_and(r#""org_id":"globex""#))),
        ("issuer twice", signed_text(hs, &claims_and(r#""iss":"https://id.test""#))),
        ("expiry twice", signed_text(hs, &claims_and(&format!("\"exp\":{}", now + 7200)))),
        ("permissions twice", signed_text(hs, &claims_and(r#""scope":"m365:admin""#))),
        ("claims a list", signed_text(hs, &json!([claims()]).to_string())),
        ("claims null", signed_text(hs, "null")),
        ("claims cut off", signed_text(hs, claims().to_string().trim_end_matches('}'))),
        ("claims with something behind", signed_text(hs, &format!("{} {{}}", claims()))),
    ]
}

/// Bad by their header or form.
fn by_form() -> Vec<(&'static str, String)> {
    let good = signed(&json!({}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, body) = message.split_once('.').unwrap();
    let unsigned = |header: &str| format!("{}.{}.", part(header), part(&claims().to_string()));
    let head_of = |header: &str| signed_text(header, &claims().to_string());
    let all = |header: Value| head_of(&header.to_string());
    let admin = part(&claims_with(&json!({ "scope": "m365:admin", "org_id": "globex" })).to_string());
    let mut bent = signature.to_owned().into_bytes();
    bent[0] = if bent[0] == b'A' { b'B' } else { b'A' };
    vec![
        ("alg none", unsigned(r#"{"alg":"none"}"#)),
        ("alg None", unsigned(r#"{"alg":"None"}"#)),
        ("alg NONE", unsigned(r#"{"alg":"NONE","typ":"JWT"}"#)),
        ("alg nOnE", unsigned(r#"{"alg":"nOnE"}"#)),
        ("alg none, signed all the same", head_of(r#"{"alg":"none"}"#)),
        ("alg empty", head_of(r#"{"alg":""}"#)),
        ("alg null", head_of(r#"{"alg":null}"#)),
        ("alg a list", head_of(r#"{"alg":["HS256"]}"#)),
        ("alg in small letters", head_of(r#"{"alg":"hs256"}"#)),
        ("alg with a blank", head_of(r#"{"alg":"HS256 "}"#)),
        ("no alg", head_of(r#"{"typ":"JWT"}"#)),
        ("alg twice", head_of(r#"{"alg":"none","alg":"HS256"}"#)),
        ("alg RS256 over the secret", head_of(r#"{"alg":"RS256"}"#)),
        ("alg HS512 over the secret", head_of(r#"{"alg":"HS512"}"#)),
        ("header a list", head_of("[]")),
        ("header no JSON", head_of("alg=HS256")),
        ("an extension that must be understood", all(json!({ "alg": "HS256", "crit": ["exp"], "exp": 1 }))),
        ("an unencoded payload", all(json!({ "alg": "HS256", "crit": ["b64"], "b64": false }))),
        ("a logout token", all(json!({ "alg": "HS256", "typ": "logout+jwt" }))),
        ("an encrypted token's type", all(json!({ "alg": "HS256", "typ": "JWE" }))),
        ("typ a number", all(json!({ "alg": "HS256", "typ": 7 }))),
        ("no signature", format!("{message}.")),
        ("two parts", message.to_owned()),
        ("two dots", "..".to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("five parts, as if encrypted", format!("{head}.{body}.{signature}.{signature}.{signature}")),
        ("no header", format!(".{body}.{signature}")),
        ("no claims", format!("{head}..{signature}")),
        ("another's claims under this signature", format!("{head}.{admin}.{signature}")),
        ("signature cut by a letter", good[..good.len() - 1].to_owned()),
        ("signature cut by half", good[..good.len() - signature.len() / 2].to_owned()),
        ("signature a letter longer", format!("{good}A")),
        ("signature with one letter bent", format!("{message}.{}", String::from_utf8(bent).unwrap())),
        ("signature with padding", format!("{good}=")),
        ("claims in the other alphabet, padded", format!("{head}.{}.{signature}", STANDARD.encode(claims().to_string()))),
        ("a blank inside", good.replacen('.', ". ", 1)),
        ("a tab inside", good.replacen('.', ".\t", 1)),
        ("signed with another secret", {
            let key = EncodingKey::from_secret(b"another secret of at least 32 bytes, guessed");
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &key).unwrap()
        }),
        ("signed with an empty secret", {
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(b"")).unwrap()
        }),
        ("huge", signed(&json!({ "note": "x".repeat(20_000) }))),
        ("huge and nothing", "A".repeat(100_000)),
        (
            "a thousand levels of claims",
            signed_text(r#"{"alg":"HS256"}"#, &format!("{}{}", "{\"a\":".repeat(1000), "}".repeat(1000))),
        ),
    ]
}

/// Bad for an issuer whose set holds one RSA key, `r`.
fn by_key(ours: &Signer) -> Vec<(&'static str, String)> {
    let theirs = rsa("r", RSA_2);
    let jwk = serde_json::from_value(theirs.jwk()).unwrap();
    let with_kid = |kid: &str| Header { kid: Some(kid.into()), ..ours.header() };
    let public = ours.jwk()["n"].as_str().unwrap().to_owned();
    let confused = |secret: &[u8], algorithm| {
        let header = Header { kid: Some("r".into()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap()
    };
    let with = |changes: Header| theirs.sign_with(&changes, &claims());
    vec![
        ("kid of nobody", ours.sign_with(&with_kid("nobody"), &claims())),
        ("kid in capitals", ours.sign_with(&with_kid("R"), &claims())),
        ("kid a path", ours.sign_with(&with_kid("../../dev/null"), &claims())),
        ("kid with SQL", ours.sign_with(&with_kid("r' OR '1'='1"), &claims())),
        ("kid huge", ours.sign_with(&with_kid(&"r".repeat(4000)), &claims())),
        ("kid empty", ours.sign_with(&with_kid(""), &claims())),
        ("another's key under our kid", theirs.sign(&claims())),
        ("jku", with(Header { jku: Some("http://127.0.0.1:9/keys".into()), ..theirs.header() })),
        ("x5u", with(Header { x5u: Some("http://127.0.0.1:9/cert".into()), ..theirs.header() })),
        ("x5c", with(Header { x5c: Some(vec!["MIIB".into()]), ..theirs.header() })),
        ("jwk", with(Header { jwk: Some(jwk), ..theirs.header() })),
        ("HS256 with the modulus for a secret", confused(public.as_bytes(), Algorithm::HS256)),
        ("HS256 with the key's JSON for a secret", confused(ours.jwk().to_string().as_bytes(), Algorithm::HS256)),
        ("HS256 with the key's PEM for a secret", confused(RSA_1.as_bytes(), Algorithm::HS256)),
        ("HS512 with the modulus for a secret", confused(public.as_bytes(), Algorithm::HS512)),
        ("RS512 where the key is for RS256", ours.sign_with(&Header { alg: Algorithm::RS512, ..ours.header() }, &claims())),
        ("PS256 where the key is for RS256", ours.sign_with(&Header { alg: Algorithm::PS256, ..ours.header() }, &claims())),
        ("ES256 under the RSA key's kid", ec("r").sign(&claims())),
        ("the shared secret where keys are public", token(&[Permission::Admin])),
    ]
}

/// Each of these is refused, and the answers cannot be told apart; returns how many there were.
async fn refused(api: &TestApi, tokens: &[(&'static str, String)]) -> usize {
    let mut seen = Vec::new();
    for (what, token) in tokens {
        let answer = api.send(with_header(format!("Bearer {token}").as_bytes())).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"", "{what}");
        let names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        seen.push((answer.text, names));
    }
    assert!(seen.iter().all(|answer| *answer == seen[0]), "answers differ");
    assert_eq!(
        seen[0].0,
        r#"{"data":null,"errors":[{"message":"a valid bearer token is needed","extensions":{"code":"UNAUTHENTICATED"}}]}"#
    );
    assert!(api.memory.calls().is_empty());
    tokens.len()
}

#[tokio::test]
async fn no_bad_token_is_believed_and_all_are_refused_alike() {
    let api = TestApi::new();
    // What makes the others bad is what they change: unchanged, the token is good.
    let good = api.send(with_header(format!("Bearer {}", signed(&json!({}))).as_bytes())).await;
    assert_eq!(good.data()["viewer"]["organisation"], "acme");
    let (ours, issuer) = (rsa("r", RSA_1), Issuer::with(&[rsa("r", RSA_1).jwk()]));
    let with_keys = TestApi::authenticating(authenticator(&issuer).0);
    with_keys.send(with_header(format!("Bearer {}", ours.sign(&claims())).as_bytes())).await.data();

    let count = refused(&api, &by_claims()).await + refused(&api, &by_form()).await + refused(&with_keys, &by_key(&ours)).await;
    println!("{count} bad tokens refused");
    assert!(count >= 100, "{count}");
    // Nothing in a token made anybody ask anybody for a key a second time.
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn no_other_way_to_name_a_token_counts() {
    let api = TestApi::new();
    let good = signed(&json!({}));
    for value in [
        format!("Basic {good}"),
        format!("DPoP {good}"),
        good.clone(),
        format!("Bearer{good}"),
        format!("Bearer\t{good}"),
        format!("Bearer {good}, Bearer {good}"),
        format!("Bearer {good} {good}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        String::new(),
    ] {
        assert_eq!(api.send(with_header(value.as_bytes())).await.status, 401, "{value:.30}");
    }
    assert_eq!(api.send(with_header(&[b"Bearer ".as_slice(), &[0xFF, 0xFE]].concat())).await.status, 401);
    // In the address, in the body, in a cookie.
    let body = json!({ "query": "{ viewer { subject } }", "access_token": good }).to_string();
    let elsewhere = Request::post(format!("/graphql?access_token={good}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, format!("access_token={good}"))
        .body(Body::from(body));
    assert_eq!(api.send(elsewhere.unwrap()).await.status, 401);
}

//! The token endpoint.

use argus_m365::simulator::{CertificateSpec, SecretSpec, TenantChange, TenantSpec};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Lab, NIAMH, secret_form};

const KEY: &str = include_str!("test-only.key.pem");
const CERTIFICATE: &str = include_str!("test-only.cert.pem");
const THUMBPRINT: &str = "1DUxHcwh_yDM7gcC4FRLbxKQ8ukDBKXb-yFzaf66dzI";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn with(field: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut form = secret_form();
    form.retain(|(name, _)| *name != field);
    if !value.is_empty() {
        form.push((field, value));
    }
    form
}

#[tokio::test]
async fn a_token_names_tenant_app_roles_and_its_end() {
    let lab = Lab::new().await;
    let answer = lab.ask_token("acme-water.example", &secret_form()).await;
    assert_eq!((answer.status, answer.body["token_type"].as_str()), (200, Some("Bearer")));
    assert_eq!(answer.body["expires_in"], 3599);
    let token = answer.body["access_token"].as_str().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["tid"], TenantSpec::DEMO_ID);
    assert_eq!(claims["appid"], TenantSpec::DEMO_APP);
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
    assert!(claims["roles"].as_array().unwrap().contains(&json!("Calendars.ReadWrite")));
}

#[tokio::test]
async fn every_documented_refusal_has_its_number_error_and_status() {
    let lab = Lab::new().await;
    let id = TenantSpec::DEMO_ID;
    let nowhere = "00000000-0000-0000-0000-000000000000";
    let cases = [
        (id, with("client_secret", "wrong"), 401, "invalid_client", 7_000_215),
        (id, with("client_secret", ""), 400, "invalid_client", 7_000_216),
        (id, with("client_id", "00000000-0000-0000-0000-000000000001"), 400, "unauthorized_client", 700_016),
        (nowhere, secret_form(), 400, "invalid_request", 90002),
        ("common", secret_form(), 400, "invalid_request", 50059),
        (id, with("scope", "User.Read.All"), 400, "invalid_scope", 70011),
        (id, with("scope", "https://graph.microsoft.us/.default"), 400, "invalid_resource", 500_011),
        (id, with("grant_type", "password"), 400, "unsupported_grant_type", 70003),
        (id, with("resource", "x"), 400, "invalid_request", 90023),
    ];
    for (tenant, form, status, error, number) in cases {
        let answer = lab.ask_token(tenant, &form).await;
        assert_eq!((answer.status, answer.body["error"].as_str()), (status, Some(error)), "{number}: {:?}", answer.body);
        assert_eq!(answer.body["error_codes"], json!([number]));
        let text = answer.body["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{number}: ")), "{text}");
        for field in ["timestamp", "trace_id", "correlation_id"] {
            assert!(answer.body[field].is_string(), "{field}");
        }
    }
}

#[tokio::test]
async fn an_expired_secret_is_told_apart_from_a_wrong_one() {
    let past = chrono::DateTime::from_timestamp(1_000_000_000, 0).unwrap();
    let lab = Lab::new().await;
    let mut app = TenantSpec::demo().apps.remove(0);
    app.secrets = vec![SecretSpec { value: TenantSpec::DEMO_SECRET.to_owned(), expires: Some(past) }];
    assert!(lab.simulator.change_tenant(TenantSpec::DEMO_ID, TenantChange { apps: vec![app], ..TenantChange::default() }));
    let answer = lab.ask_token(TenantSpec::DEMO_ID, &secret_form()).await;
    assert_eq!((answer.status, answer.body["error_codes"][0].as_u64()), (401, Some(7_000_222)));
}

fn assertion(change: impl FnOnce(&mut Header, &mut Value), key: &str) -> String {
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::UNIX_EPOCH + std::time::UNIX_EPOCH.elapsed().unwrap()).timestamp();
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(THUMBPRINT.to_owned());
    let audience = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", TenantSpec::DEMO_ID);
    let mut claims = json!({
        "aud": audience, "iss": TenantSpec::DEMO_APP, "sub": TenantSpec::DEMO_APP, "jti": "5f9c", "nbf": now, "iat": now, "exp": now + 300,
    });
    change(&mut header, &mut claims);
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_rsa_pem(key.as_bytes()).unwrap()).unwrap()
}

async fn status_of(lab: &Lab, assertion: &str) -> (u16, u64) {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", TenantSpec::DEMO_APP),
        ("scope", "https://graph.microsoft.com/.default"),
        ("client_assertion_type", ASSERTION),
        ("client_assertion", assertion),
    ];
    let answer = lab.ask_token(TenantSpec::DEMO_ID, &form).await;
    (answer.status, answer.body["error_codes"][0].as_u64().unwrap_or_default())
}

#[tokio::test]
async fn an_assertion_is_verified_with_the_registered_certificate() {
    let lab = Lab::with(|spec| spec.apps[0].certificates = vec![CertificateSpec::Pem(CERTIFICATE.to_owned())]).await;
    assert_eq!(status_of(&lab, &assertion(|_, _| {}, KEY)).await, (200, 0));
    let mut forged = assertion(|_, _| {}, KEY);
    let tail = forged.split_off(forged.len() - 8);
    forged.push_str(if tail == "AAAAAAAA" { "BBBBBBBB" } else { "AAAAAAAA" });
    assert_eq!(status_of(&lab, &forged).await, (401, 700_027));
    assert_eq!(status_of(&lab, &assertion(|header, _| header.alg = Algorithm::RS256, KEY)).await, (401, 700_027));
    assert_eq!(status_of(&lab, &assertion(|header, _| header.x5t_s256 = Some("other".to_owned()), KEY)).await, (401, 700_027));
    assert_eq!(
        status_of(&lab, &assertion(|_, claims| claims["aud"] = json!("https://else.example/"), KEY)).await,
        (401, 700_027)
    );
    assert_eq!(status_of(&lab, &assertion(|_, claims| claims["exp"] = json!(1_000), KEY)).await, (401, 700_024));
}

#[tokio::test]
async fn a_thumbprint_alone_checks_the_header_and_the_claims() {
    let lab = Lab::with(|spec| spec.apps[0].certificates = vec![CertificateSpec::Thumbprint(THUMBPRINT.to_owned())]).await;
    assert_eq!(status_of(&lab, &assertion(|_, _| {}, KEY)).await, (200, 0));
    assert_eq!(status_of(&lab, &assertion(|_, claims| claims["sub"] = json!("someone"), KEY)).await, (401, 700_027));
}

#[tokio::test]
async fn a_missing_unknown_foreign_or_expired_token_is_a_401() {
    let mut lab = Lab::with_settings(|settings| settings.token_lifetime_s = 0).await;
    let path = format!("/users/{NIAMH}/events");
    let expired = lab.get(&path).await;
    assert_eq!((expired.status, expired.code()), (401, "InvalidAuthenticationToken"));
    assert!(expired.header("www-authenticate").is_some());
    lab.token = "a.b.c".to_owned();
    assert_eq!(lab.get(&path).await.status, 401);
    let bare = lab.http.get(format!("{}/v1.0{path}", lab.simulator.url())).send().await.unwrap();
    assert_eq!(bare.status(), 401);
}

#[tokio::test]
async fn without_the_role_the_call_is_denied_unless_exchange_grants_the_mailbox() {
    let lab = Lab::with(|spec| spec.apps[0].roles.clear()).await;
    let events = lab.get(&format!("/users/{NIAMH}/events")).await;
    assert_eq!((events.status, events.code()), (403, "ErrorAccessDenied"));
    let organization = lab.get("/organization?$select=id").await;
    assert_eq!((organization.status, organization.code()), (403, "Authorization_RequestDenied"));
    let granted = Lab::with(|spec| {
        spec.apps[0].roles.clear();
        spec.apps[0].exchange_mailboxes = vec![NIAMH.to_owned()];
    })
    .await;
    assert_eq!(granted.get(&format!("/users/{NIAMH}/events")).await.status, 200);
}

#[tokio::test]
async fn revoked_tokens_are_refused_and_a_new_one_works() {
    let mut lab = Lab::new().await;
    lab.simulator.change_tenant(TenantSpec::DEMO_ID, TenantChange { revoke_tokens: true, ..TenantChange::default() });
    assert_eq!(lab.get("/organization?$select=id").await.status, 401);
    lab.token = lab.new_token().await;
    let organization = lab.get("/organization?$select=id").await;
    assert_eq!(organization.body["value"][0]["id"], TenantSpec::DEMO_ID);
}

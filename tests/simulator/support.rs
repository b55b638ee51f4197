//! A simulator with the demo tenant, and a plain HTTP client that breaks as easily as the tests need.

use argus_m365::simulator::{Simulator, TenantSettings, TenantSpec};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

pub const NIAMH: &str = "niamh@acme-water.example";
pub const OISIN: &str = "oisin@acme-water.example";
pub const PROPERTY: &str = "String {d1a3c5e7-4b62-4f0e-9c1d-6a7be2f80c11} Name ArgusTask";

/// A running simulator with a token for its demo tenant.
pub struct Lab {
    pub simulator: Simulator,
    pub http: reqwest::Client,
    pub token: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

#[expect(clippy::disallowed_methods, reason = "a stand-in for any caller, with none of the product's manners")]
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("client")
}

impl Lab {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut TenantSpec)) -> Self {
        let mut spec = TenantSpec::demo();
        change(&mut spec);
        let simulator = Simulator::start("127.0.0.1:0").await.expect("listen");
        simulator.add_tenant(spec);
        let mut lab = Self { simulator, http: http(), token: String::new() };
        lab.token = lab.new_token().await;
        lab
    }

    pub async fn with_settings(change: impl FnOnce(&mut TenantSettings)) -> Self {
        Self::with(|spec| change(&mut spec.settings)).await
    }

    pub async fn new_token(&self) -> String {
        let answer = self.ask_token(TenantSpec::DEMO_ID, &secret_form()).await;
        answer.body["access_token"].as_str().expect("a token").to_owned()
    }

    pub async fn ask_token(&self, tenant: &str, form: &[(&str, &str)]) -> Answer {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.simulator.url());
        read(self.http.post(url).form(form)).await.expect("an answer")
    }

    /// A well-mannered Graph request: token, immutable ids, content type with a body.
    pub fn request(&self, method: Method, path: &str, body: Option<&Value>) -> RequestBuilder {
        let url = format!("{}/v1.0{path}", self.simulator.url());
        let request = self.http.request(method, url).bearer_auth(&self.token).header("Prefer", "IdType=\"ImmutableId\"");
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        read(self.request(Method::GET, path, None)).await.expect("an answer")
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        read(self.request(Method::POST, path, Some(body))).await.expect("an answer")
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        read(self.request(Method::PATCH, path, Some(body))).await.expect("an answer")
    }

    pub async fn delete(&self, path: &str) -> Answer {
        read(self.request(Method::DELETE, path, None)).await.expect("an answer")
    }

    pub async fn create(&self, user: &str, body: &Value) -> Answer {
        self.post(&format!("/users/{user}/events"), body).await
    }

    /// Live events of a mailbox, from the simulator's own memory.
    pub fn live(&self, user: &str) -> usize {
        let state = self.simulator.state(TenantSpec::DEMO_ID).expect("the tenant");
        state.mailbox(user).expect("the mailbox").events.len()
    }
}

pub async fn read(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await?;
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Ok(Answer { status, headers, body })
}

pub fn secret_form() -> Vec<(&'static str, &'static str)> {
    vec![
        ("grant_type", "client_credentials"),
        ("client_id", TenantSpec::DEMO_APP),
        ("client_secret", TenantSpec::DEMO_SECRET),
        ("scope", "https://graph.microsoft.com/.default"),
    ]
}

/// A visit as the product would send it.
pub fn visit(transaction: &str, reference: &str) -> Value {
    json!({
        "subject": "WO-20418: Valve inspection",
        "body": {"contentType": "text", "content": "Check gate valve GV-118"},
        "start": {"dateTime": "2026-11-25T08:30:00", "timeZone": "GMT Standard Time"},
        "end": {"dateTime": "2026-11-25T10:00:00", "timeZone": "GMT Standard Time"},
        "location": {"displayName": "Ashgrove", "address": {"street": "1 Ashgrove Road"}, "coordinates": {"latitude": 53.35, "longitude": -6.26}},
        "transactionId": transaction,
        "singleValueExtendedProperties": [{"id": PROPERTY, "value": reference}],
    })
}

pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The path that finds events by reference, with the reference shown.
pub fn look_up(user: &str, property: &str, value: &str) -> String {
    let filter = format!("singleValueExtendedProperties/Any(ep: ep/id eq '{property}' and ep/value eq '{value}')");
    let expand = format!("singleValueExtendedProperties($filter=id eq '{property}')");
    format!(
        "/users/{user}/events?$filter={}&$expand={}&$select=id,subject,start,end,changeKey",
        encoded(&filter),
        encoded(&expand)
    )
}

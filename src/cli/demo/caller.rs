//! Speaks HTTP as others would: GraphQL to the connector, `/_sim` to the simulator. Loopback alone.

use std::time::Duration;

use anyhow::{Context, ensure};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use url::Url;

use crate::clock::{Clock, SystemClock};

/// The simulated tenant: one app and two workers.
const TENANT: &str = include_str!("../../../examples/tenant.json");

/// A client of connector and simulator.
pub(super) struct Caller {
    /// The simulator's root.
    pub(super) simulator: Url,
    /// The tenant as it was made.
    pub(super) tenant: Value,
    http: reqwest::Client,
    connector: String,
    token: String,
}

impl Caller {
    #[expect(clippy::disallowed_methods, reason = "a client of this machine's loopback, not of Microsoft")]
    pub(super) fn new(port: u16, simulator: Url, secret: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        let expires = SystemClock.now().timestamp() + 3600;
        let claims =
            json!({ "iss": "demo", "aud": "argus-m365", "sub": "demo", "exp": expires, "org_id": "acme", "scope": "m365:admin" });
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret.as_bytes()))?;
        let tenant = serde_json::from_str(TENANT).context("reading the tenant")?;
        Ok(Self { simulator, tenant, http, connector: format!("http://127.0.0.1:{port}"), token })
    }

    /// Whether `/readyz` says yes.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/readyz", self.connector)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// The `data` of a GraphQL request; its errors are ours.
    pub(super) async fn graphql(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.connector)).bearer_auth(&self.token).json(&body);
        let mut answer: Value = request.send().await?.json().await?;
        ensure!(answer["errors"].is_null(), "the API answered {}", answer["errors"]);
        Ok(answer["data"].take())
    }

    /// What the simulated tenant remembers.
    pub(super) async fn state(&self) -> anyhow::Result<Value> {
        let id = self.tenant["id"].as_str().unwrap_or_default();
        self.simulator_get(&format!("_sim/tenants/{id}/state")).await
    }

    /// Calls to Graph that were meant to change something, ever.
    pub(super) async fn writes(&self) -> anyhow::Result<usize> {
        let requests = self.simulator_get("_sim/requests").await?;
        let list = requests["requests"].as_array().context("the ledger is a list")?;
        let is_write = |request: &&Value| {
            request["method"] != "GET" && request["path"].as_str().is_some_and(|path| path.starts_with("/v1.0"))
        };
        Ok(list.iter().filter(is_write).count())
    }

    /// The first lines of the cards that a Workflows webhook took, oldest first.
    pub(super) async fn cards(&self, webhook: &str) -> anyhow::Result<Vec<String>> {
        let taken = self.simulator_get(&format!("_sim/webhooks/{webhook}")).await?;
        Ok(taken["cards"].as_array().context("the cards are a list")?.iter().map(|one| first_line(&one["card"])).collect())
    }

    /// Makes the tenant.
    pub(super) async fn make_tenant(&self) -> anyhow::Result<()> {
        self.simulator_post("_sim/tenants", &self.tenant).await
    }

    /// The next creation of an event takes effect, but its answer is held back.
    pub(super) async fn hold_next_answer(&self) -> anyhow::Result<()> {
        let fault = json!({ "method": "POST", "path": "/v1.0/users/*/events", "times": 1, "when": "after", "delayMs": 15_000 });
        self.simulator_post("_sim/faults", &fault).await
    }

    /// What the tenant's administrators do to the directory.
    pub(super) async fn change_directory(&self, changes: &Value) -> anyhow::Result<()> {
        let id = self.tenant["id"].as_str().unwrap_or_default();
        self.simulator_post(&format!("_sim/tenants/{id}/directory"), &json!({ "changes": changes })).await
    }

    /// Changes the tenant: adds sites, channels.
    pub(super) async fn change_tenant(&self, change: &Value) -> anyhow::Result<()> {
        let path = format!("_sim/tenants/{}", self.tenant["id"].as_str().unwrap_or_default());
        let answer = self.http.patch(self.simulator.join(&path)?).json(change).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "the simulator refused {path}: {status} {}", answer.text().await.unwrap_or_default());
        Ok(())
    }

    /// Somebody enters the code of a sign-in at another screen, and agrees.
    pub(super) async fn approve_sign_in(&self, code: &str, user: &str) -> anyhow::Result<()> {
        self.simulator_post(&format!("_sim/sign-ins/{code}"), &json!({ "approve": { "user": user } })).await
    }

    /// Answers of this path are whole to HTTP and end half-way through their JSON.
    pub(super) async fn break_off(&self, path: &str) -> anyhow::Result<()> {
        self.simulator_post("_sim/faults", &json!({ "method": "GET", "path": path, "effect": "truncated" })).await
    }

    /// Ends all faults.
    pub(super) async fn heal(&self) -> anyhow::Result<()> {
        self.http.delete(self.simulator.join("_sim/faults")?).send().await?.error_for_status()?;
        Ok(())
    }

    async fn simulator_get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.http.get(self.simulator.join(path)?).send().await?.error_for_status()?.json().await?)
    }

    async fn simulator_post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let answer = self.http.post(self.simulator.join(path)?).json(body).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "the simulator refused {path}: {status} {}", answer.text().await.unwrap_or_default());
        Ok(())
    }
}

/// The line that a phone's notification shows of a card.
fn first_line(card: &Value) -> String {
    card["fallbackText"].as_str().unwrap_or("(a card without a line)").to_owned()
}

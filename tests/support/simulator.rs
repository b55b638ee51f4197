//! The tenant simulator as a process of its own, over HTTP alone: as an independent stand-in would be used.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{children::Owned, wait::eventually};

/// A running simulator.
pub(crate) struct Simulator {
    /// Root of login, Graph and `/_sim`.
    pub(crate) url: String,
    http: reqwest::Client,
    _process: Owned,
}

impl Simulator {
    /// Starts one on a free port and makes the tenant of the example events.
    pub(crate) async fn start(http: reqwest::Client, folder: &Path) -> Self {
        let log = folder.join("simulator.log");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_argus-m365"));
        let process = Owned::spawn(command.args(["simulator", "--listen", "127.0.0.1:0"]), Some(&log));
        let url = eventually("the simulator answers", async || told_url(&std::fs::read_to_string(&log).ok()?)).await;
        let simulator = Self { url, http, _process: process };
        simulator.post("tenants", &tenant()).await;
        simulator
    }

    /// Makes another tenant.
    pub(crate) async fn add_tenant(&self, spec: &Value) {
        self.post("tenants", spec).await;
    }

    /// Puts a fault in place.
    pub(crate) async fn fault(&self, fault: Value) {
        self.post("faults", &fault).await;
    }

    /// Removes all faults.
    pub(crate) async fn heal(&self) {
        self.http.delete(self.at("faults")).send().await.and_then(reqwest::Response::error_for_status).expect("DELETE faults");
    }

    /// What a worker does to an event by hand: `"delete"`, `"move"` or `{"edit": …}`.
    pub(crate) async fn by_hand(&self, mailbox: &str, event: &str, act: &Value) {
        let id = tenant()["id"].as_str().unwrap_or_default().to_owned();
        self.post(&format!("tenants/{id}/mailboxes/{mailbox}/events/{event}"), act).await;
    }

    /// How many calls each fault has struck so far, summed up.
    pub(crate) async fn struck(&self) -> u64 {
        let faults = self.get("faults").await;
        faults["faults"].as_array().into_iter().flatten().filter_map(|fault| fault["struck"].as_u64()).sum()
    }

    /// Gives the example tenant more people with mailboxes.
    pub(crate) async fn add_people(&self, people: &Value) {
        let id = tenant()["id"].as_str().unwrap_or_default().to_owned();
        self.patch(&format!("tenants/{id}"), &serde_json::json!({ "users": people })).await;
    }

    /// Changes the example tenant: see `TenantChange`.
    pub(crate) async fn change(&self, change: &Value) {
        let id = tenant()["id"].as_str().unwrap_or_default().to_owned();
        self.patch(&format!("tenants/{id}"), change).await;
    }

    /// What a person does with the code of a sign-in: `{"approve": {"user": …}}`, `"decline"` or `"expire"`.
    pub(crate) async fn sign_in(&self, code: &str, act: &Value) {
        self.post(&format!("sign-ins/{code}"), act).await;
    }

    /// What a Workflows webhook took, oldest first.
    pub(crate) async fn cards(&self, name: &str) -> Vec<Value> {
        let mut answer = self.get(&format!("webhooks/{name}")).await;
        answer["cards"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What the example tenant's administrators do to its directory: a list of changes.
    pub(crate) async fn change_directory(&self, changes: &Value) {
        let id = tenant()["id"].as_str().unwrap_or_default().to_owned();
        self.post(&format!("tenants/{id}/directory"), &serde_json::json!({ "changes": changes })).await;
    }

    /// Changes the simulator as a whole: `latencyMs`, `ledgerCapacity`.
    pub(crate) async fn behave(&self, settings: &Value) {
        self.patch("settings", settings).await;
    }

    /// All that the example tenant remembers.
    pub(crate) async fn state(&self) -> Value {
        let id = tenant()["id"].as_str().unwrap_or_default().to_owned();
        self.get(&format!("tenants/{id}/state")).await
    }

    /// How many requests were answered, by `kind status`: `createEvent 201`. None is forgotten, however many there were.
    pub(crate) async fn counts(&self) -> Value {
        self.get("counts").await
    }

    /// Every request seen.
    pub(crate) async fn requests(&self) -> Value {
        self.get("requests").await["requests"].take()
    }

    /// Writes what was accepted to a file of the test run, where one is asked for, in the traffic check's form.
    pub(crate) async fn record_traffic(&self) {
        let Some(folder) = traffic_folder() else { return };
        // Minutes of calls are tens of megabytes.
        let asked = self.http.get(self.at("requests?format=jsonl")).timeout(Duration::from_mins(2));
        let answer = asked.send().await.expect("the simulator");
        let lines = answer.error_for_status().expect("the traffic").text().await.expect("text");
        let name = argus_m365::ids::Ids::system().random();
        std::fs::write(folder.join(format!("{name}.jsonl")), lines).expect("writing traffic");
    }

    /// What the simulator found against its caller: a call before `Retry-After` was over. Empty is right.
    pub(crate) async fn violations(&self) -> Value {
        self.get("violations").await["violations"].take()
    }

    fn at(&self, path: &str) -> String {
        format!("{}/_sim/{path}", self.url)
    }

    async fn get(&self, path: &str) -> Value {
        self.http.get(self.at(path)).send().await.expect("the simulator").json().await.expect("JSON")
    }

    async fn patch(&self, path: &str, body: &Value) {
        let answer = self.http.patch(self.at(path)).json(body).send().await.expect("the simulator");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    async fn post(&self, path: &str, body: &Value) {
        let answer = self.http.post(self.at(path)).json(body).send().await.expect("the simulator");
        let status = answer.status();
        assert!(status.is_success(), "{path}: {status} {}", answer.text().await.unwrap_or_default());
    }
}

/// The address in the line that the simulator greets with.
fn told_url(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("answers at ")?;
    Some(rest.split_once(';')?.0.to_owned())
}

/// The tenant of the example events, with one app and two workers.
pub(crate) fn tenant() -> Value {
    serde_json::from_str(include_str!("../../examples/tenant.json")).expect("examples/tenant.json")
}

#[expect(clippy::disallowed_methods, reason = "tests are told by `make test` where to record")]
fn traffic_folder() -> Option<PathBuf> {
    std::env::var_os("ARGUS_TRAFFIC_DIR").map(PathBuf::from)
}

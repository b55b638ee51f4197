//! The connector as the real binary, and its GraphQL API as a caller uses it.

use std::{
    path::PathBuf,
    process::{Command, ExitStatus},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    World,
    children::{Owned, free_port},
    simulator::tenant,
    wait::{eventually, eventually_within},
};

/// A running connector.
pub(crate) struct Connector {
    /// Root of its HTTP interface.
    pub(crate) url: String,
    /// Its log, in the test's folder.
    pub(crate) log: PathBuf,
    process: Owned,
    http: reqwest::Client,
    token: String,
}

impl Connector {
    /// Starts it on the world's settings with changes laid over, and waits until `/readyz` says yes. A port that another
    /// test took in between is exchanged for a new one.
    pub(super) async fn start(world: &World, changes: &[(&str, &str)]) -> Self {
        for _ in 0..5 {
            let connector = Self::spawn(world, changes);
            if let Some(ready) = connector.ready().await {
                return ready;
            }
        }
        panic!("no free port in five attempts");
    }

    /// One that the test started by itself, on the world's settings for this port; waits until it is ready.
    pub(crate) async fn of_process(world: &World, process: Owned, port: u16, log: PathBuf) -> Self {
        let token = token(&log.with_extension("toml"), "acme", "m365:admin");
        let connector = Self { url: format!("http://127.0.0.1:{port}"), log, process, http: world.http.clone(), token };
        connector.ready().await.expect("its port is free")
    }

    fn spawn(world: &World, changes: &[(&str, &str)]) -> Self {
        let port = free_port();
        let folder = world.folder.path();
        let (settings, log) = (folder.join(format!("{port}.toml")), folder.join(format!("{port}.log")));
        std::fs::write(&settings, world.settings(port)).expect("a settings file");
        let mut command = binary();
        command.arg("--config").arg(&settings).arg("serve").current_dir(folder);
        for (key, value) in changes {
            if key.starts_with("--") {
                command.args([key, value]);
                continue;
            }
            // What is no setting has its own name: where a test build is told to die.
            let setting = || format!("ARGUS_M365__{}", key.to_uppercase().replace('.', "__"));
            command.env(if key.starts_with("ARGUS_") { (*key).to_owned() } else { setting() }, value);
        }
        let process = Owned::spawn(&mut command, Some(&log));
        let token = token(&settings, "acme", "m365:admin");
        Self { url: format!("http://127.0.0.1:{port}"), log, process, http: world.http.clone(), token }
    }

    /// Itself once it is ready; none when its port was taken. Any other end fails the test.
    async fn ready(mut self) -> Option<Self> {
        let is_ready = eventually("the connector is ready", async || {
            if let Some(status) = self.process.ended() {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                assert!(log.contains("Address already in use"), "the connector ended with {status}: {log}");
                return Some(false);
            }
            let answer = self.http.get(format!("{}/readyz", self.url)).send().await.ok()?;
            answer.status().is_success().then_some(true)
        })
        .await;
        is_ready.then_some(self)
    }

    /// Sends a GraphQL request as organisation `acme` with every permission; the whole answer, errors included.
    pub(crate) async fn graphql(&self, query: &str, variables: Value) -> Value {
        self.graphql_as(&self.token, query, variables).await
    }

    /// The same with another token.
    pub(crate) async fn graphql_as(&self, token: &str, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.url)).bearer_auth(token).json(&body);
        request.send().await.expect("the API").json().await.expect("JSON")
    }

    /// The `data` of a request that must succeed.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.graphql(query, variables).await;
        assert!(answer["errors"].is_null(), "{query}: {answer}");
        answer["data"].take()
    }

    /// Registers the example tenant as acme's connection and waits until Microsoft has answered.
    pub(crate) async fn register(&self) {
        let app = &tenant()["apps"][0];
        let input =
            json!({ "directoryId": tenant()["id"], "applicationId": app["id"], "applicationSecret": app["secrets"][0]["value"] });
        let query = "mutation($input: RegisterConnectionInput!) { registerConnection(input: $input) { state } }";
        self.data(query, json!({ "input": input })).await;
        eventually("the connection is active", async || {
            let state = self.data("{ connection { state } }", Value::Null).await;
            (state["connection"]["state"] == "ACTIVE").then_some(())
        })
        .await;
    }

    /// What the API says about a task; null when it knows none.
    pub(crate) async fn task(&self, task: &str) -> Value {
        let query = "query($id: String!) { task(taskId: $id) { state version syncedVersion mailbox eventId attempts lastError { code } } }";
        self.data(query, json!({ "id": task })).await["task"].take()
    }

    /// Waits until a task's newest wanted version, which must be this one, stands in Microsoft 365.
    pub(crate) async fn settled(&self, task: &str, version: u64) -> Value {
        eventually(&format!("{task} settles at version {version}"), async || {
            let row = self.task(task).await;
            (row["state"] == "SETTLED" && row["syncedVersion"] == version).then_some(row)
        })
        .await
    }

    /// Waits until no task waits for anything; fails the test otherwise. Dead letters are an outcome, not work.
    pub(crate) async fn nothing_left(&self) {
        let query = "{ pending: tasks(state: PENDING) { totalCount } unknown: tasks(state: UNKNOWN) { totalCount } }";
        eventually("no work is left", async || {
            let left = self.data(query, Value::Null).await;
            (left["pending"]["totalCount"] == 0 && left["unknown"]["totalCount"] == 0).then_some(())
        })
        .await;
        let chain = self.data("{ auditVerification { intact } }", Value::Null).await;
        assert_eq!(chain["auditVerification"]["intact"], true, "the audit chain is broken");
    }

    /// `/metrics` as text.
    pub(crate) async fn metrics(&self) -> String {
        let answer = self.http.get(format!("{}/metrics", self.url)).send().await.expect("metrics");
        answer.text().await.expect("text")
    }

    /// The settings it was started with.
    pub(crate) fn settings(&self) -> std::path::PathBuf {
        self.log.with_extension("toml")
    }

    /// Runs another command of the binary on the same settings; its last line of output as JSON.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Value {
        let mut command = binary();
        command.arg("--config").arg(self.settings()).args(arguments);
        let run = tokio::task::spawn_blocking(move || command.output().expect("a command"));
        let output = run.await.expect("a command");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(text.trim_end().lines().last().unwrap_or_default()).expect("JSON")
    }

    /// A token of organisation `acme` with every permission.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Its process id.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a request that it dies of, with or without an answer.
    pub(crate) async fn dies_of(mut self, query: &str) {
        let request = self.http.post(format!("{}/graphql", self.url)).bearer_auth(&self.token);
        drop(request.json(&json!({ "query": query })).send().await);
        eventually_within(Duration::from_secs(30), "the connector dies", async || self.process.ended()).await;
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.process.kill();
    }

    /// Sends a signal by name: `STOP` freezes it, `CONT` thaws it.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// SIGTERM; it must drain and end with 0.
    pub(crate) async fn stop(self) {
        self.process.signal("TERM");
        self.ends().await;
    }

    /// Was told to stop: it must drain and end with 0.
    pub(crate) async fn ends(mut self) {
        let status: ExitStatus =
            eventually_within(Duration::from_secs(40), "the connector stops", async || self.process.ended()).await;
        let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
        assert!(status.success(), "the connector ended with {status}: {}", log());
    }
}

/// The binary, without the caller's own settings.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_argus-m365"));
    command.env_clear();
    command
}

/// A caller's token.
pub(crate) fn token(settings: &std::path::Path, organisation: &str, permissions: &str) -> String {
    let mut command = binary();
    command.arg("--config").arg(settings).args(["token", "mint", "--org", organisation, "--permissions", permissions]);
    let output = command.output().expect("token mint");
    assert!(output.status.success(), "token mint: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

//! A real nats-server for tests: found, started on a free port, killed and started again.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use async_nats::{Client, jetstream};

/// A server of the test's own. Stopped and its files removed when dropped.
pub(crate) struct Broker {
    binary: PathBuf,
    directory: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl Broker {
    /// Starts one. `None`, with a word about it, only where `ARGUS_M365_TEST_WITHOUT_NATS` says that none is to be expected.
    pub(crate) async fn start() -> Option<Self> {
        let Some(binary) = find() else {
            assert!(variable("ARGUS_M365_TEST_WITHOUT_NATS").is_some(), "no nats-server: set NATS_SERVER_BIN or put it in PATH");
            eprintln!("skipped: no nats-server");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut broker = Self { binary, directory: tempfile::tempdir().unwrap(), port, process: None };
        broker.restart().await;
        Some(broker)
    }

    /// Kills the server, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Freezes the server, or lets it go on: connections stay, nothing is answered.
    pub(crate) fn freeze(&self, frozen: bool) {
        let process = self.process.as_ref().unwrap().id().to_string();
        let signal = if frozen { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// Starts the server with what it kept.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(&self.binary);
        command.args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"]).arg(self.directory.path());
        self.process = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let url = self.url();
        eventually("the server answers", async || async_nats::connect(&url).await.is_ok()).await;
    }

    /// A client that reconnects fast.
    pub(crate) async fn client(&self) -> Client {
        let options = async_nats::ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(50));
        options.connect(self.url()).await.unwrap()
    }

    /// Its JetStream, with time-outs fit for a test.
    pub(crate) async fn context(&self) -> jetstream::Context {
        let mut context = jetstream::new(self.client().await);
        context.set_timeout(Duration::from_secs(2));
        context
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for a condition, at most 20 seconds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// `NATS_SERVER_BIN`, the project's own tools, `PATH`.
fn find() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/nats/bin/nats-server");
    let path = variable("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    let named = variable("NATS_SERVER_BIN").map(PathBuf::from);
    named.into_iter().chain(Some(own)).chain(in_path).find(|candidate| candidate.is_file())
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their tools are")]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

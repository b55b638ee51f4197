//! A connector that may end at any moment, which is not what the harness' own `Connector` expects.

use std::{os::unix::process::ExitStatusExt, path::PathBuf, process::Command, time::Duration};

use crate::support::{Owned, World, binary, eventually_within, free_port};

/// A lease short enough to be outlived by a freeze, and long enough for a busy machine.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// What every connector here runs with.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("delivery.lease", "2s"),
    ("delivery.call_timeout", "1s"),
    // The faults are many and in a row; giving up after a number of them is another test's subject.
    ("delivery.max_attempts", "1000"),
    // Objects here die with their workers by the hundred, and none of them is to blame.
    ("delivery.max_crashes", "1000"),
    crate::early::LOG,
];

/// A running connector.
pub(crate) struct Replica {
    process: Owned,
    url: String,
    log: PathBuf,
    http: reqwest::Client,
}

impl Replica {
    /// Starts one and does not wait for anything. `environment` is laid over its settings.
    pub(crate) fn spawn(world: &World, environment: &[(&str, &str)]) -> Self {
        let port = free_port();
        let folder = world.folder.path();
        let (settings, log) = (folder.join(format!("{port}.toml")), folder.join(format!("{port}.log")));
        std::fs::write(&settings, world.settings(port)).unwrap();
        // A write beyond a file-size limit must fail as on a full disk, not end the process with SIGXFSZ; what is ignored here
        // stays ignored after `exec`.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(binary().get_program());
        command.arg("--config").arg(&settings).arg("serve").current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
        for (key, value) in SETTINGS {
            command.env(format!("ARGUS_M365__{}", key.to_uppercase().replace('.', "__")), value);
        }
        command.envs(environment.iter().copied());
        let process = Owned::spawn(&mut command, Some(&log));
        Self { process, url: format!("http://127.0.0.1:{port}"), log, http: world.http.clone() }
    }

    /// Runs another command of the binary to its end, on the world's settings; it must succeed.
    pub(crate) async fn command(world: &World, arguments: &[&str]) -> String {
        let settings = world.folder.path().join("command.toml");
        std::fs::write(&settings, world.settings(0)).unwrap();
        let mut command = binary();
        command.arg("--config").arg(&settings).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}{errors}");
        said.into_owned()
    }

    /// Starts one and waits until it is ready; one whose port was taken in between is started again on another.
    pub(crate) async fn ready(world: &World) -> Self {
        for _ in 0..5 {
            let mut replica = Self::spawn(world, &[]);
            if replica.becomes_ready().await {
                return replica;
            }
        }
        panic!("no free port in five attempts");
    }

    /// Waits until `/readyz` says yes; false when its port was taken.
    pub(crate) async fn becomes_ready(&mut self) -> bool {
        eventually_within(Duration::from_mins(1), "a replica is ready", async || {
            if let Some(status) = self.process.ended() {
                let log = self.said();
                assert!(log.contains("Address already in use"), "a replica ended with {status}: {log}");
                return Some(false);
            }
            let answer = self.http.get(format!("{}/readyz", self.url)).send().await.ok()?;
            answer.status().is_success().then_some(true)
        })
        .await
    }

    /// `kill -9`. It must not have ended by itself before.
    pub(crate) fn kill(mut self) {
        if let Some(status) = self.process.ended() {
            let log = self.said();
            assert!(log.contains("Address already in use"), "a replica ended by itself with {status}: {log}");
            return;
        }
        self.process.kill();
    }

    /// `STOP` freezes it, `CONT` thaws it.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it has killed itself at its crash point; false when its port was taken.
    pub(crate) async fn dies(mut self, point: &str) -> bool {
        let status =
            eventually_within(Duration::from_secs(30), &format!("a replica dies at {point}"), async || self.process.ended())
                .await;
        if status.signal() == Some(9) {
            return true;
        }
        let log = self.said();
        assert!(log.contains("Address already in use"), "{point}: a replica ended with {status}: {log}");
        false
    }

    /// SIGTERM: it must end with 0 within the contract's 25 s. How long it took.
    pub(crate) async fn stop(mut self) -> Duration {
        let started = std::time::Instant::now();
        self.process.signal("TERM");
        let status = eventually_within(Duration::from_secs(25), "a replica stops", async || self.process.ended()).await;
        assert!(status.success(), "a replica that was told to stop ended with {status}: {}", self.said());
        started.elapsed()
    }

    /// Its log.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

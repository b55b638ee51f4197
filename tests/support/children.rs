//! Child processes that do not outlive their test.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A child process, killed when dropped.
pub(crate) struct Owned(Child);

impl Owned {
    /// Starts it with its output thrown away, or into a file.
    pub(crate) fn spawn(command: &mut Command, log: Option<&Path>) -> Self {
        let output = |log: Option<&Path>| match log {
            Some(path) => std::fs::File::options().create(true).append(true).open(path).expect("a log file").into(),
            None => Stdio::null(),
        };
        Self(command.stdin(Stdio::null()).stdout(output(log)).stderr(output(log)).spawn().expect("a child process"))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("killing a child");
        self.0.wait().expect("waiting for a child");
    }

    /// Sends a signal by name (`TERM`, `HUP`, `STOP`, `CONT`).
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(sent.expect("kill").success(), "signal {name}");
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("asking after a child")
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        if self.0.kill().is_ok() {
            self.0.wait().expect("waiting for a child");
        }
    }
}

/// A port that nobody has at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// The nats-server that `make test` names, else the one that `make tools` fetched, else the one on PATH.
#[expect(clippy::disallowed_methods, reason = "tests are told by `make test` where their servers are")]
pub(crate) fn nats_server() -> PathBuf {
    let fetched =
        || Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.tools/nats/bin/nats-server"))).filter(|path| path.exists());
    std::env::var_os("NATS_SERVER_BIN").map(PathBuf::from).or_else(fetched).unwrap_or_else(|| "nats-server".into())
}

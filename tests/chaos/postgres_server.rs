//! The Postgres server itself goes down and comes back, in order and without.

use std::{
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::{
    dice::size,
    stage::Stage,
    support::{Owned, Store, World, eventually, free_port},
};

/// The longest time between two faults.
const PEACE: Duration = Duration::from_millis(800);
/// The longest time that the server is away.
const AWAY: Duration = Duration::from_secs(2);
/// Postgres refuses to run as root, so root starts it as nobody.
const NOBODY: u32 = 65_534;

/// A server of the test's own, which it may stop. Stopped when dropped.
struct Server {
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
    process: Option<Owned>,
}

/// How a server is told to stop.
#[derive(Clone, Copy)]
enum Stop {
    /// It ends every session and writes everything back.
    Fast,
    /// It falls, and recovers from its log when it starts again.
    Immediate,
}

impl Server {
    /// Sets one up with the programs that the test run names. What it has confirmed outlives its own fall: only the flush to the disk is
    /// left out.
    async fn start(binaries: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        if is_root() {
            std::os::unix::fs::chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut initdb = program(&binaries, "initdb", folder.path());
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]).arg(&data);
        let made = tokio::task::spawn_blocking(move || initdb.output().unwrap()).await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self { binaries, folder, port: free_port(), process: None };
        server.up().await;
        server
    }

    /// The URL of its first database.
    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, where it was, and waits until it answers.
    async fn up(&mut self) {
        let mut command = program(&self.binaries, "postgres", self.folder.path());
        command.arg("-D").arg(self.folder.path().join("data"));
        let port = format!("port={}", self.port);
        for setting in ["fsync=off", "max_connections=100", "listen_addresses=127.0.0.1", "unix_socket_directories=", &port] {
            command.args(["-c", setting]);
        }
        self.process = Some(Owned::spawn(&mut command, None));
        let url = self.url();
        eventually("the server answers", async || PgConnection::connect(&url).await.ok()).await.close().await.unwrap();
    }

    /// Stops it, and waits until it has ended.
    async fn down(&mut self, how: Stop) {
        let mut process = self.process.take().unwrap();
        process.signal(match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        });
        eventually("the server has ended", async || process.ended()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // In order, so that none of its own children outlives it.
        let Some(mut process) = self.process.take() else { return };
        process.signal("QUIT");
        for _ in 0..500 {
            if process.ended().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn program(binaries: &Path, name: &str, home: &Path) -> Command {
    let mut command = Command::new(binaries.join(name));
    command.current_dir("/").env("HOME", home).env("LC_ALL", "C.UTF-8");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Where Postgres' programs are; none when the run has no Postgres.
#[expect(clippy::disallowed_methods, reason = "tests are told by `make test` where their servers are")]
fn binaries() -> Option<PathBuf> {
    std::env::var_os("TEST_POSTGRES_BIN").map(PathBuf::from)
}

#[tokio::test]
async fn a_postgres_server_that_is_restarted_or_falls_takes_nothing_with_it() {
    let Some(binaries) = binaries() else {
        assert!(!Store::available().contains(&Store::Postgres), "TEST_POSTGRES_BIN is not set (make test sets it)");
        return;
    };
    let mut server = Server::start(binaries).await;
    let mut world = World::start(Store::Sqlite).await;
    world.store = server.url();
    let mut stage = Stage::on(world, Store::Postgres, "Postgres server stopped and started").await;
    let replicas = vec![stage.replica().await, stage.replica().await];
    let times = size(8, 80);
    for turn in 0..times {
        // How soon it goes, and how long it is away, are the fault.
        tokio::time::sleep(stage.dice.between(Duration::ZERO, PEACE)).await;
        server.down(if turn % 2 == 0 { Stop::Immediate } else { Stop::Fast }).await;
        tokio::time::sleep(stage.dice.between(Duration::ZERO, AWAY)).await;
        server.up().await;
    }
    stage.judge(times, replicas).await;
}

//! The stage: broker, simulator and connector on free ports of this machine, in a folder that goes away.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use anyhow::{Context, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::process::{Child, Command};
use url::Url;

use super::{
    caller::Caller,
    patience::{PATIENCE, pause},
    table::Table,
};
use crate::{ids::Ids, simulator::Simulator};

/// Everything that runs. Children die with it.
pub(super) struct Stage {
    /// Speaks to the connector and to the simulator's controls.
    pub(super) caller: Caller,
    /// A plain client of the broker.
    pub(super) broker: async_nats::Client,
    connector: Option<Child>,
    nats: Child,
    _simulator: Simulator,
    // Last, because fields are dropped in order: whoever writes there is ended before the folder goes.
    folder: Folder,
}

impl Stage {
    /// Starts everything, registers nothing.
    pub(super) async fn set(table: &mut Table) -> anyhow::Result<Self> {
        table.title(
            "A field task becomes, moves and leaves an Outlook event",
            &["Argus publishes what should be true; the connector makes two workers' calendars agree. Microsoft 365 is simulated,",
              "everything else is real: NATS with JetStream, the connector's own binary, an encrypted store on disk."],
        );
        let folder = Folder::new()?;
        let (nats_port, http_port) = (free_port()?, free_port()?);
        let nats = start_nats(&folder.0, nats_port)?;
        let simulator = Simulator::start("127.0.0.1:0").await.context("starting the simulator")?;
        let url = Url::parse(&simulator.url())?;
        let secret = write_settings(&folder.0, nats_port, http_port, &url)?;
        let broker = connect(nats_port).await?;
        let caller = Caller::new(http_port, url, &secret)?;
        caller.make_tenant().await?;
        let mut stage = Self { caller, broker, folder, connector: None, nats, _simulator: simulator };
        stage.start_connector().await?;
        table.line(&format!(
            "NATS on port {nats_port}, the simulator on {}, the connector on port {http_port}",
            stage.caller.simulator
        ));
        Ok(stage)
    }

    /// Starts the connector as a child and waits until it is ready.
    pub(super) async fn start_connector(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(std::env::current_exe().context("finding this binary")?);
        command.arg("--config").arg(self.folder.0.join("argus-m365.toml")).arg("serve").env_clear();
        let mut child = quiet(&mut command, &self.folder.0.join("connector.log"))?.spawn().context("starting the connector")?;
        let started = Instant::now();
        while !self.caller.is_ready().await {
            if let Some(status) = child.try_wait()? {
                self.show_log();
                anyhow::bail!("the connector stopped at once with {status}");
            }
            ensure!(started.elapsed() < PATIENCE, "the connector is not ready after {PATIENCE:?}");
            pause().await;
        }
        self.connector = Some(child);
        Ok(())
    }

    /// `kill -9`: no handler runs, nothing is written down.
    pub(super) async fn kill_connector(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.connector.take() {
            child.kill().await.context("killing the connector")?;
        }
        Ok(())
    }

    /// Whether a text stands in the clear anywhere in the store's files.
    pub(super) fn store_holds(&self, text: &str) -> anyhow::Result<bool> {
        for entry in std::fs::read_dir(&self.folder.0)? {
            let path = entry?.path();
            let is_store = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("store.db"));
            if is_store && std::fs::read(&path)?.windows(text.len()).any(|window| window == text.as_bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The end of the connector's log, on standard error.
    pub(super) fn show_log(&self) {
        let log = std::fs::read_to_string(self.folder.0.join("connector.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(25)..).unwrap_or_default();
        eprintln!("\nthe end of the connector's log:\n{}", tail.join("\n"));
    }

    /// Ends everything and removes the folder.
    pub(super) async fn clear(mut self) {
        for child in self.connector.iter_mut().chain([&mut self.nats]) {
            if let Err(error) = child.kill().await {
                eprintln!("argus-m365: a child process was not ended: {error}");
            }
        }
    }
}

/// The stage's folder, for this user's eyes alone; removed on every way out (the children are killed by their own drop).
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("argus-m365-demo-{}", Ids::system().random().simple()));
        std::fs::DirBuilder::new().mode(0o700).create(&path).context("making a folder")?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("argus-m365: {} was not removed: {error}", self.0.display());
        }
    }
}

/// Free at this moment; another program may take it in between, then the start fails and says so.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("finding a free port")?.local_addr()?.port())
}

fn quiet<'a>(command: &'a mut Command, log: &Path) -> anyhow::Result<&'a mut Command> {
    let open = || std::fs::File::options().create(true).append(true).open(log).context("opening a log");
    // Without a process group of its own, a Ctrl-C on the terminal would reach the child before us.
    Ok(command.stdin(Stdio::null()).stdout(open()?).stderr(open()?).process_group(0).kill_on_drop(true))
}

fn start_nats(folder: &Path, port: u16) -> anyhow::Result<Child> {
    let mut command = Command::new(nats_server());
    command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(folder.join("nats"));
    quiet(&mut command, &folder.join("nats.log"))?
        .spawn()
        .context("nats-server could not be started: name it in NATS_SERVER_BIN, or use `make demo`, which fetches it")
}

/// The server named in `NATS_SERVER_BIN`, else the project's own, else the one on PATH.
#[expect(clippy::disallowed_methods, reason = "not a setting of the service: where a tool of this demonstration is")]
fn nats_server() -> PathBuf {
    let fetched = || Some(PathBuf::from(".tools/nats/bin/nats-server")).filter(|path| path.exists());
    std::env::var_os("NATS_SERVER_BIN").map(PathBuf::from).or_else(fetched).unwrap_or_else(|| "nats-server".into())
}

async fn connect(port: u16) -> anyhow::Result<async_nats::Client> {
    let (address, started) = (format!("nats://127.0.0.1:{port}"), Instant::now());
    loop {
        match async_nats::connect(&address).await {
            Ok(client) => return Ok(client),
            Err(error) if started.elapsed() > PATIENCE => return Err(error).context("connecting to nats-server"),
            Err(_) => pause().await,
        }
    }
}

/// Writes settings and key ring; returns the shared secret for the caller's token.
fn write_settings(folder: &Path, nats: u16, http: u16, simulator: &Url) -> anyhow::Result<String> {
    let ids = Ids::system();
    let secret = format!("{}{}", ids.random().simple(), ids.random().simple());
    let key = [ids.random().into_bytes(), ids.random().into_bytes()].concat();
    let here = folder.display();
    std::fs::write(folder.join("keyring"), format!("demo:{}\n", STANDARD.encode(key)))?;
    // Short leases and back-off, so that the story after the kill takes seconds, not a minute.
    let settings = format!(
        "[database]\nurl = \"sqlite://{here}/store.db\"\n\
         [nats]\nurl = \"nats://127.0.0.1:{nats}\"\n\
         [http]\nlisten = \"127.0.0.1:{http}\"\n\
         [auth]\nissuer = \"demo\"\naudience = \"argus-m365\"\nhs256_secret = \"{secret}\"\n\
         [vault]\nkeyring_file = \"{here}/keyring\"\n\
         [microsoft]\nlogin_url = \"{simulator}\"\ngraph_url = \"{simulator}\"\n\
         [delivery]\nlease = \"4s\"\ncall_timeout = \"2s\"\nbackoff_initial = \"100ms\"\nbackoff_max = \"1s\"\n"
    );
    std::fs::write(folder.join("argus-m365.toml"), settings)?;
    Ok(secret)
}

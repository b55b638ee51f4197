//! `database.*`, `nats.*`, `http.*`, `vault.*`: the parts the process itself stands on.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{SettingsError, values::Values};

/// Which parts of the service a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// All of them.
    #[default]
    All,
    /// Intake, reconciler, outbox; health and metrics, no GraphQL.
    Worker,
    /// GraphQL, health and metrics; no broker needed.
    Api,
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "worker" => Ok(Self::Worker),
            "api" => Ok(Self::Api),
            _ => Err("a role is all, worker or api".to_owned()),
        }
    }
}

/// Where the store is.
#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite://PATH` or `postgres://…`; may hold a password.
    pub url: SecretString,
    /// For migrations alone; falls back to `url`.
    pub owner_url: Option<SecretString>,
    /// The role that reads the audit trail, let in by migrations.
    pub auditor_role: Option<String>,
    /// Whether `serve` migrates.
    pub migrate: bool,
}

impl Database {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let url = database_url(values, "database.url")?.ok_or_else(|| SettingsError::missing("database.url"))?;
        Ok(Self {
            url,
            owner_url: database_url(values, "database.owner_url")?,
            auditor_role: values.text("database.auditor_role"),
            migrate: values.switch("database.migrate")?,
        })
    }

    /// The address that migrations use.
    pub fn migration_url(&self) -> &SecretString {
        self.owner_url.as_ref().unwrap_or(&self.url)
    }
}

fn database_url(values: &Values, name: &'static str) -> Result<Option<SecretString>, SettingsError> {
    let Some(url) = values.secret(name) else { return Ok(None) };
    let text = url.expose_secret();
    let problem = match text.split_once(':') {
        Some(("sqlite", _)) => None,
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => postgres_problem(text),
        _ => Some("must begin with sqlite:// or postgres://"),
    };
    match problem {
        Some(problem) => Err(SettingsError::new(name, problem)),
        None => Ok(Some(url)),
    }
}

/// The driver would fill in what is missing with its own guesses (this machine, the operating system's user), in production as well. A
/// host may also be named behind the question mark: a socket's folder has slashes.
fn postgres_problem(text: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(text) else { return Some("is not a URL such as postgres://USER:PASSWORD@HOST/NAME") };
    let named = |key: &str| url.query_pairs().any(|(name, value)| name == key && !value.is_empty());
    let has_host = url.host_str().is_some_and(|host| !host.is_empty()) || named("host") || named("hostaddr");
    let has_name = url.path().len() > 1 || named("dbname");
    match (has_host, has_name) {
        (false, _) => Some("names no host: postgres://USER:PASSWORD@HOST/NAME"),
        (true, false) => Some("names no database: postgres://USER:PASSWORD@HOST/NAME"),
        (true, true) => None,
    }
}

/// Where the broker is.
#[derive(Debug, Clone)]
pub struct Nats {
    /// Servers, separated by commas; may hold a password.
    pub url: SecretString,
    /// A NATS credentials file.
    pub credentials_file: Option<PathBuf>,
    /// A private certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// The stream events arrive on.
    pub stream: String,
    /// The durable consumer.
    pub durable: String,
}

impl Nats {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let url = values.secret("nats.url").ok_or_else(|| SettingsError::missing("nats.url"))?;
        for server in url.expose_secret().split(',') {
            check_server(server.trim())?;
        }
        let (stream, durable) = (stream_name(values, "nats.stream")?, stream_name(values, "nats.durable")?);
        Ok(Self {
            url,
            credentials_file: values.path("nats.credentials_file"),
            ca_file: values.path("nats.ca_file"),
            stream,
            durable,
        })
    }
}

fn check_server(server: &str) -> Result<(), SettingsError> {
    let problem = |text| Err(SettingsError::new("nats.url", text));
    match Url::parse(server) {
        Ok(url) if !matches!(url.scheme(), "nats" | "tls" | "ws" | "wss") => {
            problem("each server must begin with nats:// or tls://")
        }
        Ok(url) if url.host_str().is_none_or(str::is_empty) => problem("a server has no host"),
        Ok(_) => Ok(()),
        Err(_) => problem("a server is not a URL such as nats://127.0.0.1:4222"),
    }
}

/// Names of streams and consumers may hold no dot, wildcard, space or slash (NATS, "Naming").
fn stream_name(values: &Values, name: &'static str) -> Result<String, SettingsError> {
    let text = values.required(name)?;
    let bad = |character: char| character.is_whitespace() || character.is_control() || ".*>/\\".contains(character);
    if text.contains(bad) { Err(SettingsError::new(name, "must not contain spaces, dots, slashes, * or >")) } else { Ok(text) }
}

/// The GraphQL API.
#[derive(Debug, Clone)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Deepest nesting.
    pub max_depth: usize,
    /// Highest complexity.
    pub max_complexity: usize,
    /// Most root fields.
    pub max_root_fields: usize,
    /// Most directives.
    pub max_directives: usize,
    /// Largest page.
    pub max_page: u32,
    /// Largest body, bytes.
    pub max_body: usize,
    /// Bound on a request.
    pub timeout: Duration,
}

impl Http {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let listen = values.required("http.listen")?;
        Ok(Self {
            listen: listen
                .parse()
                .map_err(|_| SettingsError::new("http.listen", "must be an IP address and a port, such as 127.0.0.1:8080"))?,
            max_depth: values.number("http.max_depth", 3, 100)?,
            max_complexity: values.number("http.max_complexity", 100, 10_000_000)?,
            max_root_fields: values.number("http.max_root_fields", 1, 1_000)?,
            max_directives: values.number("http.max_directives", 0, 1_000)?,
            max_page: values.number("http.max_page", 1, 10_000)?,
            max_body: values.number("http.max_body", 1_024, 64 << 20)?,
            timeout: values.duration("http.timeout", Duration::from_secs(1), Duration::from_mins(5))?,
        })
    }
}

/// The key ring.
#[derive(Debug, Clone)]
pub struct Vault {
    /// Its text.
    pub keyring: SecretString,
    /// The file it came from, which is read again when it changes.
    pub keyring_file: Option<PathBuf>,
}

impl Vault {
    /// None when there is no key ring.
    pub(super) fn from(values: &Values) -> Result<Option<Self>, SettingsError> {
        let keyring = values.secret("vault.keyring");
        if keyring.is_none() && values.section_is_set("vault") {
            return Err(SettingsError::new("vault.keyring", "is empty"));
        }
        Ok(keyring.map(|keyring| Self { keyring, keyring_file: values.file_of("vault.keyring") }))
    }
}

//! `microsoft.*`, `delivery.*` and one section a capability: how Microsoft 365 is worked on.

use std::time::Duration;

use url::Url;

use super::{SettingsError, values::Values};

/// Where Microsoft 365 is, when it is not where the connection's cloud says. Both or neither.
#[derive(Debug, Clone)]
pub struct Microsoft {
    /// Root of the identity platform.
    pub login_url: Option<Url>,
    /// Root of Graph, without version.
    pub graph_url: Option<Url>,
    /// Whether the account that signs in for Teams is asked for the right to read channels.
    pub read_channels: bool,
}

impl Microsoft {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let (login_url, graph_url) = (root(values, "microsoft.login_url")?, root(values, "microsoft.graph_url")?);
        match (&login_url, &graph_url) {
            (Some(_), None) => Err(SettingsError::new("microsoft.graph_url", "must be set together with microsoft.login_url")),
            (None, Some(_)) => Err(SettingsError::new("microsoft.login_url", "must be set together with microsoft.graph_url")),
            _ => Ok(Self { login_url, graph_url, read_channels: values.switch("microsoft.read_channels")? }),
        }
    }
}

/// An address that paths are put behind: a version in it would come twice, and a query would end up in the middle.
fn root(values: &Values, name: &'static str) -> Result<Option<Url>, SettingsError> {
    let Some(url) = values.url(name)? else { return Ok(None) };
    if url.query().is_some() {
        return Err(SettingsError::new(name, "must not carry a query"));
    }
    let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if ["v1.0", "beta", "v2.0"].contains(&last) {
        return Err(SettingsError::new(name, &format!("is a root; leave out /{last}, which is added")));
    }
    Ok(Some(url))
}

/// How fast, how often and how patiently.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Objects worked on at once.
    pub concurrency: usize,
    /// Calls in flight for one mailbox.
    pub per_mailbox: usize,
    /// Events committed together.
    pub batch: usize,
    /// How long a claim holds without a sign of life.
    pub lease: Duration,
    /// Attempts until an object is a dead letter.
    pub max_attempts: u32,
    /// Workers in a row that may die over one object until it is a dead letter.
    pub max_crashes: u32,
    /// The first wait.
    pub backoff_initial: Duration,
    /// The longest wait of our own.
    pub backoff_max: Duration,
    /// The first probe of a connection that does not work, after its state changed.
    pub probe_initial: Duration,
    /// The longest wait between its probes.
    pub probe_max: Duration,
    /// Bound on a whole call.
    pub call_timeout: Duration,
    /// Bound on making a connection.
    pub connect_timeout: Duration,
    /// How long a stopping process lets work finish.
    pub drain: Duration,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

impl Delivery {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let delivery = Self {
            concurrency: values.number("delivery.concurrency", 1, 10_000)?,
            per_mailbox: values.number("delivery.per_mailbox", 1, 4)?,
            batch: values.number("delivery.batch", 1, 5_000)?,
            lease: values.duration("delivery.lease", SECOND, HOUR)?,
            max_attempts: values.number("delivery.max_attempts", 1, 1_000)?,
            max_crashes: values.number("delivery.max_crashes", 1, 1_000)?,
            backoff_initial: values.duration("delivery.backoff_initial", Duration::from_millis(10), HOUR)?,
            backoff_max: values.duration("delivery.backoff_max", Duration::from_millis(10), 24 * HOUR)?,
            probe_initial: values.duration("delivery.probe_initial", Duration::from_millis(100), HOUR)?,
            probe_max: values.duration("delivery.probe_max", Duration::from_millis(100), 24 * HOUR)?,
            call_timeout: values.duration("delivery.call_timeout", Duration::from_millis(100), Duration::from_mins(10))?,
            connect_timeout: values.duration("delivery.connect_timeout", Duration::from_millis(100), Duration::from_mins(1))?,
            drain: values.duration("delivery.drain", Duration::ZERO, HOUR)?,
        };
        delivery.fits_together()
    }

    /// A call must be over well before its lease is, or another worker takes the object up in the middle of it.
    fn fits_together(self) -> Result<Self, SettingsError> {
        if self.lease < self.call_timeout * 2 {
            return Err(SettingsError::new("delivery.lease", "must be at least twice delivery.call_timeout"));
        }
        if self.backoff_max < self.backoff_initial {
            return Err(SettingsError::new("delivery.backoff_max", "must not be shorter than delivery.backoff_initial"));
        }
        if self.probe_max < self.probe_initial {
            return Err(SettingsError::new("delivery.probe_max", "must not be shorter than delivery.probe_initial"));
        }
        Ok(self)
    }
}

/// Outlook.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Minutes before a visit at which Outlook reminds.
    pub reminder_minutes: u32,
}

impl Calendar {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        Ok(Self { reminder_minutes: values.number("calendar.reminder_minutes", 0, 40_320)? })
    }
}

/// Directory imports.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Time between imports; none: by hand alone.
    pub schedule: Option<Duration>,
    /// The most people one import may disable unasked.
    pub disable_limit: u32,
    /// The same, as a share of the active people.
    pub disable_limit_percent: u32,
}

impl Directory {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let schedule = match values.required("directory.schedule")?.as_str() {
            "off" => None,
            _ => Some(values.duration("directory.schedule", Duration::from_mins(1), 24 * 31 * HOUR)?),
        };
        Ok(Self {
            schedule,
            disable_limit: values.number("directory.disable_limit", 0, 10_000_000)?,
            disable_limit_percent: values.number("directory.disable_limit_percent", 0, 100)?,
        })
    }
}

/// Teams channels.
#[derive(Debug, Clone)]
pub struct Teams {
    /// Host suffixes that webhooks may have.
    pub webhook_hosts: Vec<String>,
    /// How much the number of customers must change before a card is updated.
    pub customers_threshold_percent: u32,
    /// Cards a minute in one channel.
    pub cards_per_minute: u32,
    /// What to do with a card whose answer was lost.
    pub unknown_policy: UnknownPolicy,
}

/// What to do with a card whose answer was lost and that cannot be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// Post it again: perhaps twice, never lost.
    Resend,
    /// Leave it to a person: never twice, perhaps lost.
    Hold,
}

impl Teams {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let unknown_policy = match values.required("teams.unknown_policy")?.as_str() {
            "resend" => UnknownPolicy::Resend,
            "hold" => UnknownPolicy::Hold,
            _ => return Err(SettingsError::new("teams.unknown_policy", "must be resend or hold")),
        };
        Ok(Self {
            webhook_hosts: values.list("teams.webhook_hosts"),
            customers_threshold_percent: values.number("teams.customers_threshold_percent", 0, 100)?,
            cards_per_minute: values.number("teams.cards_per_minute", 1, 1_000)?,
            unknown_policy,
        })
    }
}

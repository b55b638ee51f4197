//! Every key, declared once: its name, form, default and meaning. What is not in this table is an unknown key.

use std::fmt::Write as _;

/// What a key's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Any text.
    Text,
    /// A text that is never printed.
    Secret,
    /// The path of a file that is used as a file.
    Path,
    /// A whole number.
    Integer,
    /// A number from 0 to 1.
    Fraction,
    /// `true` or `false`.
    Switch,
    /// A duration such as `30s`, `2m`, `1h`.
    Duration,
    /// Texts; in the environment, separated by commas.
    List,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// `section.key`.
    pub(super) name: &'static str,
    /// What its value looks like.
    pub(super) form: Form,
    /// As written in TOML; empty when there is none.
    pub(super) default: &'static str,
    /// For `config default`.
    pub(super) meaning: &'static str,
}

impl Key {
    /// Whether `KEY_file` may name a file that holds the value.
    pub(super) fn takes_file(&self) -> bool {
        matches!(self.form, Form::Text | Form::Secret)
    }
}

/// Finds a key by its full name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

const fn key(name: &'static str, form: Form, default: &'static str, meaning: &'static str) -> Key {
    Key { name, form, default, meaning }
}

use Form::{Duration, Fraction, Integer, List, Path, Secret, Switch, Text};

/// The table, in the order in which it is printed.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("database.url", Secret, r#""sqlite://argus-m365.db""#, "`sqlite://PATH` or `postgres://USER:PASSWORD@HOST/NAME`."),
    key("database.owner_url", Secret, "", "Used for migrations alone, so that the running service needs no right to change tables. Without it: database.url."),
    key("database.auditor_role", Text, "", "A Postgres role that may read the audit trail and nothing else; migrations give it that right."),
    key("database.migrate", Switch, "true", "Whether `serve` brings the schema up to date by itself. When false, run `argus-m365 migrate` before each upgrade."),

    key("nats.url", Secret, r#""nats://127.0.0.1:4222""#, "Servers, separated by commas; `nats://` or `tls://`."),
    key("nats.credentials_file", Path, "", "A NATS credentials file (JWT and seed)."),
    key("nats.ca_file", Path, "", "PEM of a private certificate authority for `tls://`."),
    key("nats.stream", Text, r#""ARGUS""#, "The stream that events arrive on. Made when absent, left as it is when present."),
    key("nats.durable", Text, r#""argus-m365""#, "The durable consumer; replicas share it."),

    key("http.listen", Text, r#""127.0.0.1:8080""#, "Address and port of GraphQL, health and metrics."),
    key("http.max_depth", Integer, "12", "GraphQL: the deepest nesting that is executed."),
    key("http.max_complexity", Integer, "20000", "GraphQL: the most fields a query may ask for; a list counts its page size times its children."),
    key("http.max_root_fields", Integer, "20", "GraphQL: root fields of one operation, aliases included."),
    key("http.max_directives", Integer, "50", "GraphQL: directives of one document."),
    key("http.max_page", Integer, "200", "GraphQL: the largest `first` of a list."),
    key("http.max_body", Integer, "1048576", "Bytes of a request's body; more is answered 413."),
    key("http.timeout", Duration, r#""10s""#, "Bound on one request."),

    key("auth.issuer", Text, "", "`iss` of callers' tokens, compared exactly. Required by `serve`."),
    key("auth.audience", Text, "", "`aud` of callers' tokens, compared exactly. Required by `serve`."),
    key("auth.jwks_url", Text, "", "Where the signing keys are published (https). Set exactly one of jwks_url, jwks_file, hs256_secret."),
    key("auth.jwks_file", Path, "", "A file with the signing keys (a JWK set)."),
    key("auth.hs256_secret", Secret, "", "A shared secret of at least 32 bytes; for development, and for `token mint`."),
    key("auth.organisation_claim", Text, r#""org_id""#, "The claim that names the caller's organisation."),
    key("auth.permissions_claim", Text, r#""scope""#, "The claim with the permissions: a text separated by spaces, or a list."),

    key("vault.keyring", Secret, "", "Master keys, one a line, `ID:BASE64(32 bytes)`; the last one seals, all open. Required by `serve`; best given as vault.keyring_file."),

    key("microsoft.login_url", Text, "", "Sends every connection's sign-in here instead of to its cloud (the simulator). Set together with microsoft.graph_url."),
    key("microsoft.graph_url", Text, "", "Sends every connection's calls here instead of to its cloud. A root without version; https, or http on loopback."),
    key("microsoft.read_channels", Switch, "false", "Ask for ChannelMessage.Read.All (an administrator consents) when an account signs in for Teams, so that a message whose answer was lost can be looked for."),

    key("delivery.concurrency", Integer, "256", "Calls of one organisation under way at once in one process; others find some beside them. They take about 100 ms, so 256 is about 2,500 a second when nothing is throttled."),
    key("delivery.per_mailbox", Integer, "4", "Calls in flight for one mailbox. Microsoft refuses the fifth."),
    key("delivery.batch", Integer, "256", "Events taken from the stream and committed together."),
    key("delivery.lease", Duration, r#""60s""#, "How long a worker may hold an object without a sign of life before another takes it over. At least twice delivery.call_timeout."),
    key("delivery.max_crashes", Integer, "3", "Workers in a row that may die over one object until it becomes a dead letter."),
    key("delivery.max_attempts", Integer, "25", "Attempts until an object becomes a dead letter; with the back-off below, about 7.5 hours."),
    key("delivery.backoff_initial", Duration, r#""2s""#, "The wait after the first failure; doubles each time, with jitter. A longer Retry-After wins."),
    key("delivery.backoff_max", Duration, r#""30m""#, "The longest wait between attempts, unless Microsoft asks for a longer one."),
    key("delivery.probe_initial", Duration, r#""1m""#, "When a refused or failing connection is first tried again without being asked; the wait doubles each time, with jitter."),
    key("delivery.probe_max", Duration, r#""15m""#, "The longest wait between two such tries."),
    key("delivery.call_timeout", Duration, r#""30s""#, "Bound on one call to Microsoft, from sending to the last byte of the answer."),
    key("delivery.connect_timeout", Duration, r#""5s""#, "Bound on making a connection to Microsoft."),
    key("delivery.drain", Duration, r#""20s""#, "How long a stopping `serve` lets calls under way finish. It ends within five seconds after: keep the orchestrator's grace period above that."),

    key("calendar.reminder_minutes", Integer, "15", "Minutes before a visit at which Outlook reminds; 0 to 40320 (four weeks)."),

    key("directory.schedule", Text, r#""off""#, "Imports on a timer, of what was imported before: a duration such as `6h`, or `off`."),
    key("directory.disable_limit", Integer, "500", "The most people one import may disable unasked."),
    key("directory.disable_limit_percent", Integer, "10", "The same as a share of the active people; five are always within it."),

    key("teams.webhook_hosts", List, r#"["api.powerplatform.com", "api.gov.powerplatform.microsoft.us", "api.high.powerplatform.microsoft.us", "api.appsplatform.us"]"#, "Hosts that Workflows webhooks may have, or end in. Retired hosts are refused whatever is set here."),
    key("teams.customers_threshold_percent", Integer, "10", "How much the number of customers must change before that alone is told."),
    key("teams.cards_per_minute", Integer, "20", "Cards a minute in one channel; of the rest, one summary a minute tells."),
    key("teams.unknown_policy", Text, r#""resend""#, "A card whose answer was lost and that cannot be looked for: `resend` (perhaps twice, never lost) or `hold` (left to a person)."),

    key("audit.interval", Duration, r#""1h""#, "Time between checks of every audit chain (metric audit_intact); each sound chain gets a signed checkpoint then."),
    key("audit.checkpoint_key_file", Path, "", "The Ed25519 key that signs checkpoints, PEM, as `openssl genpkey -algorithm ed25519` makes it. Without it: no checkpoints."),
    key("audit.checkpoint_file", Path, "", "Where checkpoints are appended, one a line. Keep it where whoever can write the database cannot."),

    key("log.format", Text, "", "`text` or `json`. Without it: text on a terminal, else json."),
    key("log.level", Text, r#""info""#, "`error`, `warn`, `info`, `debug`, `trace`, or filter directives (`info,argus_m365::graph=debug`)."),

    key("telemetry.otlp_endpoint", Text, "", "An OpenTelemetry collector that traces are sent to (OTLP over HTTP, protobuf); `/v1/traces` is added. Without it: no traces, at no cost."),
    key("telemetry.otlp_headers", Secret, "", "Headers for the collector, one `Name: value` a line; best given as telemetry.otlp_headers_file."),
    key("telemetry.service_name", Text, r#""argus-m365""#, "`service.name` of the traces."),
    key("telemetry.sample_ratio", Fraction, "1.0", "Share of the traces that begin here which are recorded. A trace that a publisher began is recorded when the publisher says so (`sampled` in traceparent)."),
];

/// A settings file with every key at its default and its meaning; keys without a default are commented out.
pub fn print_defaults() -> String {
    let mut text = String::from(
        "# argus-m365.toml: every key, its default and its meaning.\n\
         # A key is overridden in the environment as ARGUS_M365__SECTION__KEY. Any text may be named by file instead: KEY_file.\n",
    );
    let mut section = "";
    for key in KEYS {
        let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if of != section {
            section = of;
            let _infallible = writeln!(text, "\n[{section}]");
        }
        let _infallible = writeln!(text, "# {}", key.meaning);
        let _infallible = match key.default {
            "" => writeln!(text, "# {name} ="),
            default => writeln!(text, "{name} = {default}"),
        };
    }
    text
}

use std::{ffi::OsString, io::Write, time::Duration};

use secrecy::ExposeSecret;

use super::{keys::KEYS, *};

const SERVE: &str = r#"
    [auth]
    issuer = "https://argus.example"
    audience = "argus-m365"
    hs256_secret = "0123456789abcdef0123456789abcdef"
    [vault]
    keyring = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
"#;

fn problem(text: &str) -> String {
    Settings::load(&Sources::text(text)).unwrap_err().to_string()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn nothing_set_means_the_defaults() {
    let settings = Settings::load(&Sources::default()).unwrap();
    assert_eq!(settings.database.url.expose_secret(), "sqlite://argus-m365.db");
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.delivery.lease, Duration::from_mins(1));
    assert!(settings.database.migrate && settings.origins().is_empty());
    assert_eq!(settings.check_serve().unwrap_err().to_string(), "auth.issuer: is required");
}

#[test]
fn the_printed_defaults_are_the_defaults_and_list_every_key() {
    let text = print_defaults();
    let mut printed = Settings::load(&Sources::text(&text)).unwrap();
    for (name, _) in std::mem::take(&mut printed.origins) {
        assert!(!KEYS.iter().find(|key| key.name == name).unwrap().default.is_empty());
    }
    let plain = Settings::load(&Sources::default()).unwrap();
    printed.origins.clone_from(&plain.origins);
    assert_eq!(format!("{printed:?}"), format!("{plain:?}"));
    let mut section = "";
    let mut listed = Vec::new();
    for line in text.lines() {
        section = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(section);
        if let Some((name, _)) = line.trim_start_matches("# ").split_once(" =") {
            listed.push(format!("{section}.{name}"));
        }
    }
    for key in KEYS {
        assert!(listed.iter().any(|name| name == key.name), "{} is not listed", key.name);
    }
}

#[test]
fn an_unknown_key_is_named_wherever_it_stands() {
    assert_eq!(problem("[microsoft]\ngraph_uri = \"x\""), "microsoft.graph_uri: unknown key");
    assert_eq!(problem("[mircosoft]\n"), "mircosoft: unknown section");
    assert_eq!(problem("listen = 1"), "listen: unknown key");
    let typo = Sources::default().with("http.lisen", "127.0.0.1:1");
    assert_eq!(Settings::load(&typo).unwrap_err().to_string(), "http.lisen: unknown key");
    assert_eq!(problem("[delivery]\nlease_file = \"x\""), "delivery.lease_file: unknown key");
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = file("[http]\nlisten = \"127.0.0.1:1\"\nmax_depth = 9\n");
    let variables = [("ARGUS_M365__HTTP__LISTEN", "127.0.0.1:2"), ("ARGUS_M365__DATABASE__MIGRATE", "false"), ("OTHER", "x")]
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let settings = Settings::load(&Sources::find(Some(file.path()), variables).unwrap()).unwrap();
    assert_eq!((settings.http.listen.port(), settings.http.max_depth, settings.database.migrate), (2, 9, false));
    let listen = settings.origins().iter().find(|(key, _)| *key == "http.listen").unwrap();
    assert_eq!(listen.1, "the environment");
}

#[test]
fn a_text_may_be_named_by_file() {
    let secret = file("0123456789abcdef0123456789abcdef\n");
    let text = format!("[auth]\nissuer = \"i\"\naudience = \"a\"\nhs256_secret_file = {:?}", secret.path());
    let settings = Settings::load(&Sources::text(&text)).unwrap();
    assert_eq!(settings.auth().unwrap().shared_secret().unwrap().expose_secret().len(), 32);
    assert_eq!(
        problem("[vault]\nkeyring_file = \"/no/such/file\""),
        "vault.keyring_file: /no/such/file cannot be read: No such file or directory"
    );
    let both = format!("[vault]\nkeyring = \"x\"\nkeyring_file = {:?}", secret.path());
    assert_eq!(problem(&both), "vault.keyring: set it or vault.keyring_file, not both");
}

#[test]
fn a_later_layer_replaces_a_value_named_by_file() {
    let ring = file("old:AAAA\n");
    let text = format!("[vault]\nkeyring_file = {:?}", ring.path());
    let settings = Settings::load(&Sources::text(&text).with("vault.keyring", "new:BBBB")).unwrap();
    let vault = settings.vault().unwrap();
    assert_eq!((vault.keyring.expose_secret(), &vault.keyring_file), ("new:BBBB", &None));
}

#[test]
fn plain_http_is_for_loopback_alone() {
    let urls = |login: &str, graph: &str| format!("[microsoft]\nlogin_url = {login:?}\ngraph_url = {graph:?}");
    assert_eq!(
        problem(&urls("https://login.example", "http://graph.example")),
        "microsoft.graph_url: must be https; http is accepted on loopback alone"
    );
    assert_eq!(problem(&urls("ftp://x", "https://y")), "microsoft.login_url: must be an https URL");
    assert!(problem(&urls("https://login.example", "graph")).starts_with("microsoft.graph_url: is not a URL"));
    assert!(problem(&urls("http://127.0.0.1.evil.example", "https://y")).starts_with("microsoft.login_url: must be https"));
    for host in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "https://graph.example"] {
        Settings::load(&Sources::text(&urls(host, host))).unwrap();
    }
}

#[test]
fn microsofts_two_hosts_are_set_together() {
    assert_eq!(
        problem("[microsoft]\nlogin_url = \"https://x\""),
        "microsoft.graph_url: must be set together with microsoft.login_url"
    );
}

#[test]
fn exactly_one_source_of_signing_keys() {
    let with = |rest: &str| format!("[auth]\nissuer = \"i\"\naudience = \"a\"\n{rest}");
    assert!(problem(&with("")).starts_with("auth.jwks_url: one of"));
    assert!(problem(&with("jwks_file = \"f\"\njwks_url = \"https://x\"")).starts_with("auth.jwks_url: set one of"));
    assert_eq!(problem(&with("hs256_secret = \"short\"")), "auth.hs256_secret: must have at least 32 bytes");
    assert_eq!(problem("[auth]\nissuer = \" \"\naudience = \"a\""), "auth.issuer: is required");
}

#[test]
fn impossible_values_name_their_key() {
    let cases = [
        ("[http]\nlisten = \"8080\"", "http.listen: must be an IP address and a port, such as 127.0.0.1:8080"),
        ("[http]\nmax_depth = \"12\"", "http.max_depth: must be a whole number"),
        ("[delivery]\nper_mailbox = 5", "delivery.per_mailbox: must be from 1 to 4"),
        ("[delivery]\nlease = \"soon\"", "delivery.lease: is not a duration such as \"30s\", \"2m\" or \"1h\""),
        ("[delivery]\nlease = \"59s\"", "delivery.lease: must be at least twice delivery.call_timeout"),
        ("[database]\nurl = \"postgres://\"", "database.url: names no host: postgres://USER:PASSWORD@HOST/NAME"),
        ("[database]\nurl = \"postgres:///argus\"", "database.url: names no host: postgres://USER:PASSWORD@HOST/NAME"),
        ("[database]\nurl = \"postgres://db.internal\"", "database.url: names no database: postgres://USER:PASSWORD@HOST/NAME"),
        ("[database]\nurl = \"mysql://x\"", "database.url: must begin with sqlite:// or postgres://"),
        ("[nats]\nurl = \"http://x\"", "nats.url: each server must begin with nats:// or tls://"),
        ("[nats]\nstream = \"A.B\"", "nats.stream: must not contain spaces, dots, slashes, * or >"),
        ("[directory]\nschedule = \"daily\"", "directory.schedule: is not a duration such as \"30s\", \"2m\" or \"1h\""),
        ("[log]\nformat = \"xml\"", "log.format: must be text or json"),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text), expected);
    }
}

#[test]
fn a_broken_file_is_reported_by_line_without_its_text() {
    let text = problem("[auth]\nhs256_secret = \"s3cret\nissuer = 1");
    assert!(text.starts_with("argus-m365.toml: line 2"), "{text}");
    assert!(!text.contains("s3cret") && !text.contains('\n'), "{text}");
}

#[test]
fn debug_prints_no_secret() {
    let text = format!("{SERVE}\n[database]\nurl = \"postgres://u:hunter2@h/d\"\n[nats]\nurl = \"nats://u:hunter3@h:1\"");
    let settings = Settings::load(&Sources::text(&text)).unwrap();
    settings.check_serve().unwrap();
    let printed = format!("{settings:?}");
    for secret in ["hunter2", "hunter3", "0123456789abcdef", "AAAAAAAA"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[test]
fn a_collector_is_named_by_its_root_and_its_headers_are_secret() {
    let telemetry = |text: &str| Settings::load(&Sources::text(&format!("[telemetry]\n{text}"))).unwrap().telemetry;
    let endpoint = |url: &str| telemetry(&format!("otlp_endpoint = {url:?}")).otlp_endpoint.map(|url| url.to_string());
    assert_eq!(endpoint("http://collector:4318").as_deref(), Some("http://collector:4318/v1/traces"));
    assert_eq!(endpoint("https://c.example/otlp/").as_deref(), Some("https://c.example/otlp/v1/traces"));
    assert_eq!(endpoint("https://c.example/v1/traces").as_deref(), Some("https://c.example/v1/traces"));
    let off = telemetry("");
    assert!(off.otlp_endpoint.is_none() && off.headers().is_empty());
    assert_eq!((off.service_name.as_str(), off.sample_ratio.to_string().as_str()), ("argus-m365", "1"));
    let secret = "otlp_headers = \"X-Key: hunter2\\nX-Tenant: ours\"\notlp_endpoint = \"https://c.example\"\nsample_ratio = 0.25";
    let set = telemetry(secret);
    assert_eq!(set.headers().get("x-key").map(String::as_str), Some("hunter2"));
    assert_eq!(set.headers().len(), 2);
    assert!(!format!("{set:?}").contains("hunter2"), "{set:?}");
}

#[test]
fn what_cannot_be_a_collector_names_its_key() {
    let cases = [
        (
            "otlp_endpoint = \"collector:4318\"",
            "telemetry.otlp_endpoint: must be an http or https URL without user, query and fragment",
        ),
        (
            "otlp_endpoint = \"https://u:p@c.example\"",
            "telemetry.otlp_endpoint: must be an http or https URL without user, query and fragment",
        ),
        ("otlp_headers = \"hunter2\"", "telemetry.otlp_headers: line 1 is not a header of the form `Name: value`"),
        (
            "otlp_headers = \"X-Key: hunter2\"\notlp_endpoint = \"http://c.example\"",
            "telemetry.otlp_headers: need an https telemetry.otlp_endpoint, or one on loopback",
        ),
        ("sample_ratio = 1.5", "telemetry.sample_ratio: must be from 0 to 1"),
        ("sample_ratio = \"all\"", "telemetry.sample_ratio: must be a number from 0 to 1"),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(&format!("[telemetry]\n{text}")), expected);
    }
}

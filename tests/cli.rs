//! The binary as a shell sees it: exit codes, and one line that says what is wrong.

#![expect(clippy::unwrap_used, reason = "a helper that cannot set the scene fails the test")]

use std::process::{Command, Output};

use tempfile::TempDir;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The binary in an empty directory, without the caller's own settings.
fn argus(directory: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_argus-m365"));
    command.current_dir(directory.path()).env_clear();
    command
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    argus(&tempfile::tempdir().unwrap()).args(arguments).envs(environment.iter().copied()).output().unwrap()
}

/// The exit code and standard error, which must be one line.
fn refusal(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "not one line: {text}");
    (output.status.code(), text.trim_end().to_owned())
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

const AUTH: [(&str, &str); 3] = [
    ("ARGUS_M365__AUTH__ISSUER", "https://argus.example"),
    ("ARGUS_M365__AUTH__AUDIENCE", "argus-m365"),
    ("ARGUS_M365__AUTH__HS256_SECRET", SECRET),
];

#[test]
fn wrong_usage_is_one_line_and_2() {
    assert_eq!(refusal(&run(&[], &[])).0, Some(2));
    assert_eq!(refusal(&run(&["fly"], &[])).0, Some(2));
    let (code, line) = refusal(&run(&["token", "mint", "--org", "a b", "--permissions", "m365:read"], &[]));
    assert_eq!(code, Some(2));
    assert!(line.contains("--org"), "{line}");
    let (code, line) = refusal(&run(&["keys", "generate", "--id", "a b"], &[]));
    assert_eq!(code, Some(2));
    assert!(line.contains("--id"), "{line}");
    let lasting_no_time = ["token", "mint", "--org", "acme", "--permissions", "m365:read", "--ttl", "0s"];
    let (code, line) = refusal(&run(&lasting_no_time, &AUTH));
    assert_eq!(code, Some(2));
    assert!(line.contains("--ttl"), "{line}");
    let (code, line) = refusal(&run(&["token", "mint"], &[]));
    assert_eq!(code, Some(2));
    assert!(line.contains("--org <ORG>") && line.contains("--permissions"), "{line}");
}

#[test]
fn an_instant_that_cannot_be_read_and_an_unknown_capability_are_wrong_usage() {
    let (code, line) = refusal(&run(&["events", "replay", "--from", "yesterday"], &[]));
    assert_eq!(code, Some(2));
    assert!(line.contains("--from"), "{line}");
    let (code, line) = refusal(&run(&["dead-letters", "list", "--org", "acme", "--capability", "mail"], &[]));
    assert_eq!(code, Some(2));
    assert!(line.contains("calendar, teams, sharepoint or directory"), "{line}");
}

#[test]
fn help_and_version_are_answers() {
    assert!(run(&["--help"], &[]).status.success());
    assert!(stdout(&run(&["--version"], &[])).starts_with("argus-m365 "));
}

#[test]
fn serve_without_a_key_ring_names_the_key() {
    let (code, line) = refusal(&run(&["serve"], &AUTH));
    assert_eq!(code, Some(2));
    assert!(line.starts_with("argus-m365: vault.keyring: is required"), "{line}");
}

#[test]
fn plain_http_to_graph_off_loopback_names_the_key() {
    let urls = [("ARGUS_M365__MICROSOFT__LOGIN_URL", "https://x"), ("ARGUS_M365__MICROSOFT__GRAPH_URL", "http://graph.example")];
    let (code, line) = refusal(&run(&["config", "check"], &urls));
    assert_eq!(code, Some(2));
    assert!(line.starts_with("argus-m365: microsoft.graph_url: must be https"), "{line}");
}

#[test]
fn a_root_with_a_version_names_the_key() {
    let mut environment = AUTH.to_vec();
    environment.push(("ARGUS_M365__MICROSOFT__LOGIN_URL", "https://login.example"));
    environment.push(("ARGUS_M365__MICROSOFT__GRAPH_URL", "https://graph.example/v1.0/"));
    let (code, line) = refusal(&run(&["config", "check"], &environment));
    assert_eq!(code, Some(2));
    assert!(line.starts_with("argus-m365: microsoft.graph_url: is a root"), "{line}");
}

#[test]
fn an_unknown_key_in_the_environment_is_named() {
    let (code, line) = refusal(&run(&["migrate"], &[("ARGUS_M365__DATABASE__ULR", "x")]));
    assert_eq!((code, line.as_str()), (Some(2), "argus-m365: database.ulr: unknown key"));
}

#[test]
fn a_missing_settings_file_is_named() {
    let (code, line) = refusal(&run(&["--config", "nowhere.toml", "migrate"], &[]));
    assert_eq!(code, Some(2));
    assert_eq!(line, "argus-m365: nowhere.toml: cannot be read: No such file or directory");
}

#[test]
fn the_printed_defaults_are_a_settings_file() {
    let directory = tempfile::tempdir().unwrap();
    let text = argus(&directory).args(["config", "default"]).output().unwrap().stdout;
    std::fs::write(directory.path().join("argus-m365.toml"), text).unwrap();
    let output =
        argus(&directory).args(["token", "mint", "--org", "acme", "--permissions", "m365:read"]).envs(AUTH).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn config_check_says_where_values_came_from_and_no_value() {
    let ring = argus(&tempfile::tempdir().unwrap()).args(["keys", "generate", "--id", "first"]).output().unwrap();
    let line = stdout(&ring);
    assert!(line.starts_with("first:") && line.lines().count() == 1, "{line}");
    let mut environment = AUTH.to_vec();
    environment.push(("ARGUS_M365__VAULT__KEYRING", line.trim_end()));
    let output = run(&["config", "check"], &environment);
    let said = stdout(&output);
    assert!(output.status.success() && said.contains("auth.hs256_secret") && said.contains("from the environment"), "{said}");
    assert!(!said.contains(SECRET) && !said.contains(line.trim_end()), "a secret was printed");
}

#[test]
fn a_broken_key_ring_fails_the_check_and_names_the_key() {
    let mut environment = AUTH.to_vec();
    environment.push(("ARGUS_M365__VAULT__KEYRING", "first:not-base64"));
    let (code, line) = refusal(&run(&["config", "check"], &environment));
    assert_eq!(code, Some(2));
    assert!(line.starts_with("argus-m365: vault.keyring: ") && !line.contains("not-base64"), "{line}");
}

#[test]
fn a_minted_token_has_three_parts() {
    let arguments = ["token", "mint", "--org", "acme", "--permissions", "m365:read,m365:admin", "--ttl", "10m"];
    let output = run(&arguments, &AUTH);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output).trim_end().split('.').count(), 3);
}

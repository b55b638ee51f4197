//! What an operator sees: a bar that knows its end, the plan as a table, why it waits and what to do.

use std::process::Command;

use serde_json::json;

use crate::{
    scene::{EVERYBODY, imported, person, standing},
    support::{Connector, Store},
};

/// Runs a command of the binary on a terminal; what it showed, and how it ended.
async fn on_a_terminal(connector: &Connector, arguments: &[&str]) -> (String, Option<i32>) {
    let terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new(python());
    command.args(["-c", terminal, env!("CARGO_BIN_EXE_argus-m365"), "--config"]);
    command.arg(connector.log.with_extension("toml")).args(arguments).env("TERM", "xterm");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[expect(clippy::disallowed_methods, reason = "tests are told by `make test` which Python they may use")]
fn python() -> String {
    std::env::var("ARGUS_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

#[tokio::test]
async fn the_command_shows_how_far_it_is_what_it_would_do_and_why_it_waits() {
    let (world, connector) = imported(Store::Sqlite, &[]).await;
    let changes = json!([
        { "setUser": { "user": person(30), "properties": { "department": "North" } } },
        { "deleteUser": { "user": person(1) } },
    ]);
    world.simulator.change_directory(&changes).await;
    // Pages take their time, so that there is something to watch.
    world.simulator.behave(&json!({ "latencyMs": 400 })).await;
    let (seen, code) =
        on_a_terminal(&connector, &["directory", "import", "--users", "--full", "--dry-run", "--org", "acme"]).await;
    assert_eq!(code, Some(0), "{seen}");
    for part in [
        "importing people",
        &format!("of {}", EVERYBODY - 1),
        "ACTION",
        "disable       person-1@acme-water.example",
        "status: ACTIVE → DISABLED",
        "department: Department 1 → North",
        "roles: lead → ",
        "would be done: ",
    ] {
        assert!(seen.contains(part), "{part:?} is not in {seen}");
    }
    assert_eq!(standing(&connector).await, (0, EVERYBODY), "a dry run");
    world.simulator.behave(&json!({ "latencyMs": 0 })).await;
    let gone: Vec<_> = (2..=10).map(|number| json!({ "deleteUser": { "user": person(number) } })).collect();
    world.simulator.change_directory(&gone.into()).await;
    let (seen, code) = on_a_terminal(&connector, &["directory", "import", "--users", "--org", "acme"]).await;
    assert_eq!(code, Some(1), "{seen}");
    for part in
        ["waits for approval: APPROVAL_REQUIRED: would disable 10 of 47 active people", "-> argus-m365 directory approve "]
    {
        assert!(seen.contains(part), "{part:?} is not in {seen}");
    }
    world.finish(connector).await;
}

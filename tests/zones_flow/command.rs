//! `zones publish` as an operator sees it: on a terminal, and in a script.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::{
    stage::{Scene, items, on_every_store, writes},
    support::{Connector, World, binary},
};

/// Gives a command a terminal for all three of its streams, and ends with its exit code. The harness needs Python anyway, whose
/// library has a terminal at hand.
const TERMINAL: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

const SHEET: &str = "zoneId,name,customers,boundary\n\
                     Z-1,North Ward,1240,\n\
                     \"O'Brien #7, 50%\",Süd,87,\"{\"\"type\"\":\"\"Point\"\",\"\"coordinates\"\":[-6.26,53.35]}\"\n";

pub(crate) fn publish(connector: &Connector, file: &std::path::Path, more: &[&str]) -> Command {
    let mut command = binary();
    command.arg("--config").arg(connector.settings()).args(["zones", "publish", "--org", "acme", "--file"]).arg(file).args(more);
    command
}

/// The same command on a terminal.
#[expect(clippy::disallowed_methods, reason = "tests are told by `make test` where their tools are")]
fn on_a_terminal(command: &Command) -> Command {
    let python = std::env::var("ARGUS_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut terminal = Command::new(python);
    terminal.args(["-c", TERMINAL]).arg(command.get_program()).args(command.get_args());
    terminal
}

pub(crate) async fn ran(mut command: Command) -> (Option<i32>, String, String) {
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output { status, stdout, stderr } = run.await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

pub(crate) fn sheet(world: &World, name: &str, text: &str) -> std::path::PathBuf {
    let file = world.folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    file
}

#[tokio::test]
async fn a_sheet_is_published_with_a_bar_and_a_table() {
    on_every_store(Scene::default(), async |world, connector| {
        let file = sheet(world, "zones.csv", SHEET);
        let (code, out, err) = ran(publish(connector, &file, &["--dry-run"])).await;
        assert_eq!((code, err.as_str(), writes(world).await), (Some(0), "", 0), "no bar where nobody looks: {out}");
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines[0].starts_with("ACTION") && lines[0].contains("ZONE"), "{out}");
        let row = |zone: &str| lines.iter().find(|line| line.contains(zone)).unwrap();
        assert!(row("Z-1").starts_with("create ") && row("Z-1").contains("Title: North Ward"), "{out}");
        assert!(row("O'Brien #7, 50%").contains("Customers: 87"), "{out}");
        assert_eq!(lines.last(), Some(&"would be done: created 2"));

        world.simulator.behave(&json!({ "latencyMs": 600 })).await;
        let (code, terminal, _) = ran(on_a_terminal(&publish(connector, &file, &[]))).await;
        assert_eq!((code, items(world).await.len()), (Some(0), 2), "{terminal}");
        assert!(terminal.contains("of 2") || terminal.contains("so far"), "a bar was drawn: {terminal:?}");
        assert!(terminal.contains("done: created 2"), "{terminal:?}");

        world.simulator.behave(&json!({ "latencyMs": 0 })).await;
        let changed = sheet(world, "changed.csv", &SHEET.replace("1240", "many").replace("Süd", "South"));
        let (code, out, _) = ran(publish(connector, &changed, &[])).await;
        assert_eq!(code, Some(1), "a zone failed: {out}");
        assert!(
            out.contains("Title: Süd → South") && out.contains("COLUMN_REJECTED: zone Z-1, field attributes.customers"),
            "{out}"
        );
        assert!(out.contains("partly failed") && out.contains("updated 1") && out.contains("failed 1"), "{out}");

        let (code, out, _) = ran(publish(connector, &file, &["--json"])).await;
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &told["state"], &told["counts"]["updated"]), (Some(0), &json!("succeeded"), &json!(1)), "{out}");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_in_one_line_that_names_the_place() {
    on_every_store(Scene::default(), async |world, connector| {
        let open = json!({ "type": "FeatureCollection", "features": [{ "type": "Feature", "id": "Z-1", "properties": { "name": "N" },
            "geometry": { "type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]] } }] });
        let cases = [
            ("open.geojson", open.to_string(), "/features/0/geometry/coordinates/0: must be closed"),
            ("twice.csv", "zoneId,name\nZ-1,a\nZ-1,b".to_owned(), "line 3, column zoneId"),
            ("zones.shp", String::new(), "must end in .geojson, .json or .csv"),
        ];
        for (name, text, told) in cases {
            let file = sheet(world, name, &text);
            let (code, out, err) = ran(publish(connector, &file, &[])).await;
            assert_eq!((code, out.as_str(), err.trim_end().lines().count()), (Some(1), "", 1), "{err}");
            assert!(err.contains(name) && err.contains(told), "{err}");
        }
        let kept = connector.data("{ zones { totalCount } operations { totalCount } }", Value::Null).await;
        assert_eq!(kept, json!({ "zones": { "totalCount": 0 }, "operations": { "totalCount": 0 } }), "nothing was begun");
    })
    .await;
}

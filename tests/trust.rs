//! What an operator can rely on: checkpoints that outlive a falsified database, and master keys that can be changed.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use std::{path::Path, process::Output};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use support::{Connector, Store, World, binary, eventually};

/// Runs a command on the world's settings, with `changes` laid over them as the environment does.
async fn command(world: &World, changes: &[(&str, &str)], arguments: &[&str]) -> Output {
    let file = world.folder.path().join("command.toml");
    std::fs::write(&file, world.settings(0)).unwrap();
    let mut command = binary();
    for (key, value) in changes {
        command.env(format!("ARGUS_M365__{}", key.replace('.', "__").to_uppercase()), value);
    }
    command.arg("--config").arg(file).args(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn says(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Cuts the last entry off acme's chain, and its head row with it, as the database's owner can.
async fn cut(url: &str) {
    let mut database = SqliteConnection::connect(url).await.unwrap();
    let statements = [
        "DROP TRIGGER audit_no_delete",
        "DROP TRIGGER audit_head_forward",
        "DELETE FROM audit_personal WHERE seq = (SELECT seq FROM audit_head)",
        "DELETE FROM audit WHERE seq = (SELECT seq FROM audit_head)",
        "UPDATE audit_head SET seq = seq - 1, hash = (SELECT hash FROM audit WHERE audit.seq = audit_head.seq - 1)",
    ];
    for text in statements {
        sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_tail_that_was_cut_with_its_head_is_found_against_the_checkpoint_alone() {
    let world = World::start(Store::Sqlite).await;
    let at = |name: &str| world.folder.path().join(name).display().to_string();
    let (key, kept) = (at("checkpoint.pem"), at("checkpoints.jsonl"));
    std::fs::write(&key, rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem()).unwrap();
    let changes =
        [("audit.interval", "1s"), ("audit.checkpoint_key_file", key.as_str()), ("audit.checkpoint_file", kept.as_str())];
    let connector = world.connector(&changes).await;
    connector.register().await;
    let entries = connector.data("{ auditVerification { entries } }", Value::Null).await["auditVerification"]["entries"].clone();
    eventually("the chain is signed as it stands", async || last_line(&kept).filter(|line| line["entries"] == entries)).await;
    assert!(connector.metrics().await.contains("argus_m365_audit_intact{organisation=\"acme\"} 1"));
    connector.stop().await;

    let (code, text) = says(&command(&world, &changes, &["audit", "verify"]).await);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("signed checkpoints: 1 compared"), "{text}");
    cut(&world.store).await;
    let (code, text) = says(&command(&world, &[], &["audit", "verify"]).await);
    assert_eq!(code, Some(0), "without checkpoints the rest is a sound chain: {text}");
    let (code, text) = says(&command(&world, &changes, &["audit", "verify"]).await);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("a signed checkpoint says"), "{text}");
    world.abandon().await;
}

fn last_line(path: &str) -> Option<Value> {
    let text = std::fs::read_to_string(Path::new(path)).ok()?;
    serde_json::from_str(text.lines().last()?).ok()
}

async fn outage_posted(world: &World, connector: &Connector, id: &str) {
    let data = json!({ "outageId": id, "version": 1, "title": "Leak", "status": "reported", "customersAffected": 4, "utilityType": "gas" });
    let event = json!({
        "specversion": "1.0", "id": id, "source": "/tests", "type": "argus.outage.reported.v1", "time": "2026-11-23T09:00:00Z", "data": data,
    });
    world.publish("argus.acme.outage.reported", &event).await;
    eventually(&format!("{id} is posted"), async || {
        let query = "query($id: String!) { outage(outageId: $id) { posts { state } } }";
        let outage = connector.data(query, json!({ "id": id })).await["outage"].take();
        (outage["posts"][0]["state"] == "SETTLED").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_new_master_key_takes_over_while_the_service_runs_and_the_old_one_can_go() {
    for store in Store::available() {
        let world = World::start(store).await;
        let ring = world.folder.path().join("keyring");
        let connector = world.connector(&[]).await;
        connector.register().await;
        let url = format!("{}/workflows/ops/triggers/manual/paths/invoke?sig=secret", world.simulator.url);
        let input = json!({ "key": "ops", "sender": "WORKFLOW_WEBHOOK", "webhookUrl": url });
        let query = "mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key } }";
        connector.data(query, json!({ "input": input })).await;
        outage_posted(&world, &connector, "o-1").await;

        let old = std::fs::read_to_string(&ring).unwrap();
        let (_, new) = says(&command(&world, &[], &["keys", "generate", "--id", "new"]).await);
        std::fs::write(&ring, format!("{old}{new}")).unwrap();
        let (code, text) = says(&command(&world, &[], &["keys", "rotate", "--dry-run"]).await);
        assert_eq!((code, text.trim()), (Some(0), "2 sealed under older keys than new"));
        let (code, text) = says(&command(&world, &[], &["keys", "rotate"]).await);
        assert_eq!((code, text.trim()), (Some(0), "2 re-sealed under new"));
        eventually("the running service knows the new key", async || {
            connector.signal("HUP");
            let answer = connector.graphql("mutation { testConnection { succeeded } }", Value::Null).await;
            (answer["data"]["testConnection"]["succeeded"] == true).then_some(())
        })
        .await;
        connector.stop().await;

        std::fs::write(&ring, new).unwrap();
        let connector = world.connector(&[]).await;
        let key = connector.data("{ connection { keyId } }", Value::Null).await["connection"]["keyId"].take();
        assert_eq!(key, "new");
        assert_eq!(
            connector.data("mutation { testConnection { succeeded } }", Value::Null).await["testConnection"]["succeeded"],
            true
        );
        outage_posted(&world, &connector, "o-2").await;
        world.finish(connector).await;
    }
}

//! The master key changed while deliveries run, by a rotation that is killed again and again.

use std::{os::unix::process::ExitStatusExt as _, path::Path, process::Output, time::Duration};

use futures_util::{StreamExt as _, stream};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    database, outage,
    support::{Connector, SECRET, Store, World, binary, eventually, tenant},
    task,
};

/// Enough for several of a rotation's steps.
const CONNECTIONS: usize = 135;
/// Beside them: a refresh token, a device code and a webhook.
const REST: usize = 3;
/// A command that should have ended by then did not do as it should.
const PATIENCE: Duration = Duration::from_mins(1);
const TEAM: &str = "3c1f0a64-7b52-4d7e-9f0a-5a8e2b6d9c11";
const CHANNEL: &str = "19:4B6dfa0f8c2e4c1b9d3a7e5f60718293@thread.tacv2";
const ANN: &str = "alerts@acme-water.example";

fn token(organisation: &str) -> String {
    let claims = json!({
        "iss": "tests", "aud": "argus-m365", "sub": "somebody", "exp": 4_102_444_800_i64, "org_id": organisation, "scope": "m365:admin",
    });
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn register_others(connector: &Connector) {
    let app = &tenant()["apps"][0];
    let input =
        json!({ "directoryId": tenant()["id"], "applicationId": app["id"], "applicationSecret": app["secrets"][0]["value"] });
    let query = "mutation($input: RegisterConnectionInput!) { registerConnection(input: $input) { state } }";
    let register = async |number: usize| {
        let answer = connector.graphql_as(&token(&format!("org-{number}")), query, json!({ "input": input })).await;
        assert!(answer["errors"].is_null(), "{answer}");
    };
    stream::iter(1..CONNECTIONS).for_each_concurrent(16, register).await;
}

async fn run(settings: &Path, arguments: &[&str], crash: Option<&str>) -> Output {
    let mut command = Command::from(binary());
    command.arg("--config").arg(settings).args(arguments).envs(crash.map(|crash| ("ARGUS_CRASH_AT", crash)));
    let ended = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    ended.unwrap_or_else(|_| panic!("{arguments:?} did not end")).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// How many rows are not under the newest key.
async fn left(settings: &Path) -> usize {
    let output = run(settings, &["keys", "rotate", "--dry-run"], None).await;
    said(&output).split(' ').next().unwrap().parse().unwrap()
}

/// A signed-in account that posts to a channel, a sign-in that waits, and a webhook: all that is sealed beside connections. Returns the
/// code that the sign-in waits for.
async fn seal_the_rest(world: &World, connector: &Connector) -> String {
    world.simulator.change(&json!({ "channels": [{ "teamId": TEAM, "channelId": CHANNEL }] })).await;
    let url = format!("{}/workflows/ops/triggers/manual/paths/invoke?sig=a-secret", world.simulator.url);
    let webhook = json!({ "key": "ops", "sender": "WORKFLOW_WEBHOOK", "webhookUrl": url });
    let graph = json!({ "key": "graph", "sender": "GRAPH", "teamId": TEAM, "channelId": CHANNEL });
    for channel in [webhook, graph] {
        let set = "mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key } }";
        connector.data(set, json!({ "input": channel })).await;
    }
    let start = async || {
        let started = connector.data("mutation { startTeamsSignIn { userCode } }", Value::Null).await;
        started["startTeamsSignIn"]["userCode"].as_str().unwrap().to_owned()
    };
    world.simulator.sign_in(&start().await, &json!({ "approve": { "user": ANN } })).await;
    eventually("the account is signed in", async || {
        let state = connector.data("{ connection { teamsAccount { state } } }", Value::Null).await;
        (state["connection"]["teamsAccount"]["state"] == "SIGNED_IN").then_some(())
    })
    .await;
    start().await
}

/// Waits until an outage stands in both channels: the webhook's URL was opened for it.
async fn told(world: &World, connector: &Connector, id: &str) {
    world.publish("argus.acme.outage.reported", &outage(id)).await;
    let query = "query($id: String!) { outage(outageId: $id) { posts { state } } }";
    eventually(&format!("{id} is told"), async || {
        let outage = connector.data(query, json!({ "id": id })).await["outage"].take();
        let posts = outage["posts"].as_array().cloned().unwrap_or_default();
        (posts.len() == 2 && posts.iter().all(|post| post["state"] == "SETTLED")).then_some(())
    })
    .await;
}

async fn audited(connector: &Connector, action: &str) -> Value {
    let query = "query($action: String!) { auditTrail(action: $action) { totalCount } }";
    connector.data(query, json!({ "action": action })).await["auditTrail"]["totalCount"].take()
}

#[tokio::test]
async fn a_rotation_that_is_killed_goes_on_and_no_delivery_notices() {
    for store in Store::available() {
        let world = World::start(store).await;
        let (ring, settings) = (world.folder.path().join("keyring"), world.folder.path().join("command.toml"));
        std::fs::write(&settings, world.settings(0)).unwrap();
        let connector = world.connector(&[("log.format", "json")]).await;
        connector.register().await;
        register_others(&connector).await;
        let code = seal_the_rest(&world, &connector).await;
        let old = std::fs::read_to_string(&ring).unwrap();
        let new = said(&run(&settings, &["keys", "generate", "--id", "new"], None).await);
        std::fs::write(&ring, format!("{old}{new}\n")).unwrap();
        connector.signal("HUP");
        eventually("the new key is known", async || {
            std::fs::read_to_string(&connector.log).ok().filter(|log| log.contains("key ring read again"))
        })
        .await;
        assert_eq!(left(&settings).await, CONNECTIONS + REST);
        let mut remaining = CONNECTIONS + REST;
        let deliver = async {
            for number in 0..30 {
                world.publish("argus.acme.task.scheduled", &task(&format!("t-{number}"), 1)).await;
                connector.settled(&format!("t-{number}"), 1).await;
            }
        };
        let rotate = async {
            for _ in 0..2 {
                let killed = run(&settings, &["keys", "rotate"], Some("keys.rotate-step:1")).await;
                assert_eq!(killed.status.signal(), Some(9));
                let now = left(&settings).await;
                assert!(0 < now && now < remaining, "{now} of {remaining} are left");
                remaining = now;
            }
            let output = run(&settings, &["keys", "rotate"], None).await;
            assert_eq!(said(&output), format!("{remaining} re-sealed under new"));
        };
        tokio::join!(deliver, rotate);
        assert_eq!(left(&settings).await, 0);
        // The same process opens what is sealed under the new key.
        told(&world, &connector, "during").await;
        assert_eq!(audited(&connector, "keys.rotated").await, 1 + REST, "acme's own");
        let log = std::fs::read_to_string(&connector.log).unwrap();
        assert!(!log.contains("sealing or opening"), "something could not be opened");
        connector.stop().await;

        std::fs::write(&ring, format!("{new}\n")).unwrap();
        let connector = world.connector(&[]).await;
        let tested = connector.data("mutation { testConnection { succeeded } }", Value::Null).await;
        assert_eq!(tested["testConnection"]["succeeded"], true, "with the account's check");
        told(&world, &connector, "after").await;
        let before = audited(&connector, "connection.teams-signed-in").await;
        world.simulator.sign_in(&code, &json!({ "approve": { "user": ANN } })).await;
        eventually("the sign-in that waited is completed", async || {
            (audited(&connector, "connection.teams-signed-in").await != before).then_some(())
        })
        .await;
        world.publish("argus.acme.task.scheduled", &task("after", 1)).await;
        connector.settled("after", 1).await;
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn no_start_while_a_row_names_a_key_that_the_ring_lacks() {
    for store in Store::available() {
        let world = World::start(store).await;
        let settings = world.folder.path().join("command.toml");
        std::fs::write(&settings, world.settings(0)).unwrap();
        let connector = world.connector(&[]).await;
        connector.register().await;
        seal_the_rest(&world, &connector).await;
        connector.stop().await;
        let tables = ["connection", "teams_channel", "teams_account", "teams_sign_in"];
        for table in tables {
            database::run(store, &world, &format!("UPDATE {table} SET key_id = 'ghost'")).await;
            for command in [&["serve"][..], &["keys", "rotate"]] {
                let refused = run(&settings, command, None).await;
                let text = String::from_utf8_lossy(&refused.stderr);
                assert_eq!(refused.status.code(), Some(1), "{table}: {text}");
                assert!(text.contains("vault.keyring") && text.contains("\"ghost\""), "{table}: {text}");
            }
            database::run(store, &world, &format!("UPDATE {table} SET key_id = 'test'")).await;
        }
        world.connector(&[]).await.stop().await;
        world.abandon().await;
    }
}

//! Secrets, looked for wherever the connector speaks or writes: its log at its most talkative, metrics, answers, the audit trail, events, the
//! database's bytes. In every form that a secret may take on the way.

use std::{fmt::Write as _, process::Output};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    database,
    disguises::Canaries,
    outage,
    support::{Connector, SECRET, Store, World, binary, eventually, tenant, token},
    task,
};

const ANN: &str = "alerts@acme-water.example";
const TEAM: &str = "3c1f0a64-7b52-4d7e-9f0a-5a8e2b6d9c11";
const CHANNEL: &str = "19:4B6dfa0f8c2e4c1b9d3a7e5f60718293@thread.tacv2";

const WRONG_SECRET: &str = "canary~wrong/application+secret~7fK2";
const SIGNATURE: &str = "canary-signature_of+a/webhook-9Qz";
const NATS_PASSWORD: &str = "canary-nats-password-4Hd";
const DATABASE_PASSWORD: &str = "canary-database-password-8Lw";
const MISPLACED: &str = "canary-in-the-wrong-place-3Rv";

/// A key and its certificate, and lines of the key as canaries.
fn certificate(canaries: &mut Canaries) -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["argus.example".into()]).unwrap().self_signed(&key).unwrap().pem();
    let pem = key.serialize_pem();
    for (number, line) in pem.lines().filter(|line| !line.starts_with("-----")).enumerate().filter(|(n, _)| (2..8).contains(n)) {
        canaries.add(&format!("line {number} of the certificate's key"), line);
    }
    (certificate.clone(), format!("{certificate}{pem}"))
}

/// The store's and the broker's address with a password that neither asks for.
fn with_password(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{user}:{password}@{host}")
}

fn settings(store: Store, world: &World, format: &str) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("log.level", "trace".to_owned()),
        ("log.format", format.to_owned()),
        ("nats.url", with_password(&world.nats, "argus", NATS_PASSWORD)),
    ];
    if store == Store::Postgres {
        let user = world.store.split_once("://").unwrap().1.split('@').next().unwrap();
        all.push(("database.url", with_password(&world.store, user, DATABASE_PASSWORD)));
    }
    all
}

async fn start(store: Store, world: &World, format: &str) -> Connector {
    let settings = settings(store, world, format);
    let changes: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    world.connector(&changes).await
}

/// What is asked, well and badly; everything that was answered.
async fn ask(connector: &Connector, world: &World, answers: &mut String, query: &str, variables: Value) -> Value {
    let answer = connector.graphql(query, variables).await;
    writeln!(answers, "{answer}").unwrap();
    // The same as a text that is not JSON, and under a token that is none.
    let body = format!("{{\"query\": {MISPLACED}");
    for token in [connector.token(), MISPLACED] {
        let request =
            world.http.post(format!("{}/graphql", connector.url)).bearer_auth(token).header("content-type", "application/json");
        writeln!(answers, "{}", request.body(body.clone()).send().await.unwrap().text().await.unwrap()).unwrap();
    }
    answer
}

const REGISTER: &str =
    "mutation($input: RegisterConnectionInput!) { registerConnection(input: $input) { state credentialHint keyId } }";
const SET_CHANNEL: &str = "mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key webhookHost } }";

/// Connections of every kind, good and bad.
async fn connections(connector: &Connector, world: &World, answers: &mut String, canaries: &mut Canaries) {
    let app = tenant()["apps"][0].clone();
    let input =
        |secret: &Value| json!({ "directoryId": tenant()["id"], "applicationId": app["id"], "applicationSecret": secret });
    let (public, pair) = certificate(canaries);
    let (_, other) = certificate(canaries);
    let mut known = app.clone();
    known["certificates"] = json!([{ "pem": public }]);
    world.simulator.change(&json!({ "apps": [known] })).await;
    let of_certificate =
        |pem: &str| json!({ "directoryId": tenant()["id"], "applicationId": app["id"], "applicationCertificate": pem });
    ask(connector, world, answers, REGISTER, json!({ "input": input(&json!(WRONG_SECRET)) })).await;
    eventually("the wrong secret is refused", async || {
        let state = connector.data("{ connection { state } }", Value::Null).await;
        (state["connection"]["state"] == "DISABLED").then_some(())
    })
    .await;
    ask(connector, world, answers, "mutation { testConnection { checks { code detail remedy } } }", Value::Null).await;
    let answer = ask(connector, world, answers, REGISTER, json!({ "input": of_certificate(&pair) })).await;
    assert_eq!(answer["data"]["registerConnection"]["state"], "ACTIVE", "{answer}");
    for bad in [
        of_certificate(&other),
        of_certificate(&pair.replace("BEGIN CERT", "BEGIN CART")),
        input(&json!(format!("{WRONG_SECRET}\n"))),
    ] {
        let answer = ask(connector, world, answers, REGISTER, json!({ "input": bad })).await;
        assert!(answer["errors"].is_array(), "{answer}");
    }
    // A secret where none belongs: in a literal, an unknown field, an unknown variable, a wrong type.
    for query in [
        format!("mutation {{ registerConnection(input: {{ secret: \"{MISPLACED}\" }}) {{ state }} }}"),
        format!("{{ {} }}", MISPLACED.replace('-', "_")),
        format!("mutation {{ registerConnection(input: \"{MISPLACED}\") {{ state }} }}"),
        format!("query {{ \"{MISPLACED}\" }}"),
    ] {
        ask(connector, world, answers, &query, json!({ "input": { "applicationSecret": MISPLACED }, "other": [MISPLACED] }))
            .await;
    }
    let of_cloud =
        json!({ "directoryId": "a.example", "applicationId": app["id"], "applicationSecret": MISPLACED, "cloud": MISPLACED });
    for wrong in [json!({ "applicationSecret": [MISPLACED] }), json!(MISPLACED), json!({ MISPLACED: 1 }), of_cloud] {
        ask(connector, world, answers, REGISTER, json!({ "input": wrong })).await;
    }
    ask(connector, world, answers, REGISTER, json!({ "input": input(&app["secrets"][0]["value"]) })).await;
}

/// Channels of both kinds; cards that are taken, and one that is refused with what was sent.
async fn channels(connector: &Connector, world: &World, answers: &mut String) {
    let webhook = format!("{}/workflows/ops/triggers/manual/paths/invoke?sig={}", world.simulator.url, urlencoded(SIGNATURE));
    let input = json!({ "input": { "key": "ops", "sender": "WORKFLOW_WEBHOOK", "webhookUrl": webhook } });
    ask(connector, world, answers, SET_CHANNEL, input).await;
    let foreign = json!({ "input": { "key": "bad", "sender": "WORKFLOW_WEBHOOK", "webhookUrl": format!("ftp://x.example/?sig={SIGNATURE}") } });
    ask(connector, world, answers, SET_CHANNEL, foreign).await;
    let graph = json!({ "input": { "key": "graph", "sender": "GRAPH", "teamId": TEAM, "channelId": CHANNEL } });
    ask(connector, world, answers, SET_CHANNEL, graph).await;
    let started = connector.data("mutation { startTeamsSignIn { userCode } }", Value::Null).await;
    let code = started["startTeamsSignIn"]["userCode"].as_str().unwrap().to_owned();
    world.simulator.sign_in(&code, &json!({ "approve": { "user": ANN } })).await;
    eventually("the account is signed in", async || {
        let state = connector.data("{ connection { teamsAccount { state } } }", Value::Null).await;
        (state["connection"]["teamsAccount"]["state"] == "SIGNED_IN").then_some(())
    })
    .await;
    for (kind, times) in [("reset", 1), ("cut", 1)] {
        world.simulator.fault(json!({ "method": "POST", "path": "/workflows", "times": times, "effect": kind })).await;
    }
    world.publish("argus.acme.outage.reported", &outage("o-1")).await;
    eventually("both channels have the outage", async || {
        let posts = connector.data("{ outage(outageId: \"o-1\") { posts { state } } }", Value::Null).await;
        let posts = posts["outage"]["posts"].as_array()?.clone();
        (posts.len() == 2 && posts.iter().all(|post| post["state"] == "SETTLED")).then_some(())
    })
    .await;
}

fn urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Deliveries, with Microsoft, the broker and the identity platform failing in between.
async fn deliveries(connector: &Connector, world: &mut World) {
    for effect in
        [json!("reset"), json!("truncated"), json!({ "status": { "status": 503 } }), json!({ "status": { "status": 401 } })]
    {
        world.simulator.fault(json!({ "path": "/v1.0/users", "times": 1, "effect": effect })).await;
    }
    world.simulator.fault(json!({ "path": "/*/oauth2/v2.0/token", "times": 2, "effect": { "status": { "status": 500 } } })).await;
    world.simulator.change(&json!({ "revokeTokens": true })).await;
    world.publish("argus.acme.task.scheduled", &task("t", 1)).await;
    connector.settled("t", 1).await;
    world.stop_broker();
    eventually("the broker is missed", async || {
        let answer = world.http.get(format!("{}/readyz", connector.url)).send().await.ok()?;
        (answer.status().as_u16() == 503).then_some(())
    })
    .await;
    world.start_broker().await;
    world.publish("argus.acme.task.scheduled", &task("t", 2)).await;
    connector.settled("t", 2).await;
}

/// Other commands of the binary on the same settings; what they said.
async fn commands(connector: &Connector, world: &World, store: Store) -> String {
    let file = connector.log.with_extension("toml");
    let run = async |arguments: &[&str], changes: &[(&str, &str)]| -> Output {
        let mut command = binary();
        command.arg("--config").arg(&file).args(arguments).env("ARGUS_M365__LOG__LEVEL", "trace");
        let settings = settings(store, world, "text");
        for (key, value) in settings.iter().map(|(key, value)| (*key, value.as_str())).chain(changes.iter().copied()) {
            command.env(format!("ARGUS_M365__{}", key.to_uppercase().replace('.', "__")), value);
        }
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    };
    let mut said = String::new();
    let mut keep = |output: &Output| {
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        said.push_str(&String::from_utf8_lossy(&output.stderr));
    };
    for good in [
        &["config", "check"][..],
        &["audit", "export", "--org", "acme"],
        &["audit", "verify"],
        &["connection", "test", "--org", "acme"],
        &["dead-letters", "list", "--org", "acme", "--json"],
        &["keys", "rotate"],
    ] {
        let output = run(good, &[]).await;
        assert!(output.status.success(), "{good:?}: {}", String::from_utf8_lossy(&output.stderr));
        keep(&output);
    }
    let nowhere = format!("postgres://argus:{DATABASE_PASSWORD}@127.0.0.1:1/argus");
    let broken = format!("postgres://argus:{DATABASE_PASSWORD}@/argus?sslmode=nonsense");
    let ring = format!("new:{}", URL_SAFE_NO_PAD.encode(MISPLACED));
    let (unreachable, unfit) =
        (format!("nats://argus:{NATS_PASSWORD}@127.0.0.1:1"), format!("ftp://argus:{NATS_PASSWORD}@127.0.0.1:1"));
    for change in [
        ("database.url", nowhere.as_str()),
        ("database.url", broken.as_str()),
        ("nats.url", unreachable.as_str()),
        ("nats.url", unfit.as_str()),
        ("vault.keyring", ring.as_str()),
        ("vault.keyring", MISPLACED),
        ("auth.hs256_secret", &MISPLACED[..20]),
    ] {
        keep(&run(&["config", "check"], &[change]).await);
        // Without its broker it waits.
        if change.1 != unreachable {
            let output = run(&["serve"], &[change, ("http.listen", "127.0.0.1:0")]).await;
            assert!(!output.status.success(), "{change:?}");
            keep(&output);
        }
    }
    said
}

async fn told(world: &World) -> Vec<u8> {
    let context = world.jetstream().await;
    let mut all = Vec::new();
    for name in ["ARGUS_M365", "ARGUS"] {
        let stream = context.get_stream(name).await.unwrap();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            all.extend_from_slice(&message.payload);
            all.push(b'\n');
        }
    }
    all
}

#[tokio::test]
async fn no_secret_is_found_wherever_the_connector_speaks_or_writes() {
    futures_util::future::join_all(Store::available().into_iter().map(story)).await;
}

/// In one store, and one form of the log.
async fn story(store: Store) {
    let format = if store == Store::Sqlite { "text" } else { "json" };
    let mut world = World::start(store).await;
    world.simulator.change(&json!({ "channels": [{ "teamId": TEAM, "channelId": CHANNEL }] })).await;
    let mut canaries = Canaries(Vec::new());
    let mut answers = String::new();
    let connector = start(store, &world, format).await;
    connections(&connector, &world, &mut answers, &mut canaries).await;
    channels(&connector, &world, &mut answers).await;
    deliveries(&connector, &mut world).await;
    ask(
        &connector,
        &world,
        &mut answers,
        "{ connection { state stateReason lastTest { checks { code detail remedy } } } teamsChannels { key webhookHost } }",
        Value::Null,
    )
    .await;
    let metrics = connector.metrics().await;
    for (name, secret) in [
        ("the wrong application secret", WRONG_SECRET),
        ("the application's secret", tenant()["apps"][0]["secrets"][0]["value"].as_str().unwrap()),
        ("a webhook's signature", SIGNATURE),
        ("the broker's password", NATS_PASSWORD),
        ("the database's password", DATABASE_PASSWORD),
        ("a secret in the wrong place", MISPLACED),
        ("the shared secret", SECRET),
        ("the master key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("a caller's token", connector.token()),
        ("another caller's token", &token(&connector.log.with_extension("toml"), "globex", "m365:read")),
        // What the simulator makes is known by its beginning: any JWT is a token, its own or a caller's.
        ("an access token", "eyJ0eXAiOiJKV1Qi"),
        ("a refresh token", "refresh-"),
        ("a device code", "device-"),
    ] {
        canaries.add(name, secret);
    }
    let log = connector.log.clone();
    let said = commands(&connector, &world, store).await;
    let events = told(&world).await;
    connector.stop().await;
    let log = std::fs::read(log).unwrap();
    assert!(log.len() > 20_000, "trace is talkative: {} bytes", log.len());
    let stored = database::bytes(store, &world).await;
    assert!(stored.len() > 5_000 && events.len() > 1_000 && said.len() > 5_000);
    let mut hits = Vec::new();
    for (place, bytes) in [
        ("the log", log.as_slice()),
        ("metrics", metrics.as_bytes()),
        ("answers", answers.as_bytes()),
        ("what commands said", said.as_bytes()),
        ("events", &events),
        ("the database", &stored),
    ] {
        hits.extend(canaries.found(place, bytes));
    }
    assert!(hits.is_empty(), "{store:?}, {format}:\n{}", hits.join("\n"));
    println!(
        "{store:?}, {format}: {} secrets in {} bytes of log, {} of database: none found",
        canaries.0.len(),
        log.len(),
        stored.len()
    );
    world.abandon().await;
}

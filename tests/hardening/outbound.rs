//! Links and redirects that lead away, on the way of the whole connector: the listener that they name is never connected to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    outage,
    support::{Connector, Store, World, eventually},
};

/// A server on this machine that answers everything alike and counts who connects.
async fn listener(answer: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, connections) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 16_384];
                if stream.read(&mut request).await.unwrap_or(0) > 0 {
                    stream.write_all(answer.as_bytes()).await.unwrap_or_default();
                }
            });
        }
    });
    (port, connections)
}

fn ok() -> String {
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{\"value\":[]}"
        .to_owned()
}

/// Runs an import to its end; its state.
async fn import(connector: &Connector, mode: &str) -> Value {
    let mutation = format!("mutation {{ importUsers(input: {{ mode: {mode} }}) {{ id }} }}");
    let id = connector.data(&mutation, Value::Null).await["importUsers"]["id"].take();
    eventually("the import ends", async || {
        let query = "query($id: ID!) { operation(id: $id) { state } }";
        let state = connector.data(query, json!({ "id": id })).await["operation"]["state"].take();
        (!["QUEUED", "PENDING", "RUNNING"].contains(&state.as_str().unwrap())).then_some(state)
    })
    .await
}

#[tokio::test]
async fn an_import_goes_to_no_host_that_a_page_names() {
    let world = World::start(Store::Sqlite).await;
    let (port, connections) = listener(ok()).await;
    let connector = world.connector(&[]).await;
    connector.register().await;
    assert_eq!(import(&connector, "FULL").await, "SUCCEEDED");
    let graph = world.simulator.url.strip_prefix("http://").unwrap();
    let links = [
        format!("http://127.0.0.1:{port}/v1.0/users/delta?$skiptoken=x"),
        format!("http://localhost:{port}/v1.0/users/delta?$skiptoken=x"),
        format!("http://{graph}@127.0.0.1:{port}/v1.0/users/delta"),
        format!("http://127.0.0.1:{port}\\@{graph}/v1.0/users/delta"),
        format!("http:\\\\127.0.0.1:{port}\\v1.0\\users\\delta"),
        format!("http://2130706433:{port}/v1.0/users/delta"),
    ];
    for link in &links {
        world
            .simulator
            .fault(json!({ "method": "GET", "path": "/v1.0/users", "effect": { "foreignLink": { "link": link } } }))
            .await;
        assert_eq!(import(&connector, "FULL").await, "FAILED", "{link}");
        world.simulator.heal().await;
        // The link that the next import would begin with.
        let person = json!({ "id": "0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a01", "userPrincipalName": "niamh@acme-water.example", "accountEnabled": true });
        let page = json!({ "value": [person], "@odata.deltaLink": link }).to_string();
        world
            .simulator
            .fault(json!({ "method": "GET", "path": "/v1.0/users/delta", "times": 1, "effect": { "body": { "text": page } } }))
            .await;
        import(&connector, "FULL").await;
        world.simulator.heal().await;
        import(&connector, "AUTO").await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    world.abandon().await;
}

#[tokio::test]
async fn a_webhook_that_redirects_is_not_followed() {
    let world = World::start(Store::Sqlite).await;
    let (elsewhere, never) = listener(ok()).await;
    let connector = world.connector(&[("delivery.max_attempts", "2")]).await;
    let mut called = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://127.0.0.1:{elsewhere}/stolen");
        let answer = format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let (port, connections) = listener(answer).await;
        let url = format!("http://127.0.0.1:{port}/workflows/x?sig=y");
        let input = json!({ "input": { "key": format!("to-{status}"), "sender": "WORKFLOW_WEBHOOK", "webhookUrl": url } });
        connector.data("mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key } }", input).await;
        called.push(connections);
    }
    world.publish("argus.acme.outage.reported", &outage("o-1")).await;
    eventually("every channel has given up", async || {
        let posts = connector.data("{ outage(outageId: \"o-1\") { posts { state lastError { code } } } }", Value::Null).await;
        let posts = posts["outage"]["posts"].as_array()?.clone();
        (posts.len() == 5 && posts.iter().all(|post| post["state"] == "DEAD")).then_some(())
    })
    .await;
    assert!(called.iter().all(|connections| connections.load(Ordering::SeqCst) > 0));
    assert_eq!(never.load(Ordering::SeqCst), 0);
    world.abandon().await;
}

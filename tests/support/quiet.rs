//! A second organisation, `quiet`, with a tenant of its own.

use serde_json::{Value, json};

use super::{Connector, World, simulator::tenant, token, wait::eventually};

/// The second organisation's view of a connector.
pub(crate) struct Quiet {
    token: String,
}

impl Quiet {
    /// Makes its tenant with so many mailboxes and registers it as its connection.
    pub(crate) async fn register(world: &World, connector: &Connector, mailboxes: u32) -> Self {
        let users: Vec<Value> = (0..mailboxes)
            .map(|number| json!({ "id": format!("0d5b9b0e-6f0a-4f7c-9a46-{number:012x}"), "userPrincipalName": Self::mailbox(number) }))
            .collect();
        let mut spec = tenant();
        spec["id"] = json!("6f3a1c52-9d0e-4b7a-8c35-2e41d09b7f61");
        spec["domain"] = json!("quiet.example");
        spec["users"] = json!(users);
        world.simulator.add_tenant(&spec).await;
        let quiet = Self { token: token(&connector.log.with_extension("toml"), "quiet", "m365:admin") };
        let app = &spec["apps"][0];
        let input =
            json!({ "directoryId": spec["id"], "applicationId": app["id"], "applicationSecret": app["secrets"][0]["value"] });
        let query = "mutation($input: RegisterConnectionInput!) { registerConnection(input: $input) { state } }";
        quiet.data(connector, query, json!({ "input": input })).await;
        eventually("the second connection is active", async || {
            let answer = quiet.data(connector, "{ connection { state } }", Value::Null).await;
            (answer["connection"]["state"] == "ACTIVE").then_some(())
        })
        .await;
        quiet
    }

    /// The sign-in name of one of its workers.
    pub(crate) fn mailbox(number: u32) -> String {
        format!("quiet-{number}@quiet.example")
    }

    /// How a task of its stands.
    pub(crate) async fn state(&self, connector: &Connector, task: &str) -> Value {
        let query = "query($id: String!) { task(taskId: $id) { state } }";
        self.data(connector, query, json!({ "id": task })).await["task"]["state"].take()
    }

    async fn data(&self, connector: &Connector, query: &str, variables: Value) -> Value {
        let mut answer = connector.graphql_as(&self.token, query, variables).await;
        assert!(answer["errors"].is_null(), "{query}: {answer}");
        answer["data"].take()
    }
}

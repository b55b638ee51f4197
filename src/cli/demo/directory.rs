//! The directory's part of the story: people and groups arrive, one person leaves, and a mass disappearance waits for a person.

use std::time::Instant;

use anyhow::bail;
use serde_json::{Value, json};

use super::{
    calendars::{NIAMH, OISIN},
    patience::{PATIENCE, pause},
    teller::Teller,
};
use crate::simulator::Generate;

/// Niamh's group, and Oisín's, which is in it.
const CREW: &str = "02bd9fd6-8f93-4758-87c3-1fb73740a315";
const APPRENTICES: &str = "02bd9fd6-8f93-4758-87c3-1fb73740a316";
/// People beside the two.
const OTHERS: u32 = 40;

impl Teller<'_> {
    pub(super) async fn import_the_directory(&mut self) -> anyhow::Result<()> {
        self.table.step("An administrator imports people and groups, and lets a group give a role");
        let group =
            |id: &str, name: &str, members: Value| json!({ "putGroup": { "id": id, "displayName": name, "members": members } });
        self.change_directory(&json!([
            { "generate": { "users": OTHERS, "departments": 4 } },
            group(APPRENTICES, "Apprentices", json!([OISIN])),
            group(CREW, "Field crew", json!([NIAMH, APPRENTICES])),
        ]))
        .await?;
        let people = self.import("importUsers").await?;
        self.claims.equal(self.table, "everybody is there", &people["counts"]["created"], &json!(OTHERS + 2));
        self.import("importGroups").await?;
        let query = "mutation($input: RoleMappingInput!) { mapGroupToRole(input: $input) { groupName memberCount } }";
        let input = json!({ "input": { "groupId": CREW, "role": "field-lead" } });
        let mapping = self.stage.caller.graphql(query, input).await?["mapGroupToRole"].take();
        let expected = json!({ "groupName": "Field crew", "memberCount": 2 });
        self.claims.equal(self.table, "the crew gives the role \"field-lead\" to two people", &mapping, &expected);
        let roles = self.roles(OISIN).await?;
        self.claims.equal(self.table, "Oisín has it through the group within the group", &roles, &json!(["field-lead"]));
        Ok(())
    }

    pub(super) async fn lose_one_person(&mut self) -> anyhow::Result<()> {
        self.table.step("Niamh leaves the organisation; the next import notices");
        self.change_directory(&json!([{ "deleteUser": { "user": NIAMH } }])).await?;
        let import = self.import("importUsers").await?;
        self.claims.equal(self.table, "one person is disabled, none deleted", &import["counts"]["disabled"], &json!(1));
        let query = "query($name: String!) { directoryUsers(search: $name) { nodes { status disabledReason } } }";
        let found = self.stage.caller.graphql(query, json!({ "name": NIAMH })).await?["directoryUsers"]["nodes"].take();
        let expected = json!([{ "status": "DISABLED", "disabledReason": "ABSENT" }]);
        self.claims.equal(self.table, "she is kept, and the reason with her", &found, &expected);
        let roles = self.roles(NIAMH).await?;
        self.claims.equal(self.table, "and has no role any more", &roles, &json!([]));
        Ok(())
    }

    pub(super) async fn lose_half_the_directory(&mut self) -> anyhow::Result<()> {
        self.table
            .step("An answer breaks off in the middle; then half of the directory is missing from an answer that looks whole");
        let before = self.active().await?;
        self.stage.caller.break_off("/v1.0/users").await?;
        let broken = self.import("importUsers").await?;
        self.stage.caller.heal().await?;
        self.claims.equal(self.table, "the import that broke off failed", &broken["state"], &json!("FAILED"));
        let gone: Vec<Value> = (1..=OTHERS / 2).map(|at| json!({ "deleteUser": { "user": Generate::user_id(at) } })).collect();
        self.change_directory(&Value::Array(gone)).await?;
        let import = self.import("importUsers").await?;
        self.claims.equal(
            self.table,
            "the next one waits for a person's approval",
            &import["state"],
            &json!("AWAITING_APPROVAL"),
        );
        let listed = import["changes"]["totalCount"].as_u64().unwrap_or_default();
        self.table.line(&format!("it would disable {} people; the list of {listed} changes is there to be read", OTHERS / 2));
        self.claims.equal(self.table, "nobody was disabled by either", &self.active().await?, &before);
        let query = "mutation($id: ID!) { rejectImport(operationId: $id) { state } }";
        let rejected = self.stage.caller.graphql(query, json!({ "id": import["id"] })).await?["rejectImport"]["state"].take();
        self.claims.equal(self.table, "rejected, it is gone", &rejected, &json!("REJECTED"));
        Ok(())
    }

    /// Starts an import and waits for what becomes of it.
    async fn import(&self, mutation: &str) -> anyhow::Result<Value> {
        let started = Instant::now();
        let answer = self.stage.caller.graphql(&format!("mutation {{ operation: {mutation} {{ id }} }}"), Value::Null).await?;
        let id = &answer["operation"]["id"];
        loop {
            let query = "query($id: ID!) { operation(id: $id) { id state counts error { code message } changes(first: 1) { totalCount } } }";
            let operation = self.stage.caller.graphql(query, json!({ "id": id })).await?["operation"].take();
            if !matches!(operation["state"].as_str(), Some("QUEUED" | "RUNNING")) {
                self.table.line(&format!("{mutation}: {}", operation["state"].as_str().unwrap_or("?").to_lowercase()));
                return Ok(operation);
            }
            if started.elapsed() > PATIENCE {
                bail!("{mutation} did not end: {operation}");
            }
            pause().await;
        }
    }

    async fn change_directory(&self, changes: &Value) -> anyhow::Result<()> {
        self.stage.caller.change_directory(changes).await
    }

    /// The names of a person's roles.
    async fn roles(&self, user: &str) -> anyhow::Result<Value> {
        let query = "query($user: String!) { effectiveRoles(user: $user) { roles { role } } }";
        let answer = self.stage.caller.graphql(query, json!({ "user": user })).await?;
        let roles = answer["effectiveRoles"]["roles"].as_array().cloned().unwrap_or_default();
        Ok(roles.into_iter().map(|mut role| role["role"].take()).collect())
    }

    /// How many people count.
    async fn active(&self) -> anyhow::Result<Value> {
        let query = "{ directoryUsers(status: ACTIVE, first: 1) { totalCount } }";
        Ok(self.stage.caller.graphql(query, Value::Null).await?["directoryUsers"]["totalCount"].take())
    }
}

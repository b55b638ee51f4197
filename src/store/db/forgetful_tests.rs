//! For tests: a build whose queries have forgotten their organisation. Ours cannot be told from it by anything but what they return, so the
//! tests run the real methods of the store with the filter taken out of their statements on the way to the database.

tokio::task_local! {
    static FORGETFUL: ();
}

/// Runs a future whose own reads forget the organisation (what it writes goes through the writers' tasks and is not affected).
pub(super) async fn forgetful<T>(reads: impl Future<Output = T>) -> T {
    FORGETFUL.scope((), reads).await
}

/// The statement, as such a build would have it.
pub(super) fn remembered(text: &str) -> String {
    if FORGETFUL.try_with(|()| ()).is_err() {
        return text.to_owned();
    }
    let mut left = String::new();
    for part in text.split_inclusive("org = $1") {
        match part.strip_suffix("org = $1") {
            // With the table's name in front, if there is one.
            Some(before) => {
                let before = before.strip_suffix('.').map_or(before, |named| named.trim_end_matches(char::is_alphanumeric));
                left.push_str(before);
                left.push_str("$1 = $1");
            }
            None => left.push_str(part),
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capabilities::CapabilityName,
        organisation::{OrgScope, OrganisationId},
        store::{
            AuditFilter, NewAuditEntry, NewOperation, OperationFilter, OperationKind, PageRequest, Pause, RoleDecision, Store,
        },
    };
    use chrono::DateTime;

    fn scope(name: &str) -> OrgScope {
        OrgScope::of_stored_row(OrganisationId::parse(name).unwrap())
    }

    fn entry() -> NewAuditEntry {
        NewAuditEntry {
            at: DateTime::UNIX_EPOCH,
            actor: "system".into(),
            action: "connection.tested".into(),
            target: "connection".into(),
            outcome: crate::capabilities::Outcome::Succeeded,
            detail: serde_json::json!({}),
            personal: vec![],
            correlation_id: None,
            graph_request_id: None,
        }
    }

    /// Something of each kind, of organisation `a`.
    async fn filled(store: &Store) {
        let (a, at) = (scope("a"), DateTime::UNIX_EPOCH);
        let pause = Pause { capability: CapabilityName::Calendar, reason: Some("secret of a".into()), since: at };
        store.pause(&a, pause, entry()).await.unwrap();
        let decision = RoleDecision { group_id: "g".into(), role: "lead".into(), at, audit: entry() };
        store.map_role(&a, decision).await.unwrap();
        let new = NewOperation {
            id: "o".into(),
            kind: OperationKind::PublishZones,
            dry_run: true,
            input: serde_json::json!({}),
            requested_by: "user:a".into(),
            trace: None,
        };
        store.enqueue_operation(&a, at, new, vec![entry()]).await.unwrap();
    }

    /// How much organisation `b`, which has nothing, is shown.
    async fn seen(store: &Store) -> [usize; 4] {
        let (b, page) = (scope("b"), || PageRequest { first: 50, after: None });
        [
            store.pauses(&b).await.unwrap().len(),
            store.role_mappings(&b).await.unwrap().len(),
            store.operations(&b, OperationFilter::default(), page()).await.unwrap().rows.len(),
            store.audit_trail(&b, AuditFilter::default(), page()).await.unwrap().rows.len(),
        ]
    }

    #[tokio::test]
    async fn a_build_that_forgot_the_organisation_shows_one_the_rows_of_another_where_there_is_no_second_line() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}/store.db", folder.path().display())).await.unwrap();
        store.migrate().await.unwrap();
        filled(&store).await;
        assert_eq!(seen(&store).await, [0; 4]);
        let leaked = forgetful(seen(&store)).await;
        assert!(leaked.iter().all(|rows| *rows > 0), "{leaked:?}: these statements did not forget");
        store.close().await;
    }

    #[tokio::test]
    async fn on_postgres_the_second_line_catches_it() {
        let Some((store, tidy)) = as_service().await else { return };
        filled(&store).await;
        assert_eq!(forgetful(seen(&store)).await, [0; 4]);
        assert_eq!(store.pauses(&scope("a")).await.unwrap().len(), 1);
        store.close().await;
        tidy.await;
    }

    /// A fresh database, opened by a role that does not own it; and how to be rid of it.
    #[expect(clippy::disallowed_methods, reason = "tests are told by `make test` where their servers are")]
    async fn as_service() -> Option<(Store, impl Future<Output = ()>)> {
        let Ok(server) = std::env::var("TEST_POSTGRES_URL") else {
            assert!(std::env::var_os("ARGUS_TEST_REQUIRE_POSTGRES").is_none(), "TEST_POSTGRES_URL is not set");
            return None;
        };
        let name = format!("forgetful_{}", std::process::id());
        let (_, host) = server.rsplit_once('@').unwrap();
        let (host, _) = host.rsplit_once('/').unwrap();
        let url = |role: &str| format!("postgres://{role}@{host}/{name}");
        let superuser = sqlx::PgPool::connect(&server).await.unwrap();
        let run = async |text: String| {
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&superuser).await.unwrap();
        };
        run(format!("CREATE ROLE {name}_owner LOGIN")).await;
        run(format!("CREATE ROLE {name} LOGIN")).await;
        run(format!("CREATE DATABASE {name} OWNER {name}_owner")).await;
        let owner = Store::open(&url(&format!("{name}_owner"))).await.unwrap();
        owner.migrate().await.unwrap();
        owner.admit(&url(&name), None).await.unwrap();
        owner.close().await;
        let store = Store::open(&url(&name)).await.unwrap();
        let tidy = async move {
            for text in
                [format!("DROP DATABASE {name} WITH (FORCE)"), format!("DROP ROLE {name}"), format!("DROP ROLE {name}_owner")]
            {
                sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&superuser).await.unwrap();
            }
        };
        Some((store, tidy))
    }
}

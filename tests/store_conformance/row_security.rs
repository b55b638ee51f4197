//! Postgres' row-level security, the line behind the filters in our own statements. SQLite has none: there is nothing to show there.

use argus_m365::store::{SecondLine, Store};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{
    isolation::fill,
    world::{Raw, World, scope},
};

/// Tables with an organisation.
async fn tables(raw: &Raw) -> Vec<String> {
    let text = "SELECT CAST(table_name AS TEXT) FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'org' \
        ORDER BY 1";
    let tables = raw.texts(text).await;
    assert!(tables.len() > 25, "{tables:?}");
    tables
}

/// A connection as this role; none on SQLite.
async fn connected(world: &World, url: &str) -> Option<PgConnection> {
    match world.raw {
        Raw::Sqlite(_) => None,
        Raw::Postgres(_) => Some(PgConnection::connect(url).await.unwrap()),
    }
}

async fn run(connection: &mut PgConnection, text: &str) -> Result<u64, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(connection).await.map(|done| done.rows_affected())
}

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let text = format!("SELECT COUNT(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(connection).await.unwrap()
}

/// What Postgres says to the service's role when it may not.
fn refused(outcome: &Result<u64, sqlx::Error>) -> bool {
    let code = outcome.as_ref().err().and_then(|error| error.as_database_error()?.code());
    code.is_some_and(|code| code == "42501")
}

pub(crate) async fn a_statement_without_its_organisation_reaches_nothing_of_anybody_elses(world: &World) {
    let Some(mut service) = connected(world, &world.url).await else { return };
    fill(world, "a").await;
    fill(world, "b").await;
    let mut filled = 0;
    for table in tables(&world.raw).await {
        let of = |org: &str| format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table} WHERE org IN ({org})");
        let everybodys = world.raw.texts(&of("'a', 'b'")).await.remove(0).parse::<i64>().unwrap();
        let ours = world.raw.texts(&of("'b'")).await.remove(0).parse::<i64>().unwrap();
        filled += i64::from(everybodys > ours);
        for (told, seen) in [("", 0), ("b", ours), ("a,b", everybodys), ("*", everybodys), ("c", 0), ("a' OR 'a", 0)] {
            run(&mut service, &format!("SET argus.organisation = '{}'", told.replace('\'', "''"))).await.unwrap();
            assert_eq!(count(&mut service, &table).await, seen, "{table}, told {told:?}");
        }
        run(&mut service, "RESET argus.organisation").await.unwrap();
        assert_eq!(count(&mut service, &table).await, 0, "{table}, untold");
    }
    assert!(filled >= 5, "only {filled} tables had rows that could have been seen");

    // Changes without a filter: they reach our own rows, and never the other's.
    run(&mut service, "SET argus.organisation = 'b'").await.unwrap();
    for change in ["UPDATE wanted SET attempts = 99", "DELETE FROM dead_letter", "DELETE FROM place"] {
        assert!(run(&mut service, change).await.unwrap() > 0, "{change}");
    }
    assert_eq!(world.raw.texts("SELECT DISTINCT org FROM wanted WHERE attempts = 99").await, ["b"]);
    for table in ["dead_letter", "place"] {
        assert_eq!(world.raw.texts(&format!("SELECT DISTINCT org FROM {table}")).await, ["a"], "{table}");
    }
    // A row for the other, and one of ours given away.
    let hold = "INSERT INTO hold (org, capability, target, until) VALUES ('a', 'calendar', '', 0)";
    assert!(refused(&run(&mut service, hold).await));
    assert!(refused(&run(&mut service, "UPDATE wanted SET org = 'a'").await));
}

pub(crate) async fn every_table_with_an_organisation_is_secured_by_the_end_of_a_migration(world: &World) {
    let Some(mut owner) = connected(world, &world.owner_url).await else { return };
    // As a later migration would make it.
    run(&mut owner, "CREATE TABLE afterthought (org TEXT COLLATE \"C\" NOT NULL PRIMARY KEY)").await.unwrap();
    let open = "SELECT CAST(relname AS TEXT) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace \
        AND relrowsecurity AND relforcerowsecurity ORDER BY 1";
    let mut all = tables(&world.raw).await;
    assert!(all.contains(&"afterthought".to_owned()));
    let store = Store::open(&world.owner_url).await.unwrap();
    store.migrate().await.unwrap();
    store.admit(&world.url, None).await.unwrap();
    store.close().await;
    all.sort();
    assert_eq!(world.raw.texts(open).await, all);
    // The owner is bound as well.
    run(&mut owner, "INSERT INTO afterthought (org) VALUES ('a')").await.unwrap_err();
    let mut service = connected(world, &world.url).await.unwrap();
    run(&mut service, "SET argus.organisation = 'a'; INSERT INTO afterthought (org) VALUES ('a')").await.unwrap();
}

pub(crate) async fn the_service_changes_neither_the_trail_nor_the_schema(world: &World) {
    let Some(mut service) = connected(world, &world.url).await else { return };
    fill(world, "a").await;
    run(&mut service, "SET argus.organisation = 'a'").await.unwrap();
    for change in [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "UPDATE audit_personal SET value = ''",
        "DROP TABLE wanted",
        "ALTER TABLE wanted DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP POLICY organisation ON wanted",
        "CREATE TABLE mine (id BIGINT)",
        "DELETE FROM _sqlx_migrations",
        "SELECT argus_secure(); ALTER TABLE hold NO FORCE ROW LEVEL SECURITY",
        "SELECT argus_admit_auditor(current_user); SET ROLE postgres",
    ] {
        assert!(refused(&run(&mut service, change).await), "{change}");
    }
    assert!(world.store.verify_audit(&scope("a")).await.unwrap().intact);
}

pub(crate) async fn an_auditor_reads_the_trail_alone(world: &World) {
    let Some(mut auditor) = connected(world, &world.auditor_url).await else { return };
    fill(world, "a").await;
    let store = Store::open(&world.auditor_url).await.unwrap();
    let verified = store.verify_audit(&scope("a")).await.unwrap();
    assert!(verified.intact && verified.entries > 0);
    assert_eq!(store.audited_organisations(&world.worker).await.unwrap(), [scope("a")]);
    assert!(store.connection(&scope("a")).await.is_err());
    store.close().await;
    run(&mut auditor, "SET argus.organisation = '*'").await.unwrap();
    for table in tables(&world.raw).await.into_iter().filter(|table| !table.starts_with("audit")) {
        assert!(refused(&run(&mut auditor, &format!("SELECT * FROM {table}")).await), "{table}");
    }
    for change in ["DELETE FROM audit_personal", "UPDATE audit SET actor = ''", "INSERT INTO audit_head VALUES ('z', 0, '')"] {
        assert!(refused(&run(&mut auditor, change).await), "{change}");
    }
}

pub(crate) async fn the_service_knows_whether_it_is_held(world: &World) {
    let line = world.store.second_line().await.unwrap();
    if matches!(world.raw, Raw::Sqlite(_)) {
        return assert_eq!(line, SecondLine::Absent);
    }
    assert!(matches!(line, SecondLine::Holds { role } if role.ends_with("_app")));
    let owner = Store::open(&world.owner_url).await.unwrap();
    assert!(matches!(owner.second_line().await.unwrap(), SecondLine::OwnersOwn { .. }));
    owner.close().await;
    let role = world.url.rsplit_once("://").unwrap().1.split('@').next().unwrap();
    world.raw.run(&format!("ALTER ROLE {role} BYPASSRLS")).await.unwrap();
    assert!(matches!(world.store.second_line().await.unwrap(), SecondLine::Bypassed { .. }));
}

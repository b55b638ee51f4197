//! Which role does what on Postgres: one owns the tables and migrates, one serves, one reads the audit trail. SQLite has no roles.

use super::{Conn, Reach, Store, StoreError, open::Target};

/// What holds the store's own role to an organisation's rows, beside the filters in its statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondLine {
    /// SQLite has none.
    Absent,
    /// Row-level security; the role cannot switch it off.
    Holds {
        /// The role.
        role: String,
    },
    /// Row-level security; but the role owns the tables, so it could switch it off.
    OwnersOwn {
        /// The role.
        role: String,
    },
    /// The role is a superuser or has BYPASSRLS: Postgres asks it nothing.
    Bypassed {
        /// The role.
        role: String,
    },
}

const WHO: &str = "SELECT CAST(r.rolname AS TEXT), CAST(CASE WHEN r.rolsuper OR r.rolbypassrls THEN 1 ELSE 0 END AS BIGINT), \
    CAST(CASE WHEN pg_has_role(c.relowner, 'MEMBER') THEN 1 ELSE 0 END AS BIGINT) \
    FROM pg_roles r LEFT JOIN pg_class c ON c.oid = to_regclass('wanted') WHERE r.rolname = current_user";

impl Store {
    /// Lets other roles in: the one that `service_url` names, which reads and writes rows, and an auditor, who reads the audit trail.
    /// Harmless when they are in already. For the store of the tables' owner, after [`Store::migrate`]; on SQLite nothing happens.
    pub async fn admit(&self, service_url: &str, auditor: Option<&str>) -> Result<(), StoreError> {
        const DOING: &str = "giving the service's role its rights";
        let (Target::Postgres(owner), Target::Postgres(service)) =
            (&self.inner.target, &Target::parse(service_url).map_err(|failure| failure.doing("reading the database's address"))?)
        else {
            return Ok(());
        };
        let mut conn = self.inner.target.writer().await.map_err(|failure| failure.doing(DOING))?;
        if service.get_username() != owner.get_username() {
            let values = vec![service.get_username().into()];
            conn.all("SELECT 1 FROM argus_admit_service(CAST($1 AS name))", values)
                .await
                .map_err(|failure| failure.doing(DOING))?;
        }
        if let Some(auditor) = auditor {
            let values = vec![auditor.into()];
            conn.all("SELECT 1 FROM argus_admit_auditor(CAST($1 AS name))", values)
                .await
                .map_err(|failure| failure.doing(DOING))?;
        }
        Ok(())
    }

    /// Whether a statement without its organisation would be caught. For the log at start-up.
    pub async fn second_line(&self) -> Result<SecondLine, StoreError> {
        const DOING: &str = "looking whether row-level security holds";
        let mut conn = self.read(Reach::nobody(), DOING).await?;
        if !conn.is_postgres() {
            return Ok(SecondLine::Absent);
        }
        second_line(&mut conn).await.map_err(|failure| failure.doing(DOING))
    }
}

async fn second_line(conn: &mut Conn) -> Result<SecondLine, super::Failure> {
    let rows = conn.all(WHO, vec![]).await?;
    let row = rows.first().ok_or(super::Failure::Unreadable("role"))?;
    let role = row.text(0)?;
    Ok(match (row.int(1)?, row.int(2)?) {
        (1, _) => SecondLine::Bypassed { role },
        (_, 1) => SecondLine::OwnersOwn { role },
        _ => SecondLine::Holds { role },
    })
}

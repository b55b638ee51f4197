//! Which zone has which value of a list's match column: one zone a value, the first that wants it.
//!
//! A list is named as in `place`; a dry run names one of its own, so that what it supposes binds nobody.

use std::collections::HashMap;

use super::{
    Store, StoreError,
    db::{Conn, Failure, Job, Reach, Value},
};
use crate::organisation::OrgScope;

/// A zone that wants a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchWanted {
    /// What finds its item.
    pub finder: String,
    /// The zone.
    pub key: String,
    /// The zone that is known to have the value and not to want it any more: it is taken from it, if it still has it.
    pub from: Option<String>,
}

const OWNERS: &str = "WITH v(org, list, finder) AS (VALUES {rows}) SELECT m.finder, m.key \
    FROM v JOIN zone_match m ON m.org = v.org AND m.list = v.list AND m.finder = v.finder";

const PASS: &str = "WITH v(org, list, finder, key, before) AS (VALUES {rows}) UPDATE zone_match SET key = v.key FROM v \
    WHERE zone_match.org = v.org AND zone_match.list = v.list AND zone_match.finder = v.finder AND zone_match.key = v.before";

const TAKE: &str = "INSERT INTO zone_match (org, list, finder, key) VALUES {rows} ON CONFLICT (org, list, finder) DO NOTHING";

const FORGET: &str = "DELETE FROM zone_match WHERE org = $1 AND list = $2";

impl Store {
    /// The zones that have these values, by what finds them.
    pub async fn match_owners(
        &self,
        scope: &OrgScope,
        list: &str,
        finders: &[String],
    ) -> Result<HashMap<String, String>, StoreError> {
        const DOING: &str = "reading which zone has a value";
        let mut conn = self.read(scope, DOING).await?;
        owners(&mut conn, scope, list, finders).await.map_err(|failure| failure.doing(DOING))
    }

    /// Gives each value to the zone that wants it, unless another has it; and says who has them then. Of several zones that want
    /// one value the first gets it.
    pub async fn take_matches(
        &self,
        scope: &OrgScope,
        list: &str,
        mut wanted: Vec<MatchWanted>,
    ) -> Result<HashMap<String, String>, StoreError> {
        // In one order, so that replicas lock rows alike; the first of equals stays the first.
        wanted.sort_by(|a, b| a.finder.cmp(&b.finder));
        wanted.dedup_by(|later, first| later.finder == first.finder);
        let reach = Reach::from(scope);
        let (scope, list) = (scope.clone(), list.to_owned());
        let job: Job<HashMap<String, String>> = Box::new(move |tx| {
            let (scope, list, wanted) = (scope.clone(), list.clone(), wanted.clone());
            Box::pin(async move {
                let row = |one: &MatchWanted| -> [Value; 4] {
                    [scope.as_str().into(), list.as_str().into(), one.finder.as_str().into(), one.key.as_str().into()]
                };
                let passed = wanted.iter().filter_map(|one| {
                    let [org, list, finder, key] = row(one);
                    one.from.as_deref().map(|before| [org, list, finder, key, before.into()])
                });
                tx.conn.many(PASS, &[], passed.collect()).await?;
                tx.conn.many(TAKE, &[], wanted.iter().map(row).collect()).await?;
                let finders: Vec<String> = wanted.into_iter().map(|one| one.finder).collect();
                owners(&mut tx.conn, &scope, &list, &finders).await
            })
        });
        self.write(reach, "giving zones their values", job).await
    }

    /// Forgets who has what in a list.
    pub async fn forget_matches(&self, scope: &OrgScope, list: &str) -> Result<(), StoreError> {
        let reach = Reach::from(scope);
        let (scope, list) = (scope.clone(), list.to_owned());
        let job: Job<()> = Box::new(move |tx| {
            let values = vec![scope.as_str().into(), list.as_str().into()];
            Box::pin(async move { tx.conn.run(FORGET, values).await.map(drop) })
        });
        self.write(reach, "forgetting which zone has a value", job).await
    }
}

async fn owners(conn: &mut Conn, scope: &OrgScope, list: &str, finders: &[String]) -> Result<HashMap<String, String>, Failure> {
    let rows = finders.iter().map(|finder| [scope.as_str().into(), list.into(), finder.as_str().into()]).collect();
    let rows = conn.many(OWNERS, &[], rows).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
}

//! A sign-in that waits for a person at another screen. It outlives the process that started it; replicas take turns to ask.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    NewAuditEntry, SealedToken, Store, StoreError, TeamsAccountRow, WorkerScope,
    db::{Failure, Job, Reach, Row, Tx},
    teams_account, values,
};
use crate::organisation::OrgScope;

/// The row of a sign-in. The sealed device code is opaque here; `vault` opens it.
#[derive(Debug, Clone)]
pub struct TeamsSignInRow {
    /// Identifies it; part of what the sealed value is bound to.
    pub sign_in_id: String,
    /// The connection's epoch when it was started.
    pub epoch: u64,
    /// The device code.
    pub code: SealedToken,
    /// Who asked for it.
    pub actor: String,
    /// The request's correlation id.
    pub correlation_id: Option<String>,
    /// How long to wait between polls.
    pub pause: TimeDelta,
    /// When Microsoft is asked next; none once it has failed.
    pub poll_at: Option<DateTime<Utc>>,
    /// When the code ends.
    pub expires_at: DateTime<Utc>,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it was started.
    pub started_at: DateTime<Utc>,
}

/// A sign-in that Microsoft has to be asked about.
#[derive(Debug, Clone)]
pub struct DuePoll {
    /// Whose.
    pub scope: OrgScope,
    /// Which sign-in.
    pub sign_in_id: String,
    /// When it became due: who asks, moves it.
    pub poll_at: DateTime<Utc>,
}

const LOOK: &str = "SELECT sign_in_id, epoch, key_id, sealed_data_key, sealed_device_code, actor, correlation_id, pause, poll_at, \
    expires_at, failure, started_at FROM teams_sign_in WHERE org = $1";

const PUT: &str = "INSERT INTO teams_sign_in (org, sign_in_id, epoch, key_id, sealed_data_key, sealed_device_code, actor, \
    correlation_id, pause, poll_at, expires_at, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

const TAKE: &str = "UPDATE teams_sign_in SET poll_at = $4 WHERE org = $1 AND sign_in_id = $2 AND poll_at = $3";

/// The device code is spent or over: it is erased.
const FAIL: &str = "UPDATE teams_sign_in SET failure = $3, poll_at = NULL, key_id = '', sealed_data_key = $4, \
    sealed_device_code = $4 WHERE org = $1 AND sign_in_id = $2 AND poll_at IS NOT NULL";

impl Store {
    /// The organisation's sign-in, waiting or failed.
    pub async fn teams_sign_in(&self, scope: &OrgScope) -> Result<Option<TeamsSignInRow>, StoreError> {
        const DOING: &str = "reading the Teams sign-in";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(LOOK, vec![scope.as_str().into()]).await;
        rows.and_then(|rows| rows.first().map(read).transpose()).map_err(|failure| failure.doing(DOING))
    }

    /// Keeps a sign-in in place of an older one. The account that is signed in stays until the new one is.
    pub async fn put_teams_sign_in(&self, scope: &OrgScope, row: TeamsSignInRow, audit: NewAuditEntry) -> Result<(), StoreError> {
        let given = Arc::new((scope.clone(), row, audit));
        let job: Job<()> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (scope, row, audit) = &*given;
                tx.conn.run("DELETE FROM teams_sign_in WHERE org = $1", vec![scope.as_str().into()]).await?;
                put(tx, scope, row).await?;
                tx.audit(scope, [audit.clone()]);
                Ok(())
            })
        });
        self.write(scope, "keeping the Teams sign-in", job).await
    }

    /// Sign-ins that Microsoft has to be asked about by `now`.
    pub async fn due_sign_in_polls(&self, worker: &WorkerScope, now: DateTime<Utc>) -> Result<Vec<DuePoll>, StoreError> {
        const DOING: &str = "reading which sign-ins to ask about";
        let mut conn = self.read(worker, DOING).await?;
        let text = "SELECT org, sign_in_id, poll_at FROM teams_sign_in WHERE poll_at <= $1 ORDER BY org";
        let rows = conn.all(text, vec![now.into()]).await;
        let read = |row: &Row| {
            let scope = self.scope_of(&row.text(0)?)?;
            Ok(DuePoll { scope, sign_in_id: row.text(1)?, poll_at: values::instant(row, 2)? })
        };
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// Takes a poll and plans the next. Of all replicas that saw the same plan one gets true.
    pub async fn take_sign_in_poll(&self, due: &DuePoll, next: DateTime<Utc>) -> Result<bool, StoreError> {
        let reach = Reach::from(&due.scope);
        let due = due.clone();
        let job: Job<bool> = Box::new(move |tx| {
            let due = due.clone();
            Box::pin(async move {
                let values = vec![due.scope.as_str().into(), due.sign_in_id.into(), due.poll_at.into(), next.into()];
                Ok(tx.conn.run(TAKE, values).await? > 0)
            })
        });
        self.write(reach, "planning the next question about a sign-in", job).await
    }

    /// Waits longer between polls from now on.
    pub async fn slow_sign_in_down(&self, due: &DuePoll, pause: TimeDelta, next: DateTime<Utc>) -> Result<(), StoreError> {
        let reach = Reach::from(&due.scope);
        let due = due.clone();
        let job: Job<()> = Box::new(move |tx| {
            let due = due.clone();
            Box::pin(async move {
                let text = "UPDATE teams_sign_in SET pause = $3, poll_at = $4 WHERE org = $1 AND sign_in_id = $2 \
                    AND poll_at IS NOT NULL";
                let pause = pause.num_microseconds().unwrap_or(i64::MAX);
                let values = vec![due.scope.as_str().into(), due.sign_in_id.into(), pause.into(), next.into()];
                tx.conn.run(text, values).await.map(drop)
            })
        });
        self.write(reach, "asking less often about a sign-in", job).await
    }

    /// The sign-in has failed; false when another took its place or it is over already.
    pub async fn fail_teams_sign_in(&self, due: &DuePoll, failure: String, audit: NewAuditEntry) -> Result<bool, StoreError> {
        let given = Arc::new((due.clone(), failure, audit));
        let job: Job<bool> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (due, failure, audit) = &*given;
                let id = due.sign_in_id.as_str();
                let values = vec![due.scope.as_str().into(), id.into(), failure.as_str().into(), teams_account::NOTHING.into()];
                let failed = tx.conn.run(FAIL, values).await? > 0;
                if failed {
                    tx.audit(&due.scope, [audit.clone()]);
                }
                Ok(failed)
            })
        });
        self.write(&due.scope, "ending a sign-in that failed", job).await
    }

    /// Somebody signed in: the account takes the place of the sign-in and of an older account, in one step. False when the sign-in
    /// is not waited for any more.
    pub async fn complete_teams_sign_in(
        &self,
        due: &DuePoll,
        account: TeamsAccountRow,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let given = Arc::new((due.clone(), account, audit));
        let job: Job<bool> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (due, account, audit) = &*given;
                let text = "DELETE FROM teams_sign_in WHERE org = $1 AND sign_in_id = $2 AND poll_at IS NOT NULL";
                let id = due.sign_in_id.as_str();
                if tx.conn.run(text, vec![due.scope.as_str().into(), id.into()]).await? == 0 {
                    return Ok(false);
                }
                teams_account::put(tx, &due.scope, account).await?;
                tx.audit(&due.scope, [audit.clone()]);
                Ok(true)
            })
        });
        self.write(&due.scope, "keeping the Teams account", job).await
    }
}

async fn put(tx: &mut Tx, scope: &OrgScope, row: &TeamsSignInRow) -> Result<(), Failure> {
    let values = vec![
        scope.as_str().into(),
        row.sign_in_id.as_str().into(),
        row.epoch.into(),
        row.code.key_id.as_str().into(),
        row.code.data_key.as_slice().into(),
        row.code.value.as_slice().into(),
        row.actor.as_str().into(),
        row.correlation_id.as_deref().into(),
        row.pause.num_microseconds().unwrap_or(i64::MAX).into(),
        row.poll_at.into(),
        row.expires_at.into(),
        row.started_at.into(),
    ];
    tx.conn.run(PUT, values).await.map(drop)
}

fn read(row: &Row) -> Result<TeamsSignInRow, Failure> {
    Ok(TeamsSignInRow {
        sign_in_id: row.text(0)?,
        epoch: row.count(1)?,
        code: SealedToken { key_id: row.text(2)?, data_key: row.bytes(3)?, value: row.bytes(4)? },
        actor: row.text(5)?,
        correlation_id: row.maybe_text(6)?,
        pause: TimeDelta::microseconds(row.int(7)?),
        poll_at: values::maybe_instant(row, 8)?,
        expires_at: values::instant(row, 9)?,
        failure: row.maybe_text(10)?,
        started_at: values::instant(row, 11)?,
    })
}

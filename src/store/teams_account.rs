//! The account that posts through GRAPH channels: its sealed refresh token, and whose turn it is to ask for the next one.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    NewAuditEntry, OutgoingEvent, Store, StoreError, WorkerScope,
    db::{Failure, Job, Row, Tx, Value},
    values,
};
use crate::organisation::OrgScope;

/// The row of an account. Sealed values are opaque here; `vault` opens them.
#[derive(Debug, Clone)]
pub struct TeamsAccountRow {
    /// Identifies this sign-in; part of what the sealed values are bound to.
    pub account_id: String,
    /// The connection's epoch: in another directory the account means nothing.
    pub epoch: u64,
    /// Moves with every new refresh token; part of what the sealed values are bound to.
    pub token_version: u64,
    /// Who signed in, as far as Microsoft said.
    pub user_principal_name: Option<String>,
    /// Why nobody is signed in any more; none while somebody is.
    pub lost: Option<String>,
    /// The refresh token.
    pub token: SealedToken,
    /// When it was signed in.
    pub signed_in_at: DateTime<Utc>,
}

/// A sealed value with the data key that opens it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SealedToken {
    /// The key of the ring that wraps the data key.
    pub key_id: String,
    /// The wrapped data key.
    pub data_key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// Whose turn it is to ask for a new token: of the version read, until then.
#[derive(Debug, Clone)]
pub struct RefreshTurn {
    /// The account.
    pub account_id: String,
    /// The version that is refreshed.
    pub token_version: u64,
    /// Who asks.
    pub owner: String,
}

const LOOK: &str = "SELECT account_id, epoch, token_version, user_principal_name, state, reason, key_id, sealed_data_key, \
    sealed_refresh_token, signed_in_at FROM teams_account WHERE org = $1";

const PUT: &str = "INSERT INTO teams_account (org, account_id, epoch, token_version, user_principal_name, state, key_id, \
    sealed_data_key, sealed_refresh_token, signed_in_at, updated_at) VALUES ($1, $2, $3, $4, $5, 'signed-in', $6, $7, $8, $9, $9) \
    ON CONFLICT (org) DO UPDATE SET account_id = excluded.account_id, epoch = excluded.epoch, \
    token_version = excluded.token_version, user_principal_name = excluded.user_principal_name, state = excluded.state, \
    reason = NULL, key_id = excluded.key_id, sealed_data_key = excluded.sealed_data_key, \
    sealed_refresh_token = excluded.sealed_refresh_token, lease_owner = NULL, lease_until = NULL, \
    signed_in_at = excluded.signed_in_at, updated_at = excluded.updated_at";

const TAKE: &str = "UPDATE teams_account SET lease_owner = $4, lease_until = $6 WHERE org = $1 AND account_id = $2 \
    AND token_version = $3 AND state = 'signed-in' AND (lease_until IS NULL OR lease_until <= $5 OR lease_owner = $4)";

const GIVE_BACK: &str = "UPDATE teams_account SET lease_owner = NULL, lease_until = NULL WHERE org = $1 AND account_id = $2 \
    AND token_version = $3 AND lease_owner = $4";

/// Not without the lease: whoever has it now works with the token that stands.
const ROTATE: &str = "UPDATE teams_account SET token_version = token_version + 1, key_id = $5, sealed_data_key = $6, \
    sealed_refresh_token = $7, updated_at = $8, lease_owner = NULL, lease_until = NULL \
    WHERE org = $1 AND account_id = $2 AND token_version = $3 AND lease_owner = $4 AND state = 'signed-in'";

/// A refused token is of no use to us, and of some to whoever steals the database.
const LOSE: &str = "UPDATE teams_account SET state = 'lost', reason = $4, key_id = '', sealed_data_key = $5, \
    sealed_refresh_token = $5, lease_owner = NULL, lease_until = NULL, updated_at = $6 \
    WHERE org = $1 AND account_id = $2 AND token_version = $3 AND state = 'signed-in'";

/// What an erased value leaves.
pub(super) const NOTHING: &[u8] = &[];

impl Store {
    /// The organisation's account; a lost one too.
    pub async fn teams_account(&self, scope: &OrgScope) -> Result<Option<TeamsAccountRow>, StoreError> {
        const DOING: &str = "reading the Teams account";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(LOOK, vec![scope.as_str().into()]).await;
        rows.and_then(|rows| rows.first().map(read).transpose()).map_err(|failure| failure.doing(DOING))
    }

    /// Takes the turn to ask for the next token. Of all replicas that read the same version one gets true, until `until`.
    pub async fn take_refresh_turn(
        &self,
        scope: &OrgScope,
        turn: &RefreshTurn,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let values = vec![now.into(), until.into()];
        self.change_account("taking the turn to refresh the Teams account", scope, turn, TAKE, values).await
    }

    /// Gives the turn back: asking did not work, and another may try.
    pub async fn give_refresh_turn_back(&self, scope: &OrgScope, turn: &RefreshTurn) -> Result<(), StoreError> {
        self.change_account("giving back the turn to refresh the Teams account", scope, turn, GIVE_BACK, vec![]).await.map(drop)
    }

    /// Keeps the new refresh token in place of the old; false when the turn or the account was lost meanwhile.
    pub async fn rotate_teams_account(
        &self,
        scope: &OrgScope,
        turn: &RefreshTurn,
        token: SealedToken,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let values = vec![token.key_id.into(), token.data_key.as_slice().into(), token.value.as_slice().into(), now.into()];
        self.change_account("keeping the Teams account's new token", scope, turn, ROTATE, values).await
    }

    /// Microsoft takes the refresh token no more: it is erased. False when the account was signed in anew meanwhile, or lost already.
    pub async fn lose_teams_account(
        &self,
        scope: &OrgScope,
        account: &TeamsAccountRow,
        (reason, now): (String, DateTime<Utc>),
        audit: NewAuditEntry,
        outgoing: OutgoingEvent,
    ) -> Result<bool, StoreError> {
        let key = (account.account_id.clone(), account.token_version);
        let given = Arc::new((scope.clone(), key, reason, audit, outgoing));
        let job: Job<bool> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (scope, (account, version), reason, audit, outgoing) = &*given;
                let values = vec![
                    scope.as_str().into(),
                    account.as_str().into(),
                    (*version).into(),
                    reason.as_str().into(),
                    NOTHING.into(),
                    now.into(),
                ];
                let lost = tx.conn.run(LOSE, values).await? > 0;
                if lost {
                    tx.audit(scope, [audit.clone()]);
                    tx.outgoing(scope, [outgoing.clone()]);
                }
                Ok(lost)
            })
        });
        self.write(scope, "losing the Teams account", job).await
    }

    /// Erases the account and a sign-in that waits; false when there was neither.
    pub async fn remove_teams_account(&self, scope: &OrgScope, audit: NewAuditEntry) -> Result<bool, StoreError> {
        let given = Arc::new((scope.clone(), audit));
        let job: Job<bool> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (scope, audit) = &*given;
                let removed = erase(tx, scope).await?;
                if removed {
                    tx.audit(scope, [audit.clone()]);
                }
                Ok(removed)
            })
        });
        self.write(scope, "removing the Teams account", job).await
    }

    /// Every account, and whether somebody is signed in: for metrics.
    pub async fn teams_accounts(&self, worker: &WorkerScope) -> Result<Vec<(OrgScope, bool)>, StoreError> {
        const DOING: &str = "reading the Teams accounts' states";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all("SELECT org, state FROM teams_account ORDER BY org", vec![]).await;
        let read = |row: &Row| Ok((self.scope_of(&row.text(0)?)?, row.text(1)? == "signed-in"));
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    async fn change_account(
        &self,
        doing: &'static str,
        scope: &OrgScope,
        turn: &RefreshTurn,
        text: &'static str,
        more: Vec<Value>,
    ) -> Result<bool, StoreError> {
        let mut values: Vec<Value> =
            vec![scope.as_str().into(), turn.account_id.as_str().into(), turn.token_version.into(), turn.owner.as_str().into()];
        values.extend(more);
        let job: Job<bool> = Box::new(move |tx| {
            let values = values.clone();
            Box::pin(async move { Ok(tx.conn.run(text, values).await? > 0) })
        });
        self.write(scope, doing, job).await
    }
}

/// Puts an account in place of whatever there was.
pub(super) async fn put(tx: &mut Tx, scope: &OrgScope, row: &TeamsAccountRow) -> Result<(), Failure> {
    let values = vec![
        scope.as_str().into(),
        row.account_id.as_str().into(),
        row.epoch.into(),
        row.token_version.into(),
        row.user_principal_name.as_deref().into(),
        row.token.key_id.as_str().into(),
        row.token.data_key.as_slice().into(),
        row.token.value.as_slice().into(),
        row.signed_in_at.into(),
    ];
    tx.conn.run(PUT, values).await.map(drop)
}

/// Erases account and sign-in; false when there was neither.
pub(super) async fn erase(tx: &mut Tx, scope: &OrgScope) -> Result<bool, Failure> {
    let mut erased = 0;
    for text in ["DELETE FROM teams_account WHERE org = $1", "DELETE FROM teams_sign_in WHERE org = $1"] {
        erased += tx.conn.run(text, vec![scope.as_str().into()]).await?;
    }
    Ok(erased > 0)
}

fn read(row: &Row) -> Result<TeamsAccountRow, Failure> {
    let lost = match row.text(4)?.as_str() {
        "signed-in" => None,
        "lost" => Some(row.maybe_text(5)?.unwrap_or_default()),
        _ => return Err(Failure::Unreadable("Teams account state")),
    };
    Ok(TeamsAccountRow {
        account_id: row.text(0)?,
        epoch: row.count(1)?,
        token_version: row.count(2)?,
        user_principal_name: row.maybe_text(3)?,
        lost,
        token: SealedToken { key_id: row.text(6)?, data_key: row.bytes(7)?, value: row.bytes(8)? },
        signed_in_at: values::instant(row, 9)?,
    })
}

//! An access token when one is needed, and the refresh token's rotation.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::TimeDelta;

use super::{
    records,
    sealed::{self, Place},
};
use crate::{
    connections::{ConnectionError, Connections, service::told},
    graph::{AccountGrant, GraphError, Request, Verdict, trace_of},
    organisation::OrgScope,
    store::{ConnectionRow, RefreshTurn, TeamsAccountRow},
};

/// How long a turn holds: longer than a request may take.
const TURN: TimeDelta = TimeDelta::seconds(60);
/// How long a caller waits for another replica's turn to end, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(8);
const LOOK: Duration = Duration::from_millis(100);
/// The refusals that end a sign-in (`OpenID` Connect Core, 3.1.2.6; Microsoft, "Handle errors"). Others are about the application or
/// passing, and leave the account as it is.
const FINAL: [&str; 4] = ["invalid_grant", "interaction_required", "consent_required", "login_required"];

/// The access tokens of this process.
#[derive(Default)]
pub(in crate::connections) struct Accounts(Mutex<HashMap<OrgScope, Arc<tokio::sync::Mutex<Option<Kept>>>>>);

/// An access token, and of which sign-in.
struct Kept {
    account_id: String,
    grant: AccountGrant,
}

/// Why there is no token of an account.
#[derive(Debug)]
pub(super) enum NoToken {
    /// The sign-in is over, for this reason.
    Lost(String),
    /// Microsoft did not give one now.
    Refused(GraphError),
    /// The store or the vault could not do it.
    Failed(ConnectionError),
}

impl<E: Into<ConnectionError>> From<E> for NoToken {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Why the account cannot be used now, for people.
pub(in crate::connections) enum TokenTrouble {
    /// The sign-in is over.
    Lost(String),
    /// Microsoft did not give a token now.
    Passing(String),
    /// The store or the vault could not do it.
    Failed(ConnectionError),
}

impl Accounts {
    /// Forgets the organisation's token.
    pub(in crate::connections) fn forget(&self, scope: &OrgScope) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }

    fn slot(&self, scope: &OrgScope) -> Arc<tokio::sync::Mutex<Option<Kept>>> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(scope.clone()).or_default())
    }
}

impl Connections {
    /// A token of the organisation's account, for a call if there is one; none when nobody was ever signed in. One caller at a time
    /// asks, the others wait.
    pub(super) async fn account_grant(&self, scope: &OrgScope, call: Option<&Request>) -> Result<Option<AccountGrant>, NoToken> {
        let slot = self.accounts.slot(scope);
        let mut kept = slot.lock().await;
        let Some(mut row) = self.parts.store.teams_account(scope).await? else { return Ok(None) };
        if let Some(reason) = row.lost {
            return Err(NoToken::Lost(reason));
        }
        let connection = self.parts.store.connection(scope).await?.ok_or(ConnectionError::NoConnection)?;
        if connection.epoch != row.epoch {
            // Another directory's account: its tokens are not shown to this one.
            let reason = "the connection belongs to another directory now".to_owned();
            self.lose(scope, &row, &reason).await?;
            return Err(NoToken::Lost(reason));
        }
        let now = self.parts.clock.now();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.account_id == row.account_id && now < kept.grant.good_until) {
            return Ok(Some(kept.grant.clone()));
        }
        let started = Instant::now();
        loop {
            let turn = self.refresh_turn(&row);
            let now = self.parts.clock.now();
            if self.parts.store.take_refresh_turn(scope, &turn, now, now + TURN).await? {
                if let Some(grant) = self.refresh(scope, &connection, (&row, &turn), call).await? {
                    *kept = Some(Kept { account_id: row.account_id, grant: grant.clone() });
                    return Ok(Some(grant));
                }
            } else if started.elapsed() > PATIENCE {
                return Err(NoToken::Failed(ConnectionError::Conflict));
            } else {
                tokio::time::sleep(LOOK).await;
            }
            row = match self.parts.store.teams_account(scope).await? {
                Some(TeamsAccountRow { lost: Some(reason), .. }) => return Err(NoToken::Lost(reason)),
                Some(row) => row,
                None => return Ok(None),
            };
        }
    }

    /// Whether a token can be had.
    pub(in crate::connections) async fn try_account(&self, scope: &OrgScope) -> Result<(), TokenTrouble> {
        self.account_grant(scope, None).await.map(drop).map_err(|trouble| match trouble {
            NoToken::Lost(reason) => TokenTrouble::Lost(reason),
            NoToken::Refused(error) => TokenTrouble::Passing(told(&error)),
            NoToken::Failed(error) => TokenTrouble::Failed(error),
        })
    }

    /// Graph did not take this token: it is not used again.
    pub(super) async fn account_refused(&self, scope: &OrgScope, refused: &AccountGrant) {
        let slot = self.accounts.slot(scope);
        let mut kept = slot.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.grant.good_until == refused.good_until) {
            *kept = None;
        }
    }

    fn refresh_turn(&self, row: &TeamsAccountRow) -> RefreshTurn {
        RefreshTurn {
            account_id: row.account_id.clone(),
            token_version: row.token_version,
            owner: self.parts.ids.random().to_string(),
        }
    }

    /// Asks for a token, and keeps the next refresh token before anything is done with it. None when the turn was lost meanwhile.
    async fn refresh(
        &self,
        scope: &OrgScope,
        connection: &ConnectionRow,
        (row, turn): (&TeamsAccountRow, &RefreshTurn),
        call: Option<&Request>,
    ) -> Result<Option<AccountGrant>, NoToken> {
        let asked = self.ask_for_token(scope, connection, row, call).await;
        let grant = match asked {
            Ok(grant) => grant,
            Err(NoToken::Lost(reason)) => {
                // Not lost when another replica has a newer token by now: then that one counts.
                return if self.lose(scope, row, &reason).await? { Err(NoToken::Lost(reason)) } else { Ok(None) };
            }
            Err(other) => {
                self.parts.store.give_refresh_turn_back(scope, turn).await?;
                return Err(other);
            }
        };
        let Some(next) = &grant.refresh_token else {
            self.parts.store.give_refresh_turn_back(scope, turn).await?;
            return Ok(Some(grant));
        };
        let place = Place::token(&row.account_id, row.token_version + 1);
        let token = sealed::seal(&self.parts.vault, scope, place, next)?;
        let rotated = self.parts.store.rotate_teams_account(scope, turn, token, self.parts.clock.now()).await?;
        Ok(rotated.then_some(grant))
    }

    async fn ask_for_token(
        &self,
        scope: &OrgScope,
        connection: &ConnectionRow,
        row: &TeamsAccountRow,
        call: Option<&Request>,
    ) -> Result<AccountGrant, NoToken> {
        let access = crate::connections::sealing::open(&self.parts.vault, scope, connection)?;
        let token = sealed::open_token(&self.parts.vault, scope, row)?;
        let scopes = self.scopes(access.cloud);
        let trace = call.and_then(trace_of);
        self.parts.graph.refresh_account(&access, &token, &scopes, trace.as_ref()).await.map_err(|error| {
            let over = error.verdict == Verdict::Credential && FINAL.iter().any(|code| error.is(code));
            if over { NoToken::Lost(told(&error)) } else { NoToken::Refused(error) }
        })
    }

    /// Writes the loss down; false when the account is another by now, or has another token.
    async fn lose(&self, scope: &OrgScope, row: &TeamsAccountRow, reason: &str) -> Result<bool, ConnectionError> {
        let now = self.parts.clock.now();
        let (entry, event) = records::lost(scope, &self.parts.ids, now, reason);
        let lost = self.parts.store.lose_teams_account(scope, row, (reason.to_owned(), now), entry, event).await?;
        if lost {
            tracing::warn!(organisation = %scope.organisation(), reason, "the account that posts to Teams is not signed in any more");
            self.parts.metrics.teams_accounts_lost_total.inc();
            self.announce_change();
        }
        Ok(lost)
    }
}

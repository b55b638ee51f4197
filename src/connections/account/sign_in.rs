//! Starting a sign-in, and asking until somebody has signed in.

use std::{fmt, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::{
    records,
    sealed::{self, Place},
};
use crate::{
    connections::{
        Actor, ConnectionError, Connections,
        service::{PATIENCE, out_of_patience, told},
    },
    graph::{AccountGrant, GraphError, SignInAnswer, Verdict},
    organisation::OrgScope,
    store::{DuePoll, TeamsAccountRow, TeamsSignInRow, WorkerScope},
};

/// The pause between looks for due polls.
const LOOK: Duration = Duration::from_secs(1);
/// What `slow_down` adds to the pause between polls (RFC 8628, section 3.5).
const SLOWER: TimeDelta = TimeDelta::seconds(5);
/// What is said when the code ran out.
const EXPIRED: &str = "nobody signed in before the code ended";

/// What the person who signs in needs.
#[derive(Clone, PartialEq, Eq)]
pub struct TeamsSignIn {
    /// What to type.
    pub user_code: String,
    /// Where.
    pub verification_url: String,
    /// Both in a sentence.
    pub message: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Without the code: whoever knows it can sign in an account of their own.
impl fmt::Debug for TeamsSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TeamsSignIn").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Connections {
    /// Starts a sign-in in place of one that waits; the account that is signed in stays until somebody has signed in anew.
    pub async fn start_teams_sign_in(&self, scope: &OrgScope, actor: &Actor) -> Result<TeamsSignIn, ConnectionError> {
        let row = self.parts.store.connection(scope).await?.ok_or(ConnectionError::NoConnection)?;
        let access = crate::connections::sealing::open(&self.parts.vault, scope, &row)?;
        let scopes = self.scopes(access.cloud);
        let asked_at = self.parts.clock.now();
        let asking = self.parts.graph.start_sign_in(&access, &scopes);
        let answer = tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(out_of_patience()));
        let code = answer.map_err(|error| match error.verdict {
            Verdict::Credential => ConnectionError::CredentialRejected(refusal(&error)),
            _ => ConnectionError::Unreachable(told(&error)),
        })?;
        let sign_in_id = self.parts.ids.random().to_string();
        let pause = TimeDelta::from_std(code.interval).unwrap_or(SLOWER);
        let kept = TeamsSignInRow {
            code: sealed::seal(&self.parts.vault, scope, Place::code(&sign_in_id), &code.device_code)?,
            sign_in_id,
            epoch: row.epoch,
            actor: actor.name.clone(),
            correlation_id: actor.correlation_id.clone(),
            pause,
            poll_at: Some(asked_at + pause),
            expires_at: asked_at + code.life,
            failure: None,
            started_at: asked_at,
        };
        let expires_at = kept.expires_at;
        self.parts.store.put_teams_sign_in(scope, kept, records::started(actor, asked_at, &scopes)).await?;
        Ok(TeamsSignIn { user_code: code.user_code, verification_url: code.verification_url, message: code.message, expires_at })
    }

    /// Asks Microsoft about the sign-ins that wait, until `stop`. Any number of replicas may.
    pub async fn follow_sign_ins(self, worker: WorkerScope, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            // Not ended by `stop`: an answer that grants is given once.
            self.ask_about_sign_ins(&worker).await;
        }
    }

    /// Asks about every sign-in that is due, once. Failures are logged, and the next turn comes.
    pub async fn ask_about_sign_ins(&self, worker: &WorkerScope) {
        let due = match self.parts.store.due_sign_in_polls(worker, self.parts.clock.now()).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not read which sign-ins to ask about");
                return;
            }
        };
        for due in due {
            if let Err(error) = self.ask_about(&due).await {
                let organisation = due.scope.organisation();
                tracing::warn!(%organisation, error = &error as &dyn std::error::Error, "could not ask about a sign-in");
            }
        }
    }

    async fn ask_about(&self, due: &DuePoll) -> Result<(), ConnectionError> {
        let Some(row) = self.parts.store.teams_sign_in(&due.scope).await? else { return Ok(()) };
        let now = self.parts.clock.now();
        if row.sign_in_id != due.sign_in_id || !self.parts.store.take_sign_in_poll(due, now + row.pause).await? {
            return Ok(());
        }
        let Some(connection) = self.parts.store.connection(&due.scope).await? else { return Ok(()) };
        if connection.epoch != row.epoch {
            return self.fail(due, &row, "the connection belongs to another directory now".into()).await;
        }
        let access = crate::connections::sealing::open(&self.parts.vault, &due.scope, &connection)?;
        let code = sealed::open_code(&self.parts.vault, &due.scope, &row)?;
        match self.parts.graph.poll_sign_in(&access, &code).await {
            Ok(SignInAnswer::Granted(grant)) => self.complete(due, &row, *grant).await,
            Ok(SignInAnswer::Pending) if now >= row.expires_at => self.fail(due, &row, EXPIRED.into()).await,
            Ok(SignInAnswer::Pending) => Ok(()),
            Ok(SignInAnswer::SlowDown) => {
                let pause = row.pause + SLOWER;
                Ok(self.parts.store.slow_sign_in_down(due, pause, now + pause).await?)
            }
            Err(error) if error.verdict == Verdict::Credential => self.fail(due, &row, refusal(&error)).await,
            Err(error) if now >= row.expires_at => self.fail(due, &row, format!("{EXPIRED}: {}", told(&error))).await,
            Err(error) => {
                tracing::info!(organisation = %due.scope.organisation(), error = told(&error), "Microsoft did not say whether somebody signed in");
                Ok(())
            }
        }
    }

    async fn complete(&self, due: &DuePoll, row: &TeamsSignInRow, grant: AccountGrant) -> Result<(), ConnectionError> {
        let Some(refresh) = grant.refresh_token else {
            return self.fail(due, row, "Microsoft gave no refresh token (offline_access was not granted)".into()).await;
        };
        let now = self.parts.clock.now();
        let version = 1;
        let account = TeamsAccountRow {
            account_id: row.sign_in_id.clone(),
            epoch: row.epoch,
            token_version: version,
            user_principal_name: grant.user_principal_name.clone(),
            lost: None,
            token: sealed::seal(&self.parts.vault, &due.scope, Place::token(&row.sign_in_id, version), &refresh)?,
            signed_in_at: now,
        };
        let entry = records::signed_in(&starter(row), now, grant.user_principal_name.as_deref());
        if self.parts.store.complete_teams_sign_in(due, account, entry).await? {
            tracing::info!(organisation = %due.scope.organisation(), "an account was signed in for Teams");
            self.accounts.forget(&due.scope);
            self.announce_change();
        }
        Ok(())
    }

    async fn fail(&self, due: &DuePoll, row: &TeamsSignInRow, reason: String) -> Result<(), ConnectionError> {
        let entry = records::failed(&starter(row), self.parts.clock.now(), &reason);
        self.parts.store.fail_teams_sign_in(due, reason, entry).await?;
        Ok(())
    }
}

/// Who asked for the sign-in is who is named when it ends.
fn starter(row: &TeamsSignInRow) -> Actor {
    Actor { name: row.actor.clone(), correlation_id: row.correlation_id.clone(), trace: None }
}

/// A refused sign-in in words: what to do depends on the OAuth error (RFC 8628, section 3.5), never on the AADSTS number.
fn refusal(error: &GraphError) -> String {
    match error.code.as_str() {
        "authorization_declined" | "access_denied" => "the person declined".to_owned(),
        "expired_token" | "code_expired" => EXPIRED.to_owned(),
        "unauthorized_client" | "invalid_client" => format!(
            "{}. Allow public client flows for the application in Microsoft Entra (App registrations, Authentication).",
            told(error).trim_end_matches(['.', ' '])
        ),
        _ => told(error),
    }
}

//! The account that posts through GRAPH channels: signed in by a person, kept signed in by us.
//!
//! Microsoft takes channel messages from people alone (`ChannelMessage.Send` is a delegated permission). So somebody signs in once, at
//! a screen of their own, an account that may post (a service account, best); what we keep is its refresh token, sealed like the
//! secret.
//!
//! | file | subject |
//! | --- | --- |
//! | [`sign_in`] | starting a sign-in, and asking until somebody has signed in |
//! | [`token`] | an access token when one is needed; the refresh token's rotation |
//! | [`delegated`] | calls that the account makes |
//! | [`sealed`] | what is kept, sealed and opened |
//! | [`reseal`] | under the newest master key, when that is rotated |
//! | [`records`] | the audit entries and the outgoing event of all that |
//!
//! Replicas do not fight over it: polls and refreshes are turns taken in the store. The new refresh token is committed before its
//! access token is used; the old one is good until then (Microsoft does not revoke it), so a crash in between costs nothing.

mod delegated;
mod records;
mod reseal;
mod sealed;
mod sign_in;
mod token;

use chrono::{DateTime, Utc};

pub use self::sign_in::TeamsSignIn;
pub(super) use self::{
    delegated::Delegated,
    token::{Accounts, TokenTrouble},
};
use super::{Actor, ConnectionError, Connections};
use crate::organisation::OrgScope;

/// The permissions that are asked for: to post, to be told who it is, and to stay signed in.
const SCOPES: [&str; 4] = ["openid", "profile", "offline_access", "ChannelMessage.Send"];
/// To look for a message whose answer was lost. An administrator has to consent to it.
const READ: &str = "ChannelMessage.Read.All";

/// The account as administrators see it: nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamsAccountView {
    /// Who.
    pub user_principal_name: Option<String>,
    /// Where it stands.
    pub state: TeamsAccountState,
    /// Why not, in words.
    pub reason: Option<String>,
    /// Since when.
    pub signed_in_at: Option<DateTime<Utc>>,
}

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeamsAccountState {
    /// Nobody has signed in yet.
    Waiting,
    /// It can post.
    SignedIn,
    /// It was signed in and is not any more, or nobody signed in in time.
    Lost,
}

impl TeamsAccountState {
    /// The published word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::SignedIn => "SIGNED_IN",
            Self::Lost => "LOST",
        }
    }
}

impl Connections {
    /// The organisation's account. While another sign-in waits, the account that works is shown.
    pub async fn teams_account(&self, scope: &OrgScope) -> Result<Option<TeamsAccountView>, ConnectionError> {
        let sign_in = self.parts.store.teams_sign_in(scope).await?;
        let account = self.parts.store.teams_account(scope).await?;
        let waits = sign_in.as_ref().is_some_and(|row| row.poll_at.is_some());
        let state = match &account {
            Some(row) if row.lost.is_none() => TeamsAccountState::SignedIn,
            _ if waits => TeamsAccountState::Waiting,
            None if sign_in.is_none() => return Ok(None),
            _ => TeamsAccountState::Lost,
        };
        let failure = sign_in.and_then(|row| row.failure);
        let lost = account.as_ref().and_then(|row| row.lost.clone());
        Ok(Some(TeamsAccountView {
            state,
            reason: if state == TeamsAccountState::Lost { failure.or(lost) } else { None },
            signed_in_at: account.as_ref().map(|row| row.signed_in_at),
            user_principal_name: account.and_then(|row| row.user_principal_name),
        }))
    }

    /// Why the sign-in that was started last failed; none while it waits or once somebody signed in.
    pub async fn failed_sign_in(&self, scope: &OrgScope) -> Result<Option<String>, ConnectionError> {
        Ok(self.parts.store.teams_sign_in(scope).await?.and_then(|row| row.failure))
    }

    /// Erases the account and a sign-in that waits; false when there was neither. Microsoft keeps the session until it ends there.
    pub async fn remove_teams_account(&self, scope: &OrgScope, actor: &Actor) -> Result<bool, ConnectionError> {
        let entry = records::removed(actor, self.parts.clock.now());
        let removed = self.parts.store.remove_teams_account(scope, entry).await?;
        self.accounts.forget(scope);
        Ok(removed)
    }

    /// The scopes of a sign-in and of every refresh.
    fn scopes(&self, cloud: crate::graph::Cloud) -> String {
        let graph = |name: &str| if name.contains('.') { format!("{}/{name}", cloud.graph_url()) } else { name.to_owned() };
        let read = self.parts.read_channels.then_some(READ);
        SCOPES.into_iter().chain(read).map(graph).collect::<Vec<_>>().join(" ")
    }
}

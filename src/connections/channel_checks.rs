//! What the connection test says of each Teams channel: whether anybody may post there, before the first outage has to.

use super::{Check, CheckStatus, ConnectionError, Connections, TeamsAccountState, account::TokenTrouble};
use crate::{
    capabilities::CapabilityName,
    organisation::OrgScope,
    store::{ChannelRow, ChannelSender},
};

const SIGN_IN: &str = "Sign an account in that may post there: startTeamsSignIn, or `argus-m365 connection teams-sign-in`. Or post \
    through a Workflows webhook instead.";

impl Connections {
    /// A check a channel: `teams.channel.<key>`.
    pub(super) async fn channel_checks(&self, scope: &OrgScope) -> Result<Vec<Check>, ConnectionError> {
        let channels = self.parts.store.channels(scope).await?;
        if channels.is_empty() {
            return Ok(Vec::new());
        }
        let by_account = channels.iter().any(|channel| channel.sender == ChannelSender::Graph);
        let account = if by_account { self.account_check(scope).await? } else { skipped() };
        Ok(channels.iter().map(|channel| check(channel, &account)).collect())
    }

    /// Whether the account can have a token right now: the one thing that can be known without posting.
    async fn account_check(&self, scope: &OrgScope) -> Result<Found, ConnectionError> {
        let Some(account) = self.teams_account(scope).await? else {
            let detail = "TEAMS_APP_ONLY_FORBIDDEN: nobody is signed in, and Microsoft takes channel messages from people alone";
            return Ok((CheckStatus::Fail, detail.into(), Some(SIGN_IN)));
        };
        match account.state {
            TeamsAccountState::Waiting => {
                let detail = "TEAMS_APP_ONLY_FORBIDDEN: a sign-in was started and nobody has signed in yet";
                Ok((CheckStatus::Fail, detail.into(), Some("Finish the sign-in.")))
            }
            TeamsAccountState::Lost => {
                let reason = account.reason.unwrap_or_default();
                Ok((CheckStatus::Fail, format!("the sign-in is lost: {reason}"), Some(SIGN_IN)))
            }
            TeamsAccountState::SignedIn => {
                let name = account.user_principal_name.unwrap_or_else(|| "an account".into());
                self.token_check(scope, &name).await
            }
        }
    }

    async fn token_check(&self, scope: &OrgScope, name: &str) -> Result<Found, ConnectionError> {
        match self.try_account(scope).await {
            Ok(()) => Ok((CheckStatus::Pass, format!("{name} is signed in"), None)),
            Err(TokenTrouble::Lost(reason)) => Ok((CheckStatus::Fail, format!("the sign-in is lost: {reason}"), Some(SIGN_IN))),
            Err(TokenTrouble::Passing(reason)) => {
                let detail = format!("{name} is signed in, but no token could be had: {reason}");
                Ok((CheckStatus::Warn, detail, Some("Try again.")))
            }
            Err(TokenTrouble::Failed(error)) => Err(error),
        }
    }
}

/// How it went, what was found, what can be done.
type Found = (CheckStatus, String, Option<&'static str>);

fn skipped() -> Found {
    (CheckStatus::Skipped, "posts through a webhook, which nobody can ask without posting".into(), None)
}

fn check(channel: &ChannelRow, account: &Found) -> Check {
    let (status, detail, remedy) = if channel.sender == ChannelSender::Graph { account.clone() } else { skipped() };
    Check {
        code: format!("teams.channel.{}", channel.key),
        capability: Some(CapabilityName::Teams),
        status,
        detail,
        remedy: remedy.map(str::to_owned),
        latency_ms: None,
    }
}

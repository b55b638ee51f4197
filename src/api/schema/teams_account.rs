//! The account that posts through GRAPH channels.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    scalars::Instant,
};
use crate::connections::{self, TeamsAccountView};

/// `state`: `WAITING`, `SIGNED_IN`, `LOST` (with reason).
#[derive(SimpleObject)]
pub(super) struct TeamsAccount {
    /// Who, as far as Microsoft said.
    user_principal_name: Option<String>,
    /// `WAITING`, `SIGNED_IN` or `LOST`.
    state: &'static str,
    /// Why it is lost.
    reason: Option<String>,
    /// When it was signed in.
    signed_in_at: Option<Instant>,
}

impl From<TeamsAccountView> for TeamsAccount {
    fn from(view: TeamsAccountView) -> Self {
        Self {
            user_principal_name: view.user_principal_name,
            state: view.state.label(),
            reason: view.reason,
            signed_in_at: view.signed_in_at.map(Instant),
        }
    }
}

/// What a person needs to sign in.
#[derive(SimpleObject)]
pub(super) struct TeamsSignIn {
    /// What to type.
    user_code: String,
    /// Where.
    verification_url: String,
    /// Both in a sentence of Microsoft's.
    message: String,
    /// Until when.
    expires_at: Instant,
}

impl From<connections::TeamsSignIn> for TeamsSignIn {
    fn from(started: connections::TeamsSignIn) -> Self {
        Self {
            user_code: started.user_code,
            verification_url: started.verification_url,
            message: started.message,
            expires_at: started.expires_at.into(),
        }
    }
}

/// `startTeamsSignIn` and `removeTeamsAccount`.
#[derive(Default)]
pub(super) struct TeamsAccountMutation;

#[Object]
impl TeamsAccountMutation {
    /// Starts a device-code sign-in of the account that posts through GRAPH channels; `connection.teamsAccount` shows when it is done.
    #[graphql(guard = "Permission::Admin")]
    async fn start_teams_sign_in(&self, context: &Context<'_>) -> Result<TeamsSignIn> {
        let caller = Caller::of(context)?;
        let connections = super::connections(context)?;
        Ok(connections.start_teams_sign_in(caller.scope(), &caller.actor()).await.map_err(Refusal::from)?.into())
    }

    /// Erases the account and its sealed token, and a sign-in that waits. False when there was neither.
    #[graphql(guard = "Permission::Admin")]
    async fn remove_teams_account(&self, context: &Context<'_>) -> Result<bool> {
        let caller = Caller::of(context)?;
        let connections = super::connections(context)?;
        Ok(connections.remove_teams_account(caller.scope(), &caller.actor()).await.map_err(Refusal::from)?)
    }
}

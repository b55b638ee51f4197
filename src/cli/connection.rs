//! `connection test` and `connection teams-sign-in`: what `testConnection` and `startTeamsSignIn` do, for an operator.

use clap::Subcommand;

use super::{failure::Answer, organisation::organisation, say::say};
use crate::{
    app::Parts,
    connections::{Actor, CheckStatus, TeamsAccountState, TestReport},
    organisation::{OrgScope, OrganisationId},
    settings::Settings,
};

/// How often a sign-in is looked at.
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);

/// `connection …`
#[derive(Debug, Subcommand)]
pub(super) enum Connection {
    /// Ask Microsoft for a fresh token and look at everything the connector needs; exit code 1 when it does not work
    Test {
        /// The organisation
        #[arg(long, value_parser = organisation)]
        org: OrganisationId,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Sign in the account that posts to Teams through Graph: shows a code and an address, waits, and says who signed in
    TeamsSignIn {
        /// The organisation
        #[arg(long, value_parser = organisation)]
        org: OrganisationId,
    },
}

pub(super) async fn run(command: &Connection, settings: &Settings) -> anyhow::Result<Answer> {
    let parts = Parts::open(settings).await?;
    let answer = match command {
        Connection::Test { org, json } => test(&parts, &OrgScope::granted_to_operator(org.clone()), *json).await,
        Connection::TeamsSignIn { org } => sign_in(&parts, &OrgScope::granted_to_operator(org.clone())).await,
    };
    parts.store.close().await;
    answer
}

/// Asks Microsoft itself, so that it works while no service runs; beside one, the two take turns.
async fn sign_in(parts: &Parts, scope: &OrgScope) -> anyhow::Result<Answer> {
    let connections = &parts.connections;
    let before = connections.teams_account(scope).await?.and_then(|account| account.signed_in_at);
    let started = connections.start_teams_sign_in(scope, &Actor::operator()).await?;
    say!("{}", plain(&started.message))?;
    say!("code    {}", plain(&started.user_code))?;
    say!("address {}", plain(&started.verification_url))?;
    say!("waiting until {} (Ctrl-C stops the waiting, not the sign-in)", started.expires_at.format("%H:%M:%S UTC"))?;
    loop {
        tokio::time::sleep(LOOK).await;
        connections.ask_about_sign_ins(&parts.worker).await;
        let Some(account) = connections.teams_account(scope).await? else {
            say!("the sign-in was removed")?;
            return Ok(Answer::No);
        };
        if account.signed_in_at != before && account.state == TeamsAccountState::SignedIn {
            say!("signed in as {}", plain(account.user_principal_name.as_deref().unwrap_or("an account without a name")))?;
            return Ok(Answer::Yes);
        }
        if let Some(reason) = connections.failed_sign_in(scope).await? {
            say!("nobody was signed in: {}", plain(&reason))?;
            return Ok(Answer::No);
        }
    }
}

/// Microsoft's text without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

async fn test(parts: &Parts, scope: &OrgScope, json: bool) -> anyhow::Result<Answer> {
    let report = parts.connections.test(scope, &Actor::operator()).await?;
    if json {
        say!("{}", serde_json::to_string(&report)?)?;
    } else {
        print_table(&report)?;
    }
    Ok(report.succeeded.into())
}

fn print_table(report: &TestReport) -> std::io::Result<()> {
    for check in &report.checks {
        let word = match check.status {
            CheckStatus::Pass => "pass",
            CheckStatus::Warn => "WARN",
            CheckStatus::Fail => "FAIL",
            CheckStatus::Skipped => "skip",
        };
        let capability = check.capability.map_or("-", crate::capabilities::CapabilityName::label);
        say!("{word}  {:<28} {capability:<11} {}", check.code, check.detail)?;
        if let Some(remedy) = &check.remedy {
            say!("      -> {remedy}")?;
        }
    }
    say!("{} (token in {:.0} ms)", if report.succeeded { "works" } else { "does not work" }, report.latency_ms)
}

//! `connection test`: what `testConnection` does, for an operator.

use clap::Subcommand;

use super::{arguments::organisation, failure::Answer, say::say};
use crate::{
    app::Parts,
    connections::{Actor, CheckStatus, TestReport},
    organisation::{OrgScope, OrganisationId},
    settings::Settings,
};

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
}

pub(super) async fn run(command: &Connection, settings: &Settings) -> anyhow::Result<Answer> {
    let Connection::Test { org, json } = command;
    let actor = Actor { name: "operator".to_owned(), correlation_id: None };
    let parts = Parts::open(settings).await?;
    let report = parts.connections.test(&OrgScope::granted_to_operator(org.clone()), &actor).await;
    parts.store.close().await;
    let report = report?;
    if *json {
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

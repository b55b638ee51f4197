//! `simulator`: the tenant simulator alone.

use std::net::SocketAddr;

use clap::Args;

use super::failure::Answer;

/// `simulator`
#[derive(Debug, Args)]
pub(super) struct SimulatorCommand {
    /// Where it listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
}

pub(super) async fn run(command: &SimulatorCommand) -> anyhow::Result<Answer> {
    let simulator = start(command.listen).await?;
    println!("the simulator listens on {}", simulator.url);
    tokio::signal::ctrl_c().await?;
    Ok(Answer::Yes)
}

/// A simulator that runs until it is dropped.
pub(super) struct Running {
    /// Its root: login, Graph and `/_sim`.
    pub(super) url: url::Url,
}

pub(super) async fn start(_listen: SocketAddr) -> anyhow::Result<Running> {
    anyhow::bail!("MERGE: crate::simulator::Simulator::start(listen)")
}

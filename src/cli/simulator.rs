//! `simulator`: the tenant simulator alone.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{failure::Answer, say::say};
use crate::simulator::Simulator;

/// `simulator`
#[derive(Debug, Args)]
pub(super) struct SimulatorCommand {
    /// Where it listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
}

pub(super) async fn run(command: &SimulatorCommand) -> anyhow::Result<Answer> {
    let simulator = Simulator::start(command.listen).await.with_context(|| format!("listening on {}", command.listen))?;
    say!("the tenant simulator answers at {}; its controls are below /_sim", simulator.url())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    simulator.stop().await;
    Ok(Answer::Yes)
}

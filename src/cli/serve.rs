//! `serve`: the service itself, until it is told to stop.

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::failure::Answer;
use crate::{
    app,
    settings::{Role, Settings},
};

/// `serve`
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// all, worker (intake and delivery) or api (GraphQL)
    #[arg(long, default_value = "all")]
    role: Role,
}

pub(super) async fn run(command: &Serve, settings: Settings) -> anyhow::Result<Answer> {
    settings.check_serve()?;
    let shutdown = CancellationToken::new();
    let signals =
        tokio::spawn(stop_on_signal(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, shutdown.clone()));
    let result = app::serve(settings, command.role, shutdown).await;
    signals.abort();
    result.map(|()| Answer::Yes)
}

/// The first signal asks for a clean stop; a second one of an impatient person ends the process at once.
async fn stop_on_signal(mut terminate: Signal, mut interrupt: Signal, shutdown: CancellationToken) {
    next(&mut terminate, &mut interrupt).await;
    tracing::info!("stopping: finishing what is under way");
    shutdown.cancel();
    next(&mut terminate, &mut interrupt).await;
    tracing::warn!("stopped by a second signal before everything was finished");
    std::process::exit(1);
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

//! `demo`: the whole story in a minute, against the tenant simulator, with every claim checked.
//!
//! [`stage`] starts a broker, the simulator and the connector (the same binary, as a child); [`story`] publishes and shows;
//! [`teller`] waits, with [`patience`]; [`outages`] and [`sign_in`] tell of Teams, [`zones`] of SharePoint, [`directory`] of Entra ID; [`claims`] compares what
//! is said with what the simulator remembers; [`table`] prints. Nothing is left behind.

mod calendars;
mod caller;
mod claims;
mod directory;
mod outages;
mod patience;
mod sign_in;
mod stage;
mod story;
mod table;
mod teller;
mod zones;

use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Answer;
use claims::Claims;
use stage::Stage;
use table::Table;

/// Tells the story; [`Answer::No`] when a claim did not hold.
pub(super) async fn run() -> anyhow::Result<Answer> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        answer = tell() => answer,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminate.recv() => anyhow::bail!("interrupted"),
    }
}

async fn tell() -> anyhow::Result<Answer> {
    let started = Instant::now();
    let mut table = Table::new();
    let mut claims = Claims::default();
    let mut stage = Stage::set(&mut table).await?;
    let told = story::tell(&mut stage, &mut table, &mut claims).await;
    if told.is_err() || claims.failed() > 0 {
        stage.show_log();
    }
    stage.clear().await;
    told?;
    claims.verdict(&table, started.elapsed());
    Ok((claims.failed() == 0).into())
}

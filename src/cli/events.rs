//! `events replay`: the stream read again from an instant on, after a restore.

use std::{io::IsTerminal, sync::Arc};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use super::{failure::Answer, open, say::say};
use crate::{
    app,
    clock::{SharedClock, SystemClock},
    intake::{self, Reread},
    settings::Settings,
    store::WorkerScope,
};

/// `events …`
#[derive(Debug, Subcommand)]
pub(super) enum Events {
    /// Read the stream again from an instant on: what a restored database has missed becomes wanted again, and what stands in
    /// Microsoft 365 is adopted or removed. Best before the service starts; harmless beside it, and when repeated
    Replay {
        /// From when, such as 2026-11-22T00:00:00Z; take an instant before the backup was made
        #[arg(long, value_name = "TIME")]
        from: DateTime<Utc>,
        /// Print the counts as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: &Events, settings: &Settings) -> anyhow::Result<Answer> {
    let Events::Replay { from, json } = command;
    let store = open::store(settings).await?;
    let client = app::connect(&settings.nats).await?;
    let jetstream = async_nats::jetstream::new(client);
    let clock: SharedClock = Arc::new(SystemClock);
    let progress = !json && std::io::stderr().is_terminal();
    let told = |sum: &Reread| {
        if progress {
            eprint!("\r{} read", sum.read);
        }
    };
    let settings = app::intake_settings(settings);
    let read = intake::replay(&jetstream, &store, &WorkerScope::for_loops(), &clock, &settings, *from, told).await;
    if progress {
        eprintln!();
    }
    store.close().await;
    let Reread { read, applied, known, conflicts, rejected, unroutable } = read.context("events replay")?;
    if *json {
        let counts = json!({
            "read": read, "applied": applied, "known": known, "conflicts": conflicts, "rejected": rejected, "unroutable": unroutable,
        });
        say!("{counts}")?;
    } else {
        say!("{read} events read since {from}")?;
        for (count, means) in [
            (applied, "became what is wanted"),
            (known, "were known, or overtaken"),
            (conflicts, "say something else under a known version"),
            (rejected, "cannot be read: dead letters"),
            (unroutable, "belong to nobody"),
        ] {
            say!("{count:>9}  {means}")?;
        }
    }
    Ok(Answer::Yes)
}

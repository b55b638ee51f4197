//! `migrate`: brings the store's schema up to date, with the owner's rights when they are set, and lets the service's role in.

use super::{failure::Answer, say::say};
use crate::{app, settings::Settings};

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Answer> {
    app::migrate(settings).await?;
    say!("the schema is up to date")?;
    Ok(Answer::Yes)
}

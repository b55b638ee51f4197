//! `dead-letters list` and `dead-letters replay`.

use std::{io::IsTerminal, sync::Arc};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{failure::Answer, open, organisation::organisation, say::say};
use crate::{
    capabilities::CapabilityName,
    clock::SystemClock,
    connections::Actor,
    operations::{Operations, Replayed, Selection},
    organisation::{OrgScope, OrganisationId},
    settings::Settings,
    store::{DeadLetterFilter, DeadLetterRow, PageRequest, Store},
};

/// `dead-letters …`
#[derive(Debug, Subcommand)]
pub(super) enum DeadLetters {
    /// Print what was set aside, newest first
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Put dead letters back to work: all of the organisation's that fit
    Replay {
        #[command(flatten)]
        which: Which,
        /// One letter by its id; may be given several times
        #[arg(long = "id", value_name = "ID")]
        ids: Vec<String>,
        /// Count them and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// The organisation
    #[arg(long, value_parser = organisation)]
    org: OrganisationId,
    /// Those of one capability: calendar, teams, sharepoint or directory
    #[arg(long, value_parser = capability)]
    capability: Option<CapabilityName>,
    /// Those with one code, such as `MAILBOX_NOT_FOUND`
    #[arg(long)]
    code: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Letters read at a time.
const PAGE: u32 = 200;

fn capability(text: &str) -> Result<CapabilityName, String> {
    let known = CapabilityName::ALL.into_iter().find(|name| name.label() == text.to_lowercase());
    known.ok_or_else(|| "must be calendar, teams, sharepoint or directory".to_owned())
}

pub(super) async fn run(command: &DeadLetters, settings: &Settings) -> anyhow::Result<Answer> {
    let store = open::store(settings).await?;
    let answer = match command {
        DeadLetters::List { which } => list(&store, which).await,
        DeadLetters::Replay { which, ids, dry_run } => replay(&store, which, ids, *dry_run).await,
    };
    store.close().await;
    answer
}

async fn replay(store: &Store, which: &Which, ids: &[String], dry_run: bool) -> anyhow::Result<Answer> {
    // A running service finds what is due within a second; there is nobody to wake here.
    let operations = Operations::new(store.clone(), Arc::new(SystemClock), Vec::new());
    let actor = Actor::operator();
    let selection = Selection { ids: (!ids.is_empty()).then(|| ids.to_vec()), filter: which.filter() };
    let scope = OrgScope::granted_to_operator(which.org.clone());
    let Replayed { matched, replayed } = operations.replay(&scope, &actor, selection, dry_run).await?;
    if which.json {
        say!("{}", json!({ "matched": matched, "replayed": replayed, "dryRun": dry_run }))?;
    } else if dry_run {
        say!("{matched} would be replayed")?;
    } else {
        say!("{replayed} of {matched} replayed")?;
    }
    Ok(Answer::Yes)
}

impl Which {
    fn filter(&self) -> DeadLetterFilter {
        DeadLetterFilter { capability: self.capability, code: self.code.clone() }
    }
}

async fn list(store: &Store, which: &Which) -> anyhow::Result<Answer> {
    let scope = OrgScope::granted_to_operator(which.org.clone());
    let bold = !which.json && std::io::stdout().is_terminal();
    let (mut after, mut first) = (None, true);
    loop {
        let page = store.dead_letters(&scope, which.filter(), PageRequest { first: PAGE, after: after.take() }).await?;
        if first && !which.json {
            print_head(page.total, bold)?;
        }
        first = false;
        for (cursor, row) in &page.rows {
            if which.json {
                say!("{}", as_json(row))?;
            } else {
                say!("{}", line(row))?;
            }
            after = Some(cursor.clone());
        }
        if !page.has_next || after.is_none() {
            return Ok(Answer::Yes);
        }
    }
}

fn print_head(total: u64, bold: bool) -> std::io::Result<()> {
    if total == 0 {
        return say!("no dead letters");
    }
    let head = columns(["SET ASIDE", "ID", "CAPABILITY", "CODE", "KEY", "TRIES", "REPLAYS"], "MESSAGE");
    say!("{}", if bold { format!("\u{1b}[1m{head}\u{1b}[0m") } else { head })
}

fn line(row: &DeadLetterRow) -> String {
    let letter = &row.letter;
    let cells = [
        row.dead_at.format("%Y-%m-%d %H:%M:%S").to_string(),
        letter.id.clone(),
        letter.capability.map_or("-", CapabilityName::label).to_owned(),
        letter.code.clone(),
        letter.object.as_ref().map_or_else(|| "-".to_owned(), |(_, key)| plain(key)),
        letter.attempts.to_string(),
        row.replays.to_string(),
    ];
    columns(cells.each_ref().map(String::as_str), &plain(&letter.message))
}

fn columns([at, id, capability, code, key, tries, replays]: [&str; 7], message: &str) -> String {
    format!("{at:<19}  {id:<36}  {capability:<10}  {code:<22}  {key:<20}  {tries:>5}  {replays:>7}  {message}")
}

/// Text of an event without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn as_json(row: &DeadLetterRow) -> Value {
    let letter = &row.letter;
    json!({
        "id": letter.id, "capability": letter.capability.map(|name| name.label().to_uppercase()), "code": letter.code,
        "message": letter.message, "pointer": letter.pointer, "key": letter.object.as_ref().map(|(_, key)| key),
        "attempts": letter.attempts, "graphRequestId": letter.graph_request_id, "firstFailedAt": letter.first_failed_at,
        "deadAt": row.dead_at, "replays": row.replays,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_an_event_says() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }

    #[test]
    fn capabilities_are_read_whatever_their_case() {
        assert_eq!(capability("CALENDAR"), Ok(CapabilityName::Calendar));
        assert!(capability("mail").is_err());
    }
}

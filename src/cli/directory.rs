//! `directory import`, `directory approve` and `directory reject`: the operator's hand on imports that a running `serve` carries out.

use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{failure::Answer, follow, open, organisation::organisation};
use crate::{
    capabilities::directory::{GroupScope, ImportScope, UserScope},
    clock::SystemClock,
    connections::Actor,
    ids::Ids,
    imports::{ImportMode, Imports},
    organisation::{OrgScope, OrganisationId},
    settings::Settings,
    store::Store,
};

/// `directory …`
#[derive(Debug, Subcommand)]
pub(super) enum Directory {
    /// Import people, groups or both, and watch until it is done
    Import(Import),
    /// Let an import that waits for approval be applied: exactly as it was listed, or not at all
    Approve {
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Drop an import that waits for approval
    Reject {
        #[command(flatten)]
        waiting: Waiting,
    },
}

/// What to import, and how.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The organisation
    #[arg(long, value_parser = organisation)]
    org: OrganisationId,
    /// People alone
    #[arg(long, conflicts_with = "groups")]
    users: bool,
    /// Groups and memberships alone
    #[arg(long, conflicts_with_all = ["department", "guests"])]
    groups: bool,
    /// People of this department alone
    #[arg(long, value_name = "NAME")]
    department: Option<String>,
    /// Guests too
    #[arg(long)]
    guests: bool,
    /// Read everything, even where a delta link would do
    #[arg(long)]
    full: bool,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON lines: the operation, then each change
    #[arg(long)]
    json: bool,
}

/// An import that waits for a person.
#[derive(Debug, Args)]
pub(super) struct Waiting {
    /// The operation's id
    id: String,
    /// The organisation
    #[arg(long, value_parser = organisation)]
    org: OrganisationId,
    /// Print JSON lines: the operation, then each change
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: &Directory, settings: &Settings) -> anyhow::Result<Answer> {
    let store = open::store(settings).await?;
    let answer = match command {
        Directory::Import(import) => import.run(&store).await,
        Directory::Approve { waiting } => waiting.decide(&store, true).await,
        Directory::Reject { waiting } => waiting.decide(&store, false).await,
    };
    store.close().await;
    answer
}

impl Import {
    /// People first: a membership of somebody whom nobody knows gives no role.
    async fn run(&self, store: &Store) -> anyhow::Result<Answer> {
        let scope = OrgScope::granted_to_operator(self.org.clone());
        let mode = if self.full { ImportMode::Full } else { ImportMode::Auto };
        for part in self.parts()? {
            if !self.json {
                eprintln!("importing {}", if matches!(part, ImportScope::Users(_)) { "people" } else { "groups" });
            }
            let started = imports(store).start(&scope, &Actor::operator(), part, mode, self.dry_run).await?;
            if follow::to_the_end(store, &scope, &started.id, self.json).await? == Answer::No {
                return Ok(Answer::No);
            }
        }
        Ok(Answer::Yes)
    }

    /// What is asked for; a department or guests without more mean people alone.
    fn parts(&self) -> anyhow::Result<Vec<ImportScope>> {
        let people_alone = self.users || self.department.is_some() || self.guests;
        let mut parts = Vec::with_capacity(2);
        if !self.groups {
            parts.push(ImportScope::Users(UserScope::new(self.department.clone(), self.guests)?));
        }
        if !people_alone {
            parts.push(ImportScope::Groups(GroupScope::new(None, true)?));
        }
        Ok(parts)
    }
}

impl Waiting {
    async fn decide(&self, store: &Store, approved: bool) -> anyhow::Result<Answer> {
        let scope = OrgScope::granted_to_operator(self.org.clone());
        if approved {
            imports(store).approve(&scope, &Actor::operator(), &self.id).await?;
            return follow::to_the_end(store, &scope, &self.id, self.json).await;
        }
        imports(store).reject(&scope, &Actor::operator(), &self.id).await?;
        follow::to_the_end(store, &scope, &self.id, self.json).await?;
        // A rejected import is what was asked for here.
        Ok(Answer::Yes)
    }
}

/// A running service finds what is queued within a second; there is nobody to wake here.
fn imports(store: &Store) -> Imports {
    Imports::new(store.clone(), Arc::new(SystemClock), Ids::system())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        import: Import,
    }

    fn parts(arguments: &[&str]) -> Vec<String> {
        let line = Line::try_parse_from(["x", "--org", "acme"].iter().chain(arguments)).unwrap();
        line.import.parts().unwrap().iter().map(ImportScope::key).collect()
    }

    #[test]
    fn both_are_imported_people_first_unless_one_is_named() {
        assert_eq!(parts(&[]), ["users:", "groups:"]);
        assert_eq!(parts(&["--users"]), ["users:"]);
        assert_eq!(parts(&["--groups"]), ["groups:"]);
        assert_eq!(parts(&["--department", "Field Ops"]), ["users:field ops"]);
        assert_eq!(parts(&["--guests"]), ["users:"]);
    }

    #[test]
    fn a_department_of_groups_is_a_mistake() {
        for wrong in [&["--groups", "--department", "X"][..], &["--groups", "--guests"], &["--groups", "--users"]] {
            assert!(Line::try_parse_from(["x", "--org", "acme"].iter().chain(wrong)).is_err(), "{wrong:?}");
        }
    }
}

//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{audit, config, connection, dead_letters, directory, events, keys, serve, teams, token, zones};

/// Links Argus with Microsoft 365.
#[derive(Debug, Parser)]
#[command(name = "argus-m365", version, about, disable_help_subcommand = true)]
pub(super) struct Arguments {
    /// The settings file [default: argus-m365.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    Configured(Configured),
    /// Check the settings, or print every key with its default
    #[command(subcommand)]
    Config(config::Config),
    /// Make master keys for the key ring, and take them into use
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Look at what Teams would show
    #[command(subcommand)]
    Teams(teams::Teams),
    /// Run the tenant simulator alone
    #[cfg(feature = "simulator")]
    Simulator(super::simulator::SimulatorCommand),
    /// Show the whole story against the simulator, and verify it
    #[cfg(feature = "simulator")]
    Demo,
}

/// The commands that need settings; the others must work where nothing is configured, or something else is.
#[derive(Debug, Subcommand)]
pub(super) enum Configured {
    /// Run until SIGTERM or SIGINT, then drain and stop
    Serve(serve::Serve),
    /// Bring the store's schema up to date
    Migrate,
    /// Make a caller's token for development
    #[command(subcommand)]
    Token(token::Token),
    /// Check or export the audit trail
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Test an organisation's connection
    #[command(subcommand)]
    Connection(connection::Connection),
    /// List dead letters, or put them back to work
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    /// Import people and groups from Entra ID, and decide on imports that wait for approval
    #[command(subcommand)]
    Directory(directory::Directory),
    /// Read the event stream again
    #[command(subcommand)]
    Events(events::Events),
    /// Publish zones
    #[command(subcommand)]
    Zones(zones::Zones),
}

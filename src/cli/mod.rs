//! The commands, one file each, and what their endings mean to a shell.
//!
//! Exit codes: 0 done; 1 it ran and the answer is no, or it failed; 2 wrong usage or configuration, named on one line.

mod arguments;
mod audit;
mod config;
mod connection;
#[cfg(feature = "simulator")]
mod demo;
mod failure;
mod keys;
mod migrate;
mod open;
mod serve;
#[cfg(feature = "simulator")]
mod simulator;
mod telemetry;
mod token;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::Answer;

use crate::settings::{Settings, SettingsError, Sources};

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    refuse_core_dumps();
    match Arguments::try_parse() {
        Ok(arguments) => failure::exit_code(run(&arguments)),
        Err(error) => failure::usage(&error),
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<Answer> {
    // These two must work where nothing is configured yet.
    match &arguments.command {
        Command::Config(command) => return config::run(command, || sources(arguments)),
        Command::Keys(command) => return keys::run(command),
        _ => {}
    }
    let settings = Settings::load(&sources(arguments)?)?;
    telemetry::start(&settings.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(dispatch(&arguments.command, settings))
}

async fn dispatch(command: &Command, settings: Settings) -> anyhow::Result<Answer> {
    match command {
        Command::Serve(command) => serve::run(command, settings).await,
        Command::Migrate => migrate::run(&settings).await,
        Command::Token(command) => token::run(command, &settings),
        Command::Audit(command) => audit::run(command, &settings).await,
        Command::Connection(command) => connection::run(command, &settings).await,
        #[cfg(feature = "simulator")]
        Command::Simulator(command) => simulator::run(command).await,
        #[cfg(feature = "simulator")]
        Command::Demo => demo::run().await,
        Command::Config(_) | Command::Keys(_) => Ok(Answer::Yes),
    }
}

fn sources(arguments: &Arguments) -> Result<Sources, SettingsError> {
    Sources::find(arguments.config.as_deref(), std::env::vars_os())
}

/// A core file would hold every unsealed credential. Where the limit cannot be set, the process goes on.
fn refuse_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        eprintln!("argus-m365: core dumps could not be switched off: {error}");
    }
}

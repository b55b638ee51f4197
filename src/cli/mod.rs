//! The commands, one file each, and what their endings mean to a shell.
//!
//! Exit codes: 0 done; 1 it ran and the answer is no, or it failed; 2 wrong usage or configuration, named on one line.

mod arguments;
mod audit;
mod config;
mod connection;
mod dead_letters;
#[cfg(feature = "simulator")]
mod demo;
mod directory;
mod events;
mod failure;
mod follow;
mod keys;
mod migrate;
mod open;
mod organisation;
mod say;
mod serve;
#[cfg(feature = "simulator")]
mod simulator;
mod teams;
mod telemetry;
mod token;
mod zones;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, Configured};
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
    match &arguments.command {
        Command::Config(command) => config::run(command, || sources(arguments)),
        Command::Keys(command) => keys::run(command, || Settings::load(&sources(arguments)?)),
        Command::Teams(command) => teams::run(command),
        #[cfg(feature = "simulator")]
        Command::Simulator(command) => runtime()?.block_on(simulator::run(command)),
        #[cfg(feature = "simulator")]
        Command::Demo => runtime()?.block_on(demo::run()),
        Command::Configured(command) => {
            let settings = Settings::load(&sources(arguments)?)?;
            telemetry::start(&settings.log);
            runtime()?.block_on(configured(command, settings))
        }
    }
}

async fn configured(command: &Configured, settings: Settings) -> anyhow::Result<Answer> {
    match command {
        Configured::Serve(command) => serve::run(command, settings).await,
        Configured::Migrate => migrate::run(&settings).await,
        Configured::Token(command) => token::run(command, &settings),
        Configured::Audit(command) => audit::run(command, &settings).await,
        Configured::Connection(command) => connection::run(command, &settings).await,
        Configured::DeadLetters(command) => dead_letters::run(command, &settings).await,
        Configured::Directory(command) => directory::run(command, &settings).await,
        Configured::Events(command) => events::run(command, &settings).await,
        Configured::Zones(command) => zones::run(command, &settings).await,
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn sources(arguments: &Arguments) -> Result<Sources, SettingsError> {
    Sources::find(arguments.config.as_deref(), std::env::vars_os())
}

/// A core file would hold every unsealed credential, so none is written: not by the limit, nor by a handler that the limit does not bind
/// (`core_pattern` with a pipe), which the second switch keeps away, and debuggers of the same user with it. Where neither can be
/// set, the process goes on.
fn refuse_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        eprintln!("argus-m365: core dumps could not be switched off: {error}");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        eprintln!("argus-m365: core dumps could not be switched off for handlers: {error}");
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn no_core_is_dumped_neither_into_a_file_nor_to_a_handler() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        super::refuse_core_dumps();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}

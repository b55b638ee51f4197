//! Log lines: text for a person at a terminal, JSON for a collector. Always on standard error; output is for answers.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::{Log, LogFormat};

/// Starts logging for the process. A second call changes nothing.
pub(super) fn start(log: &Log) {
    let on_terminal = std::io::stderr().is_terminal();
    let json = log.format.map_or(!on_terminal, |format| format == LogFormat::Json);
    // `Settings::load` has parsed the directives already, so the fallback is never reached.
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let (text, structured) = if json {
        (None, Some(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)))
    } else {
        (Some(fmt::layer().with_ansi(on_terminal).with_writer(std::io::stderr)), None)
    };
    if let Err(error) = tracing_subscriber::registry().with(filter).with(text).with(structured).try_init() {
        eprintln!("argus-m365: logging was started already: {error}");
    }
}

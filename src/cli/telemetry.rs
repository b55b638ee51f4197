//! Log lines: text for a person at a terminal, JSON for a collector. Always on standard error; output is for answers.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    settings::{Log, LogFormat},
    store::SERVER_NOTICES,
};

/// Starts logging for the process. A second call changes nothing.
pub(super) fn start(log: &Log) {
    let on_terminal = std::io::stderr().is_terminal();
    let json = log.format.map_or(!on_terminal, |format| format == LogFormat::Json);
    // `Settings::load` has parsed the directives already, so the fallback is never reached.
    let filter = EnvFilter::try_new(directives(&log.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let (text, structured) = if json {
        (None, Some(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)))
    } else {
        (Some(fmt::layer().with_ansi(on_terminal).with_writer(std::io::stderr)), None)
    };
    if let Err(error) = tracing_subscriber::registry().with(filter).with(text).with(structured).try_init() {
        eprintln!("argus-m365: logging was started already: {error}");
    }
}

/// The NATS client reports every failed try to reconnect at `info`, some a second, where `app::broker` says once that the
/// connection is lost. Postgres tells every command that the migrations' table is there already. So both are quiet unless the level
/// names them: of two directives for one target the later holds.
fn directives(level: &str) -> String {
    format!("async_nats=warn,{SERVER_NOTICES}=warn,{level}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reports_too_much_is_quiet_unless_it_is_named() {
        let filter = |level: &str| {
            let filter = EnvFilter::try_new(directives(level)).map(|filter| filter.to_string()).unwrap_or_default();
            let mut parts: Vec<_> = filter.split(',').map(str::to_owned).collect();
            parts.sort();
            parts
        };
        assert_eq!(filter("info"), ["async_nats=warn", "info", &format!("{SERVER_NOTICES}=warn")]);
        assert_eq!(filter("info,async_nats=debug"), ["async_nats=debug", "info", &format!("{SERVER_NOTICES}=warn")]);
    }
}

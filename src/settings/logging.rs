//! `log.*`: what is logged, and how.

use super::{SettingsError, values::Values};

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// None: text on a terminal, else JSON.
    pub format: Option<LogFormat>,
    /// A level, or filter directives of `tracing-subscriber`.
    pub level: String,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Log {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let format = match values.text("log.format").as_deref() {
            None => None,
            Some("text") => Some(LogFormat::Text),
            Some("json") => Some(LogFormat::Json),
            Some(_) => return Err(SettingsError::new("log.format", "must be text or json")),
        };
        let level = values.required("log.level")?;
        if tracing_subscriber::EnvFilter::try_new(&level).is_err() {
            return Err(SettingsError::new("log.level", "must be error, warn, info, debug, trace, or filter directives"));
        }
        Ok(Self { format, level })
    }
}

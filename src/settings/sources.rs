//! Where settings come from: the file and the environment, handed in so that a test can say what they hold.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{SettingsError, default_file};

/// The prefix of overriding environment variables.
const PREFIX: &str = "ARGUS_M365__";

/// What to read settings from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file's path, for messages, and its text.
    pub(super) file: Option<(PathBuf, String)>,
    /// `section.key` and value, from the environment.
    pub(super) environment: Vec<(String, String)>,
}

impl Sources {
    /// The file named, else `argus-m365.toml` of the working directory if it is there; and the variables given.
    pub fn find(named: Option<&Path>, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, SettingsError> {
        let file = match named {
            Some(path) => Some(read(path)?),
            None if default_file().exists() => Some(read(&default_file())?),
            None => None,
        };
        Ok(Self { file, environment: overrides(variables)? })
    }

    /// A text in place of a file, and no environment.
    pub fn text(text: &str) -> Self {
        Self { file: Some((default_file(), text.to_owned())), environment: Vec::new() }
    }

    /// Adds one overriding variable, by its `section.key`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}

fn read(path: &Path) -> Result<(PathBuf, String), SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|error| SettingsError::new(&path.display().to_string(), &cause(&error)))?;
    Ok((path.to_owned(), text))
}

/// The operating system's reason without its error number.
pub(super) fn cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or(&text);
    format!("cannot be read: {reason}")
}

fn overrides(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, SettingsError> {
    let mut found = Vec::new();
    for (name, value) in variables {
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let key = rest.to_lowercase().replacen("__", ".", 1);
        match value.into_string() {
            Ok(value) => found.push((key, value)),
            Err(_) => return Err(SettingsError::new(&key, "the environment's value is not UTF-8")),
        }
    }
    found.sort_unstable();
    Ok(found)
}

//! The layers laid over each other: `section.key` → value and origin; and typed reading, with errors that name the key.

use std::{collections::BTreeMap, fs, path::PathBuf, str::FromStr, time::Duration};

use secrecy::SecretString;
use url::{Host, Url};

use super::{
    keys::{self, Form, KEYS},
    sources::{Sources, cause},
};

/// A setting that cannot be used. One line: the key, and what is wrong with it; never the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingsError {
    /// `section.key`, or the file's path.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

impl SettingsError {
    pub(super) fn new(key: &str, problem: &str) -> Self {
        Self { key: key.to_owned(), problem: problem.to_owned() }
    }

    pub(super) fn missing(key: &str) -> Self {
        Self::new(key, "is required")
    }
}

/// A value before its section has looked at it.
#[derive(Clone)]
enum Raw {
    Text(SecretString),
    Integer(i64),
    Fraction(f64),
    Switch(bool),
    List(Vec<String>),
}

struct Entry {
    raw: Raw,
    origin: Option<String>,
    file: Option<PathBuf>,
}

impl Entry {
    /// Whether the value gives anything away: an address does when a password stands in it.
    fn holds_secret(&self) -> bool {
        let Raw::Text(text) = &self.raw else { return false };
        let text = exposed(text);
        let is_address = text.contains("://");
        !is_address
            || text.split(',').any(|one| Url::parse(one.trim()).is_ok_and(|url| url.password().is_some() || is_token(&url)))
    }
}

/// A user without a password is a token to NATS.
fn is_token(url: &Url) -> bool {
    matches!(url.scheme(), "nats" | "tls") && !url.username().is_empty()
}

/// Paths of files that are a secret as a whole.
const KEY_FILES: [&str; 2] = ["nats.credentials_file", "audit.checkpoint_key_file"];

/// Every key that has a value.
pub(super) struct Values(BTreeMap<&'static str, Entry>);

type Result<T> = std::result::Result<T, SettingsError>;

impl Values {
    /// Lays defaults, file and environment over each other.
    pub(super) fn read(sources: &Sources) -> Result<Self> {
        let mut values = Self(BTreeMap::new());
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            let line = format!("value = {}", key.default);
            let table: toml::Table = line.parse().map_err(|_| SettingsError::new(key.name, "has an unreadable default"))?;
            if let Some(value) = table.get("value") {
                values.0.insert(key.name, Entry { raw: from_toml(key.name, key.form, value)?, origin: None, file: None });
            }
        }
        if let Some((path, text)) = &sources.file {
            let origin = path.display().to_string();
            let table: toml::Table = text.parse().map_err(|error| unreadable(&origin, text, &error))?;
            values.layer(&origin, flatten(&table)?)?;
        }
        values
            .layer("the environment", sources.environment.iter().map(|(key, text)| (key.clone(), Given::Text(text))).collect())?;
        Ok(values)
    }

    /// Puts one layer's keys over what is there.
    fn layer(&mut self, origin: &str, given: Vec<(String, Given<'_>)>) -> Result<()> {
        let mut seen = Vec::new();
        for (name, given) in given {
            let (key, entry) = match keys::find(&name) {
                Some(key) => (key, Entry { raw: given.read(key)?, origin: Some(origin.to_owned()), file: None }),
                None => by_file(&name, &given, origin)?,
            };
            if seen.contains(&key.name) {
                return Err(SettingsError::new(key.name, &format!("set it or {}_file, not both", key.name)));
            }
            seen.push(key.name);
            self.0.insert(key.name, entry);
        }
        Ok(())
    }

    /// The keys that are not at their default, and where they came from.
    pub(super) fn origins(&self) -> Vec<(&'static str, String)> {
        KEYS.iter().filter_map(|key| Some((key.name, self.0.get(key.name)?.origin.clone()?))).collect()
    }

    /// The files that hold a secret, and the key that names each or stands in it.
    pub(super) fn secret_files(&self, sources: &Sources) -> Vec<(&'static str, PathBuf)> {
        let settings = sources.file.as_ref().map(|(path, _)| path);
        let file = |key: &'static keys::Key| {
            let entry = self.0.get(key.name)?;
            if KEY_FILES.contains(&key.name) {
                return self.path(key.name);
            }
            let in_settings =
                || settings.filter(|path| entry.origin == Some(path.display().to_string()) && entry.holds_secret()).cloned();
            (key.form == Form::Secret).then(|| entry.file.clone().or_else(in_settings))?
        };
        KEYS.iter().filter_map(|key| Some((key.name, file(key)?))).collect()
    }

    /// Whether a key of the section has a value that is not a default: keys with defaults alone do not make a section used.
    pub(super) fn section_is_set(&self, section: &str) -> bool {
        let without_default = |name: &str| keys::find(name).is_some_and(|key| key.default.is_empty());
        self.0.keys().any(|name| without_default(name) && name.split('.').next() == Some(section))
    }

    /// The file that a `KEY_file` named.
    pub(super) fn file_of(&self, name: &str) -> Option<PathBuf> {
        self.0.get(name)?.file.clone()
    }

    pub(super) fn secret(&self, name: &str) -> Option<SecretString> {
        match &self.0.get(name)?.raw {
            Raw::Text(text) => Some(text.clone()).filter(|text| !exposed(text).trim().is_empty()),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.secret(name).map(|text| exposed(&text).trim().to_owned())
    }

    pub(super) fn required(&self, name: &'static str) -> Result<String> {
        self.text(name).ok_or_else(|| SettingsError::missing(name))
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    pub(super) fn switch(&self, name: &'static str) -> Result<bool> {
        match self.0.get(name).map(|entry| &entry.raw) {
            Some(Raw::Switch(on)) => Ok(*on),
            _ => Err(SettingsError::missing(name)),
        }
    }

    pub(super) fn list(&self, name: &'static str) -> Vec<String> {
        match self.0.get(name).map(|entry| &entry.raw) {
            Some(Raw::List(items)) => items.clone(),
            _ => Vec::new(),
        }
    }

    /// A whole number from `low` to `high`.
    pub(super) fn number<T: TryFrom<i64>>(&self, name: &'static str, low: i64, high: i64) -> Result<T> {
        let Some(Raw::Integer(number)) = self.0.get(name).map(|entry| &entry.raw) else {
            return Err(SettingsError::missing(name));
        };
        let outside = || SettingsError::new(name, &format!("must be from {low} to {high}"));
        if (low..=high).contains(number) { T::try_from(*number).map_err(|_| outside()) } else { Err(outside()) }
    }

    /// A number from 0 to 1.
    pub(super) fn fraction(&self, name: &'static str) -> Result<f64> {
        match self.0.get(name).map(|entry| &entry.raw) {
            Some(Raw::Fraction(number)) if (0.0..=1.0).contains(number) => Ok(*number),
            Some(_) => Err(SettingsError::new(name, "must be from 0 to 1")),
            None => Err(SettingsError::missing(name)),
        }
    }

    /// A duration from `low` to `high`.
    pub(super) fn duration(&self, name: &'static str, low: Duration, high: Duration) -> Result<Duration> {
        let wait = humantime::parse_duration(&self.required(name)?)
            .map_err(|_| SettingsError::new(name, "is not a duration such as \"30s\", \"2m\" or \"1h\""))?;
        if (low..=high).contains(&wait) {
            return Ok(wait);
        }
        let (low, high) = (humantime::format_duration(low), humantime::format_duration(high));
        Err(SettingsError::new(name, &format!("must be from {low} to {high}")))
    }

    /// An address that things are sent to: https, or http on this machine's loopback.
    pub(super) fn url(&self, name: &'static str) -> Result<Option<Url>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let url = Url::from_str(&text).map_err(|error| SettingsError::new(name, &format!("is not a URL: {error}")))?;
        let problem = match url.scheme() {
            "https" => None,
            "http" if is_loopback(&url) => None,
            "http" => Some("must be https; http is accepted on loopback alone"),
            _ => Some("must be an https URL"),
        };
        match problem.or_else(|| has_extras(&url)) {
            Some(problem) => Err(SettingsError::new(name, problem)),
            None => Ok(Some(url)),
        }
    }
}

/// A value as a layer gives it.
enum Given<'a> {
    Toml(&'a toml::Value),
    Text(&'a str),
}

impl Given<'_> {
    fn read(&self, key: &keys::Key) -> Result<Raw> {
        match self {
            Self::Toml(value) => from_toml(key.name, key.form, value),
            Self::Text(text) => from_text(key.name, key.form, text),
        }
    }
}

/// A `KEY_file`: the value is what the file holds, without the line end it closes with.
fn by_file(name: &str, given: &Given<'_>, origin: &str) -> Result<(&'static keys::Key, Entry)> {
    let key = name.strip_suffix("_file").and_then(keys::find).filter(|key| key.takes_file());
    let key = key.ok_or_else(|| SettingsError::new(name, "unknown key"))?;
    let path = match given {
        Given::Toml(toml::Value::String(path)) => PathBuf::from(path),
        Given::Text(path) => PathBuf::from(path),
        Given::Toml(_) => return Err(SettingsError::new(name, "must be a path")),
    };
    let text =
        fs::read_to_string(&path).map_err(|error| SettingsError::new(name, &format!("{} {}", path.display(), cause(&error))))?;
    let raw = Raw::Text(text.trim_end().into());
    Ok((key, Entry { raw, origin: Some(format!("{} (named by {origin})", path.display())), file: Some(path) }))
}

/// `[section] key = value` as `section.key`; anything deeper or shallower is no key of ours.
fn flatten(table: &toml::Table) -> Result<Vec<(String, Given<'_>)>> {
    let mut flat = Vec::new();
    for (section, value) in table {
        let toml::Value::Table(keys) = value else { return Err(SettingsError::new(section, "unknown key")) };
        let known = KEYS.iter().any(|key| key.name.split('.').next() == Some(section));
        if !known {
            return Err(SettingsError::new(section, "unknown section"));
        }
        flat.extend(keys.iter().map(|(key, value)| (format!("{section}.{key}"), Given::Toml(value))));
    }
    Ok(flat)
}

fn from_toml(name: &'static str, form: Form, value: &toml::Value) -> Result<Raw> {
    match (form, value) {
        (Form::Text | Form::Secret | Form::Path | Form::Duration, toml::Value::String(text)) => {
            Ok(Raw::Text(text.as_str().into()))
        }
        (Form::Integer, toml::Value::Integer(number)) => Ok(Raw::Integer(*number)),
        (Form::Fraction, toml::Value::Float(number)) => Ok(Raw::Fraction(*number)),
        (Form::Fraction, toml::Value::Integer(whole @ (0 | 1))) => Ok(Raw::Fraction(if *whole == 1 { 1.0 } else { 0.0 })),
        (Form::Switch, toml::Value::Boolean(on)) => Ok(Raw::Switch(*on)),
        (Form::List, toml::Value::Array(items)) => {
            let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.map(Raw::List).ok_or_else(|| wrong(name, form))
        }
        _ => Err(wrong(name, form)),
    }
}

fn from_text(name: &'static str, form: Form, text: &str) -> Result<Raw> {
    let text = text.trim();
    match form {
        Form::Text | Form::Secret | Form::Path | Form::Duration => Ok(Raw::Text(text.into())),
        Form::Integer => text.parse().map(Raw::Integer).map_err(|_| wrong(name, form)),
        Form::Fraction => text.parse().map(Raw::Fraction).map_err(|_| wrong(name, form)),
        Form::Switch => text.parse().map(Raw::Switch).map_err(|_| wrong(name, form)),
        Form::List => Ok(Raw::List(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())),
    }
}

fn wrong(name: &str, form: Form) -> SettingsError {
    let wanted = match form {
        Form::Text | Form::Secret | Form::Path => "must be a text",
        Form::Integer => "must be a whole number",
        Form::Fraction => "must be a number from 0 to 1",
        Form::Switch => "must be true or false",
        Form::Duration => "must be a duration such as \"30s\"",
        Form::List => "must be a list of texts",
    };
    SettingsError::new(name, wanted)
}

/// The parser's own message spans lines and quotes the file, secrets included: only line and reason are kept.
fn unreadable(path: &str, text: &str, error: &toml::de::Error) -> SettingsError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.get(..start).map_or(1, |before| before.matches('\n').count() + 1);
    SettingsError::new(path, &format!("line {line}: {}", error.message().replace('\n', " ")))
}

fn exposed(text: &SecretString) -> &str {
    secrecy::ExposeSecret::expose_secret(text)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn has_extras(url: &Url) -> Option<&'static str> {
    let credentials = !url.username().is_empty() || url.password().is_some();
    credentials.then_some("must not carry a user or password").or_else(|| url.fragment().map(|_| "must not carry a fragment"))
}

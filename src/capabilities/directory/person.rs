//! A person, as an entry of a list or of a delta tells of them.

use serde_json::Value;

use super::ReadTrouble;

/// A person as Entra ID knows them. `None` where the directory has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The object id: the one name that never changes.
    pub object_id: String,
    /// `userPrincipalName`.
    pub user_principal_name: String,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `mail`.
    pub mail: Option<String>,
    /// `department`.
    pub department: Option<String>,
    /// `jobTitle`.
    pub job_title: Option<String>,
    /// `userType` is `Guest`.
    pub guest: bool,
    /// `accountEnabled`.
    pub enabled: bool,
}

/// One entry. A property that it does not name is not known from it; one that it names as null has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonEntry {
    /// Whose.
    pub object_id: String,
    /// `@removed`: deleted, whether or not it can still be restored.
    pub removed: bool,
    user_principal_name: Option<String>,
    display_name: Property,
    mail: Property,
    department: Property,
    job_title: Property,
    guest: Option<bool>,
    enabled: Option<bool>,
}

/// What an entry says of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Property {
    /// Nothing.
    Unnamed,
    /// That it has no value.
    Null,
    /// Its value.
    Is(String),
}

impl Property {
    /// An empty text is no value.
    pub(super) fn read(entry: &Value, name: &str) -> Self {
        match entry.get(name) {
            None => Self::Unnamed,
            Some(value) => match value.as_str() {
                Some(text) if !text.is_empty() => Self::Is(text.to_owned()),
                _ => Self::Null,
            },
        }
    }

    /// The value, when what it was is known.
    pub(super) fn onto(self, known: Option<&String>) -> Option<String> {
        match self {
            Self::Unnamed => known.cloned(),
            Self::Null => None,
            Self::Is(text) => Some(text),
        }
    }
}

impl PersonEntry {
    /// Reads an entry; one without an object id makes the whole read worthless, for nobody can say who is missing.
    pub fn read(entry: &Value) -> Result<Self, ReadTrouble> {
        let object_id = object_id(entry)?;
        let text = |name: &str| Property::read(entry, name);
        Ok(Self {
            object_id,
            removed: entry.get("@removed").is_some(),
            user_principal_name: text("userPrincipalName").onto(None),
            display_name: text("displayName"),
            mail: text("mail"),
            department: text("department"),
            job_title: text("jobTitle"),
            guest: entry.get("userType").map(|kind| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("Guest"))),
            enabled: entry.get("accountEnabled").and_then(Value::as_bool),
        })
    }

    /// The person, from an entry that must name all that matters.
    pub fn whole(self) -> Result<Person, ReadTrouble> {
        self.onto(None).ok_or_else(|| ReadTrouble::incomplete("a person without principal name or account state"))
    }

    /// The person as known, with what the entry names; `None` when that leaves the principal name or the account's state open.
    pub fn onto(self, known: Option<&Person>) -> Option<Person> {
        Some(Person {
            user_principal_name: self.user_principal_name.or_else(|| known.map(|person| person.user_principal_name.clone()))?,
            display_name: self.display_name.onto(known.and_then(|person| person.display_name.as_ref())),
            mail: self.mail.onto(known.and_then(|person| person.mail.as_ref())),
            department: self.department.onto(known.and_then(|person| person.department.as_ref())),
            job_title: self.job_title.onto(known.and_then(|person| person.job_title.as_ref())),
            guest: self.guest.unwrap_or_else(|| known.is_some_and(|person| person.guest)),
            enabled: self.enabled.or_else(|| known.map(|person| person.enabled))?,
            object_id: self.object_id,
        })
    }
}

/// The object id of any entry, in lower case: ids are compared as they are stored.
pub(super) fn object_id(entry: &Value) -> Result<String, ReadTrouble> {
    match entry["id"].as_str() {
        Some(id) if !id.is_empty() && id.len() <= 64 => Ok(id.to_lowercase()),
        _ => Err(ReadTrouble::incomplete("an entry without an object id")),
    }
}

//! A person, as an entry of a list or of a delta tells of them.

use serde_json::Value;

use super::{
    ReadTrouble,
    entry::{Property, flag, object_id, removed},
};

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

impl PersonEntry {
    /// Reads an entry. One without an object id, or with a value of another type than is documented, makes the whole read worthless:
    /// nobody can say who is missing, or what they are.
    pub fn read(entry: &Value) -> Result<Self, ReadTrouble> {
        let text = |name: &str| Property::read(entry, name);
        Ok(Self {
            object_id: object_id(entry)?,
            removed: removed(entry)?,
            user_principal_name: text("userPrincipalName")?.onto(None),
            display_name: text("displayName")?,
            mail: text("mail")?,
            department: text("department")?,
            job_title: text("jobTitle")?,
            guest: guest(text("userType")?),
            enabled: flag(entry, "accountEnabled")?,
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

/// Whether `userType` makes somebody a guest; without a value it does not.
fn guest(user_type: Property) -> Option<bool> {
    match user_type {
        Property::Unnamed => None,
        Property::Null => Some(false),
        Property::Is(kind) => Some(kind.eq_ignore_ascii_case("Guest")),
    }
}

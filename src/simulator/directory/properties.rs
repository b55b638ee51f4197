//! Which properties people and groups have here, which of them are shown unasked, and how they are written.
//!
//! The lists are a part of Microsoft's: what a caller might sensibly import. A name beyond them is refused, as Graph refuses one
//! beyond its own.

use super::state::{Group, User};
use crate::simulator::tenant::{MailboxState, UserType};

/// Every property of a person that can be asked for. Places in this list are bits in the change log: at most 31.
pub(super) const USER: &[&str] = &[
    "id",
    "deletedDateTime",
    "accountEnabled",
    "businessPhones",
    "createdDateTime",
    "department",
    "displayName",
    "employeeId",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "userType",
];

/// What a person shows without `$select`: neither `department` nor `accountEnabled` nor `userType`.
pub(super) const USER_DEFAULT: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

/// Every property of a group that can be asked for. Places in this list are bits in the change log: at most 31.
pub(super) const GROUP: &[&str] = &[
    "id",
    "deletedDateTime",
    "createdDateTime",
    "description",
    "displayName",
    "groupTypes",
    "isAssignableToRole",
    "mail",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "securityEnabled",
    "visibility",
];

/// What a group shows without `$select`.
pub(super) const GROUP_DEFAULT: &[&str] = GROUP;

/// When everything here was made: nothing hangs on it.
const CREATED: &str = "2024-01-08T09:00:00Z";

/// A property's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    Null,
    Text(&'a str),
    Flag(bool),
    Texts(&'a [String]),
}

impl<'a> Shown<'a> {
    fn optional(text: Option<&'a str>) -> Self {
        text.filter(|text| !text.is_empty()).map_or(Self::Null, Self::Text)
    }
}

/// A person's property.
pub(super) fn of_user<'a>(user: &'a User, name: &str) -> Shown<'a> {
    let spec = &user.spec;
    match name {
        "id" => Shown::Text(&spec.id),
        "accountEnabled" => Shown::Flag(spec.account_enabled),
        "businessPhones" => Shown::Texts(&[]),
        "createdDateTime" => Shown::Text(CREATED),
        "department" => Shown::optional(spec.department.as_deref()),
        "displayName" => Shown::optional(Some(&spec.display_name)),
        "employeeId" => Shown::optional(spec.employee_id.as_deref()),
        "givenName" => Shown::optional(spec.given_name.as_deref()),
        "jobTitle" => Shown::optional(spec.job_title.as_deref()),
        "mail" => match spec.mail.as_deref() {
            Some(mail) => Shown::optional(Some(mail)),
            None if spec.mailbox == MailboxState::Unlicensed => Shown::Null,
            None => Shown::Text(&spec.user_principal_name),
        },
        "mobilePhone" => Shown::optional(spec.mobile_phone.as_deref()),
        "officeLocation" => Shown::optional(spec.office_location.as_deref()),
        "surname" => Shown::optional(spec.surname.as_deref()),
        "userPrincipalName" => Shown::Text(&spec.user_principal_name),
        "userType" => match spec.user_type {
            UserType::Member => Shown::Text("Member"),
            UserType::Guest => Shown::Text("Guest"),
            UserType::Unset => Shown::Null,
        },
        _ => Shown::Null,
    }
}

/// A group's property.
pub(super) fn of_group<'a>(group: &'a Group, name: &str) -> Shown<'a> {
    let spec = &group.spec;
    match name {
        // A nickname is unique and needs no rule here: the id serves.
        "id" | "mailNickname" => Shown::Text(&spec.id),
        "createdDateTime" => Shown::Text(CREATED),
        "description" => Shown::optional(spec.description.as_deref()),
        "displayName" => Shown::Text(&spec.display_name),
        "groupTypes" => Shown::Texts(&spec.group_types),
        "mailEnabled" => Shown::Flag(spec.mail_enabled),
        "membershipRule" => Shown::optional(spec.membership_rule.as_deref()),
        "securityEnabled" => Shown::Flag(spec.security_enabled),
        _ => Shown::Null,
    }
}

/// Writes a JSON object: annotations first, then the properties asked for. By hand, since a tenant has hundreds of thousands.
pub(super) fn object<'a>(
    out: &mut Vec<u8>,
    annotations: &[(&str, &str)],
    names: &[impl AsRef<str>],
    value: impl Fn(&str) -> Shown<'a>,
) {
    out.push(b'{');
    let mut first = true;
    for (name, text) in annotations {
        key(out, &mut first, name);
        string(out, text);
    }
    for name in names {
        key(out, &mut first, name.as_ref());
        written(out, value(name.as_ref()));
    }
    out.push(b'}');
}

fn key(out: &mut Vec<u8>, first: &mut bool, name: &str) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    string(out, name);
    out.push(b':');
}

fn written(out: &mut Vec<u8>, value: Shown<'_>) {
    match value {
        Shown::Null => out.extend_from_slice(b"null"),
        Shown::Flag(true) => out.extend_from_slice(b"true"),
        Shown::Flag(false) => out.extend_from_slice(b"false"),
        Shown::Text(text) => string(out, text),
        Shown::Texts(texts) => {
            out.push(b'[');
            for (at, text) in texts.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                string(out, text);
            }
            out.push(b']');
        }
    }
}

/// Writes a JSON string.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"\"\"");
    }
}

/// The bits of these properties in the change log.
pub(super) fn mask(known: &[&str], names: &[impl AsRef<str>]) -> u32 {
    let bit = |name: &str| known.iter().position(|have| *have == name).map_or(0, |at| 1_u32 << at);
    names.iter().fold(0, |mask, name| mask | bit(name.as_ref()))
}

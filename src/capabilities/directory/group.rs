//! A group and its direct members, as entries of lists and deltas tell of them.

use serde_json::Value;

use super::{
    ReadTrouble,
    entry::{Property, flag, object_id, removed},
};

/// A group as Entra ID knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The object id: names change and are not unique.
    pub object_id: String,
    /// `displayName`.
    pub display_name: String,
    /// `description`.
    pub description: Option<String>,
}

/// One entry. A property that it does not name is not known from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEntry {
    /// Which.
    pub object_id: String,
    /// `@removed`.
    pub removed: bool,
    /// Whether it is a security group without a mailbox, as far as the entry says.
    pub security: Option<bool>,
    /// `members@delta`: who came and who went, in order.
    pub members: Vec<MemberChange>,
    display_name: Option<String>,
    description: Property,
}

/// A direct member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its object id.
    pub object_id: String,
    /// What it is.
    pub kind: MemberKind,
}

/// What a member is. Devices, contacts and applications hold no roles and are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A person.
    User,
    /// A group inside the group.
    Group,
}

impl MemberKind {
    /// The stored word.
    pub fn label(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

/// A member that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberChange {
    /// Who.
    pub member: Member,
    /// Went.
    pub removed: bool,
}

impl GroupEntry {
    /// Reads an entry of `/groups` or of its delta.
    pub fn read(entry: &Value) -> Result<Self, ReadTrouble> {
        let named = match entry.get("members@delta") {
            None => &[][..],
            Some(Value::Array(named)) => named,
            Some(_) => return Err(ReadTrouble::incomplete("a group whose members@delta is no list")),
        };
        let members = named.iter().map(member_change).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let (security, mail) = (flag(entry, "securityEnabled")?, flag(entry, "mailEnabled")?);
        Ok(Self {
            object_id: object_id(entry)?,
            removed: removed(entry)?,
            security: security.zip(mail).map(|(security, mail)| security && !mail),
            members,
            display_name: Property::read(entry, "displayName")?.onto(None),
            description: Property::read(entry, "description")?,
        })
    }

    /// The group as known, with what the entry names. A group without a name is shown by its id.
    pub fn onto(self, known: Option<Group>) -> Group {
        let (name, description) = known.map_or((None, None), |group| (Some(group.display_name), group.description));
        Group {
            display_name: self.display_name.or(name).unwrap_or_else(|| self.object_id.clone()),
            description: self.description.onto(description.as_ref()),
            object_id: self.object_id,
        }
    }
}

impl Member {
    /// Reads an entry of `/groups/{id}/members`; `None` for what holds no roles. An entry that does not say what it is could be a person:
    /// then the read is not complete.
    pub fn read(entry: &Value) -> Result<Option<Self>, ReadTrouble> {
        let object_id = object_id(entry)?;
        let Some(named) = entry.get("@odata.type").and_then(Value::as_str) else {
            return Err(ReadTrouble::incomplete("a member that does not say what it is"));
        };
        Ok(kind(named).map(|kind| Self { object_id, kind }))
    }
}

/// A member that went may come without a type: whatever it was, it is gone.
fn member_change(entry: &Value) -> Result<Option<MemberChange>, ReadTrouble> {
    let removed = removed(entry)?;
    if removed && entry.get("@odata.type").is_none_or(Value::is_null) {
        let member = Member { object_id: object_id(entry)?, kind: MemberKind::User };
        return Ok(Some(MemberChange { member, removed }));
    }
    Ok(Member::read(entry)?.map(|member| MemberChange { member, removed }))
}

fn kind(named: &str) -> Option<MemberKind> {
    match named.trim_start_matches('#') {
        "microsoft.graph.user" => Some(MemberKind::User),
        "microsoft.graph.group" => Some(MemberKind::Group),
        _ => None,
    }
}

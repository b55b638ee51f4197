//! What administrators do to a directory at work.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Generate, generate, not_found, properties,
    state::{Change, Deleted, Directory, Member},
};
use crate::simulator::{
    errors::Failure,
    tenant::{GroupSpec, Tenant, UserSpec, UserType},
};

/// One change to a directory, as `POST /_sim/tenants/{id}/directory` takes a list of. People are named by object id or principal
/// name, groups by object id.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum DirectoryChange {
    /// Adds a person, or replaces the one with the same id (with an empty mailbox).
    PutUser(UserSpec),
    /// Changes properties, by Graph's names.
    SetUser {
        /// Who.
        user: String,
        /// `department`, `accountEnabled`, `displayName`, `userPrincipalName`, `mail`, `jobTitle`, `userType`, …
        properties: Map<String, Value>,
    },
    /// Deletes a person.
    DeleteUser {
        /// Who.
        user: String,
        /// For good, not into the bin.
        #[serde(default)]
        permanent: bool,
    },
    /// Restores a deleted person, with the same id and memberships.
    RestoreUser {
        /// Who, by object id.
        user: String,
    },
    /// Adds a group, or gives the one with the same id other properties and these members too.
    PutGroup(GroupSpec),
    /// Changes properties, by Graph's names.
    SetGroup {
        /// Which.
        group: String,
        /// `displayName`, `description`, `securityEnabled`, `mailEnabled`.
        properties: Map<String, Value>,
    },
    /// Deletes a group.
    DeleteGroup {
        /// Which.
        group: String,
        /// For good, not into the bin.
        #[serde(default)]
        permanent: bool,
    },
    /// Restores a deleted group.
    RestoreGroup {
        /// Which.
        group: String,
    },
    /// Adds direct members, written as in [`GroupSpec::members`].
    AddMembers {
        /// Which group.
        group: String,
        /// The new members.
        members: Vec<String>,
    },
    /// Removes direct members.
    RemoveMembers {
        /// Which group.
        group: String,
        /// Who goes.
        members: Vec<String>,
    },
    /// Ends every delta link handed out so far: 410 from now on.
    ExpireDeltaLinks,
    /// Adds many people, groups and memberships at once.
    Generate(Generate),
}

/// Applies changes in order; stops at the first one that names what is not there.
pub(crate) fn apply(tenant: &Tenant, changes: Vec<DirectoryChange>) -> Result<(), Failure> {
    changes.into_iter().try_for_each(|change| one(tenant, change))
}

fn one(tenant: &Tenant, change: DirectoryChange) -> Result<(), Failure> {
    match change {
        DirectoryChange::PutUser(spec) => {
            tenant.add_user(spec);
            return Ok(());
        }
        DirectoryChange::DeleteUser { user, permanent } => return delete_user(tenant, &user, permanent),
        DirectoryChange::RestoreUser { user } => return restore_user(tenant, &user),
        DirectoryChange::SetUser { user, properties } => return set_user(tenant, &user, &properties),
        DirectoryChange::PutGroup(spec) => return add_groups(&mut tenant.directory.write(), vec![spec]),
        _ => {}
    }
    let mut directory = tenant.directory.write();
    match change {
        DirectoryChange::SetGroup { group, properties } => set_group(&mut directory, &group, &properties)?,
        DirectoryChange::DeleteGroup { group, permanent } => {
            let at = group_place(&directory, &group)?;
            directory.mark_group(at, Some(kind_of(permanent)));
        }
        DirectoryChange::RestoreGroup { group } => {
            let at = group_place(&directory, &group)?;
            directory.mark_group(at, None);
        }
        DirectoryChange::AddMembers { group, members } => {
            let at = group_place(&directory, &group)?;
            for name in &members {
                let member = member(&mut directory, name)?;
                directory.join(at, member);
            }
        }
        DirectoryChange::RemoveMembers { group, members } => {
            let at = group_place(&directory, &group)?;
            for name in &members {
                let member = member(&mut directory, name)?;
                directory.leave(at, member);
            }
        }
        DirectoryChange::ExpireDeltaLinks => directory.epoch += 1,
        DirectoryChange::Generate(wanted) => generate::generate(&mut directory, &wanted, tenant.domain.as_deref()),
        // Answered above: they touch mailboxes too, or take the lock themselves.
        DirectoryChange::PutUser(_)
        | DirectoryChange::SetUser { .. }
        | DirectoryChange::DeleteUser { .. }
        | DirectoryChange::RestoreUser { .. }
        | DirectoryChange::PutGroup(_) => {}
    }
    Ok(())
}

/// Adds groups, then their members, which may be groups of the same list.
pub(crate) fn add_groups(directory: &mut Directory, specs: Vec<GroupSpec>) -> Result<(), Failure> {
    let mut joining = Vec::with_capacity(specs.len());
    for mut spec in specs {
        let members = std::mem::take(&mut spec.members);
        joining.push((directory.put_group(spec), members));
    }
    for (group, members) in joining {
        for name in &members {
            let member = member(directory, name)?;
            directory.join(group, member);
        }
    }
    Ok(())
}

fn delete_user(tenant: &Tenant, key: &str, permanent: bool) -> Result<(), Failure> {
    let mut directory = tenant.directory.write();
    let at = user_place(&directory, key)?;
    directory.mark_user(at, Some(kind_of(permanent)));
    drop(directory);
    tenant.hide_mailbox(key);
    Ok(())
}

fn restore_user(tenant: &Tenant, key: &str) -> Result<(), Failure> {
    let mut directory = tenant.directory.write();
    let at = user_place(&directory, key)?;
    directory.mark_user(at, None);
    drop(directory);
    tenant.show_mailbox(key);
    Ok(())
}

fn set_user(tenant: &Tenant, key: &str, wanted: &Map<String, Value>) -> Result<(), Failure> {
    if let Some(name) = wanted.get("userPrincipalName").and_then(Value::as_str) {
        tenant.rename_mailbox(key, name);
    }
    let directory = &mut *tenant.directory.write();
    let at = user_place(directory, key)?;
    for (name, value) in wanted {
        if name == "userPrincipalName" {
            directory.rename_user(at, value.as_str().ok_or_else(|| unknown(name))?);
            continue;
        }
        let Some(user) = directory.users.get_mut(at as usize) else { continue };
        set_user_property(&mut user.spec, name, value)?;
    }
    let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
    directory.log.push(Change::User(at, properties::mask(properties::USER, &names)));
    Ok(())
}

fn set_user_property(spec: &mut UserSpec, name: &str, value: &Value) -> Result<(), Failure> {
    let text = || value.as_str().map(str::to_owned);
    match name {
        "accountEnabled" => spec.account_enabled = value.as_bool().ok_or_else(|| unknown(name))?,
        "department" => spec.department = text(),
        "displayName" => spec.display_name = text().unwrap_or_default(),
        "employeeId" => spec.employee_id = text(),
        "givenName" => spec.given_name = text(),
        "jobTitle" => spec.job_title = text(),
        // Null is no mail at all; absence in the specification would mean the principal name.
        "mail" => spec.mail = Some(text().unwrap_or_default()),
        "mobilePhone" => spec.mobile_phone = text(),
        "officeLocation" => spec.office_location = text(),
        "surname" => spec.surname = text(),
        "userType" => {
            spec.user_type = match value.as_str() {
                Some("Member") => UserType::Member,
                Some("Guest") => UserType::Guest,
                _ => UserType::Unset,
            }
        }
        _ => return Err(unknown(name)),
    }
    Ok(())
}

fn set_group(directory: &mut Directory, key: &str, wanted: &Map<String, Value>) -> Result<(), Failure> {
    let at = group_place(directory, key)?;
    let Some(group) = directory.groups.get_mut(at as usize) else { return Ok(()) };
    for (name, value) in wanted {
        let flag = || value.as_bool().ok_or_else(|| unknown(name));
        match name.as_str() {
            "displayName" => value.as_str().unwrap_or_default().clone_into(&mut group.spec.display_name),
            "description" => group.spec.description = value.as_str().map(str::to_owned),
            "securityEnabled" => group.spec.security_enabled = flag()?,
            "mailEnabled" => group.spec.mail_enabled = flag()?,
            _ => return Err(unknown(name)),
        }
    }
    let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
    directory.log.push(Change::Group(at, properties::mask(properties::GROUP, &names)));
    Ok(())
}

/// A member as a specification writes it.
fn member(directory: &mut Directory, name: &str) -> Result<Member, Failure> {
    if let Some((kind @ ("device" | "servicePrincipal" | "orgContact"), id)) = name.split_once(':') {
        return Ok(directory.other(kind, id));
    }
    let user = directory.user_place(name).map(Member::User);
    user.or_else(|| directory.group_place(name).map(Member::Group)).ok_or_else(|| not_found(name))
}

fn user_place(directory: &Directory, key: &str) -> Result<u32, Failure> {
    directory.user_place(key).ok_or_else(|| not_found(key))
}

fn group_place(directory: &Directory, key: &str) -> Result<u32, Failure> {
    directory.group_place(key).ok_or_else(|| not_found(key))
}

const fn kind_of(permanent: bool) -> Deleted {
    if permanent { Deleted::Permanent } else { Deleted::Soft }
}

fn unknown(name: &str) -> Failure {
    Failure::malformed("BadRequest", format!("'{name}' cannot be set to that here."))
}

//! Large tenants, made from a few numbers: the same numbers always make the same tenant.

use serde::{Deserialize, Serialize};

use super::state::{Directory, Member};
use crate::simulator::tenant::{GroupSpec, MailboxState, UserSpec, UserType};

/// How large. Generated people are in the directory only: they have no mailbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Generate {
    /// People: `person-1@{domain}` and on, object ids `00000000-0000-4000-8000-` and the number in hexadecimal.
    pub users: u32,
    /// Departments that they are spread over evenly: `Department 1` and on.
    pub departments: u32,
    /// Every so many-th person is a guest; none when zero.
    pub guest_every: u32,
    /// Security groups: `Group 1` and on, object ids `00000000-0000-4000-9000-` and the number in hexadecimal.
    pub groups: u32,
    /// Direct memberships of people, spread evenly over the groups.
    pub memberships: u32,
    /// Every group is a member of the one so many places before it, too: chains of nested groups; none when zero.
    pub nest_under: u32,
    /// The number of the first person and of the first group.
    pub first: u32,
}

impl Default for Generate {
    fn default() -> Self {
        Self { users: 0, departments: 20, guest_every: 0, groups: 0, memberships: 0, nest_under: 0, first: 1 }
    }
}

impl Generate {
    /// The object id of a generated person.
    pub fn user_id(number: u32) -> String {
        format!("00000000-0000-4000-8000-{number:012x}")
    }

    /// The object id of a generated group.
    pub fn group_id(number: u32) -> String {
        format!("00000000-0000-4000-9000-{number:012x}")
    }
}

pub(super) fn generate(directory: &mut Directory, wanted: &Generate, domain: Option<&str>) {
    let domain = domain.unwrap_or("example.com");
    for number in wanted.first..wanted.first.saturating_add(wanted.users) {
        directory.put_user(person(number, wanted, domain));
    }
    let groups: Vec<u32> =
        (wanted.first..wanted.first.saturating_add(wanted.groups)).map(|number| directory.put_group(group(number))).collect();
    for (at, &place) in groups.iter().enumerate() {
        let above = at.checked_sub(wanted.nest_under as usize).filter(|_| wanted.nest_under > 0);
        if let Some(&above) = above.and_then(|above| groups.get(above)) {
            directory.join(above, Member::Group(place));
        }
    }
    spread(directory, wanted, &groups);
}

/// Membership `n` is of group `n mod groups`; each group takes the people that follow on those of its last round, so that no pair
/// comes twice before everybody is in the group.
fn spread(directory: &mut Directory, wanted: &Generate, groups: &[u32]) {
    let people: Vec<u32> = (wanted.first..wanted.first.saturating_add(wanted.users))
        .filter_map(|number| directory.user_place(&Generate::user_id(number)))
        .collect();
    if groups.is_empty() || people.is_empty() {
        return;
    }
    let each = (wanted.memberships as usize).div_ceil(groups.len());
    for number in 0..wanted.memberships as usize {
        let (round, at) = (number / groups.len(), number % groups.len());
        let who = (at * each + round) % people.len();
        if let (Some(&group), Some(&user)) = (groups.get(at), people.get(who)) {
            directory.join(group, Member::User(user));
        }
    }
}

fn person(number: u32, wanted: &Generate, domain: &str) -> UserSpec {
    let guest = wanted.guest_every > 0 && number.is_multiple_of(wanted.guest_every);
    let name = if guest { format!("guest-{number}_partner.example#EXT#@{domain}") } else { format!("person-{number}@{domain}") };
    UserSpec {
        mail: Some(if guest { String::new() } else { name.clone() }),
        mailbox: MailboxState::Unlicensed,
        department: (wanted.departments > 0).then(|| format!("Department {}", number % wanted.departments + 1)),
        job_title: Some("Technician".to_owned()),
        given_name: Some("Person".to_owned()),
        surname: Some(number.to_string()),
        user_type: if guest { UserType::Guest } else { UserType::Member },
        ..UserSpec::licensed(&Generate::user_id(number), &name, &format!("Person {number}"))
    }
}

fn group(number: u32) -> GroupSpec {
    GroupSpec::security(&Generate::group_id(number), &format!("Group {number}"))
}

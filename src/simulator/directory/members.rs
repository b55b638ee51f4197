//! `/groups/{id}/members` and `/transitiveMembers`, with and without a cast.

use super::{
    Cast, DirectoryCall, USER_ROLES,
    listing::{self, Page},
    not_found,
    properties::{self, Shown},
    query::{self, Query, Shape},
    state::{Directory, Member},
};
use crate::simulator::{call::Reply, errors::Failure};

/// Members of one group. Direct members come in the order they were added; transitive ones by kind, once each.
pub(super) fn list(directory: &DirectoryCall<'_>, key: &str, transitive: bool, cast: Option<Cast>) -> Result<Reply, Failure> {
    let known = match cast {
        Some(Cast::User) => properties::USER.to_vec(),
        Some(Cast::Group) => properties::GROUP.to_vec(),
        None => [properties::USER, properties::GROUP].concat(),
    };
    let query = query::parse(directory.call, Shape { properties: &known, navigation: &[], delta: false })?;
    if cast.is_some() {
        query::cast_needs(directory.call, &query)?;
    }
    let state = directory.grant.tenant.directory.read();
    let place = state.group_place(key).filter(|at| state.alive(Member::Group(*at))).ok_or_else(|| not_found(key))?;
    let fits = |member: &Member| state.alive(*member) && is_cast(*member, cast) && filtered(&state, &query, *member);
    let (from, mut page) = (listing::start(directory, &query)?, Page::new(directory, "directoryObjects", &query));
    if transitive {
        let below: Vec<Member> = state.below(place).into_iter().filter(fits).collect();
        if query.count {
            page.count(below.len());
        }
        fill(directory, &state, &query, cast, &mut page, below.into_iter().enumerate().skip(from));
    } else if let Some(group) = state.groups.get(place as usize) {
        let all = || group.members_from(0).filter(|(_, member)| fits(member));
        if query.count {
            page.count(all().count());
        }
        let rest = all().map(|(at, member)| (at as usize, member)).filter(|(at, _)| *at >= from);
        fill(directory, &state, &query, cast, &mut page, rest);
    }
    Ok(page.finish())
}

fn fill(
    directory: &DirectoryCall<'_>,
    state: &Directory,
    query: &Query,
    cast: Option<Cast>,
    page: &mut Page<'_>,
    members: impl Iterator<Item = (usize, Member)>,
) {
    let sees_people = directory.grant.has(USER_ROLES);
    for (at, member) in members {
        if !page.add(at, |out| object(out, state, query, cast, member, sees_people)) {
            return;
        }
    }
}

/// One member. A kind that the caller may not read comes as a bare object: id and nothing else.
fn object(out: &mut Vec<u8>, state: &Directory, query: &Query, cast: Option<Cast>, member: Member, sees_people: bool) {
    let kind = type_name(state, member);
    // With a cast everything is of one type, and says so no more.
    let annotations: &[(&str, &str)] = if cast.is_some() { &[] } else { &[("@odata.type", &kind)] };
    match member {
        Member::User(at) => {
            let Some(user) = state.users.get(at as usize) else { return };
            let names = own(query, properties::USER, properties::USER_DEFAULT);
            let value = |name: &str| {
                if sees_people || name == "id" { properties::of_user(user, name) } else { Shown::Null }
            };
            properties::object(out, annotations, &names, value);
        }
        Member::Group(at) => {
            let Some(group) = state.groups.get(at as usize) else { return };
            let names = own(query, properties::GROUP, properties::GROUP_DEFAULT);
            properties::object(out, annotations, &names, |name| properties::of_group(group, name));
        }
        Member::Other(at) => {
            let Some((_, id)) = state.others.get(at as usize) else { return };
            properties::object(out, annotations, &["id"], |_| Shown::Text(id));
        }
    }
}

/// What is asked for, as far as this kind of object has it.
fn own(query: &Query, known: &[&str], default: &[&str]) -> Vec<String> {
    let mut names = listing::names(query, default);
    names.retain(|name| known.contains(&name.as_str()));
    names
}

/// `#microsoft.graph.user` and its like.
pub(super) fn type_name(state: &Directory, member: Member) -> String {
    let kind = match member {
        Member::User(_) => "user",
        Member::Group(_) => "group",
        Member::Other(at) => state.others.get(at as usize).map_or("directoryObject", |(kind, _)| kind.as_str()),
    };
    format!("#microsoft.graph.{kind}")
}

fn is_cast(member: Member, cast: Option<Cast>) -> bool {
    match cast {
        None => true,
        Some(Cast::User) => matches!(member, Member::User(_)),
        Some(Cast::Group) => matches!(member, Member::Group(_)),
    }
}

fn filtered(state: &Directory, query: &Query, member: Member) -> bool {
    let Some(filter) = &query.filter else { return true };
    match member {
        Member::User(at) => {
            state.users.get(at as usize).is_some_and(|user| filter.fits(&|name: &str| properties::of_user(user, name)))
        }
        Member::Group(at) => {
            state.groups.get(at as usize).is_some_and(|group| filter.fits(&|name: &str| properties::of_group(group, name)))
        }
        Member::Other(_) => false,
    }
}

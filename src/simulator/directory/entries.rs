//! What a round of a delta query tells, entry by entry: an object, a removal, or a part of a group's members.

use std::{collections::HashMap, ops::Range};

use super::{
    delta::{Kind, Round},
    members, properties,
    state::{Change, Deleted, Directory, Member, WHOLE},
};
use crate::simulator::tenant::DirectorySettings;

/// Entries of one page, as JSON.
pub(super) struct Told {
    kind: Kind,
    /// Only what changed is shown (`Prefer: return=minimal`).
    minimal: bool,
    /// Entries, and members in them, that still fit.
    room: usize,
    member_room: usize,
    /// Members that one entry holds at most.
    members_each: usize,
    repeats: bool,
    initial_removed: bool,
    out: Vec<u8>,
}

/// What changed of one object. Members by their last state.
struct Changed {
    at: u32,
    mask: u32,
    members: Vec<(Member, bool)>,
}

impl Told {
    pub(super) fn new(kind: Kind, minimal: bool, settings: &DirectorySettings, page_limit: Option<usize>) -> Self {
        Self {
            kind,
            minimal,
            room: page_limit.map_or(settings.delta_page, |limit| limit.min(settings.delta_page)),
            member_room: settings.delta_members.saturating_mul(5),
            members_each: settings.delta_members.max(1),
            repeats: settings.delta_repeats,
            initial_removed: settings.delta_initial_removed,
            out: Vec::with_capacity(16 * 1024),
        }
    }

    pub(super) fn into_json(self) -> Vec<u8> {
        self.out
    }

    fn is_full(&self) -> bool {
        self.room == 0 || self.member_room == 0
    }

    /// Tells one object, or its removal.
    fn tell(&mut self, state: &Directory, round: &Round, at: u32, mask: u32, members: &[(Member, bool)]) {
        self.room = self.room.saturating_sub(1);
        self.member_room = self.member_room.saturating_sub(members.len());
        if !self.out.is_empty() {
            self.out.push(b',');
        }
        let (id, deleted) = identity(state, self.kind, at);
        if let Some(deleted) = deleted {
            removed(&mut self.out, None, id, if deleted == Deleted::Soft { "changed" } else { "deleted" });
            return;
        }
        let wanted = if self.minimal && mask & WHOLE == 0 { mask & round.select } else { round.select };
        let is_shown = |bit: usize| (wanted | 1) & (1 << bit) != 0;
        let names: Vec<&str> =
            self.kind.properties().iter().enumerate().filter(|(bit, _)| is_shown(*bit)).map(|(_, name)| *name).collect();
        match self.kind {
            Kind::Users => {
                let Some(user) = state.users.get(at as usize) else { return };
                properties::object(&mut self.out, &[], &names, |name| properties::of_user(user, name));
            }
            Kind::Groups => {
                let Some(group) = state.groups.get(at as usize) else { return };
                properties::object(&mut self.out, &[], &names, |name| properties::of_group(group, name));
            }
        }
        if !members.is_empty() {
            // The object is open again, for the one property that is not its own.
            self.out.pop();
            self.out.extend_from_slice(b",\"members@delta\":[");
            for (number, (member, joined)) in members.iter().enumerate() {
                if number > 0 {
                    self.out.push(b',');
                }
                self.member(state, *member, *joined);
            }
            self.out.extend_from_slice(b"]}");
        }
    }

    fn member(&mut self, state: &Directory, member: Member, joined: bool) {
        let kind = members::type_name(state, member);
        let id = match member {
            Member::User(at) => identity(state, Kind::Users, at).0,
            Member::Group(at) => identity(state, Kind::Groups, at).0,
            Member::Other(at) => state.others.get(at as usize).map_or("", |(_, id)| id),
        };
        if joined {
            properties::object(&mut self.out, &[("@odata.type", &kind)], &["id"], |_| properties::Shown::Text(id));
        } else {
            removed(&mut self.out, Some(&kind), id, "deleted");
        }
    }
}

/// `{"@odata.type", "id", "@removed": {"reason"}}`
fn removed(out: &mut Vec<u8>, kind: Option<&str>, id: &str, reason: &str) {
    let kind = kind.map(|kind| ("@odata.type", kind));
    let annotations: Vec<_> = kind.into_iter().collect();
    properties::object(out, &annotations, &["id"], |_| properties::Shown::Text(id));
    out.pop();
    out.extend_from_slice(b",\"@removed\":{\"reason\":");
    properties::string(out, reason);
    out.extend_from_slice(b"}}");
}

fn identity(state: &Directory, kind: Kind, at: u32) -> (&str, Option<Deleted>) {
    match kind {
        Kind::Users => state.users.get(at as usize).map_or(("", None), |user| (user.spec.id.as_str(), user.deleted)),
        Kind::Groups => state.groups.get(at as usize).map_or(("", None), |group| (group.spec.id.as_str(), group.deleted)),
    }
}

/// Tells everything there is from the round's place on; `true` when that was all.
pub(super) fn everything(state: &Directory, round: &mut Round, told: &mut Told) -> bool {
    let count = match told.kind {
        Kind::Users => state.users.len(),
        Kind::Groups => state.groups.len(),
    };
    while round.at < count {
        let at = u32::try_from(round.at).unwrap_or(u32::MAX);
        let (id, deleted) = identity(state, told.kind, at);
        if is_wanted(round, id) && (deleted.is_none() || told.initial_removed) {
            if told.is_full() {
                return false;
            }
            let part = if deleted.is_none() { part(state, round, told) } else { Vec::new() };
            let (full, last) = (part.len() == told.members_each, part.last().map(|(place, _)| *place));
            let members: Vec<_> = part.into_iter().map(|(_, member)| (member, true)).collect();
            told.tell(state, round, at, WHOLE, &members);
            if let (true, Some(place)) = (full, last) {
                round.place = place + 1;
                continue;
            }
        }
        (round.at, round.place) = (round.at + 1, 0);
    }
    true
}

/// The next of the group's members that fit into one entry, with their places.
fn part(state: &Directory, round: &Round, told: &Told) -> Vec<(u32, Member)> {
    let group = state.groups.get(round.at).filter(|_| told.kind == Kind::Groups && round.members);
    let Some(group) = group else { return Vec::new() };
    group.members_from(round.place).filter(|(_, member)| state.alive(*member)).take(told.members_each).collect()
}

/// Tells what changed, from the round's place on; `true` when that was all.
pub(super) fn changes(state: &Directory, range: Range<usize>, round: &mut Round, told: &mut Told) -> bool {
    let mut number = 0;
    for changed in collapsed(state, range, round, told) {
        // A removed object tells its removal alone, however many members it had.
        let gone = identity(state, told.kind, changed.at).1.is_some();
        let parts: Vec<&[(Member, bool)]> =
            if gone || changed.members.is_empty() { vec![&[]] } else { changed.members.chunks(told.members_each).collect() };
        for part in parts {
            if number >= round.at {
                if told.is_full() {
                    return false;
                }
                told.tell(state, round, changed.at, changed.mask, part);
                round.at += 1;
            }
            number += 1;
        }
    }
    true
}

/// The changes of each object together, in the order of its first one; with repeats, each change for itself.
fn collapsed(state: &Directory, range: Range<usize>, round: &Round, told: &Told) -> Vec<Changed> {
    let (mut list, mut places): (Vec<Changed>, HashMap<u32, usize>) = (Vec::new(), HashMap::new());
    for change in state.log.get(range).unwrap_or_default() {
        let (at, mask, member) = match (*change, told.kind) {
            (Change::User(at, mask), Kind::Users) | (Change::Group(at, mask), Kind::Groups) => (at, mask, None),
            (Change::Member { group, member, joined }, Kind::Groups) if round.members => (group, 0, Some((member, joined))),
            _ => continue,
        };
        let told_of = mask & (round.select | WHOLE) != 0 || member.is_some();
        if !told_of || !is_wanted(round, identity(state, told.kind, at).0) {
            continue;
        }
        let place = if told.repeats { None } else { places.get(&at).copied() };
        let place = place.unwrap_or_else(|| {
            list.push(Changed { at, mask: 0, members: Vec::new() });
            places.insert(at, list.len() - 1);
            list.len() - 1
        });
        let Some(changed) = list.get_mut(place) else { continue };
        changed.mask |= mask;
        if let Some((member, joined)) = member {
            changed.members.retain(|(other, _)| *other != member);
            changed.members.push((member, joined));
        }
    }
    list
}

fn is_wanted(round: &Round, id: &str) -> bool {
    round.ids.is_empty() || round.ids.iter().any(|wanted| wanted.eq_ignore_ascii_case(id))
}

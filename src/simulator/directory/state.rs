//! What a tenant's directory remembers: people, groups, who is in what, and every change in order.
//!
//! Objects keep their place for good, so that a page's link stays right while others come and go. Nothing is ever taken out:
//! a deleted object is marked, as Entra keeps it to be restored.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::simulator::tenant::{GroupSpec, UserSpec};

/// How an object was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// It can be restored: `@removed` says `changed`.
    Soft,
    /// For good: `@removed` says `deleted`.
    Permanent,
}

/// A person.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) spec: UserSpec,
    pub(crate) deleted: Option<Deleted>,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    /// Without the members, which are below.
    pub(crate) spec: GroupSpec,
    pub(crate) deleted: Option<Deleted>,
    /// Direct members in the order they were added.
    members: BTreeMap<u32, Member>,
    places: HashMap<Member, u32>,
    next: u32,
}

/// A member, by its place among its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Member {
    User(u32),
    Group(u32),
    /// A device, service principal or contact.
    Other(u32),
}

/// One change. The first one has number 0.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// Properties of a person, as bits; [`WHOLE`] when it came, went or came back.
    User(u32, u32),
    /// The same of a group.
    Group(u32, u32),
    /// Somebody or something joined or left a group.
    Member { group: u32, member: Member, joined: bool },
}

/// The change that is no property: the object came, went or came back.
pub(super) const WHOLE: u32 = 1 << 31;

/// A tenant's directory.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(super) users: Vec<User>,
    pub(super) groups: Vec<Group>,
    /// Kind (`device`) and id.
    pub(super) others: Vec<(String, String)>,
    pub(super) log: Vec<Change>,
    /// Delta links of an earlier epoch are gone.
    pub(super) epoch: u32,
    /// By id and principal name in lower case; places of deleted people are found by id alone.
    user_keys: HashMap<String, u32>,
    group_keys: HashMap<String, u32>,
}

impl Group {
    /// Direct members from a place on, with their places.
    pub(super) fn members_from(&self, place: u32) -> impl Iterator<Item = (u32, Member)> {
        self.members.range(place..).map(|(at, member)| (*at, *member))
    }

    /// Takes a member in; `false` when it is one already.
    fn take(&mut self, member: Member) -> bool {
        if self.places.contains_key(&member) {
            return false;
        }
        self.members.insert(self.next, member);
        self.places.insert(member, self.next);
        self.next += 1;
        true
    }

    fn release(&mut self, member: Member) -> bool {
        let place = self.places.remove(&member);
        place.is_some_and(|place| self.members.remove(&place).is_some())
    }
}

impl Directory {
    /// The living person with this object id or principal name, ignoring case.
    pub(crate) fn user(&self, key: &str) -> Option<&User> {
        let at = self.user_place(key)?;
        self.users.get(at as usize).filter(|user| user.deleted.is_none())
    }

    /// The living group with this object id.
    pub(crate) fn group(&self, key: &str) -> Option<&Group> {
        self.group_place(key).and_then(|at| self.groups.get(at as usize)).filter(|group| group.deleted.is_none())
    }

    pub(super) fn user_place(&self, key: &str) -> Option<u32> {
        self.user_keys.get(key).or_else(|| self.user_keys.get(&key.to_lowercase())).copied()
    }

    pub(super) fn group_place(&self, key: &str) -> Option<u32> {
        self.group_keys.get(key).or_else(|| self.group_keys.get(&key.to_lowercase())).copied()
    }

    /// Adds a person, or gives the one with the same id new properties (and life).
    pub(crate) fn put_user(&mut self, spec: UserSpec) {
        let (id, name) = (spec.id.to_lowercase(), spec.user_principal_name.to_lowercase());
        let known = self.user_keys.get(&id).copied();
        let at = known.unwrap_or_else(|| place(self.users.len()));
        if let Some(user) = self.users.get_mut(at as usize) {
            self.user_keys.remove(&user.spec.user_principal_name.to_lowercase());
            *user = User { spec, deleted: None };
        } else {
            self.users.push(User { spec, deleted: None });
        }
        self.user_keys.insert(id, at);
        self.user_keys.insert(name, at);
        self.log.push(Change::User(at, WHOLE));
    }

    /// Adds a group without members, or gives the one with the same id new properties (and life); returns its place.
    pub(super) fn put_group(&mut self, spec: GroupSpec) -> u32 {
        let id = spec.id.to_lowercase();
        let known = self.group_keys.get(&id).copied();
        let at = known.unwrap_or_else(|| place(self.groups.len()));
        if let Some(group) = self.groups.get_mut(at as usize) {
            (group.spec, group.deleted) = (spec, None);
        } else {
            self.groups.push(Group { spec, deleted: None, members: BTreeMap::new(), places: HashMap::new(), next: 0 });
        }
        self.group_keys.insert(id, at);
        self.log.push(Change::Group(at, WHOLE));
        at
    }

    /// Gives a person another principal name.
    pub(super) fn rename_user(&mut self, at: u32, name: &str) {
        let Some(user) = self.users.get_mut(at as usize) else { return };
        self.user_keys.remove(&user.spec.user_principal_name.to_lowercase());
        name.clone_into(&mut user.spec.user_principal_name);
        self.user_keys.insert(name.to_lowercase(), at);
    }

    /// Adds a member; nothing happens when it is one.
    pub(super) fn join(&mut self, group: u32, member: Member) {
        if self.groups.get_mut(group as usize).is_some_and(|group| group.take(member)) {
            self.log.push(Change::Member { group, member, joined: true });
        }
    }

    /// Removes a member; nothing happens when it is none.
    pub(super) fn leave(&mut self, group: u32, member: Member) {
        if self.groups.get_mut(group as usize).is_some_and(|group| group.release(member)) {
            self.log.push(Change::Member { group, member, joined: false });
        }
    }

    /// Marks a person as deleted or as restored. Memberships are hidden with it, and come back with it.
    pub(super) fn mark_user(&mut self, at: u32, deleted: Option<Deleted>) {
        let Some(user) = self.users.get_mut(at as usize) else { return };
        user.deleted = deleted;
        self.log.push(Change::User(at, WHOLE));
        self.tell_memberships(Member::User(at), deleted.is_none());
    }

    /// Marks a group as deleted or as restored.
    pub(super) fn mark_group(&mut self, at: u32, deleted: Option<Deleted>) {
        let Some(group) = self.groups.get_mut(at as usize) else { return };
        group.deleted = deleted;
        self.log.push(Change::Group(at, WHOLE));
        self.tell_memberships(Member::Group(at), deleted.is_none());
    }

    fn tell_memberships(&mut self, member: Member, joined: bool) {
        let within = self.groups.iter().enumerate().filter(|(_, group)| group.places.contains_key(&member));
        let told: Vec<_> = within.map(|(at, _)| Change::Member { group: place(at), member, joined }).collect();
        self.log.extend(told);
    }

    /// A member that is neither a person nor a group, made known on first mention.
    pub(super) fn other(&mut self, kind: &str, id: &str) -> Member {
        let at = self.others.iter().position(|(_, have)| have.eq_ignore_ascii_case(id)).unwrap_or_else(|| {
            self.others.push((kind.to_owned(), id.to_owned()));
            self.others.len() - 1
        });
        Member::Other(place(at))
    }

    /// Whether a member is there to be seen.
    pub(super) fn alive(&self, member: Member) -> bool {
        match member {
            Member::User(at) => self.users.get(at as usize).is_some_and(|user| user.deleted.is_none()),
            Member::Group(at) => self.groups.get(at as usize).is_some_and(|group| group.deleted.is_none()),
            Member::Other(_) => true,
        }
    }

    /// Everything below a group, itself left out unless it is in a circle: direct members and those of groups among them.
    pub(super) fn below(&self, group: u32) -> BTreeSet<Member> {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), HashSet::from([group]), vec![group]);
        while let Some(at) = open.pop() {
            let Some(group) = self.groups.get(at as usize) else { continue };
            for (_, member) in group.members_from(0).filter(|(_, member)| self.alive(*member)) {
                found.insert(member);
                if let Member::Group(inner) = member
                    && seen.insert(inner)
                {
                    open.push(inner);
                }
            }
        }
        found
    }

    /// Living people, living groups, and direct memberships between what lives.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let users = self.users.iter().filter(|user| user.deleted.is_none()).count();
        let groups = self.groups.iter().filter(|group| group.deleted.is_none());
        let memberships =
            groups.clone().map(|group| group.members_from(0).filter(|(_, member)| self.alive(*member)).count()).sum();
        (users, groups.count(), memberships)
    }
}

/// A place as it is kept. Four thousand million objects are beyond any tenant.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

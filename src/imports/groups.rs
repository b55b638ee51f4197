//! Reads groups and their direct members: all of the scope, or what changed in the directory since the last time. What follows from
//! nesting is computed from direct members, so groups inside groups are read as well, whatever kind they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::{
    doubts,
    reading::{AT_ONCE, Reading, Stop},
};
use crate::{
    capabilities::directory::{Group, GroupEntry, GroupScope, Member, MemberChange, Page, Pages, ReadTrouble, calls},
    graph::{Graph, Request},
    store::{Batch, FoundGroup, HowRead, ReadMembers},
};

/// Members that one group may have.
const MOST_MEMBERS: usize = 1_000_000;
/// How deep groups may nest.
const DEEPEST: usize = 100;

/// Reads everything of the scope.
pub(super) async fn everything<G: Graph>(reading: &Reading<'_, G>, scope: &GroupScope) -> Result<HowRead, Stop> {
    let (delta_link, delta_at) = match &scope.ids {
        None => {
            let list = calls::groups();
            let ((link, at), promise) =
                tokio::try_join!(reading.link_from_now_on(calls::groups_from_now_on()), reading.promise(&list))?;
            listed(reading, list).await?;
            reading.is_whole(promise)?;
            (link, at)
        }
        Some(ids) => {
            reading.expect(ids.len() as u64);
            named(reading, ids).await?;
            (None, reading.clock.now())
        }
    };
    missing(reading, scope).await?;
    if scope.transitive {
        nested(reading, true).await?;
    }
    doubts::settle(reading).await?;
    Ok(HowRead { whole: true, delta_link, delta_at })
}

/// Reads what changed since a link was given out. Groups that are new to us are read whole.
pub(super) async fn changes<G: Graph>(reading: &Reading<'_, G>, link: String, transitive: bool) -> Result<HowRead, Stop> {
    let delta_at = reading.clock.now();
    let mut pages = Pages::since(reading.graph, link, calls::groups_from_now_on());
    let (mut delta_link, mut told) = (None, Told::default());
    while let Some(page) = pages.next().await? {
        let batch = told.take(reading, &page.entries).await?;
        reading.stage(batch).await?;
        delta_link = page.delta_link;
    }
    read_all(reading, std::mem::take(&mut told.unknown)).await?;
    if transitive {
        nested(reading, false).await?;
    }
    Ok(HowRead { whole: false, delta_link, delta_at })
}

/// What a delta told so far. The same group may come in many entries, its members split over them.
#[derive(Default)]
struct Told {
    groups: HashMap<String, Group>,
    gone: BTreeSet<String>,
    /// Not known before: their members are read, not added up from changes.
    unknown: BTreeSet<String>,
}

impl Told {
    async fn take<G: Graph>(&mut self, reading: &Reading<'_, G>, entries: &[Value]) -> Result<Batch, Stop> {
        let entries = entries.iter().map(GroupEntry::read).collect::<Result<Vec<_>, _>>()?;
        let ids = entries.iter().map(|entry| entry.object_id.clone()).collect();
        let known = reading.store.known_groups(reading.desk.scope(), ids).await?;
        let mut batch = Batch::default();
        for mut entry in entries {
            let id = entry.object_id.clone();
            if entry.removed {
                self.unknown.remove(&id);
                self.gone.insert(id.clone());
                batch.members.retain(|(group, _), _| *group != id);
                batch.groups.insert(id, FoundGroup::Gone);
                continue;
            }
            let active = known.get(&id).filter(|(_, active)| *active).map(|(group, _)| group);
            let back = self.gone.contains(&id);
            match self.groups.get(&id).or(active).filter(|_| !back) {
                None if entry.security == Some(true) || back => {
                    self.unknown.insert(id);
                }
                // Not a security group, and in none of ours.
                None => {}
                Some(group) => {
                    let members = std::mem::take(&mut entry.members);
                    let group = entry.onto(Some(group.clone()));
                    self.groups.insert(id.clone(), group.clone());
                    batch.groups.insert(id.clone(), FoundGroup::Listed(group, ReadMembers::Changes));
                    batch
                        .members
                        .extend(members.into_iter().map(|change| ((id.clone(), change.member.object_id.clone()), change)));
                }
            }
        }
        Ok(batch)
    }
}

/// All security groups, those of a page at once.
async fn listed<G: Graph>(reading: &Reading<'_, G>, list: Request) -> Result<(), Stop> {
    let mut pages = Pages::of_list(reading.graph, list);
    while let Some(page) = pages.next().await? {
        let entries = page.entries.iter().map(GroupEntry::read).collect::<Result<Vec<_>, _>>()?;
        let groups = entries.into_iter().map(|entry| FoundGroup::Listed(entry.onto(None), ReadMembers::Whole));
        stream::iter(groups).map(|group| read(reading, group)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    Ok(())
}

/// The groups that were named. One that never was there is a mistake of whoever named it.
async fn named<G: Graph>(reading: &Reading<'_, G>, ids: &[String]) -> Result<(), Stop> {
    let known = reading.store.known_groups(reading.desk.scope(), ids.to_vec()).await?;
    let found = stream::iter(ids.to_vec()).map(|id| async {
        let was_known = known.contains_key(&id);
        match look_up(reading, &id).await? {
            Some(entry) => read(reading, FoundGroup::Listed(entry.onto(None), ReadMembers::Whole)).await,
            None if was_known => gone(reading, id).await,
            None => {
                let message = format!("there is no group {id}");
                Err(ReadTrouble { code: "NOT_FOUND", message, graph_request_id: None }.into())
            }
        }
    });
    found.buffer_unordered(AT_ONCE).try_collect().await
}

/// Groups that were there and are not in the list: gone, or no security group any more. The latter are kept as they are now.
async fn missing<G: Graph>(reading: &Reading<'_, G>, scope: &GroupScope) -> Result<(), Stop> {
    let missing = reading.store.missing_groups(reading.desk.lease(), &reading.scope_key).await?;
    let found = stream::iter(missing).map(|id| async move {
        match look_up(reading, &id).await? {
            None => gone(reading, id).await,
            Some(entry) if scope.ids.is_none() && entry.security == Some(true) => {
                Err(ReadTrouble::incomplete("the list left out a group that is there").into())
            }
            Some(entry) => read(reading, FoundGroup::Nested(entry.onto(None), ReadMembers::Whole)).await,
        }
    });
    found.buffer_unordered(AT_ONCE).try_collect().await
}

/// Groups inside groups, level by level, each once: a cycle ends where everything on it was read.
async fn nested<G: Graph>(reading: &Reading<'_, G>, anew: bool) -> Result<(), Stop> {
    for _ in 0..DEEPEST {
        let unread = reading.store.unread_groups(reading.desk.lease(), anew).await?;
        if unread.is_empty() {
            return Ok(());
        }
        inside(reading, unread).await?;
    }
    Err(ReadTrouble::too_much(format!("groups nest deeper than {DEEPEST} levels")).into())
}

/// Groups that a delta names and that are read whole, since what is known of them is not what changed.
async fn read_all<G: Graph>(reading: &Reading<'_, G>, ids: BTreeSet<String>) -> Result<(), Stop> {
    let found = stream::iter(ids).map(|id| async move {
        let Some(entry) = look_up(reading, &id).await? else { return gone(reading, id).await };
        read(reading, FoundGroup::Listed(entry.onto(None), ReadMembers::Whole)).await
    });
    found.buffer_unordered(AT_ONCE).try_collect().await
}

/// Groups that are members of others. One that is a member and is not there is a contradiction: whom it holds would lose their roles.
async fn inside<G: Graph>(reading: &Reading<'_, G>, ids: Vec<String>) -> Result<(), Stop> {
    let found = stream::iter(ids).map(|id| async move {
        let Some(entry) = look_up(reading, &id).await? else {
            return Err(ReadTrouble::incomplete("a group that is a member of another one is not there").into());
        };
        read(reading, FoundGroup::Nested(entry.onto(None), ReadMembers::Whole)).await
    });
    found.buffer_unordered(AT_ONCE).try_collect().await
}

async fn look_up<G: Graph>(reading: &Reading<'_, G>, id: &str) -> Result<Option<GroupEntry>, Stop> {
    let Some(answer) = reading.look_up(calls::group(id)).await? else { return Ok(None) };
    let entry = GroupEntry::read(&answer.body)?;
    if entry.object_id == id { Ok(Some(entry)) } else { Err(ReadTrouble::incomplete("another group than was asked for").into()) }
}

async fn gone<G: Graph>(reading: &Reading<'_, G>, id: String) -> Result<(), Stop> {
    reading.stage(Batch { groups: BTreeMap::from([(id, FoundGroup::Gone)]), ..Batch::default() }).await
}

/// Reads a group's direct members, page by page. The group itself is staged with the first.
async fn read<G: Graph>(reading: &Reading<'_, G>, found: FoundGroup) -> Result<(), Stop> {
    let (FoundGroup::Listed(group, _) | FoundGroup::Nested(group, _)) = &found else { return Ok(()) };
    let id = group.object_id.clone();
    let mut pages = Pages::of_list(reading.graph, calls::members(&id));
    let mut batch = Batch { groups: BTreeMap::from([(id.clone(), found)]), ..Batch::default() };
    let mut read = 0;
    while let Some(page) = pages.next().await? {
        batch.members = members(&id, &page)?;
        read += batch.members.len();
        if read > MOST_MEMBERS {
            return Err(ReadTrouble::too_much(format!("a group with more than {MOST_MEMBERS} members")).into());
        }
        reading.stage(std::mem::take(&mut batch)).await?;
    }
    Ok(())
}

fn members(group: &str, page: &Page) -> Result<BTreeMap<(String, String), MemberChange>, ReadTrouble> {
    let mut members = BTreeMap::new();
    for entry in &page.entries {
        if let Some(member) = Member::read(entry)? {
            members.insert((group.to_owned(), member.object_id.clone()), MemberChange { member, removed: false });
        }
    }
    Ok(members)
}

//! Members who are missing from a group's list that looked whole. A list of members says neither how many there are nor that it ends
//! before its end, and an empty one takes the group's roles from everybody. So groups that lost somebody are read once more by another
//! way, a delta from its beginning, which ends with a delta link or not at all.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::reading::{AT_ONCE, Reading, Stop};
use crate::{
    capabilities::directory::{GroupEntry, Pages, ReadTrouble, calls},
    graph::Graph,
};

/// Groups asked for in one delta; Microsoft takes up to 50, and a link of 20 ids is still a short one.
const TOGETHER: usize = 20;

/// Fails when somebody who is missing from a list is a member after all.
pub(super) async fn settle<G: Graph>(reading: &Reading<'_, G>) -> Result<(), Stop> {
    let losing = reading.store.losing_groups(reading.desk.lease()).await?;
    let parts: Vec<_> = losing.chunks(TOGETHER).map(<[String]>::to_vec).collect();
    stream::iter(parts).map(|ids| again(reading, ids)).buffer_unordered(AT_ONCE).try_collect().await
}

async fn again<G: Graph>(reading: &Reading<'_, G>, ids: Vec<String>) -> Result<(), Stop> {
    let mut pages = Pages::of_delta(reading.graph, calls::groups_anew(&ids));
    let mut unseen: BTreeSet<String> = ids.into_iter().collect();
    while let Some(page) = pages.next().await? {
        let entries = page.entries.iter().map(GroupEntry::read).collect::<Result<Vec<_>, _>>()?;
        let mut members = Vec::new();
        for entry in entries.into_iter().filter(|entry| !entry.removed) {
            unseen.remove(&entry.object_id);
            let there = entry.members.into_iter().filter(|change| !change.removed);
            members.extend(there.map(|change| (entry.object_id.clone(), change.member.object_id)));
        }
        if reading.store.left_out(reading.desk.lease(), members).await? {
            return Err(ReadTrouble::incomplete("a group's list left out a member who is there").into());
        }
    }
    if unseen.is_empty() { Ok(()) } else { Err(ReadTrouble::incomplete("a group that is there was left out").into()) }
}

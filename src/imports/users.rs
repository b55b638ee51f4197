//! Reads people: all of the scope, or what changed in the directory since the last time.

use std::collections::HashMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::reading::{AT_ONCE, Reading, Stop};
use crate::{
    capabilities::directory::{Page, Pages, Person, PersonEntry, ReadTrouble, UserScope, calls},
    graph::Graph,
    jobs::JobError,
    store::{Batch, FoundPerson, HowRead},
};

/// So many who are missing from a list of everybody are each asked for, so that nobody is disabled on the word of a list alone. More
/// than that waits for approval in any case; then a sample shows whether the list can be believed at all.
pub(super) const MOST_LOOKED_UP: u64 = 500;
const SAMPLE: u64 = 20;
/// People staged as looked up at once.
const CHUNK: u32 = 200;

/// Reads everything of the scope.
pub(super) async fn everything<G: Graph>(
    reading: &Reading<'_, G>,
    scope: &UserScope,
    most_unasked: u64,
) -> Result<HowRead, Stop> {
    let list = calls::users(scope.department.as_deref());
    let ((delta_link, delta_at), promise) =
        tokio::try_join!(reading.link_from_now_on(calls::users_from_now_on()), reading.promise(&list))?;
    reading.each_page(Pages::of_list(reading.graph, list), listed).await?;
    reading.is_whole(promise)?;
    missing(reading, scope, most_unasked).await?;
    Ok(HowRead { whole: true, delta_link, delta_at })
}

/// Reads what changed in the whole directory since a link was given out. Whose department it is, the plan tells: a delta cannot.
pub(super) async fn changes<G: Graph>(reading: &Reading<'_, G>, link: String) -> Result<HowRead, Stop> {
    let delta_at = reading.clock.now();
    let mut pages = Pages::since(reading.graph, link, calls::users_from_now_on());
    let mut delta_link = None;
    while let Some(page) = pages.next().await? {
        delta_link.clone_from(&page.delta_link);
        let batch = changed(reading, page).await?;
        reading.stage(batch).await?;
    }
    Ok(HowRead { whole: false, delta_link, delta_at })
}

fn listed(page: &Page) -> Result<Batch, Stop> {
    let mut batch = Batch::default();
    for entry in &page.entries {
        let person = PersonEntry::read(entry)?.whole()?;
        batch.people.insert(person.object_id.clone(), FoundPerson::Listed(person));
    }
    Ok(batch)
}

/// Entries in their order: the last word on a person counts, however often the same was told before.
async fn changed<G: Graph>(reading: &Reading<'_, G>, page: Page) -> Result<Batch, Stop> {
    let entries = page.entries.iter().map(PersonEntry::read).collect::<Result<Vec<_>, _>>()?;
    let ids = entries.iter().map(|entry| entry.object_id.clone()).collect();
    let mut known: HashMap<String, Person> = reading.store.known_people(reading.desk.lease(), ids).await?;
    let mut batch = Batch::default();
    for entry in entries {
        let id = entry.object_id.clone();
        let found = if entry.removed {
            FoundPerson::Gone
        } else {
            match entry.onto(known.get(&id)) {
                Some(person) => FoundPerson::Listed(person),
                // Somebody new to us, of whom the entry says only what changed.
                None => look_up(reading, &id).await?.map_or(FoundPerson::Gone, FoundPerson::Listed),
            }
        };
        if let FoundPerson::Listed(person) = &found {
            known.insert(id.clone(), person.clone());
        }
        batch.people.insert(id, found);
    }
    Ok(batch)
}

async fn look_up<G: Graph>(reading: &Reading<'_, G>, id: &str) -> Result<Option<Person>, Stop> {
    let Some(answer) = reading.look_up(calls::user(id)).await? else { return Ok(None) };
    let person = PersonEntry::read(&answer.body)?.whole()?;
    if person.object_id == id {
        Ok(Some(person))
    } else {
        Err(ReadTrouble::incomplete("another person than was asked for").into())
    }
}

/// Asks for those who were there and are not in the list: gone, or only somewhere else now.
async fn missing<G: Graph>(reading: &Reading<'_, G>, scope: &UserScope, most_unasked: u64) -> Result<(), Stop> {
    let (store, lease) = (reading.store, reading.desk.lease());
    let missing = store.stage_missing_people(lease, &reading.scope_key).await?.ok_or(JobError::LeaseLost)?;
    let all = scope.department.is_some() || missing <= MOST_LOOKED_UP.max(most_unasked);
    let mut left = if all { missing } else { SAMPLE };
    let mut last = String::new();
    while left > 0 {
        let most = u32::try_from(left).unwrap_or(u32::MAX).min(CHUNK);
        let ids = store.missing_people(lease, &last, most).await?;
        let Some(newest) = ids.last() else { break };
        last.clone_from(newest);
        left = left.saturating_sub(ids.len() as u64);
        let looked = stream::iter(ids).map(|id| asked_for(reading, scope, id)).buffer_unordered(AT_ONCE);
        let people = looked.try_collect().await?;
        reading.stage(Batch { people, ..Batch::default() }).await?;
    }
    Ok(())
}

async fn asked_for<G: Graph>(reading: &Reading<'_, G>, scope: &UserScope, id: String) -> Result<(String, FoundPerson), Stop> {
    let Some(person) = look_up(reading, &id).await? else { return Ok((id, FoundPerson::Gone)) };
    let department = person.department.as_deref().map(str::to_lowercase);
    if scope.covers(department.as_deref()) {
        // The list of this very scope had left them out: then it may have left out anybody.
        return Err(ReadTrouble::incomplete("the list left out somebody who is there").into());
    }
    Ok((id, FoundPerson::LookedUp(person)))
}

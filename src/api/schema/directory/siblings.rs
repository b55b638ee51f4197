//! What rows of one list have, read for all of them at once: the first row that is asked reads for the others too.
//!
//! Without it a page of fifty people with their groups would take fifty statements, and the groups' roles as many again.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::Context;
use tokio::sync::OnceCell;

use super::{super::super::caller::Caller, Refusal, records};
use crate::store::{DirectoryGroupRow, Page, PageRequest};

/// Values by object id, or the failure to read them, which is every row's then: a store that is down is asked once.
type Shared<T> = OnceCell<Result<BTreeMap<String, T>, Refusal>>;

async fn shared<T: Clone>(
    cell: &Shared<T>,
    id: &str,
    read: impl Future<Output = Result<BTreeMap<String, T>, Refusal>>,
) -> Result<Option<T>, Refusal> {
    cell.get_or_init(|| read).await.as_ref().map(|values| values.get(id).cloned()).map_err(Clone::clone)
}

/// The people of one list.
pub(super) struct People {
    ids: Vec<String>,
    roles: Shared<Vec<String>>,
    /// By page and whether it is counted: a query may ask for several under different names.
    groups: Mutex<BTreeMap<Wanted, Arc<GroupsOf>>>,
}

/// A page of groups that a query asks for, of each person.
type Wanted = (u32, Option<String>, bool);

/// That page, of each person, with what its groups share.
#[derive(Default)]
struct GroupsOf {
    pages: Shared<Page<DirectoryGroupRow>>,
    siblings: OnceCell<Arc<Groups>>,
}

impl People {
    pub(super) fn new(ids: Vec<String>) -> Self {
        Self { ids, roles: Shared::new(), groups: Mutex::default() }
    }

    fn of(&self, wanted: Wanted) -> Arc<GroupsOf> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(groups.entry(wanted).or_default())
    }

    /// One person's roles.
    pub(super) async fn roles(&self, context: &Context<'_>, id: &str) -> Result<Vec<String>, Refusal> {
        let scope = Caller::of(context)?.scope();
        let read = async { Ok(records(context)?.roles_of_people(scope, &self.ids).await?) };
        Ok(shared(&self.roles, id, read).await?.unwrap_or_default())
    }

    /// A page of one person's groups, and what these groups share with those of the other people.
    pub(super) async fn groups(
        &self,
        context: &Context<'_>,
        id: &str,
        page: PageRequest,
        count: bool,
    ) -> Result<(Page<DirectoryGroupRow>, Arc<Groups>), Refusal> {
        let scope = Caller::of(context)?.scope();
        let of = self.of((page.first, page.after.clone(), count));
        let read = async { Ok(records(context)?.groups_of_people(scope, &self.ids, page, count).await?) };
        let own = shared(&of.pages, id, read).await?;
        let siblings = of.siblings.get_or_init(async || {
            let pages = of.pages.get().and_then(|pages| pages.as_ref().ok()).into_iter().flat_map(BTreeMap::values);
            Arc::new(Groups::new(pages.flat_map(|page| page.rows.iter().map(|(id, _)| id.clone()))))
        });
        Ok((own.unwrap_or(Page { rows: Vec::new(), has_next: false, total: 0 }), Arc::clone(siblings.await)))
    }
}

/// The groups of one list, or of one list of people.
pub(super) struct Groups {
    ids: Vec<String>,
    roles: Shared<Vec<String>>,
    members: Shared<u64>,
}

impl Groups {
    pub(super) fn new(ids: impl IntoIterator<Item = String>) -> Self {
        let ids: BTreeSet<String> = ids.into_iter().collect();
        Self { ids: ids.into_iter().collect(), roles: Shared::new(), members: Shared::new() }
    }

    /// The roles that one group is mapped to.
    pub(super) async fn roles(&self, context: &Context<'_>, id: &str) -> Result<Vec<String>, Refusal> {
        let scope = Caller::of(context)?.scope();
        let read = async { Ok(records(context)?.roles_of_groups(scope, &self.ids).await?) };
        Ok(shared(&self.roles, id, read).await?.unwrap_or_default())
    }

    /// How many people are directly in one group.
    pub(super) async fn members(&self, context: &Context<'_>, id: &str) -> Result<u64, Refusal> {
        let scope = Caller::of(context)?.scope();
        let read = async { Ok(records(context)?.member_counts(scope, &self.ids).await?) };
        Ok(shared(&self.members, id, read).await?.unwrap_or_default())
    }
}

//! The list that a zone goes to, and the chain of calls into it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

use serde::Deserialize as _;

use super::{
    read_list::{self, Unread},
    rivals::{Asking, Values},
};
use crate::{
    capabilities::{
        Failure, FailureKind, Kind, Work,
        sharepoint::{Rival, Target, Zones, reading},
    },
    clock::SharedClock,
    events::zone::WantedZone,
    graph::{Gathered, Gatherers, Graph},
    organisation::OrgScope,
    reconcile::{Fitting, Tenants},
    store::{ItemsWanted, Store, StoreError},
};

/// How long a reading of a list serves zones that came as events. What others add by hand meanwhile is not seen; a list that
/// enforces unique values, and so has an index, is not read at all.
const SERVES: TimeDelta = TimeDelta::minutes(10);
/// The reading that serves them.
const READING: &str = "events";

/// Every organisation's list. Cheap to clone; everything that goes to a list goes through the same one.
pub struct Lists<T: Tenants> {
    inner: Arc<Inner<T>>,
}

struct Inner<T: Tenants> {
    store: Store,
    tenants: T,
    clock: SharedClock,
    chains: Mutex<HashMap<OrgScope, Gatherers<T::Graph>>>,
    /// One reading of an organisation's list at a time; who waits is served by it.
    readers: Mutex<HashMap<OrgScope, Arc<tokio::sync::Mutex<()>>>>,
}

impl<T: Tenants> Clone for Lists<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T: Tenants> fmt::Debug for Lists<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lists")
    }
}

impl<T: Tenants> Lists<T>
where
    T::Graph: Clone,
{
    /// Over these connections.
    pub fn new(store: Store, tenants: T, clock: SharedClock) -> Self {
        Self { inner: Arc::new(Inner { store, tenants, clock, chains: Mutex::default(), readers: Mutex::default() }) }
    }

    /// The organisation's connection, as it is.
    pub(super) async fn connection(&self, scope: &OrgScope) -> Result<T::Graph, Failure> {
        self.inner.tenants.graph(scope).await
    }

    /// A connection whose calls wait for company and go through the list's chain.
    pub(super) fn chained(&self, scope: &OrgScope, connection: T::Graph) -> Gathered<T::Graph> {
        let mut chains = self.inner.chains.lock().unwrap_or_else(PoisonError::into_inner);
        chains.entry(scope.clone()).or_default().gathered(connection)
    }

    /// What a reading, no older than need be, has for a zone.
    async fn knowing(
        &self,
        zones: Zones,
        target: &Target,
        (scope, work): (&OrgScope, &Work),
        graph: &impl Graph,
    ) -> Result<Zones, Failure> {
        let list = target.key();
        let claimed_at = self.inner.clock.now();
        let in_doubt = work.recheck || work.places.iter().any(|place| place.target == list);
        // An open attempt may have been made since an older reading.
        let since = if in_doubt { claimed_at } else { claimed_at - SERVES };
        self.read(scope, target, since, graph).await?;
        let Ok(wanted) = WantedZone::deserialize(&work.wanted) else { return Ok(zones) };
        let finder = reading::finder_of(target, &work.key, work.version.event, &wanted);
        let here = work.places.iter().filter(|place| place.target == list);
        let ask = ItemsWanted { finder, ids: here.filter_map(|place| place.remote_id.clone()).collect() };
        let mut found = self.inner.store.items_read(scope, READING, vec![ask]).await.map_err(|error| away(&list, &error))?;
        Ok(zones.knowing(found.pop().unwrap_or_default()))
    }

    /// The zone that has this one's value of the match column. While that one is on its way to another value, this one waits.
    async fn rival(&self, scope: &OrgScope, work: &Work, target: &Target) -> Result<Option<Rival>, Failure> {
        let Ok(wanted) = WantedZone::deserialize(&work.wanted) else { return Ok(None) };
        let finder = reading::finder_of(target, &work.key, work.version.event, &wanted);
        let takes = matches!(wanted, WantedZone::Present(_));
        let asking = Asking { key: work.key.clone(), finder, takes, found: None };
        let values = Values { store: &self.inner.store, scope, target, supposed: None };
        let list = target.key();
        let mut rivals = values.rivals(&[asking]).await.map_err(|error| away(&list, &error))?;
        match rivals.pop().flatten() {
            Some(rival) if rival.leaving && takes => {
                let value = reading::match_value(target, &work.key, work.version.event, &wanted);
                Err(waiting(&list, "MATCH_CONFLICT", rival.told(target, &work.key, &value)))
            }
            rival => Ok(rival),
        }
    }

    /// Reads the list unless it was read since then.
    async fn read(&self, scope: &OrgScope, target: &Target, since: DateTime<Utc>, graph: &impl Graph) -> Result<(), Failure> {
        let list = target.key();
        let reader = {
            let mut readers = self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(readers.entry(scope.clone()).or_default())
        };
        let _reading = reader.lock().await;
        let known = self.inner.store.list_reading(scope, READING).await.map_err(|error| away(&list, &error))?;
        if known.is_some_and(|known| known.complete && known.list == list && known.started_at >= since) {
            return Ok(());
        }
        let read = read_list::whole(&self.inner.store, graph, scope, target, READING, self.inner.clock.now()).await;
        let read = read.map_err(|error| match error {
            Unread::Refused(error) => reading::failure(target, &error),
            Unread::Store(error) => away(&list, &error),
        })?;
        if let Some(advice) = reading::advice(target, read.items) {
            tracing::warn!(organisation = %scope.organisation(), advice, "zones are published at more cost than need be");
        }
        Ok(())
    }
}

impl<T: Tenants> Tenants for Lists<T>
where
    T::Graph: Clone,
{
    type Graph = Gathered<T::Graph>;

    async fn graph(&self, scope: &OrgScope) -> Result<Self::Graph, Failure> {
        let connection = self.connection(scope).await?;
        Ok(self.chained(scope, connection))
    }

    fn is_open(&self, scope: &OrgScope) -> bool {
        self.inner.tenants.is_open(scope)
    }
}

impl<T: Tenants> Fitting for Lists<T>
where
    T::Graph: Clone,
{
    type Capability = Zones;

    fn kind(&self) -> Kind {
        Kind::Zone
    }

    fn ready(&self) -> Option<&Zones> {
        None
    }

    async fn fit<G: Graph>(&self, scope: &OrgScope, work: &Work, graph: &G) -> Result<Zones, Failure> {
        let target = self.inner.store.zone_target(scope).await.map_err(|error| away("", &error))?;
        let Some(target) = target.map(|set| Arc::new(set.target)) else {
            return Err(waiting("", "NO_LIST", "no list is set for zones".to_owned()));
        };
        let zones = Zones::into_list(Arc::clone(&target)).beside(self.rival(scope, work, &target).await?);
        if target.match_column.indexed || !reading::must_be_found(&target, &work.places, work.recheck) {
            return Ok(zones);
        }
        self.knowing(zones, &target, (scope, work), graph).await
    }

    fn unfitted(&self) -> Zones {
        Zones::default()
    }
}

fn away(list: &str, error: &StoreError) -> Failure {
    waiting(list, "STORE", error.to_string())
}

/// The zone was not even tried: no attempt of it counts.
fn waiting(list: &str, code: &str, message: String) -> Failure {
    Failure { target: list.to_owned(), kind: FailureKind::Connection, code: code.to_owned(), message, graph_request_id: None }
}

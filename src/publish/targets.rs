//! The list that an organisation's zones go to: set after a look at the real one, removed, shown.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::input::PublishInput;
use crate::{
    capabilities::{
        Outcome,
        sharepoint::{Surveyed, Unfound, Wrong, find, request::TargetRequest},
    },
    clock::SharedClock,
    connections::{Actor, ConnectionError, Connections},
    graph::{GraphError, ReadOnly, Verdict},
    ids::Ids,
    jobs,
    organisation::OrgScope,
    store::{NewAuditEntry, NewOperation, OperationKind, Store, StoreError, ZoneTarget},
};

/// How long a caller waits for Microsoft before the answer is "out of reach".
const PATIENCE: Duration = Duration::from_secs(8);

/// Why a list was not set. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A value of the input does not fit what is there.
    #[error("{}: {}", .0.field, .0.problem)]
    Wrong(Wrong),
    /// Microsoft does not let the application in; in words, with what to do.
    #[error("{0}")]
    Forbidden(String),
    /// Microsoft asks to wait.
    #[error("Microsoft asks to wait: {0}")]
    Throttled(String),
    /// Microsoft refuses the credential.
    #[error("Microsoft refuses the connection's credential: {0}")]
    Credential(String),
    /// Microsoft refuses the request.
    #[error("Microsoft refuses to show the list: {0}")]
    Rejected(String),
    /// Microsoft did not answer in time.
    #[error("Microsoft could not be reached: {0}")]
    Unreachable(String),
    /// The connection is not there or cannot be opened.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The store failed, or the connection moved to another directory meanwhile.
    #[error("the zone target could not be kept")]
    Store(#[from] StoreError),
}

/// A list that was set.
#[derive(Debug, Clone)]
pub struct TargetSet {
    /// As it is kept.
    pub target: ZoneTarget,
    /// The publication that brings every kept zone there, when it is another target than before and zones are kept.
    pub publication: Option<String>,
}

/// Sets, removes and shows the list. Cheap to clone.
#[derive(Clone)]
pub struct Targets {
    store: Store,
    connections: Connections,
    clock: SharedClock,
    ids: Ids,
    wake: Vec<Arc<Notify>>,
}

impl Targets {
    /// Over a store and the connections; wakes these when a list was set.
    pub fn new(store: Store, connections: Connections, clock: SharedClock, ids: Ids, wake: Vec<Arc<Notify>>) -> Self {
        Self { store, connections, clock, ids, wake }
    }

    /// The list, if one is set for the directory that the connection is in.
    pub async fn get(&self, scope: &OrgScope) -> Result<Option<ZoneTarget>, TargetError> {
        Ok(self.store.zone_target(scope).await?)
    }

    /// Looks at the real list at once, and keeps the target when everything fits. Microsoft is asked for at most 8 seconds. Another
    /// target than before gets every kept zone: a publication of all of them is queued, which reads the list once; were they left to
    /// the loop, each would be looked up.
    pub async fn set(&self, scope: &OrgScope, actor: &Actor, asked: TargetRequest) -> Result<TargetSet, TargetError> {
        let (graph, connection_epoch) = self.connections.connected_afresh(scope).await?;
        let found = tokio::time::timeout(PATIENCE, find(&ReadOnly(graph), &asked)).await;
        let late = || TargetError::Unreachable(format!("no answer within {} s", PATIENCE.as_secs()));
        let Surveyed { target, warnings } = found.map_err(|_| late())?.map_err(refused)?;
        let set = ZoneTarget { connection_epoch, asked, target, warnings, set_at: self.clock.now() };
        let (publication, entry) = (self.publication(scope, actor), self.entry(actor, "zone-target.set", described(&set)));
        let id = publication.id.clone();
        let published = self.store.set_zone_target(scope, set.clone(), publication, entry).await?;
        self.wake.iter().for_each(|notify| notify.notify_one());
        Ok(TargetSet { target: set, publication: published.then_some(id) })
    }

    fn publication(&self, scope: &OrgScope, actor: &Actor) -> NewOperation {
        NewOperation {
            id: self.ids.ordered(self.clock.now()).to_string(),
            kind: OperationKind::PublishZones,
            dry_run: false,
            input: PublishInput::everything(),
            requested_by: actor.name.clone(),
            trace: jobs::queued(OperationKind::PublishZones, scope, actor),
        }
    }

    /// Zones go nowhere from now on; what stands in the list stays. False when none was set.
    pub async fn remove(&self, scope: &OrgScope, actor: &Actor) -> Result<bool, TargetError> {
        Ok(self.store.remove_zone_target(scope, self.entry(actor, "zone-target.removed", json!({}))).await?)
    }

    fn entry(&self, actor: &Actor, action: &str, detail: Value) -> NewAuditEntry {
        NewAuditEntry {
            at: self.clock.now(),
            actor: actor.name.clone(),
            action: action.to_owned(),
            target: "zone-target".to_owned(),
            // Nothing of it happens in Microsoft 365: what is written is done.
            outcome: Outcome::Succeeded,
            detail,
            personal: Vec::new(),
            correlation_id: actor.correlation_id.clone(),
            graph_request_id: None,
        }
    }
}

fn refused(unfound: Unfound) -> TargetError {
    match unfound {
        Unfound::Wrong(wrong) => TargetError::Wrong(wrong),
        Unfound::Forbidden(message) => TargetError::Forbidden(message),
        Unfound::Graph(error) => of_graph(&error),
    }
}

fn of_graph(error: &GraphError) -> TargetError {
    let text = error.to_string();
    match error.verdict {
        Verdict::Transient | Verdict::Ambiguous => TargetError::Unreachable(text),
        Verdict::Throttled { .. } => TargetError::Throttled(text),
        Verdict::Credential | Verdict::Unauthorized => TargetError::Credential(text),
        Verdict::Forbidden | Verdict::NotFound | Verdict::Conflict | Verdict::Rejected => TargetError::Rejected(text),
    }
}

/// What the audit trail keeps: where zones go, and into which columns.
fn described(set: &ZoneTarget) -> Value {
    let target = &set.target;
    let columns: Vec<&str> = target.fields.iter().map(|field| field.column.name.as_str()).collect();
    json!({
        "columns": columns,
        "listId": target.list_id,
        "matchColumn": target.match_column.name,
        "retire": target.retire,
        "siteId": target.site_id,
        "warnings": set.warnings.len(),
    })
}

//! An outage that a caller posts: the same way as an event, routed before the answer.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::Channels;
use crate::{
    connections::Actor,
    events::{EventContext, GivenOutage},
    organisation::OrgScope,
    store::{Arrival, Kind, OutageRow, StoreError, Taken},
};

/// `source` of what callers ask for.
const SOURCE: &str = "/argus/m365/api";

/// Why an outage could not be posted.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// This version is known already, and says something else.
    #[error("version: this version of the outage is known already and says something else")]
    Conflict,
    /// The store could not do it.
    #[error("working with an outage's row")]
    Store(#[from] StoreError),
}

impl Channels {
    /// Takes an outage in and routes it: with a version like an event of that version, without one on top of what is wanted now. An
    /// older version than what is known changes nothing. Returns once it is committed; the loops deliver.
    pub async fn post_outage(&self, scope: &OrgScope, actor: &Actor, given: GivenOutage) -> Result<OutageRow, PostError> {
        let now = self.parts.clock.now();
        let GivenOutage { outage_id, version, wanted } = given;
        let body = serde_json::to_string(&wanted).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(json!(["outage/is", wanted]).to_string()).into();
        let mut context = EventContext {
            id: self.parts.ids.ordered(now).to_string(),
            source: SOURCE.into(),
            time: now,
            subject: Some(format!("outage/{outage_id}")),
            correlation_id: actor.correlation_id.clone(),
            causation_id: None,
            traceparent: None,
            tracestate: None,
            data_classification: None,
        };
        if let Some(trace) = actor.trace.clone() {
            trace.hand_to(&mut context);
        }
        let arrival = Arrival {
            scope: scope.clone(),
            kind: Kind::Outage,
            key: outage_id.clone(),
            version: version.unwrap_or_default(),
            digest,
            body,
            body_format: 1,
            target: String::new(),
            context,
        };
        if self.parts.store.put_outage(now, arrival, version.is_some()).await? == Taken::Conflict {
            return Err(PostError::Conflict);
        }
        self.route_one(scope, &outage_id).await?;
        let row = self.parts.store.outage(scope, &outage_id).await?;
        row.ok_or(PostError::Store(StoreError::Conflict { doing: "reading an outage back" }))
    }

    /// An outage and what its channels show.
    pub async fn outage(&self, scope: &OrgScope, outage: &str) -> Result<Option<OutageRow>, StoreError> {
        self.parts.store.outage(scope, outage).await
    }
}

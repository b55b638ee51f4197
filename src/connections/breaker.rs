//! Keeps a connection's state in step with what Microsoft answers, each change told once.

use std::sync::{Arc, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Actor, ConnectionError, Connections, records,
    service::{told, told_with_remedy},
    verdict::{Learned, follows, wants_confirming},
};
use crate::{
    graph::{Access, GraphError, TokenProbe, TokenTrouble, Verdict},
    organisation::OrgScope,
    store::{ConnectionState, StateChange},
};

/// How long one confirmation of a refusal counts for all the calls that were refused with it.
const CONFIRMED_FOR: TimeDelta = TimeDelta::minutes(1);
/// Others may change the state between reading and writing it; so often in a row they do not.
const TRIES: usize = 5;

/// The last confirmation of a connection's refusal: of which secret, and when.
pub(super) type Confirmed = (u64, DateTime<Utc>);

impl Connections {
    /// Heeds what a call through the loops showed. Failures of the store are logged: the next call shows the same.
    pub(super) async fn heed(
        &self,
        scope: &OrgScope,
        access: &Arc<Access>,
        state: ConnectionState,
        error: Option<&GraphError>,
        trouble: Option<TokenTrouble>,
    ) {
        let (learned, reason) = match (error, trouble) {
            (None, _) => (Learned::Worked, None),
            (Some(error), _) if error.verdict == Verdict::Credential => (Learned::Refused, Some(told_with_remedy(error))),
            (Some(_), Some(trouble)) => {
                let reason = format!("the token endpoint cannot be used since {}: {}", trouble.since, trouble.reason);
                (Learned::OutOfReach(trouble.since), Some(reason))
            }
            (Some(_), None) => return,
        };
        let outcome = self.follow_and_confirm(scope, access, state, learned, reason).await;
        if let Err(error) = outcome {
            let organisation = scope.organisation();
            tracing::error!(%organisation, error = &error as &dyn std::error::Error, "could not record a connection's state");
        }
    }

    async fn follow_and_confirm(
        &self,
        scope: &OrgScope,
        access: &Arc<Access>,
        state: ConnectionState,
        learned: Learned,
        reason: Option<String>,
    ) -> Result<(), ConnectionError> {
        let actor = Actor::system();
        let confirm = wants_confirming(state, learned) && self.is_first_to_confirm(scope, access);
        if learned == Learned::Refused && !confirm {
            // Somebody confirms already, or has just done so.
            return Ok(());
        }
        if let Some(to) = follows(state, learned, self.parts.clock.now()) {
            self.change_state(scope, &actor, access, (state, to), reason).await?;
        }
        if confirm {
            let answer = self.probe(access).await;
            self.follow_probe(scope, &actor, access, &answer).await?;
        }
        Ok(())
    }

    /// One caller a minute and secret: a thousand refused calls are one confirmation.
    fn is_first_to_confirm(&self, scope: &OrgScope, access: &Access) -> bool {
        let now = self.parts.clock.now();
        let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        confirmed.retain(|_, (_, at)| *at <= now && now - *at < CONFIRMED_FOR);
        if confirmed.get(scope).is_some_and(|(version, _)| *version == access.secret_version) {
            return false;
        }
        confirmed.insert(scope.clone(), (access.secret_version, now));
        true
    }

    /// Follows a fresh token request, whatever state the connection is in by now. An endpoint out of reach says nothing.
    pub(super) async fn follow_probe(
        &self,
        scope: &OrgScope,
        actor: &Actor,
        access: &Access,
        answer: &Result<TokenProbe, GraphError>,
    ) -> Result<(), ConnectionError> {
        let (learned, reason) = match answer {
            Ok(_) => (Learned::Granted, None),
            Err(error) if error.verdict == Verdict::Credential => (Learned::RefusedAfresh, Some(told_with_remedy(error))),
            Err(error) => {
                tracing::info!(organisation = %scope.organisation(), error = told(error), "the token endpoint did not say whether a connection works");
                return Ok(());
            }
        };
        for _ in 0..TRIES {
            let Some(row) = self.parts.store.connection(scope).await? else { return Ok(()) };
            if row.connection_id != access.connection_id || row.secret_version != access.secret_version {
                return Ok(());
            }
            let Some(to) = follows(row.state, learned, self.parts.clock.now()) else { return Ok(()) };
            if self.change_state(scope, actor, access, (row.state, to), reason.clone()).await? {
                return Ok(());
            }
        }
        Err(ConnectionError::Conflict)
    }

    /// Writes a change of state down, with its audit entry and outgoing event; nothing when it is in another state by now.
    pub(super) async fn change_state(
        &self,
        scope: &OrgScope,
        actor: &Actor,
        access: &Access,
        (from, to): (ConnectionState, ConnectionState),
        reason: Option<String>,
    ) -> Result<bool, ConnectionError> {
        let now = self.parts.clock.now();
        let (audit, event) = records::state_changed(scope, actor, &self.parts.ids, now, (from, to), reason.as_deref());
        let change = StateChange {
            connection_id: access.connection_id.clone(),
            secret_version: access.secret_version,
            from: Some(from),
            state: to,
            reason,
        };
        let changed = self.parts.store.change_connection_state(scope, now, change, vec![audit], vec![event]).await?;
        self.forget(scope);
        if changed {
            tracing::warn!(organisation = %scope.organisation(), from = from.label(), to = to.label(), "a connection's state changed");
            self.count_change(to);
            self.announce_change();
        }
        Ok(changed)
    }

    pub(super) fn count_change(&self, to: ConnectionState) {
        self.parts.metrics.connection_state_changes_total.with_label_values(&[to.label()]).inc();
    }
}

//! What an operator decides: dead letters replayed or discarded, capabilities paused and resumed.

use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    backlog::{CapabilityBacklog, summarise},
    page::count,
    words::Capability,
};
use crate::{operations::Selection, store::DeadLetterFilter};

/// Letters named in one mutation, at most.
const MOST_IDS: usize = 1_000;
/// Characters of a reason, at most.
const LONGEST_REASON: usize = 500;

/// What a replay did.
#[derive(SimpleObject)]
pub(super) struct ReplayResult {
    /// Dead letters that fit.
    matched: i32,
    /// Of them, those that went back to work; 0 for a dry run.
    replayed: i32,
}

/// `replayDeadLetters`, `discardDeadLetters`, `pauseCapability`, `resumeCapability`.
#[derive(Default)]
pub(super) struct OperationMutation;

#[Object]
impl OperationMutation {
    /// Puts dead letters back to work, by ids, by filter, or all. An old version never overwrites a newer one. A dry run counts
    /// and changes nothing.
    #[graphql(guard = "Permission::Operate")]
    async fn replay_dead_letters(
        &self,
        context: &Context<'_>,
        ids: Option<Vec<ID>>,
        capability: Option<Capability>,
        code: Option<String>,
        #[graphql(default_with = "Some(false)")] dry_run: Option<bool>,
    ) -> Result<ReplayResult> {
        let filter = DeadLetterFilter { capability: capability.map(Into::into), code };
        let selection = Selection { ids: ids.map(checked).transpose()?, filter };
        let caller = Caller::of(context)?;
        let operations = super::operations(context)?;
        let done = operations.replay(caller.scope(), caller.actor(), selection, dry_run.unwrap_or(false)).await;
        let done = done.map_err(Refusal::from)?;
        Ok(ReplayResult { matched: count(done.matched), replayed: count(done.replayed) })
    }

    /// Throws dead letters away; their tasks stay as they are. How many there were.
    #[graphql(guard = "Permission::Operate")]
    async fn discard_dead_letters(&self, context: &Context<'_>, ids: Vec<ID>) -> Result<i32> {
        let ids = checked(ids)?;
        let caller = Caller::of(context)?;
        let gone = super::operations(context)?.discard(caller.scope(), caller.actor(), ids).await.map_err(Refusal::from)?;
        Ok(count(gone))
    }

    /// Stops a capability until it is resumed: what waits is kept, and shown as blocked.
    #[graphql(guard = "Permission::Operate")]
    async fn pause_capability(
        &self,
        context: &Context<'_>,
        capability: Capability,
        reason: Option<String>,
    ) -> Result<CapabilityBacklog> {
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
            return Err(Refusal::input("reason", format!("reason: at most {LONGEST_REASON} characters")).into());
        }
        let caller = Caller::of(context)?;
        let operations = super::operations(context)?;
        let backlog = operations.pause(caller.scope(), caller.actor(), capability.into(), reason).await.map_err(Refusal::from)?;
        Ok(summarise(capability.into(), &backlog))
    }

    /// Starts a capability again: what waits is due at once.
    #[graphql(guard = "Permission::Operate")]
    async fn resume_capability(&self, context: &Context<'_>, capability: Capability) -> Result<CapabilityBacklog> {
        let caller = Caller::of(context)?;
        let operations = super::operations(context)?;
        let backlog = operations.resume(caller.scope(), caller.actor(), capability.into()).await.map_err(Refusal::from)?;
        Ok(summarise(capability.into(), &backlog))
    }
}

fn checked(ids: Vec<ID>) -> Result<Vec<String>, Refusal> {
    if ids.len() > MOST_IDS {
        return Err(Refusal::input("ids", format!("ids: at most {MOST_IDS}")));
    }
    Ok(ids.into_iter().map(|id| id.0).collect())
}

//! Answers to mutations that came with an `Idempotency-Key`: whoever comes first runs, whoever repeats it gets the same answer.

use chrono::{DateTime, Utc};

use super::{
    Store, StoreError, WorkerScope,
    db::{Job, Value},
};
use crate::organisation::OrgScope;

/// A request under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Who asks: the token's subject. Another caller's keys are others.
    pub caller: String,
    /// The key, as the caller made it.
    pub key: String,
    /// A digest of all that makes it this request.
    pub digest: [u8; 32],
    /// Who runs it, should it be run: an id of this attempt alone.
    pub runner: String,
}

/// What is to be done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Run it: nobody has, or whoever began is gone.
    Run,
    /// It was run, and answered so.
    Answered(String),
    /// Somebody runs it just now.
    UnderWay,
    /// The key was used for another request.
    Taken,
}

const TAKE: &str = "INSERT INTO kept_answer AS k (org, caller, key, request, answer, runner, lease_until, expires_at) \
    VALUES ($1, $2, $3, $4, NULL, $5, $6, $7) ON CONFLICT (org, caller, key) DO UPDATE SET request = excluded.request, answer = NULL, \
    runner = excluded.runner, lease_until = excluded.lease_until, expires_at = excluded.expires_at \
    WHERE k.expires_at <= $8 OR (k.answer IS NULL AND k.lease_until <= $8 AND k.request = excluded.request)";

const LOOK: &str = "SELECT request, answer FROM kept_answer WHERE org = $1 AND caller = $2 AND key = $3";

const EXTEND: &str = "UPDATE kept_answer SET lease_until = $5 WHERE org = $1 AND caller = $2 AND key = $3 AND runner = $4 \
    AND answer IS NULL";

const KEEP: &str = "UPDATE kept_answer SET answer = $5, lease_until = 0 WHERE org = $1 AND caller = $2 AND key = $3 AND runner = $4 \
    AND answer IS NULL";

const RELEASE: &str = "DELETE FROM kept_answer WHERE org = $1 AND caller = $2 AND key = $3 AND runner = $4 AND answer IS NULL";

/// In small steps: nobody waits behind a thousand old answers.
const FORGET: &str = "DELETE FROM kept_answer WHERE (org, caller, key) IN (SELECT org, caller, key FROM kept_answer \
    WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500)";

impl Store {
    /// Takes a request's turn, or says what became of it. Of requests that come at once, one is told to run. It has until `lease_until` to
    /// [move that on](Store::extend_turn); the answer is kept until `expires_at`.
    pub async fn take_request(
        &self,
        scope: &OrgScope,
        request: &KeyedRequest,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<Turn, StoreError> {
        let (named, digest, runner) = (named(scope, request), request.digest, request.runner.clone());
        let job: Job<Turn> = Box::new(move |tx| {
            let (named, runner) = (named.clone(), runner.clone());
            Box::pin(async move {
                let mut values = named.clone();
                values.extend([digest.as_slice().into(), runner.into(), lease_until.into(), expires_at.into(), now.into()]);
                if tx.conn.run(TAKE, values).await? == 1 {
                    return Ok(Turn::Run);
                }
                let rows = tx.conn.all(LOOK, named).await?;
                // Gone between the two statements: whoever ran it gave it back, so the next question decides.
                let Some(row) = rows.first() else { return Ok(Turn::UnderWay) };
                Ok(match row.maybe_text(1)? {
                    _ if row.bytes(0)? != digest => Turn::Taken,
                    Some(answer) => Turn::Answered(answer),
                    None => Turn::UnderWay,
                })
            })
        });
        self.write(scope, "looking whether a request is repeated", job).await
    }

    /// Says that its runner still works on it; false when another has taken it over.
    pub async fn extend_turn(
        &self,
        scope: &OrgScope,
        request: &KeyedRequest,
        lease_until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.change_turn(scope, request, "going on with a request", EXTEND, vec![lease_until.into()]).await
    }

    /// Keeps its answer; false when another has taken it over.
    pub async fn keep_answer(&self, scope: &OrgScope, request: &KeyedRequest, answer: String) -> Result<bool, StoreError> {
        self.change_turn(scope, request, "keeping an answer", KEEP, vec![answer.into()]).await
    }

    /// Gives the turn back: what there is to answer is no outcome, and the request may be tried again.
    pub async fn release_request(&self, scope: &OrgScope, request: &KeyedRequest) -> Result<bool, StoreError> {
        self.change_turn(scope, request, "giving a request back", RELEASE, vec![]).await
    }

    async fn change_turn(
        &self,
        scope: &OrgScope,
        request: &KeyedRequest,
        doing: &'static str,
        text: &'static str,
        rest: Vec<Value>,
    ) -> Result<bool, StoreError> {
        let mut values = named(scope, request);
        values.push(request.runner.as_str().into());
        values.extend(rest);
        let job: Job<bool> = Box::new(move |tx| {
            let values = values.clone();
            Box::pin(async move { Ok(tx.conn.run(text, values).await? == 1) })
        });
        self.write(scope, doing, job).await
    }

    /// Forgets answers that were kept long enough, a few at a time; returns how many.
    pub async fn forget_answers(&self, worker: &WorkerScope, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let job: Job<u64> = Box::new(move |tx| Box::pin(async move { tx.conn.run(FORGET, vec![now.into()]).await }));
        self.write(worker, "forgetting old answers", job).await
    }
}

fn named(scope: &OrgScope, request: &KeyedRequest) -> Vec<Value> {
    vec![scope.as_str().into(), request.caller.as_str().into(), request.key.as_str().into()]
}

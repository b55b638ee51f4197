//! What is learned about a connection, and the state that follows. Pure.
//!
//! | learned | unverified | active | degraded | disabled |
//! | --- | --- | --- | --- | --- |
//! | Graph took a call | active | | active | |
//! | a fresh token was granted | active | | active | active |
//! | a call had no token: credential refused | confirm | degraded, confirm | confirm | |
//! | a fresh token was refused | disabled | disabled | disabled | |
//! | the token endpoint fails for a minute | | degraded | | |
//!
//! A call that succeeds does not lift `disabled`: another replica's token may be good for an hour after the secret has ended, and
//! the state would go to and fro.

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::ConnectionState::{self, Active, Degraded, Disabled, Unverified};

/// How long the token endpoint has to fail until the connection counts as degraded: shorter trouble is the loops' own business.
const FOR_LONG: TimeDelta = TimeDelta::minutes(1);

/// What was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Learned {
    /// Graph took a call.
    Worked,
    /// A token that was asked for just now was granted.
    Granted,
    /// The credential is refused, or was a while ago.
    Refused,
    /// A token that was asked for just now was refused.
    RefusedAfresh,
    /// The token endpoint cannot be used since then.
    OutOfReach(DateTime<Utc>),
}

/// The state that follows; none when it stays.
pub(super) fn follows(state: ConnectionState, learned: Learned, now: DateTime<Utc>) -> Option<ConnectionState> {
    match (learned, state) {
        (Learned::Worked, Unverified | Degraded) | (Learned::Granted, Unverified | Degraded | Disabled) => Some(Active),
        (Learned::Refused, Active) => Some(Degraded),
        (Learned::RefusedAfresh, Unverified | Active | Degraded) => Some(Disabled),
        (Learned::OutOfReach(since), Active) if now - since >= FOR_LONG => Some(Degraded),
        _ => None,
    }
}

/// Whether a fresh token request has to confirm what was learned before the connection is given up.
pub(super) fn wants_confirming(state: ConnectionState, learned: Learned) -> bool {
    learned == Learned::Refused && state != Disabled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T20:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_table_holds() {
        let short = Learned::OutOfReach(now() - TimeDelta::seconds(59));
        let long = Learned::OutOfReach(now() - TimeDelta::seconds(60));
        let table = [
            (Learned::Worked, [Some(Active), None, Some(Active), None]),
            (Learned::Granted, [Some(Active), None, Some(Active), Some(Active)]),
            (Learned::Refused, [None, Some(Degraded), None, None]),
            (Learned::RefusedAfresh, [Some(Disabled), Some(Disabled), Some(Disabled), None]),
            (short, [None; 4]),
            (long, [None, Some(Degraded), None, None]),
        ];
        for (learned, expected) in table {
            let found = [Unverified, Active, Degraded, Disabled].map(|state| follows(state, learned, now()));
            assert_eq!(found, expected, "{learned:?}");
        }
    }

    #[test]
    fn no_connection_is_given_up_on_one_refusal() {
        assert_ne!(follows(Active, Learned::Refused, now()), Some(Disabled));
        assert!([Unverified, Active, Degraded].iter().all(|state| wants_confirming(*state, Learned::Refused)));
        assert!(!wants_confirming(Disabled, Learned::Refused), "a call that was under way says nothing new");
    }
}

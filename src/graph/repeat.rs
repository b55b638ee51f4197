//! Policy: what is over in a second or two is repeated here, once; everything else goes back to the caller. Pure.
//!
//! That is a connection that broke under a call whose repeat does no harm: typically an idle connection which the other side
//! had just closed. Longer waits are the store's business (`not_before`), so that they outlive this process and are one layer.

use std::time::Duration;

use super::transport::{Broken, Stage};

/// A call that took longer than this until it broke is not repeated: the caller has waited enough.
const SOON: Duration = Duration::from_secs(2);

/// Whether to send once more.
pub(super) fn once_more(broken: &Broken, repeatable: bool, repeats: u32, elapsed: Duration) -> bool {
    repeatable && repeats == 0 && broken.stage == Stage::Sent && broken.code == "connection" && elapsed < SOON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_connection_under_a_harmless_call_is_repeated_and_only_once_and_soon() {
        let broken = |stage, code| Broken { stage, code, cause: None };
        let soon = Duration::from_millis(10);
        assert!(once_more(&broken(Stage::Sent, "connection"), true, 0, soon));
        assert!(!once_more(&broken(Stage::Sent, "connection"), false, 0, soon));
        assert!(!once_more(&broken(Stage::Sent, "connection"), true, 1, soon));
        assert!(!once_more(&broken(Stage::Sent, "connection"), true, 0, SOON));
        assert!(!once_more(&broken(Stage::Sent, "timeout"), true, 0, soon));
        assert!(!once_more(&broken(Stage::Sent, "tooLarge"), true, 0, soon));
        assert!(!once_more(&broken(Stage::Unsent, "connect"), true, 0, soon));
    }
}

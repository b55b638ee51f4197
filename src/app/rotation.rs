//! Everything that is sealed, put under the newest key of the ring while the service runs.

use crate::{connections::ConnectionError, crash, store::StoreError};

use super::Parts;

/// Rows re-sealed together: few enough that nobody waits for them, many enough that commits are shared.
const STEP: u32 = 64;

/// How many sealed rows are not under the ring's newest key.
pub async fn left_to_rotate(parts: &Parts) -> Result<u64, StoreError> {
    let connections = parts.store.count_under_another_key(&parts.worker, &newest(parts)).await?;
    let accounts = parts.store.count_teams_accounts_under_another_key(&parts.worker, &newest(parts)).await?;
    let channels = parts.store.count_channels_under_another_key(&parts.worker, &newest(parts)).await?;
    Ok(connections + accounts + channels)
}

/// Puts every sealed row under the ring's newest key, and tells after each step how many it has done. What is sealed meanwhile is under
/// that key already. May be killed and started again at any time.
pub async fn rotate(parts: &Parts, mut done: impl FnMut(u64)) -> Result<u64, ConnectionError> {
    let mut total = 0;
    loop {
        let step = parts.connections.reseal(&parts.worker, STEP).await? + parts.channels.reseal(&parts.worker, STEP).await?;
        if step == 0 {
            return Ok(total);
        }
        total += step as u64;
        done(total);
        crash::point(crash::ROTATION_POINT);
    }
}

fn newest(parts: &Parts) -> String {
    parts.vault.key_ids().pop().unwrap_or_default()
}

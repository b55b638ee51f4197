//! What other systems hear of a visit: `argus.{org}.m365.calendar.synced`. Pure.

use serde_json::json;

use crate::capabilities::{Announcement, Told, Work};

/// Words an announcement: the task, its version, what happened and where the event stands.
pub(super) fn tell(work: &Work, announcement: &Announcement) -> Told {
    let Announcement { action, target, remote_id } = announcement;
    let data = json!({
        "taskId": work.key,
        "version": work.version.event,
        "action": action,
        "mailbox": target,
        "eventId": remote_id,
    });
    Told { topic: "calendar.synced", data }
}

//! How each field is asked with what is another organisation's.

/// A query or mutation.
pub(crate) struct Row {
    /// Its name.
    pub(crate) field: &'static str,
    /// Its arguments. `{Type.field}` stands for what the other organisation reads there: each value once.
    pub(crate) with: &'static str,
    /// Arguments, and fields inside them, that name nothing of anybody's, or are tried in another row's place.
    pub(crate) without: &'static str,
}

const fn row(field: &'static str, with: &'static str, without: &'static str) -> Row {
    Row { field, with, without }
}

const PAGE: &str = "first";

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row("viewer", "", ""),
    row("connection", "", ""),
    row("task", "taskId: {TaskEvent.taskId}", ""),
    row("tasks", "after: {PageInfo.endCursor}", "state first"),
    row("deadLetters", "after: {PageInfo.endCursor}", "capability code first"),
    row("deadLetters", "code: {DeadLetter.code}", "after capability first"),
    row("backlog", "", ""),
    row("operation", "id: {Operation.id}", ""),
    row("operations", "after: {PageInfo.endCursor}", "kind state first"),
    row("previewOutageCard", "input: { outageId: {OutagePost.outageId}, title: \"t\", status: \"reported\", customersAffected: 1, \
        utilityType: \"gas\", channel: {TeamsChannel.key} }",
        "version severity description area startedAt estimatedRestorationAt restoredAt cause planned url"),
    row("teamsChannels", "", ""),
    row("outage", "outageId: {OutagePost.outageId}", ""),
    row("directoryUsers", "after: {PageInfo.endCursor}", "status department search first"),
    row("directoryUsers", "search: {DirectoryUser.objectId}", "after status department first"),
    row("directoryUsers", "department: {DirectoryUser.department}", "after status search first"),
    row("directoryGroups", "after: {PageInfo.endCursor}, search: {DirectoryGroup.displayName}", PAGE),
    row("roleMappings", "", ""),
    row("effectiveRoles", "user: {DirectoryUser.objectId}", ""),
    row("effectiveRoles", "user: {DirectoryUser.userPrincipalName}", ""),
    row("zones", "after: {PageInfo.endCursor}", "state first"),
    row("zoneTarget", "", ""),
    row("auditTrail", "target: {AuditEntry.target}", "action from to first after"),
    row("auditTrail", "after: {PageInfo.endCursor}, action: {AuditEntry.action}", "target from to first"),
    row("auditVerification", "", ""),

    row("registerConnection", "input: { directoryId: {Connection.directoryId}, applicationId: {Connection.applicationId}, \
        applicationSecret: \"not-the-right-one\" }", "applicationCertificate cloud secretExpiresAt"),
    row("testConnection", "", ""),
    row("startTeamsSignIn", "", ""),
    row("setTeamsChannel", "input: { key: {TeamsChannel.key}, sender: GRAPH, teamId: \"t\", channelId: \"c\" }",
        "webhookUrl utilityTypes minimumSeverity timeZone"),
    // Without its URL: an organisation's own channel would keep the one it has.
    row("setTeamsChannel", "input: { key: {TeamsChannel.key}, sender: WORKFLOW_WEBHOOK }",
        "teamId channelId webhookUrl utilityTypes minimumSeverity timeZone"),
    row("postOutage", "input: { outageId: {OutagePost.outageId}, title: \"t\", status: \"restored\", customersAffected: 0, \
        utilityType: \"gas\", channel: {TeamsChannel.key}, version: 999 }",
        "severity description area startedAt estimatedRestorationAt restoredAt cause planned url"),
    row("replayDeadLetters", "ids: [{DeadLetter.id}]", "capability code dryRun"),
    row("replayDeadLetters", "code: {DeadLetter.code}", "capability ids dryRun"),
    row("replayDeadLetters", "", "capability ids dryRun code"),
    row("discardDeadLetters", "ids: [{DeadLetter.id}]", ""),
    row("pauseCapability", "capability: SHAREPOINT", "reason"),
    row("resumeCapability", "capability: SHAREPOINT", ""),
    row("mapGroupToRole", "input: { groupId: {DirectoryGroup.objectId}, role: {RoleMapping.role} }", ""),
    row("unmapGroupFromRole", "groupId: {DirectoryGroup.objectId}, role: {RoleMapping.role}", ""),
    row("importUsers", "input: { department: {DirectoryUser.department} }", "includeGuests mode dryRun"),
    row("importGroups", "input: { groupIds: [{DirectoryGroup.objectId}] }", "transitive mode dryRun"),
    row("approveImport", "operationId: {Operation.id}", ""),
    row("rejectImport", "operationId: {Operation.id}", ""),
    row("publishZones", "input: { zones: [{ zoneId: {Zone.zoneId}, name: \"n\", version: 999 }], target: { site: {ZoneTarget.siteId}, \
        list: {ZoneTarget.listId}, matchColumn: \"Zone ID\", fields: [{ zoneField: \"name\", column: \"Title\" }] } }",
        "kind utilityType boundary attributes dryRun matchField retire retireColumn"),
    row("setZoneTarget", "input: { site: {ZoneTarget.siteId}, list: {ZoneTarget.listId}, matchColumn: \"Zone ID\", \
        fields: [{ zoneField: \"name\", column: \"Title\" }] }", "matchField retire retireColumn"),
    row("removeZoneTarget", "", ""),
    row("removeTeamsChannel", "key: {TeamsChannel.key}", ""),
    row("removeTeamsAccount", "", ""),
    row("removeConnection", "", ""),
];

//! What a connection test found, for people; as JSON in the words of the GraphQL API.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::capabilities::CapabilityName;

/// The result of a connection test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    /// The token was issued and Graph answered.
    pub succeeded: bool,
    /// Round trip of the token request, milliseconds.
    pub latency_ms: f64,
    /// When.
    pub tested_at: DateTime<Utc>,
    /// Each thing that was looked at.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// `token`, `clock`, `role.Calendars.ReadWrite`, `graph.read`, `secret-expiry`.
    pub code: String,
    /// The capability it matters to.
    pub capability: Option<CapabilityName>,
    /// How it went.
    pub status: CheckStatus,
    /// What was found.
    pub detail: String,
    /// What a person can do about it.
    pub remedy: Option<String>,
    /// How long it took, milliseconds.
    pub latency_ms: Option<f64>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CheckStatus {
    /// As it should be.
    Pass,
    /// Works, or may work, but look at it.
    Warn,
    /// Does not work.
    Fail,
    /// Not configured.
    Skipped,
}

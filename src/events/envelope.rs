//! The CloudEvents envelope.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What is carried along from an event to logs, audit entries and outgoing events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventContext {
    /// CloudEvents `id`, or the id of the mutation that asked.
    pub id: String,
    /// CloudEvents `source`.
    pub source: String,
    /// CloudEvents `time`.
    pub time: DateTime<Utc>,
    /// CloudEvents `subject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Extension `correlationid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Extension `causationid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// Extension `dataclassification`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_classification: Option<String>,
}

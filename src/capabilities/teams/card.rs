//! Stand-in until the card itself is here.
#![allow(missing_docs)]
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use crate::events::outage::WantedOutage;
pub fn render(outage: &WantedOutage, _zone: Tz, _now: DateTime<Utc>, marker: &str) -> Value {
    json!({"type":"AdaptiveCard","version":"1.4","body":[{"type":"TextBlock","id":marker,"text":format!("{} {:?} {}", outage.title, outage.status, outage.customers_affected)}]})
}
pub fn summary(outages: &[&WantedOutage], _zone: Tz, _now: DateTime<Utc>, marker: &str) -> Value {
    json!({"type":"AdaptiveCard","version":"1.4","body":[{"type":"TextBlock","id":marker,"text":format!("{} outages", outages.len())}]})
}

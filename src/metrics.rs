//! Every metric, declared once: the doc comment of a field is its meaning, the name and labels are the contract's.
//!
//! No label ever holds a person, a mailbox, a task or an error text.

use std::sync::{Mutex, PoisonError};

use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

/// The process's metrics. Made once, by the composition root; tests make their own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Messages taken from the stream, by what became of them.
    pub events_received_total: IntCounterVec,
    /// Attempts to deliver, by how they ended.
    pub delivery_attempts_total: IntCounterVec,
    /// Event time to settled, seconds.
    pub delivery_latency_seconds: HistogramVec,
    /// Objects that are not settled.
    pub backlog: IntGaugeVec,
    /// Age of the oldest object that waits, seconds.
    pub oldest_pending_seconds: IntGaugeVec,
    /// Calls to Graph.
    pub graph_requests_total: IntCounterVec,
    /// Outages that matched no Teams channel.
    pub outages_unrouted_total: IntCounter,
    /// How long calls to Graph took, seconds.
    pub graph_request_seconds: HistogramVec,
    /// Answers that told us to wait.
    pub graph_throttled_total: IntCounterVec,
    /// Requests to the token endpoint.
    pub token_requests_total: IntCounterVec,
    /// Dead letters that wait for a person.
    pub dead_letters: IntGaugeVec,
    /// Seconds until a connection's secret ends.
    pub secret_expiry_seconds: IntGaugeVec,
    /// 1 for the state a connection is in.
    pub connection_state: IntGaugeVec,
    /// Changes of connections' states, by the new state.
    pub connection_state_changes_total: IntCounterVec,
    /// 1 while the organisation's account for Teams is signed in, 0 once that is lost.
    pub teams_account_signed_in: IntGaugeVec,
    /// Sign-ins for Teams that Microsoft ended.
    pub teams_accounts_lost_total: IntCounter,
    /// Audit entries in the store, whoever wrote them; moved by [`Metrics::raise_audit_entries`] alone.
    audit_entries_total: Mutex<IntCounter>,
    /// Transactions of this process that were given up because their audit entries could not be written: what they would have begun at
    /// Microsoft does not happen. Moved by [`Metrics::raise_audit_write_failures`] alone.
    audit_write_failures_total: Mutex<IntCounter>,
    /// 1 while an organisation's audit chain verifies, 0 when it does not; as of the last check.
    pub audit_intact: IntGaugeVec,
    /// Messages in the stream that were not taken yet.
    pub consumer_pending: IntGauge,
}

/// Seconds, from a call answered at once to one that ran into its bound.
const CALL_BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Seconds, from an idle day to a tenant that was throttled for hours.
const DELIVERY_BUCKETS: [f64; 13] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0];

impl Metrics {
    /// Registers every metric in a registry of its own.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("argus_m365".into()), None)?;
        let declare = Declare(&registry);
        Ok(Self {
            events_received_total: declare.counters(
                "events_received_total",
                "Messages taken from the stream, by what became of them.",
                &["subject_kind", "outcome"],
            )?,
            delivery_attempts_total: declare.counters(
                "delivery_attempts_total",
                "Attempts to deliver, by how they ended.",
                &["capability", "outcome"],
            )?,
            delivery_latency_seconds: declare.histograms(
                "delivery_latency_seconds",
                "Event time to settled.",
                &["capability"],
                &DELIVERY_BUCKETS,
            )?,
            backlog: declare.gauges("backlog", "Objects that are not settled.", &["capability", "state"])?,
            oldest_pending_seconds: declare.gauges(
                "oldest_pending_seconds",
                "Age of the oldest object that waits.",
                &["capability"],
            )?,
            graph_requests_total: declare.counters(
                "graph_requests_total",
                "Calls to Graph.",
                &["workload", "method", "status"],
            )?,
            outages_unrouted_total: declare.counter("outages_unrouted_total", "Outages that matched no Teams channel.")?,
            graph_request_seconds: declare.histograms(
                "graph_request_seconds",
                "How long calls to Graph took.",
                &["workload"],
                &CALL_BUCKETS,
            )?,
            graph_throttled_total: declare.counters("graph_throttled_total", "Answers that told us to wait.", &["workload"])?,
            token_requests_total: declare.counters("token_requests_total", "Requests to the token endpoint.", &["outcome"])?,
            dead_letters: declare.gauges("dead_letters", "Dead letters that wait for a person.", &["capability"])?,
            secret_expiry_seconds: declare.gauges(
                "secret_expiry_seconds",
                "Seconds until a connection's secret ends.",
                &["organisation"],
            )?,
            connection_state: declare.gauges(
                "connection_state",
                "1 for the state a connection is in.",
                &["organisation", "state"],
            )?,
            connection_state_changes_total: declare.counters(
                "connection_state_changes_total",
                "Changes of connections' states, by the new state.",
                &["state"],
            )?,
            teams_account_signed_in: declare.gauges(
                "teams_account_signed_in",
                "1 while the account that posts to Teams is signed in, 0 once that is lost.",
                &["organisation"],
            )?,
            teams_accounts_lost_total: declare
                .counter("teams_accounts_lost_total", "Sign-ins for Teams that Microsoft ended.")?,
            audit_entries_total: Mutex::new(
                declare.counter("audit_entries_total", "Audit entries in the store, whoever wrote them.")?,
            ),
            audit_write_failures_total: Mutex::new(declare.counter(
                "audit_write_failures_total",
                "Transactions given up because their audit entries could not be written.",
            )?),
            audit_intact: declare.gauges(
                "audit_intact",
                "1 while an organisation's audit chain verifies, as of the last check.",
                &["organisation"],
            )?,
            consumer_pending: declare.gauge("consumer_pending", "Messages in the stream that were not taken yet.")?,
            registry,
        })
    }

    /// Raises the count of audit entries to what the store holds. A smaller number (a restored backup) starts the counter anew,
    /// which is how Prometheus expects a counter to be reset.
    pub fn raise_audit_entries(&self, total: u64) {
        raise(&self.audit_entries_total, total);
    }

    /// Raises the count of transactions that could not be audited to what the store has counted in this process.
    pub fn raise_audit_write_failures(&self, total: u64) {
        raise(&self.audit_write_failures_total, total);
    }

    /// All of them in Prometheus' text form.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Makes and registers one metric a call.
struct Declare<'a>(&'a Registry);

impl Declare<'_> {
    fn register<C: prometheus::core::Collector + Clone + 'static>(&self, metric: C) -> Result<C, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.register(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> Result<HistogramVec, prometheus::Error> {
        self.register(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?)
    }
}

fn raise(counter: &Mutex<IntCounter>, total: u64) {
    // Two scrapes at once would both add the difference.
    let counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
    if total < counter.get() {
        counter.reset();
    }
    counter.inc_by(total.saturating_sub(counter.get()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_entries_follow_the_store_up_and_start_anew_after_a_restore() {
        let metrics = Metrics::new().unwrap();
        for total in [0, 7, 7, 9, 4] {
            metrics.raise_audit_entries(total);
            let line = format!("argus_m365_audit_entries_total {total}");
            assert!(metrics.render().unwrap().lines().any(|one| one == line), "{line}");
        }
    }
}

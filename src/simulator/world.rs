//! Everything that the simulator remembers, and the clock it goes by.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use parking_lot::RwLock;

use super::{
    faults::Faults,
    identity::{Grants, SignIns},
    ledger::Ledger,
    promises::Promises,
    tenant::{Tenant, TenantSpec},
    webhooks::Webhooks,
};
use crate::clock::SharedClock;

/// The simulated Microsoft.
#[derive(Debug)]
pub(crate) struct World {
    clock: ClockBox,
    /// By directory id and by domain, in lower case.
    tenants: RwLock<HashMap<String, Arc<Tenant>>>,
    pub(crate) grants: Grants,
    pub(crate) sign_ins: SignIns,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    pub(crate) promises: Promises,
    pub(crate) webhooks: Webhooks,
    latency_ms: AtomicU64,
    numbers: AtomicU64,
}

/// A clock has no debug form.
struct ClockBox(SharedClock);

impl std::fmt::Debug for ClockBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl World {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            clock: ClockBox(clock),
            tenants: RwLock::default(),
            grants: Grants::default(),
            sign_ins: SignIns::default(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            promises: Promises::default(),
            webhooks: Webhooks::default(),
            latency_ms: AtomicU64::new(0),
            numbers: AtomicU64::new(0),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.0.now()
    }

    /// A fresh id in the form of `request-id`. Made from a counter: nothing secret hangs on it, and a lock-free one costs nothing.
    pub(crate) fn request_id(&self) -> String {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let mixed =
            |salt: u64| (number ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&mixed(0).to_be_bytes());
        bytes[8..].copy_from_slice(&mixed(0x5851_F42D_4C95_7F2D).to_be_bytes());
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Makes a tenant, in place of one with the same id.
    pub(crate) fn add_tenant(&self, spec: TenantSpec) -> Arc<Tenant> {
        let tenant = Arc::new(Tenant::new(spec));
        let mut tenants = self.tenants.write();
        self.grants.revoke(&tenant.id);
        tenants.retain(|_, other| other.id != tenant.id);
        for name in [Some(&tenant.id), tenant.domain.as_ref()].into_iter().flatten() {
            tenants.insert(name.clone(), Arc::clone(&tenant));
        }
        tenant
    }

    /// The tenant with this directory id or domain.
    pub(crate) fn tenant(&self, name: &str) -> Option<Arc<Tenant>> {
        self.tenants.read().get(&name.to_lowercase()).cloned()
    }

    /// Ids of all tenants, sorted.
    pub(crate) fn tenant_ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.tenants.read().values().map(|tenant| tenant.id.clone()).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// How long every Graph call takes at least.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.latency_ms.store(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn latency_ms(&self) -> u64 {
        self.latency_ms.load(Ordering::Relaxed)
    }

    /// Whether a call may be held back on purpose, and so outlive its caller's patience.
    pub(crate) fn may_wait(&self) -> bool {
        self.latency_ms() > 0 || self.faults.any()
    }

    /// Forgets tenants, tokens, faults and requests.
    pub(crate) fn reset(&self) {
        self.tenants.write().clear();
        self.grants.clear();
        self.sign_ins.clear();
        self.faults.remove(None);
        self.ledger.clear();
        self.promises.clear();
        self.webhooks.clear();
        self.latency_ms.store(0, Ordering::Relaxed);
    }
}

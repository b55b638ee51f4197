//! What the loops are told, as the settings say.

use crate::{
    intake::IntakeSettings,
    reconcile::{DeliverySettings, backoff::BackoffSettings},
    settings::Settings,
};

/// How hard deliveries are tried, as the settings say.
pub(super) fn delivery_settings(settings: &Settings) -> DeliverySettings {
    let delivery = &settings.delivery;
    DeliverySettings {
        concurrency: delivery.concurrency,
        per_target: u32::try_from(delivery.per_mailbox).unwrap_or(u32::MAX),
        lease: delivery.lease,
        call_timeout: delivery.call_timeout,
        max_attempts: delivery.max_attempts,
        max_crashes: delivery.max_crashes,
        backoff: BackoffSettings { initial: delivery.backoff_initial, max: delivery.backoff_max },
    }
}

/// How events are taken in, as the settings say.
pub fn intake_settings(settings: &Settings) -> IntakeSettings {
    IntakeSettings {
        stream: settings.nats.stream.clone(),
        durable: settings.nats.durable.clone(),
        batch: settings.delivery.batch,
        ..IntakeSettings::default()
    }
}

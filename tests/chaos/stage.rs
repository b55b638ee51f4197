//! What surrounds the faults of one test: a world, a registered connection, a publisher that never stops.

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use serde_json::json;

use crate::{
    dice::{Dice, seed},
    load::{Ledger, Load, MAILBOXES, mailbox},
    replica::{Replica, SETTINGS},
    support::{Store, World},
    verdict::{self, Verdict},
};

/// How long the broker waits for an acknowledgement that a killed process never sent. The default of 30 s would only make the
/// tests longer.
const ACK_WAIT: Duration = Duration::from_secs(3);
/// Calls take a little while, so that there is a while to be killed in.
const LATENCY_MS: u64 = 20;

/// One test's stage. End the test with [`Stage::judge`].
pub(crate) struct Stage {
    /// Broker, simulator, store.
    pub(crate) world: World,
    /// The test's own chance.
    pub(crate) dice: Dice,
    fault: &'static str,
    store: Store,
    load: Option<Load>,
}

impl Stage {
    /// Sets it, registers the connection, and starts publishing. `fault` is the table's word for what is played.
    pub(crate) async fn set(store: Store, fault: &'static str) -> Self {
        Self::on(World::start(store).await, store, fault).await
    }

    /// The same in a world that is there already, whose store is of this kind.
    pub(crate) async fn on(world: World, store: Store, fault: &'static str) -> Self {
        let people: Vec<_> = (0..MAILBOXES)
            .map(|number| json!({ "id": format!("0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f8b{number:02x}"), "userPrincipalName": mailbox(number) }))
            .collect();
        world.simulator.add_people(&json!(people)).await;
        world.simulator.behave(&json!({ "latencyMs": LATENCY_MS, "ledgerCapacity": 2_000 })).await;
        let first = world.connector(SETTINGS).await;
        first.register().await;
        first.stop().await;
        wait_less(&world).await;
        let mut stage = Self { world, dice: Dice::of(&format!("{fault} {store:?}")), fault, store, load: None };
        stage.publish(Ledger::default()).await;
        stage
    }

    /// Goes on publishing.
    pub(crate) async fn publish(&mut self, ledger: Ledger) {
        let dice = Dice::of(&format!("{} {:?} load {}", self.fault, self.store, ledger.acknowledged));
        self.load = Some(Load::start(&self.world.nats, dice, ledger).await);
    }

    /// Stops publishing: everything sent is acknowledged then.
    pub(crate) async fn hush(&mut self) -> Ledger {
        self.load.take().expect("a publisher").finish().await
    }

    /// A connector that is ready.
    pub(crate) async fn replica(&self) -> Replica {
        Replica::ready(&self.world).await
    }

    /// Ends the faults and the publishing, waits for agreement, judges, and prints the table's row. Fails the test when the
    /// verdict is not clean. `others` go on working beside the connector that is asked.
    pub(crate) async fn judge(mut self, count: usize, others: Vec<Replica>) {
        self.world.simulator.heal().await;
        let ledger = self.hush().await;
        let connector = self.world.connector(SETTINGS).await;
        let verdict = verdict::of(&self.world, &connector, &ledger).await;
        Verdict::print(&verdict, self.fault, self.store, count, &ledger, seed());
        if let Err(reason) = verdict {
            panic!("{} on {:?}, seed {}: {reason}", self.fault, self.store, seed());
        }
        for replica in others {
            replica.stop().await;
        }
        self.world.finish(connector).await;
    }
}

/// Lets the broker deliver again sooner what was not acknowledged.
pub(crate) async fn wait_less(world: &World) {
    let stream = world.jetstream().await.get_stream("ARGUS").await.expect("the stream");
    let consumer = stream.consumer_info("argus-m365").await.expect("the consumer");
    let mut config = consumer.config.clone();
    config.ack_wait = ACK_WAIT;
    let config: pull::Config =
        async_nats::jetstream::consumer::FromConsumer::try_from_consumer_config(config).expect("a pull consumer");
    stream.update_consumer(config).await.expect("changing the consumer");
}

//! The loops that import directories: a runner for people, one for groups, and the timer.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Parts;
use crate::{
    capabilities::directory::Limits,
    imports::{ImportJob, Schedule},
    jobs::{JobSettings, Runner},
    settings::Settings,
    store::OperationKind,
};

/// Starts them.
pub(super) fn start(settings: &Settings, parts: &Parts, loops: &TaskTracker, stop: &CancellationToken) {
    for kind in [OperationKind::ImportUsers, OperationKind::ImportGroups] {
        loops.spawn(runner(settings, parts, kind).run(stop.clone()));
    }
    if let Some(every) = settings.directory.schedule {
        let schedule = Schedule { imports: parts.imports.clone(), every, worker: parts.worker.clone() };
        loops.spawn(schedule.run(stop.clone()));
    }
}

fn runner(settings: &Settings, parts: &Parts, kind: OperationKind) -> Runner<ImportJob> {
    let limits =
        Limits { people: settings.directory.disable_limit.into(), percent: settings.directory.disable_limit_percent.into() };
    // Whoever wants a dead worker's objects back sooner wants its imports back sooner, too.
    let usual = JobSettings::default();
    let wake = if kind == OperationKind::ImportGroups { &parts.imports.groups } else { &parts.imports.users };
    Runner {
        store: parts.store.clone(),
        job: ImportJob {
            kind,
            store: parts.store.clone(),
            connections: parts.connections.clone(),
            limits,
            clock: parts.clock.clone(),
        },
        settings: JobSettings { lease: usual.lease.min(settings.delivery.lease), ..usual },
        clock: parts.clock.clone(),
        wake: wake.clone(),
        ended: vec![parts.owed.notifier()],
        worker: parts.worker.clone(),
        owner: parts.ids.random().to_string(),
    }
}

//! What a history plays in.

use std::sync::Arc;

use crate::{
    capabilities::calendar::{
        fake::{Duplicates, FakeOutlook, Manners},
        samples::{ANN, ANN_ID, closed, scheduled},
    },
    events::task::WantedTask,
};

/// A defect put into the code on purpose, to show that the model can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    /// None: the code as it is.
    Sound,
    /// Intake applies whatever comes last.
    LastComeWins,
    /// Calls leave before their intent is committed.
    NoIntents,
    /// A worker that lost its lease leaves no suspicion behind.
    SilentWhenRefused,
}

/// One event of the task's life.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// `data.version`.
    pub(super) version: u64,
    /// Stands for the digest of its data.
    pub(super) digest: [u8; 1],
    /// The wanted state, as the store keeps it.
    pub(super) body: String,
    /// The mailbox it names, if any.
    pub(super) target: String,
    /// What is right once it is the newest: the mailbox and the subject.
    pub(super) right: Vec<(String, Vec<String>)>,
}

/// Everything about a history that does not change.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    /// The task's life; the last word is kept back for the end of histories in which a person meddled.
    pub(super) life: Vec<Word>,
    /// How its Outlook behaves.
    pub(super) manners: Manners,
    /// What is wrong with the code.
    pub(super) mutant: Mutant,
}

/// A state of the task: in whose calendar at which hour, or closed.
pub(super) type State = Option<(&'static str, u32)>;

impl Scene {
    /// A life through these states, versions 1, 2, ….
    pub(super) fn new(states: &[State], manners: Manners, mutant: Mutant) -> Arc<Self> {
        let mut life: Vec<Word> = states.iter().zip(1..).map(|(state, version)| Word::new(version, *state)).collect();
        life.push(Word::new(1000, Some((ANN, 20))));
        Arc::new(Self { life, manners, mutant })
    }

    /// The events that a history may publish.
    pub(super) fn words(&self) -> usize {
        self.life.len() - 1
    }

    /// Whether a mailbox goes by two names.
    pub(super) fn has_two_names(&self) -> bool {
        self.life.iter().any(|word| word.target == ANN_ID)
    }

    /// An Outlook without events.
    pub(super) fn outlook(&self) -> FakeOutlook {
        let outlook = FakeOutlook::with(self.manners.clone());
        outlook.alias(ANN_ID, ANN);
        outlook
    }
}

impl Word {
    fn new(version: u64, state: State) -> Self {
        let task: WantedTask = state.map_or_else(closed, |(worker, hour)| scheduled(worker, hour));
        let real = |name: &str| if name == ANN_ID { ANN.to_owned() } else { name.to_owned() };
        Self {
            version,
            digest: [u8::try_from(version % 256).unwrap()],
            body: serde_json::to_string(&task).unwrap(),
            target: state.map_or_else(String::new, |(worker, _)| worker.to_owned()),
            right: state.iter().map(|(worker, hour)| (real(worker), vec![format!("Visit at {hour}")])).collect(),
        }
    }
}

/// Every way an Outlook may answer a used key, with and without a search that lags.
pub(super) fn manners() -> Vec<Manners> {
    let mut all = Vec::new();
    for lag in [0, 3] {
        for remembers_removed in [false, true] {
            for duplicates in [Duplicates::Answered, Duplicates::RefusedWithId, Duplicates::Refused] {
                all.push(Manners { lag, duplicates, remembers_removed, ..Manners::default() });
            }
        }
    }
    all
}

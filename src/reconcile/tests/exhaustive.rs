//! Every order of a life, with one adversity at every step of every run.
//!
//! Orders share their beginnings, so the walk is a tree: a world is copied where ways part.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    history::{judge, play, report, shrink},
    random::setting,
    scene::{Mutant, Scene, State, manners},
    world::{Move, World},
};
use crate::capabilities::calendar::{
    fake::{Fault, Manners},
    samples::{ANN, ANN_ID, BOB},
};

/// What goes wrong, once in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Adversity {
    /// The worker dies.
    Crash,
    /// The worker is frozen past its lease and wakes up at any later step, or at the end.
    Freeze,
    /// A call's answer is lost before or after its effect, or the call is refused for now.
    Lost,
}

/// Planned, moved in time, moved to another mailbox, closed.
const LIFE: [State; 4] = [Some((ANN, 9)), Some((ANN, 10)), Some((BOB, 11)), None];
/// The same, and opened again where it began.
const REOPENED: [State; 5] = [Some((ANN, 9)), Some((ANN, 10)), Some((BOB, 11)), None, Some((ANN, 12))];
/// One mailbox, named now one way, now the other.
const TWO_NAMES: [State; 4] = [Some((ANN, 9)), Some((ANN_ID, 10)), Some((ANN, 11)), Some((ANN_ID, 12))];
const FAULTS: [Fault; 4] = [Fault::LostBefore, Fault::LostAfter, Fault::Unavailable, Fault::Throttled];

/// How far a way has come.
#[derive(Clone, Copy)]
struct Way {
    /// The adversity has happened.
    spent: bool,
    /// Worker 0 is frozen.
    asleep: bool,
    /// The worker that claims.
    active: usize,
}

struct Walk {
    scene: Arc<Scene>,
    /// How its workers claim.
    claim: fn(usize) -> Move,
    adversity: Adversity,
    one_at_a_time: bool,
    path: Vec<Move>,
    runs: usize,
    failed: Option<Vec<Move>>,
}

impl Walk {
    fn play(&mut self, world: &mut World, happens: Move) {
        self.path.push(happens);
        world.play(happens);
    }

    /// Everything that may come next, once no run of the active worker is under way.
    fn between(&mut self, world: &World, left: &mut [u8], way: Way) {
        if self.failed.is_some() {
            return;
        }
        let mark = self.path.len();
        if left.iter().all(|count| *count == 0) {
            self.runs += 1;
            if judge(world.clone(), self.one_at_a_time).is_err() {
                self.failed = Some(self.path.clone());
            }
            return;
        }
        if way.asleep {
            let mut fork = world.clone();
            self.play(&mut fork, Move::Run(0));
            self.between(&fork, left, Way { asleep: false, ..way });
            self.path.truncate(mark);
        }
        for word in 0..left.len() {
            if left[word] > 0 {
                left[word] -= 1;
                let mut fork = world.clone();
                self.play(&mut fork, Move::Publish(word));
                self.take_up(fork, left, way);
                self.path.truncate(mark);
                left[word] += 1;
            }
        }
    }

    /// A run, if there is something to do.
    fn take_up(&mut self, mut world: World, left: &mut [u8], way: Way) {
        if world.is_at_rest() {
            return self.between(&world, left, way);
        }
        if !world.is_due() {
            self.play(&mut world, Move::Wait);
        }
        self.play(&mut world, (self.claim)(way.active));
        self.steps(world, left, way);
    }

    fn steps(&mut self, mut world: World, left: &mut [u8], way: Way) {
        while world.works(way.active) && self.failed.is_none() {
            let mark = self.path.len();
            if !way.spent {
                self.adversity(&world, left, way);
            }
            if way.asleep {
                let mut fork = world.clone();
                self.play(&mut fork, Move::Run(0));
                self.steps(fork, left, Way { asleep: false, ..way });
                self.path.truncate(mark);
            }
            self.play(&mut world, Move::Step(way.active));
        }
        self.between(&world, left, way);
    }

    fn adversity(&mut self, world: &World, left: &mut [u8], way: Way) {
        let mark = self.path.len();
        match self.adversity {
            Adversity::Crash => {
                for at_once in [true, false] {
                    let mut fork = world.clone();
                    self.play(&mut fork, Move::Crash(way.active));
                    self.before_or_after_the_next_event(fork, left, Way { spent: true, ..way }, at_once);
                    self.path.truncate(mark);
                }
            }
            Adversity::Freeze => {
                let way = Way { spent: true, asleep: true, active: 1 };
                for at_once in [true, false] {
                    self.before_or_after_the_next_event(world.clone(), left, way, at_once);
                    self.path.truncate(mark);
                }
            }
            Adversity::Lost if world.is_cleared(way.active) => {
                for fault in FAULTS {
                    let mut fork = world.clone();
                    self.play(&mut fork, Move::Fault(fault));
                    self.steps(fork, left, Way { spent: true, ..way });
                    self.path.truncate(mark);
                }
            }
            Adversity::Lost => {}
        }
    }

    fn before_or_after_the_next_event(&mut self, world: World, left: &mut [u8], way: Way, at_once: bool) {
        if at_once { self.take_up(world, left, way) } else { self.between(&world, left, way) }
    }
}

/// A history that ends wrong.
type Failing = (Arc<Scene>, Vec<Move>);

/// Walks every order in which each word of these lives comes `times` times; the number of runs, and the first failure.
fn walk(scenes: &[Arc<Scene>], times: u8, adversity: Adversity, claim: fn(usize) -> Move) -> (usize, Option<Failing>) {
    let jobs: Vec<(&Arc<Scene>, usize)> =
        scenes.iter().flat_map(|scene| (0..scene.words()).map(move |first| (scene, first))).collect();
    let (next, runs, failure) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        while let Some((scene, first)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let one_at_a_time = adversity != Adversity::Freeze && !scene.has_two_names();
            let mut walk =
                Walk { scene: Arc::clone(scene), claim, adversity, one_at_a_time, path: Vec::new(), runs: 0, failed: None };
            let mut left = vec![times; scene.words()];
            left[*first] -= 1;
            let mut world = World::new(&walk.scene);
            walk.play(&mut world, Move::Publish(*first));
            walk.take_up(world, &mut left, Way { spent: false, asleep: false, active: 0 });
            runs.fetch_add(walk.runs, Ordering::Relaxed);
            if let Some(moves) = walk.failed {
                failure.lock().unwrap().get_or_insert((walk.scene, moves));
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    (runs.into_inner(), failure.into_inner().unwrap())
}

fn scenes(life: &[State], manners: impl IntoIterator<Item = Manners>) -> Vec<Arc<Scene>> {
    manners.into_iter().map(|manners| Scene::new(life, manners, Mutant::Sound)).collect()
}

/// Four Outlooks that differ in everything; in `make chaos`, every one there is.
fn faces() -> Vec<Manners> {
    let all = manners();
    let in_full = setting("ARGUS_MODEL_HISTORIES").is_some();
    if in_full { all } else { [0, 5, 7, 11].map(|face| all[face].clone()).into() }
}

/// With a connection that is open, as it nearly always is.
fn prove(scenes: &[Arc<Scene>], times: u8, adversity: Adversity, at_least: usize) {
    prove_with(Move::Claim, scenes, times, adversity, at_least);
}

fn prove_with(claim: fn(usize) -> Move, scenes: &[Arc<Scene>], times: u8, adversity: Adversity, at_least: usize) {
    let (runs, failure) = walk(scenes, times, adversity, claim);
    if let Some((scene, moves)) = failure {
        panic!("{adversity:?}, after {runs} runs: {}", report(&scene, &moves));
    }
    println!("{adversity:?}: {runs} runs");
    assert!(runs >= at_least, "{runs} runs only");
}

#[test]
fn a_doubled_life_in_every_order_with_a_crash_at_every_step_ends_right() {
    prove(&scenes(&LIFE, [Manners::default()]), 2, Adversity::Crash, 31_500);
}

#[test]
fn a_reopened_life_in_every_order_with_a_crash_at_every_step_ends_right_in_several_outlooks() {
    prove(&scenes(&REOPENED, faces()), 1, Adversity::Crash, 5_000);
}

#[test]
fn a_worker_frozen_past_its_lease_undoes_nothing_whenever_it_wakes_up() {
    prove(&scenes(&LIFE, faces()), 1, Adversity::Freeze, 10_000);
    prove(&scenes(&REOPENED, [Manners::default()]), 1, Adversity::Freeze, 10_000);
}

#[test]
fn it_all_holds_when_intents_are_committed_after_the_claim() {
    prove_with(Move::ClaimUnopened, &scenes(&REOPENED, faces()), 1, Adversity::Crash, 5_000);
    prove_with(Move::ClaimUnopened, &scenes(&LIFE, faces()), 1, Adversity::Freeze, 10_000);
    prove_with(Move::ClaimUnopened, &scenes(&REOPENED, [Manners::default()]), 1, Adversity::Lost, 1_000);
}

#[test]
fn any_one_answer_may_be_lost() {
    prove(&scenes(&REOPENED, faces()), 1, Adversity::Lost, 4_000);
}

#[test]
fn one_mailbox_under_two_names_holds_one_event() {
    let lagless = || faces().into_iter().filter(|manners| manners.lag == 0);
    prove(&scenes(&TWO_NAMES, lagless()), 1, Adversity::Crash, 500);
    prove(&scenes(&TWO_NAMES, lagless()), 1, Adversity::Freeze, 5_000);
}

#[test]
fn the_model_finds_what_is_wrong_and_tells_it_short() {
    for (mutant, adversity, longest) in [
        (Mutant::LastComeWins, Adversity::Crash, 2),
        (Mutant::NoIntents, Adversity::Crash, 6),
        (Mutant::SilentWhenRefused, Adversity::Freeze, 9),
    ] {
        for claim in [Move::Claim, Move::ClaimUnopened] {
            let (_, failure) = walk(&[Scene::new(&LIFE, Manners::default(), mutant)], 1, adversity, claim);
            let (scene, moves) = failure.unwrap_or_else(|| panic!("{mutant:?} was not found"));
            let shortest = shrink(&scene, &moves);
            assert!(play(&scene, &shortest).is_err() && shortest.len() <= longest, "{mutant:?}: {shortest:?}");
        }
    }
}

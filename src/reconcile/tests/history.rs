//! Plays moves, judges how they end, and makes a failing history short.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    scene::Scene,
    world::{Move, World},
};

/// Claims after the last move until the task must be at rest: well above what the slowest Outlook asks for.
const AT_REST_AFTER: usize = 40;

/// Lets everything that is under way come to its end; `Err` says what is wrong with that end. `one_at_a_time`: no mailbox may ever have
/// held two events.
pub(super) fn judge(mut world: World, one_at_a_time: bool) -> Result<(), String> {
    end(&mut world)?;
    if world.meddled {
        // What a person removed comes back with the next change.
        let last = world.scene.words();
        world.play(Move::Publish(last));
        end(&mut world)?;
    }
    let newest = world.published.iter().map(|word| &world.scene.life[*word]).max_by_key(|word| word.version);
    let right = newest.map(|word| word.right.clone()).unwrap_or_default();
    if one_at_a_time && world.outlook.most() > 1 {
        return Err(format!("two events at once; calls: {:?}", world.outlook.log()));
    }
    // A probe may stand beside a visit for a moment, but never a visit beside a visit. Under two names it may be that nobody can tell; a
    // late call is seen to afterwards.
    if !world.called_late && !world.scene.has_two_names() && world.outlook.most_visits() > 1 {
        return Err(format!("two visits at once; calls: {:?}", world.outlook.log()));
    }
    let stands = world.outlook.calendars();
    if stands == right { Ok(()) } else { Err(format!("{stands:?} instead of {right:?}; calls: {:?}", world.outlook.log())) }
}

fn end(world: &mut World) -> Result<(), String> {
    for _ in 0..AT_REST_AFTER {
        // The frozen wake up.
        world.play(Move::Run(1));
        world.play(Move::Run(0));
        if world.is_at_rest() {
            return Ok(());
        }
        world.play(Move::Wait);
        world.play(Move::Claim(0));
    }
    Err(format!("never at rest; row: {:?}; calls: {:?}", world.row, world.outlook.log()))
}

/// Plays a history from its start; `Err` says how it fails.
pub(super) fn play(scene: &Arc<Scene>, moves: &[Move]) -> Result<(), String> {
    let whole = || {
        let mut world = World::new(scene);
        for happens in moves {
            world.play(*happens);
        }
        judge(world, false)
    };
    catch_unwind(AssertUnwindSafe(whole)).unwrap_or_else(|_| Err("panicked".into()))
}

/// The shortest history that still fails: moves are left out, many at once and then one by one, as long as any can be.
pub(super) fn shrink(scene: &Arc<Scene>, moves: &[Move]) -> Vec<Move> {
    let mut shortest = moves.to_vec();
    let mut length = shortest.len().div_ceil(2);
    while length > 0 {
        let mut shorter = false;
        let mut from = 0;
        while from < shortest.len() {
            let to = (from + length).min(shortest.len());
            let tried: Vec<Move> = shortest[..from].iter().chain(&shortest[to..]).copied().collect();
            if play(scene, &tried).is_err() {
                shortest = tried;
                shorter = true;
            } else {
                from += length;
            }
        }
        if !shorter {
            length /= 2;
        }
    }
    shortest
}

/// What a person needs to see of a failure.
pub(super) fn report(scene: &Arc<Scene>, moves: &[Move]) -> String {
    let shortest = shrink(scene, moves);
    let why = play(scene, &shortest).err().unwrap_or_else(|| "only the long one fails".into());
    let life: Vec<_> = scene.life.iter().map(|word| (word.version, &word.right)).collect();
    format!("{why}\nshortest history: {shortest:?}\nlife: {life:?}\n{:?}, {:?}\nas found: {moves:?}", scene.manners, scene.mutant)
}

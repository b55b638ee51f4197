//! A thousand ways in which the owner of the database may falsify a trail: every one is found, by the chain itself or against the
//! signed checkpoint that was taken before.

use argus_m365::{audit::Head, organisation::OrgScope, store::NewAuditEntry};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    audit::unguard,
    world::{World, entry, scope},
};

const TRAILS: u64 = 1_000;
const LENGTH: u64 = 6;
const SEED: u64 = 20_261_124;

fn entries(of: &str) -> Vec<NewAuditEntry> {
    let fact = |number: u64| vec![("mailbox".to_owned(), format!("{of}-{number}@acme.example"))];
    (0..LENGTH).map(|number| NewAuditEntry { personal: fact(number), ..entry(&format!("{of}-{number}")) }).collect()
}

/// One falsification of `org`; with its name. `other` is a trail that is falsified with it.
fn falsify(random: &mut StdRng, org: &str, other: &str) -> (&'static str, Vec<String>) {
    let seq = random.random_range(1..=LENGTH);
    let at = |table: &str| format!("{table} WHERE org = '{org}' AND seq = {seq}");
    match random.random_range(0..10) {
        0 => {
            let column = ["actor", "action", "target", "outcome", "detail"][random.random_range(0..5)];
            ("flip a text", vec![at(&format!("UPDATE audit SET {column} = {column} || 'x'"))])
        }
        1 => ("flip an instant", vec![format!("UPDATE audit SET at = at + 1 WHERE org = '{org}' AND seq = {seq}")]),
        2 => ("delete", vec![at("DELETE FROM audit")]),
        3 => ("insert", vec![insert(org, LENGTH + 1), format!("UPDATE audit_head SET seq = seq + 1 WHERE org = '{org}'")]),
        4 => ("reorder", swap(org, random.random_range(1..LENGTH))),
        5 => ("cut the tail", vec![format!("DELETE FROM audit WHERE org = '{org}' AND seq >= {seq}")]),
        6 => ("cut the tail and the head", cut(org, random.random_range(2..=LENGTH))),
        7 => ("swap organisations", exchange(org, other)),
        8 => ("change a personal fact", vec![at("UPDATE audit_personal SET value = 'x'")]),
        _ => ("move a link", vec![format!("UPDATE audit SET hash = previous WHERE org = '{org}' AND seq = {seq}")]),
    }
}

/// The last entry once more, one place further.
fn insert(org: &str, seq: u64) -> String {
    format!(
        "INSERT INTO audit SELECT org, {seq}, at, actor, action, target, outcome, detail, personal, correlation_id, graph_request_id, \
         hash, previous FROM audit WHERE org = '{org}' AND seq = {last}",
        last = seq - 1
    )
}

fn swap(org: &str, seq: u64) -> Vec<String> {
    [(seq, 99), (seq + 1, seq), (99, seq + 1)]
        .map(|(from, to)| format!("UPDATE audit SET seq = {to} WHERE org = '{org}' AND seq = {from}"))
        .into()
}

/// Cuts so that what is left is a sound chain with a sound head: only a checkpoint tells.
fn cut(org: &str, seq: u64) -> Vec<String> {
    let last = seq - 1;
    vec![
        format!("DELETE FROM audit WHERE org = '{org}' AND seq > {last}"),
        format!("DELETE FROM audit_personal WHERE org = '{org}' AND seq > {last}"),
        format!(
            "UPDATE audit_head SET seq = {last}, hash = (SELECT hash FROM audit WHERE org = '{org}' AND seq = {last}) WHERE org = '{org}'"
        ),
    ]
}

fn exchange(org: &str, other: &str) -> Vec<String> {
    ["audit", "audit_personal", "audit_head"]
        .iter()
        .flat_map(|table| {
            [(org, "aside"), (other, org), ("aside", other)]
                .map(|(from, to)| format!("UPDATE {table} SET org = '{to}' WHERE org = '{from}'"))
        })
        .collect()
}

async fn checkpoint(world: &World, scope: &OrgScope) -> Head {
    let found = world.store.verify_audit(scope).await.unwrap();
    assert!(found.intact, "{scope:?}");
    Head { seq: found.entries, hash: found.head }
}

pub(crate) async fn a_thousand_falsified_trails_are_all_found(world: &World) {
    let mut random = StdRng::seed_from_u64(SEED);
    let trails: Vec<OrgScope> = (0..TRAILS).map(|number| scope(&format!("org-{number}"))).collect();
    let mut checkpoints = Vec::new();
    for trail in &trails {
        world.store.append_audit(trail, entries(trail.as_str())).await.unwrap();
        checkpoints.push(checkpoint(world, trail).await);
    }
    unguard(world).await;
    for (number, trail) in trails.iter().enumerate() {
        // The partner of an exchange is falsified with it, so it must not be one that is still to come.
        let other = format!("partner-{number}");
        world.store.append_audit(&scope(&other), entries(&other)).await.unwrap();
        let (name, statements) = falsify(&mut random, trail.as_str(), &other);
        for text in statements {
            world.raw.run(&text).await.unwrap();
        }
        let found = world.store.verify_audit_against(trail, &checkpoints[number..=number]).await.unwrap();
        assert!(!found.intact && found.first_broken.is_some(), "{name} of {trail:?} was not found (seed {SEED}): {found:?}");
    }
}

pub(crate) async fn a_hole_wider_than_a_page_is_found_and_what_lies_behind_it_is_read(world: &World) {
    let acme = scope("acme");
    world.store.append_audit(&acme, (0..2_600).map(|number| entry(&format!("m-{number}"))).collect()).await.unwrap();
    unguard(world).await;
    world.raw.run("DELETE FROM audit WHERE org = 'acme' AND seq > 100 AND seq <= 2500").await.unwrap();
    // A head that claims more entries than anybody could count to is no reason to count.
    world.raw.run("UPDATE audit_head SET seq = 4503599627370496 WHERE org = 'acme'").await.unwrap();
    let found = world.store.verify_audit(&acme).await.unwrap();
    assert_eq!((found.intact, found.entries, found.first_broken), (false, 200, Some(101)));
    let (first, second) =
        (world.store.export_audit(&acme, 0, 500).await.unwrap(), world.store.export_audit(&acme, 100, 500).await.unwrap());
    assert_eq!((first.len(), second.len(), second.first().map(|entry| entry.seq)), (100, 100, Some(2_501)));
    assert!(world.store.export_audit(&acme, 2_600, 500).await.unwrap().is_empty());
}

pub(crate) async fn an_entry_that_cannot_be_read_is_named_among_those_that_can(world: &World) {
    let acme = scope("acme");
    world.store.append_audit(&acme, entries("m")).await.unwrap();
    unguard(world).await;
    world.raw.run("UPDATE audit SET personal = 'no list' WHERE org = 'acme' AND seq = 3").await.unwrap();
    let found = world.store.verify_audit(&acme).await.unwrap();
    assert_eq!((found.intact, found.first_broken, found.reason.as_deref()), (false, Some(3), Some("it cannot be read")));
}

pub(crate) async fn a_trail_written_anew_is_sound_in_itself_and_found_against_its_checkpoint(world: &World) {
    let acme = scope("acme");
    world.store.append_audit(&acme, entries("true")).await.unwrap();
    let before = checkpoint(world, &acme).await;
    unguard(world).await;
    for table in ["audit", "audit_personal", "audit_head"] {
        world.raw.run(&format!("DELETE FROM {table}")).await.unwrap();
    }
    world.store.append_audit(&acme, entries("false")).await.unwrap();
    assert!(world.store.verify_audit(&acme).await.unwrap().intact);
    let found = world.store.verify_audit_against(&acme, &[before]).await.unwrap();
    assert_eq!((found.intact, found.first_broken), (false, Some(LENGTH)));
}

pub(crate) async fn an_erased_person_is_gone_and_the_chain_holds(world: &World) {
    let (acme, other) = (scope("acme"), scope("other"));
    for trail in [&acme, &other] {
        world.store.append_audit(trail, entries("m")).await.unwrap();
    }
    let before = checkpoint(world, &acme).await;
    assert_eq!(world.store.erase_personal(&acme, "M-2@acme.EXAMPLE", entry("audit.person-erased")).await.unwrap(), 1);
    assert_eq!(world.raw.texts("SELECT org FROM audit_personal WHERE value = 'm-2@acme.example'").await, ["other"]);
    let found = world.store.verify_audit_against(&acme, &[before]).await.unwrap();
    assert!(found.intact && found.entries == LENGTH + 1, "{found:?}");
    assert_eq!(world.store.erase_personal(&acme, "nobody", entry("audit.person-erased")).await.unwrap(), 0);
}

//! The audit chain in the store.

use argus_m365::{
    audit::Verification,
    organisation::OrgScope,
    store::{AuditFilter, NewAuditEntry, PageRequest},
};

use crate::world::{Raw, World, entry, now, page, scope};

async fn verify(world: &World, scope: &OrgScope) -> Verification {
    world.store.verify_audit(scope).await.unwrap()
}

fn personal(mailbox: &str) -> NewAuditEntry {
    NewAuditEntry { personal: vec![("mailbox".into(), mailbox.into())], ..entry("calendar.event.created") }
}

pub(crate) async fn a_chain_of_any_length_is_intact(world: &World) {
    let (acme, never) = (scope("acme"), scope("never"));
    let empty = verify(world, &never).await;
    assert!(empty.intact && empty.entries == 0);
    world.store.append_audit(&acme, (0..2_345).map(|n| entry(&format!("a{n}"))).collect()).await.unwrap();
    world.store.append_audit(&acme, vec![entry("last")]).await.unwrap();
    let found = verify(world, &acme).await;
    assert!(found.intact && found.entries == 2_346, "{found:?}");
    assert_eq!(world.store.audited_organisations(&world.worker).await.unwrap(), [acme]);
}

pub(crate) async fn entries_are_counted_over_all_chains(world: &World) {
    assert_eq!(world.store.audit_entries(&world.worker).await.unwrap(), 0);
    world.store.append_audit(&scope("acme"), vec![entry("a"), entry("b")]).await.unwrap();
    world.store.append_audit(&scope("other"), vec![entry("a")]).await.unwrap();
    assert_eq!(world.store.audit_entries(&world.worker).await.unwrap(), 3);
}

pub(crate) async fn appending_at_the_same_time_makes_no_forks(world: &World) {
    let (acme, other) = (scope("acme"), scope("other"));
    let appends = (0..60).map(|n| {
        let scope = if n % 3 == 0 { &other } else { &acme };
        world.store.append_audit(scope, vec![entry("a"), entry("b")])
    });
    for answer in futures_util::future::join_all(appends).await {
        answer.unwrap();
    }
    let (first, second) = (verify(world, &acme).await, verify(world, &other).await);
    assert!(first.intact && second.intact);
    assert_eq!((first.entries, second.entries), (80, 40));
    assert_ne!(first.head, second.head);
}

pub(crate) async fn personal_facts_are_shown_until_erased_and_the_chain_holds(world: &World) {
    let acme = scope("acme");
    world.store.append_audit(&acme, vec![personal("mara"), personal("milo")]).await.unwrap();
    let stored = world.raw.texts("SELECT personal FROM audit").await.concat();
    assert!(!stored.contains("mara"), "the chain holds a commitment only");
    world.raw.run("DELETE FROM audit_personal WHERE seq = 1").await.unwrap();
    let trail = world.store.audit_trail(&acme, AuditFilter::default(), page(10)).await.unwrap();
    let mailbox = |n: usize| trail.rows[n].1.entry.detail.get("mailbox").cloned();
    assert_eq!((mailbox(0), mailbox(1)), (None, Some("milo".into())));
    assert_eq!(trail.rows[1].1.entry.personal, [("mailbox".to_owned(), "milo".to_owned())]);
    assert!(verify(world, &acme).await.intact);
}

pub(crate) async fn the_trail_is_paged_and_filtered(world: &World) {
    let acme = scope("acme");
    let entries = (0..5).map(|n| NewAuditEntry { at: now(n), target: format!("task/{}", n % 2), ..entry("a") }).collect();
    world.store.append_audit(&acme, entries).await.unwrap();
    let read = async |filter: AuditFilter, first, after: Option<&str>| {
        let request = PageRequest { first, after: after.map(Into::into) };
        let page = world.store.audit_trail(&acme, filter, request).await.unwrap();
        let cursors: Vec<String> = page.rows.into_iter().map(|(cursor, _)| cursor).collect();
        (cursors, page.has_next, page.total)
    };
    let all = AuditFilter::default;
    assert_eq!(read(all(), 2, None).await, (vec!["1".into(), "2".into()], true, 5));
    assert_eq!(read(all(), 3, Some("2")).await, (vec!["3".into(), "4".into(), "5".into()], false, 5));
    let target = AuditFilter { target: Some("task/1".into()), ..all() };
    assert_eq!(read(target, 9, None).await, (vec!["2".into(), "4".into()], false, 2));
    let span = AuditFilter { from: Some(now(1)), to: Some(now(3)), ..all() };
    assert_eq!(read(span, 9, None).await, (vec!["2".into(), "3".into()], false, 2));
    let none = AuditFilter { action: Some("b".into()), ..all() };
    assert_eq!(read(none, 9, None).await, (vec![], false, 0));
}

pub(crate) async fn changes_are_refused(world: &World) {
    let acme = scope("acme");
    world.store.append_audit(&acme, vec![personal("mara"), entry("b"), entry("c")]).await.unwrap();
    let copy = |seq: &str, previous: &str| {
        format!(
            "INSERT INTO audit SELECT org, {seq}, at, actor, action, target, outcome, detail, personal, correlation_id, \
             graph_request_id, {previous}, hash FROM audit WHERE seq = 3"
        )
    };
    let mut refused = vec![
        "UPDATE audit SET actor = 'nobody' WHERE seq = 2".to_owned(),
        "UPDATE audit SET org = 'other'".to_owned(),
        "DELETE FROM audit WHERE seq = 3".to_owned(),
        "UPDATE audit_personal SET value = 'x'".to_owned(),
        "UPDATE audit_head SET seq = 2".to_owned(),
        "UPDATE audit_head SET org = 'other', seq = 9".to_owned(),
        "DELETE FROM audit_head".to_owned(),
        copy("5", "previous"),
        copy("4", "previous"),
        copy("0", "previous"),
        copy("3", "previous"),
        copy("1", "previous").replace("SELECT org", "SELECT 'other'"),
    ];
    match world.raw {
        Raw::Sqlite(_) => refused.extend([
            copy("3", "previous").replace("INSERT", "INSERT OR REPLACE"),
            "INSERT OR REPLACE INTO audit_personal SELECT org, seq, field, salt, 'x' FROM audit_personal".to_owned(),
            "INSERT OR REPLACE INTO audit_head SELECT org, 1, hash FROM audit_head".to_owned(),
        ]),
        Raw::Postgres(_) => refused.extend([
            "TRUNCATE audit".to_owned(),
            "TRUNCATE audit_head".to_owned(),
            format!("{} ON CONFLICT (org, seq) DO UPDATE SET actor = 'nobody'", copy("3", "previous")),
        ]),
    }
    for text in refused {
        assert!(world.raw.run(&text).await.is_err(), "{text}");
    }
    let found = verify(world, &acme).await;
    assert!(found.intact && found.entries == 3);
}

/// Drops what guards the table, as only its owner can.
pub(crate) async fn unguard(world: &World) {
    let text = match world.raw {
        Raw::Sqlite(_) => {
            "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_continues; \
             DROP TRIGGER audit_head_forward; DROP TRIGGER audit_head_no_delete; DROP TRIGGER audit_personal_no_update"
        }
        Raw::Postgres(_) => {
            "ALTER TABLE audit DISABLE TRIGGER ALL; ALTER TABLE audit_head DISABLE TRIGGER ALL; \
             ALTER TABLE audit_personal DISABLE TRIGGER ALL"
        }
    };
    world.raw.run(text).await.unwrap();
}

pub(crate) async fn tampering_by_the_owner_is_found(world: &World) {
    let victims: Vec<(OrgScope, &str, u64)> = vec![
        (scope("flip-actor"), "UPDATE audit SET actor = 'nobody' WHERE org = '{org}' AND seq = 3", 3),
        (scope("flip-time"), "UPDATE audit SET at = at + 1 WHERE org = '{org}' AND seq = 1", 1),
        (scope("flip-null"), "UPDATE audit SET correlation_id = NULL WHERE org = '{org}' AND seq = 2", 2),
        (scope("flip-commitment"), "UPDATE audit SET personal = '[]' WHERE org = '{org}' AND seq = 4", 4),
        (scope("unreadable"), "UPDATE audit SET personal = '[' WHERE org = '{org}' AND seq = 4", 4),
        (scope("gap"), "DELETE FROM audit WHERE org = '{org}' AND seq = 2", 2),
        (scope("no-start"), "DELETE FROM audit WHERE org = '{org}' AND seq = 1", 1),
        (scope("cut-tail"), "DELETE FROM audit WHERE org = '{org}' AND seq >= 4", 4),
        (scope("all-gone"), "DELETE FROM audit WHERE org = '{org}'", 1),
        (
            scope("swap"),
            "UPDATE audit SET seq = 99 WHERE org = '{org}' AND seq = 2; UPDATE audit SET seq = 2 WHERE org = '{org}' AND seq = 3; \
             UPDATE audit SET seq = 3 WHERE org = '{org}' AND seq = 99",
            2,
        ),
        (scope("cut-head"), "UPDATE audit_head SET seq = 4 WHERE org = '{org}'", 5),
        (scope("no-head"), "DELETE FROM audit_head WHERE org = '{org}'", 5),
        (scope("other-chain"), "UPDATE audit SET org = '{org}' WHERE org = 'donor'", 5),
    ];
    let entries = || (0..5).map(|n| personal(&format!("m{n}"))).collect::<Vec<_>>();
    world.store.append_audit(&scope("donor"), entries()).await.unwrap();
    let untouched = scope("untouched");
    world.store.append_audit(&untouched, entries()).await.unwrap();
    for (victim, ..) in victims.iter().filter(|(victim, ..)| victim.as_str() != "other-chain") {
        world.store.append_audit(victim, entries()).await.unwrap();
        assert!(verify(world, victim).await.intact);
    }
    unguard(world).await;
    for (victim, text, broken) in victims {
        world.raw.run(&text.replace("{org}", victim.as_str())).await.unwrap();
        let found = verify(world, &victim).await;
        assert!(!found.intact && found.reason.is_some(), "{victim:?} {found:?}");
        assert_eq!(found.first_broken, Some(broken), "{victim:?} {found:?}");
    }
    assert!(verify(world, &untouched).await.intact);
}

pub(crate) async fn a_changed_personal_fact_is_found(world: &World) {
    let acme = scope("acme");
    world.store.append_audit(&acme, vec![entry("a"), personal("mara")]).await.unwrap();
    unguard(world).await;
    world.raw.run("UPDATE audit_personal SET value = 'milo'").await.unwrap();
    assert_eq!(verify(world, &acme).await.first_broken, Some(2));
}

//! What an import has read so far. Nothing of it counts until it is planned and applied; every write is fenced by the operation's
//! lease, so that a runner that was given up cannot mix its pages with its successor's.

use std::collections::{BTreeMap, HashMap};

use super::{Conn, Failure, OrgScope, Store, StoreError, staged};
use crate::{
    capabilities::directory::{Group, MemberChange, Person},
    store::{
        OperationLease, Recorded,
        db::{Job, Reach, Row, Value},
        operation_lease::fence,
    },
};

/// What was read of the directory since the last time, the last word on everything.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// People by object id.
    pub people: BTreeMap<String, FoundPerson>,
    /// Groups by object id.
    pub groups: BTreeMap<String, FoundGroup>,
    /// Members that came or went, by group and member.
    pub members: BTreeMap<(String, String), MemberChange>,
}

/// What was read of a person.
#[derive(Debug, Clone)]
pub enum FoundPerson {
    /// In the pages.
    Listed(Person),
    /// Asked for alone, because the pages had left them out.
    LookedUp(Person),
    /// Microsoft says that there is no such person.
    Gone,
}

/// What was read of a group.
#[derive(Debug, Clone)]
pub enum FoundGroup {
    /// Among the groups asked for.
    Listed(Group, ReadMembers),
    /// Only because it is inside another one, or was known before.
    Nested(Group, ReadMembers),
    /// Microsoft says that there is no such group.
    Gone,
}

/// Which members of a group were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMembers {
    /// All: who is not staged is not a member.
    Whole,
    /// Those that changed.
    Changes,
}

const PUT_PEOPLE: &str = "INSERT INTO staged_user (org, operation_id, object_id, found, user_principal_name, upn_key, display_name, \
    mail, department, department_key, job_title, search_key, guest, enabled) VALUES {rows} \
    ON CONFLICT (org, operation_id, object_id) DO UPDATE SET found = excluded.found, \
    user_principal_name = excluded.user_principal_name, upn_key = excluded.upn_key, display_name = excluded.display_name, \
    mail = excluded.mail, department = excluded.department, department_key = excluded.department_key, \
    job_title = excluded.job_title, search_key = excluded.search_key, guest = excluded.guest, enabled = excluded.enabled";

const KNOWN_GONE: &str = "INSERT INTO staged_user (org, operation_id, object_id, found, user_principal_name, upn_key, display_name, \
    mail, department, department_key, job_title, search_key, guest, enabled) \
    SELECT u.org, $2, u.object_id, 'gone', u.user_principal_name, u.upn_key, u.display_name, u.mail, u.department, \
    u.department_key, u.job_title, u.search_key, u.guest, u.enabled FROM directory_user u \
    WHERE u.org = $1 AND u.object_id IN (VALUES {rows}) ON CONFLICT (org, operation_id, object_id) DO UPDATE SET found = 'gone'";

const READ_GONE: &str =
    "UPDATE staged_user SET found = 'gone' WHERE org = $1 AND operation_id = $2 AND object_id IN (VALUES {rows})";

const PUT_GROUPS: &str = "INSERT INTO staged_group (org, operation_id, object_id, found, display_name, description, search_key, \
    members) VALUES {rows} ON CONFLICT (org, operation_id, object_id) DO UPDATE SET found = excluded.found, \
    display_name = excluded.display_name, description = excluded.description, search_key = excluded.search_key, \
    members = excluded.members";

const PUT_MEMBERS: &str = "INSERT INTO staged_member (org, operation_id, group_id, member_id, kind, removed) VALUES {rows} \
    ON CONFLICT (org, operation_id, group_id, member_id) DO UPDATE SET kind = excluded.kind, removed = excluded.removed";

const DROP_MEMBERS: &str = "DELETE FROM staged_member WHERE org = $1 AND operation_id = $2 AND group_id IN (VALUES {rows})";

const KNOWN_PEOPLE: &str = "WITH v(object_id) AS (VALUES {rows}) SELECT v.object_id, COALESCE(s.user_principal_name, u.user_principal_name), \
    CASE WHEN s.object_id IS NULL THEN u.display_name ELSE s.display_name END, CASE WHEN s.object_id IS NULL THEN u.mail ELSE s.mail END, \
    CASE WHEN s.object_id IS NULL THEN u.department ELSE s.department END, \
    CASE WHEN s.object_id IS NULL THEN u.job_title ELSE s.job_title END, COALESCE(s.guest, u.guest), COALESCE(s.enabled, u.enabled) \
    FROM v LEFT JOIN staged_user s ON s.org = $1 AND s.operation_id = $2 AND s.object_id = v.object_id \
    LEFT JOIN directory_user u ON u.org = $1 AND u.object_id = v.object_id \
    WHERE s.object_id IS NOT NULL OR u.object_id IS NOT NULL";

const KNOWN_GROUPS: &str = "WITH v(object_id) AS (VALUES {rows}) SELECT g.object_id, g.display_name, g.description, g.status FROM v \
    JOIN directory_group g ON g.org = $1 AND g.object_id = v.object_id";

impl Store {
    /// Writes down what was read.
    pub async fn stage(&self, lease: &OperationLease, batch: Batch) -> Result<Recorded, StoreError> {
        let reach = Reach::from(&lease.scope);
        let (lease, rows) = (lease.clone(), Rows::of(lease, batch));
        let job: Job<Recorded> = Box::new(move |tx| {
            let (lease, rows) = (lease.clone(), rows.clone());
            Box::pin(async move {
                if !fence(&mut tx.conn, &lease).await? {
                    return Ok(Recorded::LeaseLost);
                }
                rows.write(&mut tx.conn, &staged(&lease.scope, &lease.id)).await?;
                Ok(Recorded::Done)
            })
        });
        self.write(reach, "staging what was read of the directory", job).await
    }

    /// The people of these ids as they were last read by this import, or before it.
    pub async fn known_people(&self, lease: &OperationLease, ids: Vec<String>) -> Result<HashMap<String, Person>, StoreError> {
        const DOING: &str = "reading known people";
        let mut conn = self.read(&lease.scope, DOING).await?;
        let rows = conn.many(KNOWN_PEOPLE, &staged(&lease.scope, &lease.id), keys(ids)).await;
        rows.and_then(|rows| rows.iter().map(|row| person(row).map(|person| (person.object_id.clone(), person))).collect())
            .map_err(|failure| failure.doing(DOING))
    }

    /// The groups of these ids that are known, and whether each is there.
    pub async fn known_groups(&self, scope: &OrgScope, ids: Vec<String>) -> Result<HashMap<String, (Group, bool)>, StoreError> {
        const DOING: &str = "reading known groups";
        let mut conn = self.read(scope, DOING).await?;
        let group = |row: &Row| {
            let group = Group { object_id: row.text(0)?, display_name: row.text(1)?, description: row.maybe_text(2)? };
            Ok((group.object_id.clone(), (group, row.text(3)? == "active")))
        };
        let rows = conn.many(KNOWN_GROUPS, &[scope.as_str().into()], keys(ids)).await;
        rows.and_then(|rows| rows.iter().map(group).collect()).map_err(|failure| failure.doing(DOING))
    }
}

fn keys(ids: Vec<String>) -> Vec<[Value; 1]> {
    ids.into_iter().map(|id| [id.into()]).collect()
}

fn person(row: &Row) -> Result<Person, Failure> {
    Ok(Person {
        object_id: row.text(0)?,
        user_principal_name: row.text(1)?,
        display_name: row.maybe_text(2)?,
        mail: row.maybe_text(3)?,
        department: row.maybe_text(4)?,
        job_title: row.maybe_text(5)?,
        guest: row.int(6)? == 1,
        enabled: row.int(7)? == 1,
    })
}

/// A batch as rows of statements.
#[derive(Clone, Default)]
struct Rows {
    people: Vec<[Value; 14]>,
    gone_people: Vec<[Value; 1]>,
    groups: Vec<[Value; 8]>,
    /// Groups whose members are read anew, or are no more.
    emptied: Vec<[Value; 1]>,
    members: Vec<[Value; 6]>,
}

impl Rows {
    fn of(lease: &OperationLease, batch: Batch) -> Self {
        let mut rows = Self::default();
        for (id, found) in batch.people {
            match found {
                FoundPerson::Listed(person) => rows.people.push(person_row(lease, "listed", person)),
                FoundPerson::LookedUp(person) => rows.people.push(person_row(lease, "looked", person)),
                FoundPerson::Gone => rows.gone_people.push([id.into()]),
            }
        }
        for (id, found) in batch.groups {
            let (found, group, members) = match found {
                FoundGroup::Listed(group, members) => ("listed", group, members),
                FoundGroup::Nested(group, members) => ("nested", group, members),
                FoundGroup::Gone => ("gone", nameless(&id), ReadMembers::Whole),
            };
            if members == ReadMembers::Whole {
                rows.emptied.push([id.into()]);
            }
            rows.groups.push(group_row(lease, found, group, members));
        }
        for ((group, member), change) in batch.members {
            let [org, operation] = of(lease);
            let kind = change.member.kind.label().into();
            rows.members.push([org, operation, group.into(), member.into(), kind, change.removed.into()]);
        }
        rows
    }

    async fn write(self, conn: &mut Conn, staged: &[Value]) -> Result<(), Failure> {
        conn.many(PUT_PEOPLE, &[], self.people).await?;
        conn.many(READ_GONE, staged, self.gone_people.clone()).await?;
        conn.many(KNOWN_GONE, staged, self.gone_people).await?;
        conn.many(PUT_GROUPS, &[], self.groups).await?;
        conn.many(DROP_MEMBERS, staged, self.emptied).await?;
        conn.many(PUT_MEMBERS, &[], self.members).await.map(drop)
    }
}

fn of(lease: &OperationLease) -> [Value; 2] {
    [lease.scope.as_str().into(), lease.id.as_str().into()]
}

/// The name of a group that is gone is the one that is known of it; see the plan.
fn nameless(id: &str) -> Group {
    Group { object_id: id.to_owned(), display_name: String::new(), description: None }
}

fn person_row(lease: &OperationLease, found: &str, person: Person) -> [Value; 14] {
    let [org, operation] = of(lease);
    let department_key = person.department.as_deref().map(str::to_lowercase);
    let upn_key = person.user_principal_name.to_lowercase();
    let search_key = search_key([person.display_name.as_deref(), Some(&person.user_principal_name), person.mail.as_deref()]);
    [
        org,
        operation,
        person.object_id.into(),
        found.into(),
        person.user_principal_name.into(),
        upn_key.into(),
        person.display_name.into(),
        person.mail.into(),
        person.department.into(),
        department_key.into(),
        person.job_title.into(),
        search_key.into(),
        person.guest.into(),
        person.enabled.into(),
    ]
}

fn group_row(lease: &OperationLease, found: &str, group: Group, members: ReadMembers) -> [Value; 8] {
    let [org, operation] = of(lease);
    let search_key = search_key([Some(&group.display_name), group.description.as_deref(), None]);
    let members = match members {
        ReadMembers::Whole => "whole",
        ReadMembers::Changes => "changes",
    };
    [
        org,
        operation,
        group.object_id.into(),
        found.into(),
        group.display_name.into(),
        group.description.into(),
        search_key.into(),
        members.into(),
    ]
}

/// What a search looks in: the texts in lower case, a line each, so that no search matches across two of them.
fn search_key(texts: [Option<&str>; 3]) -> String {
    texts.into_iter().flatten().map(str::to_lowercase).collect::<Vec<_>>().join("\n")
}

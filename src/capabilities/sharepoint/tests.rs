//! A zone's life in a list in memory, with everything that can go wrong between: the real decisions, and a list that answers as
//! SharePoint does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    Rival, Zones,
    plan::{self, Plan},
    target::{Column, ColumnType, Mapping, Retire, Target},
};
use crate::{
    capabilities::{Capability, Decision, FailureKind, PlaceState, Understood, Version, Work},
    events::EventContext,
    graph::{Graph, GraphError, Request, Response, Verdict},
    organisation::OrganisationId,
};

/// What happens to the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It takes effect, and its answer is lost.
    AnswerLost,
    /// It does not take effect, and nobody says so.
    CallLost,
    /// It is refused for now.
    Throttled,
}

#[derive(Debug, Clone, Default)]
struct Items {
    next: u64,
    by_id: BTreeMap<u64, (u64, Map<String, Value>)>,
    calls: Vec<String>,
    faults: Vec<Fault>,
}

/// A list in memory.
#[derive(Clone)]
struct FakeList(Arc<Mutex<Items>>, Target);

impl FakeList {
    fn of(target: &Target) -> Self {
        Self(Arc::default(), target.clone())
    }

    fn items(&self) -> std::sync::MutexGuard<'_, Items> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, fields: &Value) -> u64 {
        let mut items = self.items();
        items.next += 1;
        let id = items.next;
        items.by_id.insert(id, (1, fields.as_object().unwrap().clone()));
        id
    }

    fn edit(&self, id: u64, column: &str, value: Value) {
        let mut items = self.items();
        let (version, fields) = items.by_id.get_mut(&id).unwrap();
        *version += 1;
        fields.insert(column.to_owned(), value);
    }

    fn fault(&self, fault: Fault) {
        self.items().faults.push(fault);
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.items().calls)
    }

    fn all(&self) -> Vec<Map<String, Value>> {
        self.items().by_id.values().map(|(_, fields)| fields.clone()).collect()
    }

    fn shown(id: u64, version: u64, fields: &Map<String, Value>) -> Value {
        json!({ "id": id.to_string(), "eTag": format!("\"g,{version}\""), "fields": fields })
    }

    fn effect(&self, request: &Request) -> Result<Value, GraphError> {
        let mut items = self.items();
        let rest = request.path.split_once("/items").unwrap().1;
        let id: Option<u64> = rest.trim_start_matches('/').split('/').next().and_then(|id| id.parse().ok());
        let body = request.body.clone().unwrap_or_default();
        items.calls.push(format!("{} {}", request.method, rest));
        match (request.method.as_str(), id) {
            ("GET", None) => {
                let filter = request.query.iter().find(|(name, _)| *name == "$filter").unwrap().1.clone();
                let wanted = filter.split_once(" eq ").unwrap().1.trim_matches('\'').replace("''", "'");
                let fits =
                    |fields: &Map<String, Value>| fields["Key"].as_str().is_some_and(|key| key.eq_ignore_ascii_case(&wanted));
                let found = items.by_id.iter().filter(|(_, (_, fields))| fits(fields));
                Ok(
                    json!({ "value": found.map(|(id, (version, fields))| Self::shown(*id, *version, fields)).collect::<Vec<_>>() }),
                )
            }
            ("POST", None) => {
                let fields = body["fields"].as_object().unwrap().clone();
                let taken = items.by_id.values().any(|(_, other)| other["Key"] == fields["Key"]);
                if taken && self.1.match_column.unique {
                    return Err(refusal(400, Verdict::Rejected));
                }
                items.next += 1;
                let id = items.next;
                items.by_id.insert(id, (1, fields.clone()));
                Ok(Self::shown(id, 1, &fields))
            }
            ("GET", Some(id)) => {
                let (version, fields) = items.by_id.get(&id).ok_or_else(|| refusal(404, Verdict::NotFound))?;
                Ok(Self::shown(id, *version, fields))
            }
            ("PATCH" | "DELETE", Some(id)) => {
                let (version, fields) = items.by_id.get_mut(&id).ok_or_else(|| refusal(404, Verdict::NotFound))?;
                let sent = request.headers.iter().find(|(name, _)| *name == "If-Match").map(|(_, tag)| tag.clone());
                if sent.is_some_and(|tag| tag != format!("\"g,{version}\"")) {
                    return Err(refusal(412, Verdict::Conflict));
                }
                if request.method == "DELETE" {
                    items.by_id.remove(&id);
                    return Ok(Value::Null);
                }
                *version += 1;
                fields.extend(body.as_object().unwrap().clone());
                Ok(json!({ "@odata.etag": format!("\"g,{version}\"") }))
            }
            other => panic!("{other:?}"),
        }
    }
}

fn refusal(status: u16, verdict: Verdict) -> GraphError {
    GraphError {
        verdict,
        code: format!("http{status}"),
        message: String::new(),
        status: Some(status),
        request_id: None,
        detail: Value::Null,
        elapsed: std::time::Duration::ZERO,
        source: None,
    }
}

impl Graph for FakeList {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        let fault = self.items().faults.pop();
        let lost = || if request.repeatable { Verdict::Transient } else { Verdict::Ambiguous };
        match fault {
            Some(Fault::CallLost) => return Err(GraphError { status: None, ..refusal(0, lost()) }),
            Some(Fault::Throttled) => {
                let scope = crate::graph::ThrottleScope::Workload;
                return Err(refusal(429, Verdict::Throttled { until: DateTime::<Utc>::UNIX_EPOCH, scope }));
            }
            Some(Fault::AnswerLost) => {
                self.effect(&request).unwrap_or_default();
                return Err(GraphError { status: None, ..refusal(0, lost()) });
            }
            None => {}
        }
        self.effect(&request).map(|body| Response { status: 200, body, request_id: Some("r".into()), clock_skew_ms: None })
    }

    async fn follow(&self, _link: &str, _like: &Request) -> Result<Response, GraphError> {
        panic!("no page has a next one")
    }
}

fn column(name: &str, kind: ColumnType) -> Column {
    Column { name: name.into(), kind, indexed: true, unique: true }
}

fn target(retire: Retire) -> Target {
    Target {
        site_id: "h,s,w".into(),
        list_id: "L".into(),
        match_field: "zoneId".into(),
        match_column: column("Key", ColumnType::Text),
        fields: vec![
            Mapping { zone_field: "name".into(), column: column("Title", ColumnType::Text) },
            Mapping { zone_field: "attributes.people".into(), column: column("People", ColumnType::Number) },
        ],
        retire,
        retire_column: Some(column("Gone", ColumnType::Boolean)),
    }
}

/// A list that takes a value twice, and so in two cases.
fn not_unique() -> Target {
    let plain = target(Retire::Leave);
    Target { match_column: Column { unique: false, ..plain.match_column.clone() }, ..plain }
}

fn wanted(name: &str, people: u64) -> Value {
    json!({ "state": "present", "name": name, "attributes": { "people": people } })
}

/// A zone between claims.
struct Zone {
    zones: Zones,
    list: FakeList,
    work: Work,
}

impl Zone {
    fn new(target: Target) -> Self {
        let list = FakeList::of(&target);
        let context = EventContext {
            id: "e".into(),
            source: "/t".into(),
            time: DateTime::<Utc>::UNIX_EPOCH,
            subject: None,
            correlation_id: None,
            causation_id: None,
            traceparent: None,
            tracestate: None,
            data_classification: None,
        };
        let work = Work {
            organisation: OrganisationId::parse("acme").unwrap(),
            key: "Z'1 #%é".into(),
            version: Version { event: 1, mutation: 0 },
            wanted: wanted("North", 5),
            context,
            generation: 0,
            recheck: false,
            places: Vec::new(),
            failures: Vec::new(),
            looked: std::collections::BTreeSet::new(),
            briefing: None,
            understood: Understood::default(),
        };
        Self { zones: Zones::into_list(Arc::new(target)), list, work }
    }

    fn wants(&mut self, wanted: Value) -> &mut Self {
        self.work.wanted = wanted;
        self.work.version.event += 1;
        self
    }

    /// One claim to its end: the last decision, and how it failed.
    async fn run(&mut self) -> (Decision<super::Call>, Vec<FailureKind>) {
        self.work.failures.clear();
        self.work.looked.clear();
        for _ in 0..40 {
            match self.zones.decide(&self.work, DateTime::<Utc>::UNIX_EPOCH) {
                Decision::Call(call) => {
                    if let Some(intent) = self.zones.intend(&self.work, &call) {
                        self.work.apply_intent(&intent);
                    }
                    let answer = self.zones.perform(&self.list, &self.work, &call).await;
                    let learned = self.zones.learn(&self.work, &call, answer);
                    self.work.apply(&learned);
                }
                end => return (end, self.work.failures.iter().map(|failure| failure.kind.clone()).collect()),
            }
        }
        panic!("the claim went in circles");
    }

    async fn settles(&mut self) -> Vec<String> {
        let (end, failures) = self.run().await;
        assert_eq!((&end, failures.len()), (&Decision::Settled, 0), "{:?}", self.work.failures);
        self.list.calls()
    }
}

#[tokio::test]
async fn a_zone_is_looked_for_created_once_and_left_alone_while_it_says_the_same() {
    let mut zone = Zone::new(target(Retire::Leave));
    assert_eq!(zone.settles().await, ["GET ", "POST "]);
    assert_eq!(zone.list.all()[0]["People"], 5);
    assert!(zone.wants(wanted("North", 5)).settles().await.is_empty(), "nothing differs");
    assert_eq!(zone.wants(wanted("North", 6)).settles().await, ["PATCH /1/fields"]);
    assert_eq!((zone.list.all().len(), &zone.list.all()[0]["People"]), (1, &json!(6)));
}

#[tokio::test]
async fn an_item_that_is_there_already_is_taken_over_and_changed_only_where_it_differs() {
    let mut zone = Zone::new(not_unique());
    zone.list.add(&json!({ "Key": "Z'1 #%é", "Title": "North", "People": 4, "Own": "kept" }));
    zone.list.add(&json!({ "Key": "z'1 #%é", "Title": "another zone, whose key differs in case" }));
    assert_eq!(zone.settles().await, ["GET ", "PATCH /1/fields"]);
    assert_eq!(zone.list.all()[0]["Own"], "kept");
    assert_eq!(zone.list.all().len(), 2);
}

#[tokio::test]
async fn where_values_are_unique_an_item_in_another_case_is_the_zones_own() {
    let mut zone = Zone::new(target(Retire::Leave));
    zone.list.add(&json!({ "Key": "z'1 #%é", "Title": "North", "People": 5 }));
    assert_eq!(zone.settles().await, ["GET ", "PATCH /1/fields"]);
    assert_eq!(zone.list.all()[0]["Key"], "Z'1 #%é", "the list would refuse a second one");
}

#[tokio::test]
async fn a_zone_with_a_rival_touches_no_item() {
    let mut zone = Zone::new(target(Retire::Delete));
    zone.list.add(&json!({ "Key": "z'1 #%é", "Title": "the other zone's" }));
    zone.zones = zone.zones.clone().beside(Some(Rival { zone_id: "Z-7".into(), leaving: false }));
    let (end, _) = zone.run().await;
    let Decision::Impossible { code: "MATCH_CONFLICT", message } = end else { panic!("{end:?}") };
    assert!(message.contains("zone Z'1 #%é") && message.contains("zone Z-7") && message.contains("column Key"), "{message}");
    assert!(zone.wants(json!({ "state": "removed" })).settles().await.is_empty(), "what its value finds is the other's");
}

#[tokio::test]
async fn several_matches_are_a_conflict_that_names_them() {
    let mut zone = Zone::new(target(Retire::Leave));
    zone.list.add(&json!({ "Key": "Z'1 #%é" }));
    zone.list.add(&json!({ "Key": "Z'1 #%é" }));
    let (end, failures) = zone.run().await;
    assert_eq!((end, failures), (Decision::Stop, vec![FailureKind::Permanent]));
    let failure = &zone.work.failures[0];
    assert_eq!(failure.code, "MATCH_CONFLICT");
    assert!(failure.message.contains("items 1, 2"), "{}", failure.message);
    assert_eq!(zone.list.all().len(), 2);
}

#[tokio::test]
async fn a_look_up_that_fails_is_never_none() {
    let mut zone = Zone::new(target(Retire::Leave));
    zone.list.fault(Fault::CallLost);
    let (end, failures) = zone.run().await;
    assert_eq!((end, failures), (Decision::Stop, vec![FailureKind::Transient]));
    assert!(zone.list.all().is_empty() && zone.work.places.is_empty());
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_looked_for_before_it_is_repeated() {
    for (fault, calls) in [(Fault::AnswerLost, vec!["GET "]), (Fault::CallLost, vec!["GET ", "POST "])] {
        let mut zone = Zone::new(target(Retire::Leave));
        // With a reading that knows of nothing the creation is the first call.
        let asking = zone.zones.clone();
        zone.zones = asking.clone().knowing(Vec::new());
        zone.list.fault(fault);
        let (end, failures) = zone.run().await;
        assert_eq!((end, failures), (Decision::Stop, vec![FailureKind::Ambiguous]));
        assert_eq!(zone.work.places[0].state, PlaceState::Unknown);
        zone.zones = asking;
        zone.list.calls();
        assert_eq!(zone.settles().await, calls);
        assert_eq!(zone.list.all().len(), 1);
    }
}

#[tokio::test]
async fn a_creation_that_the_list_refuses_as_a_second_one_becomes_a_change() {
    let mut zone = Zone::new(target(Retire::Leave));
    // Somebody adds it between our look and our creation: the reading knows nothing of it.
    zone.list.add(&json!({ "Key": "Z'1 #%é", "Title": "by hand" }));
    zone.zones = zone.zones.clone().knowing(Vec::new());
    assert_eq!(zone.settles().await, ["POST ", "GET ", "PATCH /1/fields"]);
    assert_eq!(zone.list.all().len(), 1);
}

#[tokio::test]
async fn an_edit_in_between_is_read_again_and_not_overwritten_blindly() {
    let mut zone = Zone::new(target(Retire::Leave));
    zone.settles().await;
    zone.list.edit(1, "Own", json!("by hand"));
    zone.list.edit(1, "Title", json!("renamed by hand"));
    let calls = zone.wants(wanted("North", 9)).settles().await;
    assert_eq!(calls, ["PATCH /1/fields", "GET /1", "PATCH /1/fields"]);
    let item = &zone.list.all()[0];
    assert_eq!((&item["Title"], &item["People"], &item["Own"]), (&json!("North"), &json!(9), &json!("by hand")));
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_compared_again() {
    let mut zone = Zone::new(target(Retire::Leave));
    zone.settles().await;
    zone.list.fault(Fault::AnswerLost);
    let (_, failures) = zone.wants(wanted("South", 5)).run().await;
    assert_eq!(failures, [FailureKind::Transient]);
    zone.list.calls();
    assert_eq!(zone.settles().await, ["GET /1"], "it took effect, and is not sent twice");
    assert_eq!(zone.list.all()[0]["Title"], "South");
}

#[tokio::test]
async fn an_item_deleted_by_hand_is_created_again() {
    let mut zone = Zone::new(target(Retire::Leave));
    zone.settles().await;
    zone.list.items().by_id.clear();
    assert_eq!(zone.wants(wanted("South", 5)).settles().await, ["PATCH /1/fields", "GET ", "POST "]);
    assert_eq!(zone.list.all().len(), 1);
}

#[tokio::test]
async fn a_throttled_creation_leaves_nothing_open() {
    let mut zone = Zone::new(target(Retire::Leave));
    zone.zones = zone.zones.clone().knowing(Vec::new());
    zone.list.fault(Fault::Throttled);
    let (_, failures) = zone.run().await;
    assert!(matches!(failures[0], FailureKind::Throttled { whole_workload: true, .. }));
    assert!(zone.work.places.is_empty());
}

#[tokio::test]
async fn a_zone_that_is_gone_is_left_marked_or_deleted_as_the_rule_says_and_comes_back() {
    let gone = json!({ "state": "removed" });
    let mut left = Zone::new(target(Retire::Leave));
    left.settles().await;
    assert!(left.wants(gone.clone()).settles().await.is_empty());

    let mut marked = Zone::new(target(Retire::Mark));
    marked.settles().await;
    assert_eq!(marked.wants(gone.clone()).settles().await, ["PATCH /1/fields"]);
    assert_eq!(marked.list.all()[0]["Gone"], true);
    assert_eq!(marked.wants(wanted("North", 5)).settles().await, ["PATCH /1/fields"]);
    assert_eq!(marked.list.all()[0]["Gone"], false);

    let mut deleted = Zone::new(target(Retire::Delete));
    deleted.settles().await;
    assert_eq!(deleted.wants(gone.clone()).settles().await, ["DELETE /1"]);
    assert!(deleted.list.all().is_empty() && deleted.work.places.is_empty());
    deleted.wants(wanted("North", 5)).settles().await;
    assert_eq!(deleted.list.all().len(), 1);
    // Deleted by hand meanwhile.
    deleted.list.items().by_id.clear();
    deleted.wants(gone).settles().await;
}

#[tokio::test]
async fn the_item_of_a_gone_zone_is_deleted_only_as_it_was_looked_at() {
    let gone = json!({ "state": "removed" });
    let mut edited = Zone::new(target(Retire::Delete));
    edited.settles().await;
    edited.list.edit(1, "Own", json!("by hand"));
    assert_eq!(edited.wants(gone.clone()).settles().await, ["DELETE /1", "GET /1", "DELETE /1"]);

    for retire in [Retire::Delete, Retire::Mark] {
        let mut given_away = Zone::new(target(retire));
        given_away.settles().await;
        given_away.list.edit(1, "Key", json!("another zone's by now"));
        given_away.wants(gone.clone()).settles().await;
        let marked = given_away.list.all()[0].get("Gone").and_then(Value::as_bool);
        assert_ne!(marked, Some(true), "{retire:?}");
    }
}

#[tokio::test]
async fn the_items_of_another_list_are_left_alone() {
    let mut zone = Zone::new(target(Retire::Delete));
    zone.settles().await;
    let other = Target { list_id: "M".into(), ..target(Retire::Delete) };
    zone.zones = Zones::into_list(Arc::new(other.clone()));
    let first = std::mem::replace(&mut zone.list, FakeList::of(&other));
    assert_eq!(zone.settles().await, ["GET ", "POST "]);
    zone.wants(json!({ "state": "removed" })).settles().await;
    assert_eq!(first.all().len(), 1);
    assert_eq!(zone.work.places.iter().map(|place| place.target.as_str()).collect::<Vec<_>>(), ["h,s,w/l"]);
}

#[test]
fn a_value_that_does_not_fit_names_zone_and_column() {
    let mut zone = Zone::new(target(Retire::Leave));
    zone.wants(json!({ "state": "present", "name": "N", "attributes": { "people": "many" } }));
    let Decision::Impossible { code, message } = zone.zones.decide(&zone.work, DateTime::<Utc>::UNIX_EPOCH) else { panic!() };
    assert_eq!(code, "COLUMN_REJECTED");
    assert!(message.contains("Z'1 #%é") && message.contains("column People"), "{message}");
}

#[tokio::test]
async fn a_plan_says_what_a_run_does() {
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let mut zone = Zone::new(target(Retire::Delete));
    let plan_now = |zone: &Zone| {
        let read = |(id, (version, fields)): (&u64, &(u64, Map<String, Value>))| super::Found {
            item_id: id.to_string(),
            etag: Some(format!("\"g,{version}\"")),
            values: fields.clone(),
        };
        let found: Vec<_> = zone.list.items().by_id.iter().map(read).collect();
        let work = Work { looked: std::collections::BTreeSet::new(), ..zone.work.clone() };
        plan::plan(&zone.zones.clone().knowing(found.clone()), work, &found, now)
    };
    assert!(matches!(plan_now(&zone), Plan::Create { after } if after["People"] == 5));
    zone.settles().await;
    assert_eq!(plan_now(&zone), Plan::Unchanged);
    zone.list.edit(1, "Title", json!("by hand"));
    let Plan::Update { before, after, retires } = plan_now(&zone) else { panic!() };
    assert_eq!(
        (Value::Object(before), Value::Object(after), retires),
        (json!({ "Title": "by hand" }), json!({ "Title": "North" }), false)
    );
    zone.wants(json!({ "state": "removed" }));
    assert!(matches!(plan_now(&zone), Plan::Delete { before } if before["Title"] == "by hand"));
    zone.list.items().by_id.clear();
    assert_eq!(plan_now(&zone), Plan::Unchanged);
    assert!(zone.list.calls().iter().all(|call| call.starts_with("GET") || call.starts_with("POST")), "a plan calls nobody");
}

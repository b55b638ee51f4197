use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use super::*;

const SDL: &str = "
type Query { viewer: Viewer tasks(first: Int = 50, after: String): Tasks! self: Query! }
type Viewer { subject: String! }
type Tasks { nodes: [Task!]! }
type Task { id: ID! notes(first: Int = 10): Notes! }
type Notes { nodes: [Note!]! }
type Note { text: String }
";
const LIMITS: Limits = Limits { depth: 12, complexity: 20_000, root_fields: 20, directives: 50 };

fn gate() -> Gate {
    Gate::new(LIMITS, SDL)
}

fn weigh(query: &str, variables: serde_json::Value) -> Weight {
    let gate = gate();
    weigh::document(&parse_query(query).unwrap(), &Variables::from_json(variables), &gate.shape).unwrap()
}

fn code(query: &str) -> Result<(), Code> {
    let started = Instant::now();
    let result = gate().admit(query, &Variables::default()).map(drop).map_err(|refusal| refusal.code);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?} for {query:.60}", started.elapsed());
    result
}

#[test]
fn a_list_costs_its_page_times_its_children() {
    let none = serde_json::json!({});
    assert_eq!(weigh("{ tasks { nodes { id } } }", none.clone()).cost, 1 + 50 * 2);
    assert_eq!(weigh("{ tasks(first: 7) { nodes { id } } }", none.clone()).cost, 1 + 7 * 2);
    assert_eq!(
        weigh("{ tasks(first: 7) { nodes { notes(first: 3) { nodes { text } } } } }", none.clone()).cost,
        1 + 7 * (1 + 1 + 3 * 2)
    );
    assert_eq!(weigh("{ tasks(first: 100000) { nodes { id } } }", none).cost, 1 + 200 * 2);
}

#[test]
fn page_sizes_in_variables_count() {
    let query = "query($n: Int = 9) { tasks(first: $n) { nodes { id } } }";
    assert_eq!(weigh(query, serde_json::json!({ "n": 4 })).cost, 1 + 4 * 2);
    assert_eq!(weigh(query, serde_json::json!({})).cost, 1 + 9 * 2);
    assert_eq!(weigh(query, serde_json::json!({ "n": null })).cost, 1 + 50 * 2);
}

#[test]
fn complexity_is_refused_directly_and_through_fragments() {
    let wide = "a: text ".repeat(10);
    let query = format!("{{ tasks(first: 200) {{ nodes {{ notes(first: 200) {{ nodes {{ {wide} }} }} }} }} }}");
    assert_eq!(code(&query), Err(Code::LimitExceeded));
    let query = "{ tasks(first: 200) { nodes { ...F } } } fragment F on Task { notes(first: 200) { nodes { text } } }";
    assert_eq!(code(query), Err(Code::LimitExceeded));
    assert_eq!(code("{ tasks(first: 200) { nodes { id } } }"), Ok(()));
}

#[test]
fn depth_is_refused_directly_and_through_fragments() {
    let deep = |levels: usize| format!("{}{{ viewer {{ subject }} }}{}", "{ self ".repeat(levels), "}".repeat(levels));
    assert_eq!(code(&deep(10)), Ok(()));
    assert_eq!(code(&deep(11)), Err(Code::LimitExceeded));
    let query =
        format!("{}{{ ...F }}{} fragment F on Query {{ self {{ viewer {{ subject }} }} }}", "{ self ".repeat(10), "}".repeat(10));
    assert_eq!(code(&query), Err(Code::LimitExceeded));
}

#[test]
fn aliases_count_as_root_fields() {
    let aliases = |count: usize| (0..count).map(|n| format!("a{n}: viewer {{ subject }}")).collect::<Vec<_>>().join(" ");
    assert_eq!(code(&format!("{{ {} }}", aliases(20))), Ok(()));
    assert_eq!(code(&format!("{{ {} }}", aliases(21))), Err(Code::LimitExceeded));
    assert_eq!(
        code(&format!("{{ ...F ... on Query {{ {} }} }} fragment F on Query {{ {} }}", aliases(10), aliases(11))),
        Err(Code::LimitExceeded)
    );
    assert_eq!(code(&format!("{{ {} }}", aliases(100_000))), Err(Code::LimitExceeded));
}

#[test]
fn directives_are_counted_wherever_they_stand() {
    let directives = |count: usize| "@include(if: true) ".repeat(count);
    assert_eq!(code(&format!("{{ viewer {{ subject {} }} }}", directives(50))), Ok(()));
    assert_eq!(code(&format!("{{ viewer {{ subject {} }} }}", directives(51))), Err(Code::LimitExceeded));
    assert_eq!(code(&format!("{{ viewer {{ ... {} {{ subject }} }} }}", directives(51))), Err(Code::LimitExceeded));
    assert_eq!(code(&format!("query {} {{ viewer {{ subject }} }}", directives(51))), Err(Code::LimitExceeded));
}

#[test]
fn fragments_that_contain_themselves_are_refused() {
    assert_eq!(code("{ ...A } fragment A on Query { ...A }"), Err(Code::BadUserInput));
    assert_eq!(code("{ ...A } fragment A on Query { ...B } fragment B on Query { self { ...A } }"), Err(Code::BadUserInput));
}

#[test]
fn fragments_that_double_at_every_level_are_weighed_at_once() {
    let mut query = String::from("{ ...F0 }");
    for level in 0..28 {
        write!(query, " fragment F{level} on Query {{ ...F{0} ...F{0} }}", level + 1).unwrap();
    }
    query += " fragment F28 on Query { viewer { subject } }";
    assert_eq!(code(&query), Err(Code::LimitExceeded));
}

#[test]
fn a_chain_of_a_thousand_fragments_does_not_exhaust_the_stack() {
    let mut query = String::from("{ ...F0 }");
    for level in 0..1000 {
        write!(query, " fragment F{level} on Query {{ ...F{} }}", level + 1).unwrap();
    }
    assert_eq!(code(&query), Err(Code::LimitExceeded));
}

#[test]
fn introspection_is_free_of_depth_but_not_of_cost() {
    let of_types = (0..8).fold(String::from("name"), |inner, _| format!("name ofType {{ {inner} }}"));
    let usual = format!(
        "{{ __schema {{ types {{ name fields {{ name args {{ name type {{ {of_types} }} }} type {{ {of_types} }} }} }} }} }}"
    );
    assert_eq!(code(&usual), Ok(()));
    let greedy = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }";
    assert_eq!(code(greedy), Err(Code::LimitExceeded));
}

#[test]
fn text_that_does_not_parse_is_the_callers_mistake() {
    for query in ["", "{", "}", "{ viewer { } }", "query", "\u{0}", "{ a(b: 1e999999) }", "💥"] {
        assert_eq!(code(query), Err(Code::BadUserInput), "{query:?}");
    }
}

#[test]
fn a_syntax_error_is_located_without_quoting_the_query() {
    let query = "mutation { registerConnection(input: { applicationSecret: \"s3cret\" ) { state } }";
    let refusal = gate().admit(query, &Variables::default()).unwrap_err();
    assert!(refusal.message.contains("line 1, column") && !refusal.message.contains("s3cret"), "{}", refusal.message);
}

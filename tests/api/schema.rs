//! The exported schema: committed as it is, and a part of the contract.

use std::{collections::BTreeMap, fs, path::Path};

use argus_m365::api::sdl;
use async_graphql::parser::{
    parse_schema,
    types::{FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition},
};

fn at(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_committed_schema_is_the_one_in_the_code() {
    let path = at("schema.graphql");
    #[expect(clippy::disallowed_methods, reason = "a switch for developers: UPDATE_SCHEMA=1 writes the file anew")]
    if std::env::var("UPDATE_SCHEMA").is_ok() {
        fs::write(&path, sdl()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == sdl(), "schema.graphql is out of date: run this test once with UPDATE_SCHEMA=1 and commit the file");
}

/// Every name that a schema defines, with what makes it what it is: `Query.tasks(first)` → `Int = 50`.
fn names(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for definition in parse_schema(text).unwrap().definitions {
        if let TypeSystemDefinition::Type(ty) = definition {
            describe(&ty.node, &mut found);
        }
    }
    found
}

fn describe(ty: &TypeDefinition, found: &mut BTreeMap<String, String>) {
    let name = ty.name.node.as_str();
    let kind = match &ty.kind {
        TypeKind::Scalar => "scalar",
        TypeKind::Object(object) => {
            object.fields.iter().for_each(|field| describe_field(name, &field.node, found));
            "type"
        }
        TypeKind::Enum(choices) => {
            for choice in &choices.values {
                found.insert(format!("{name}.{}", choice.node.value.node), "a value".into());
            }
            "enum"
        }
        TypeKind::InputObject(input) => {
            for field in &input.fields {
                found.insert(format!("{name}.{}", field.node.name.node), describe_input(&field.node));
            }
            "input"
        }
        TypeKind::Interface(_) | TypeKind::Union(_) => "another kind",
    };
    found.insert(name.to_owned(), kind.to_owned());
}

fn describe_field(owner: &str, field: &FieldDefinition, found: &mut BTreeMap<String, String>) {
    let name = format!("{owner}.{}", field.name.node);
    for argument in &field.arguments {
        found.insert(format!("{name}({})", argument.node.name.node), describe_input(&argument.node));
    }
    found.insert(name, field.ty.node.to_string());
}

fn describe_input(input: &InputValueDefinition) -> String {
    let default = input.default_value.as_ref().map(|value| format!(" = {}", value.node)).unwrap_or_default();
    format!("{}{default}", input.ty.node)
}

/// The contract writes out no `XConnection` and `XEdge`; its last comment says what they are.
fn lists(contract: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of = |suffix: &str| {
        let mut bases: Vec<_> =
            contract.values().filter_map(|ty| Some(ty.trim_end_matches('!').strip_suffix(suffix)?.to_owned())).collect();
        bases.dedup();
        bases
    };
    let mut found = BTreeMap::new();
    for base in of("Connection").into_iter().filter(|base| !base.is_empty()) {
        for (name, is) in [
            (format!("{base}Connection"), "type".to_owned()),
            (format!("{base}Connection.edges"), format!("[{base}Edge!]!")),
            (format!("{base}Connection.nodes"), format!("[{base}!]!")),
            (format!("{base}Connection.pageInfo"), "PageInfo!".to_owned()),
            (format!("{base}Connection.totalCount"), "Int!".to_owned()),
            (format!("{base}Edge"), "type".to_owned()),
            (format!("{base}Edge.cursor"), "String!".to_owned()),
            (format!("{base}Edge.node"), format!("{base}!")),
        ] {
            found.insert(name, is);
        }
    }
    found
}

/// What is told beyond the contract: it may be added to, never renamed.
const ADDED: [&str; 5] =
    ["ZoneTarget.warnings", "ZoneTarget.siteId", "ZoneTarget.listId", "ZoneTarget.setAt", "ZoneTarget.publicationId"];

#[test]
fn everything_exported_is_in_the_contract() {
    let Ok(contract) = fs::read_to_string(at("../shared/contract/schema.graphql")) else {
        println!("skipped: the contract is not beside the repository");
        return;
    };
    let mut contract = names(&contract);
    contract.extend(lists(&contract));
    let ours = names(&sdl());
    let foreign = ours.iter().filter(|(name, is)| contract.get(*name) != Some(is) && !ADDED.contains(&name.as_str()));
    let foreign: Vec<_> = foreign.collect();
    assert!(foreign.is_empty(), "not as in the contract: {foreign:#?}");
}

#[test]
fn what_is_exported_of_a_type_is_all_of_it() {
    let Ok(contract) = fs::read_to_string(at("../shared/contract/schema.graphql")) else {
        println!("skipped: the contract is not beside the repository");
        return;
    };
    let ours = names(&sdl());
    let missing: Vec<_> = names(&contract)
        .into_keys()
        .filter(|name| name.split_once('.').is_some_and(|(owner, _)| ours.contains_key(owner)))
        .filter(|name| !name.starts_with("Query.") && !name.starts_with("Mutation.") && !ours.contains_key(name))
        .collect();
    assert_eq!(missing, [""; 0]);
}

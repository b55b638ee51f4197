//! The schema as introspection shows it: what can be asked for, and all that can be read of an answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::Connector;

/// How deep answers are read.
const DEPTH: u32 = 4;

pub(crate) struct Schema {
    types: BTreeMap<String, Value>,
}

const TYPE: &str = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";

/// The innermost name of a type.
fn named(ty: &Value) -> &str {
    let mut ty = ty;
    while !ty["ofType"].is_null() {
        ty = &ty["ofType"];
    }
    ty["name"].as_str().unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

impl Schema {
    pub(crate) async fn of(connector: &Connector) -> Self {
        let query = format!(
            "{{ __schema {{ types {{ kind name inputFields {{ name type {{ {TYPE} }} }} \
             fields {{ name args {{ name type {{ {TYPE} }} }} type {{ {TYPE} }} }} }} }} }}"
        );
        let answer = connector.data(&query, Value::Null).await;
        let types = list(&answer["__schema"], "types").map(|ty| (ty["name"].as_str().unwrap().to_owned(), ty.clone()));
        Self { types: types.collect() }
    }

    /// The fields of `Query` or `Mutation`.
    pub(crate) fn fields(&self, root: &str) -> Vec<&Value> {
        list(&self.types[root], "fields").collect()
    }

    /// The names of a field's arguments, and of everything inside them.
    pub(crate) fn arguments(&self, field: &Value) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for argument in list(field, "args") {
            self.input(argument, &mut names);
        }
        names
    }

    fn input(&self, value: &Value, names: &mut BTreeSet<String>) {
        names.insert(value["name"].as_str().unwrap().to_owned());
        for inner in list(&self.types[named(&value["type"])], "inputFields") {
            self.input(inner, names);
        }
    }

    /// Everything that can be read of a field's answer without asking for more.
    pub(crate) fn selection(&self, field: &Value) -> String {
        self.of_type(named(&field["type"]), DEPTH)
    }

    fn of_type(&self, name: &str, depth: u32) -> String {
        let ty = &self.types[name];
        if ty["kind"] != "OBJECT" {
            return String::new();
        }
        let mut parts = vec!["__typename".to_owned()];
        for field in list(ty, "fields") {
            let (name, of) = (field["name"].as_str().unwrap(), named(&field["type"]));
            let is_object = self.types[of]["kind"] == "OBJECT";
            if is_object && depth == 0 {
                continue;
            }
            let page = if list(field, "args").any(|argument| argument["name"] == "first") { "(first: 5)" } else { "" };
            parts.push(format!("{name}{page}{}", self.of_type(of, depth.saturating_sub(1))));
        }
        format!(" {{ {} }}", parts.join(" "))
    }
}

//! Single objects: the organisation, one person, one group.

use serde_json::{Map, Value, json};

use super::{DirectoryCall, READ, USER_ROLES, denied, not_found, properties, query};
use crate::simulator::{
    call::{Call, Reply},
    errors::Failure,
    identity::Grant,
    rules,
};

const ORGANIZATION_PROPERTIES: &[&str] = &["id", "displayName", "verifiedDomains", "tenantType"];

/// `GET /organization`.
pub(crate) fn organization(call: &Call, grant: &Grant) -> Result<Reply, Failure> {
    rules::check(call, READ)?;
    if !grant.has(USER_ROLES) && !grant.has(&["Organization.Read.All"]) {
        return Err(denied());
    }
    let wanted = query::select_alone(call, ORGANIZATION_PROPERTIES, ORGANIZATION_PROPERTIES)?;
    let tenant = &grant.tenant;
    let domains: Vec<Value> =
        tenant.domain.iter().map(|name| json!({"name": name, "isDefault": true, "isInitial": false})).collect();
    let all = json!({"id": tenant.id, "displayName": tenant.display_name, "tenantType": "AAD", "verifiedDomains": domains});
    let kept = wanted.iter().filter_map(|name| all.get(name).map(|value| (name.clone(), value.clone())));
    let context = format!("{}/v1.0/$metadata#organization", call.origin());
    let body = json!({"@odata.context": context, "value": [Value::Object(kept.collect::<Map<_, _>>())]});
    Ok(Reply::json(200, body.to_string().into_bytes()))
}

/// `GET /users/{id}`.
pub(super) fn user(directory: &DirectoryCall<'_>, key: &str) -> Result<Reply, Failure> {
    let wanted = query::select_alone(directory.call, properties::USER, properties::USER_DEFAULT)?;
    let state = directory.grant.tenant.directory.read();
    let user = state.user(key).ok_or_else(|| not_found(key))?;
    let context = format!("{}/v1.0/$metadata#users/$entity", directory.call.origin());
    let mut body = Vec::with_capacity(512);
    properties::object(&mut body, &[("@odata.context", &context)], &wanted, |name| properties::of_user(user, name));
    Ok(Reply::json(200, body))
}

/// `GET /groups/{id}`. Groups have no other key than the object id.
pub(super) fn group(directory: &DirectoryCall<'_>, key: &str) -> Result<Reply, Failure> {
    let wanted = query::select_alone(directory.call, properties::GROUP, properties::GROUP_DEFAULT)?;
    let state = directory.grant.tenant.directory.read();
    let group = state.group(key).ok_or_else(|| not_found(key))?;
    let context = format!("{}/v1.0/$metadata#groups/$entity", directory.call.origin());
    let mut body = Vec::with_capacity(512);
    properties::object(&mut body, &[("@odata.context", &context)], &wanted, |name| properties::of_group(group, name));
    Ok(Reply::json(200, body))
}

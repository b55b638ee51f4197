//! The organisation and its people.

use serde_json::{Map, Value, json};

use super::{
    calendar::select,
    call::{Call, Reply},
    errors::Failure,
    identity::Grant,
    rules::{self, Allowed},
};

const READ: Allowed = Allowed { body: false, if_match: false, query: true };
const DIRECTORY_ROLES: &[&str] = &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
const USER_PROPERTIES: &[&str] =
    &["id", "displayName", "userPrincipalName", "mail", "accountEnabled", "userType", "department", "jobTitle", "officeLocation"];
/// What a user shows without `$select`, of what is known here.
const USER_DEFAULT: &[&str] = &["id", "displayName", "userPrincipalName", "mail", "jobTitle", "officeLocation"];
const ORGANIZATION_PROPERTIES: &[&str] = &["id", "displayName", "verifiedDomains", "tenantType"];

/// `GET /organization`.
pub(crate) fn organization(call: &Call, grant: &Grant) -> Result<Reply, Failure> {
    rules::check(call, READ)?;
    if !grant.has(DIRECTORY_ROLES) && !grant.has(&["Organization.Read.All"]) {
        return Err(denied());
    }
    let wanted = wanted(call, ORGANIZATION_PROPERTIES, ORGANIZATION_PROPERTIES)?;
    let tenant = &grant.tenant;
    let domains: Vec<Value> =
        tenant.domain.iter().map(|name| json!({"name": name, "isDefault": true, "isInitial": false})).collect();
    let all = json!({"id": tenant.id, "displayName": tenant.display_name, "tenantType": "AAD", "verifiedDomains": domains});
    let context = format!("{}/v1.0/$metadata#organization", call.origin());
    Ok(Reply::json(200, json!({"@odata.context": context, "value": [cut(&all, &wanted)]}).to_string().into_bytes()))
}

/// `GET /users/{id}`.
pub(crate) fn user(call: &Call, grant: &Grant, key: &str) -> Result<Reply, Failure> {
    rules::check(call, READ)?;
    if !grant.has(DIRECTORY_ROLES) {
        return Err(denied());
    }
    let wanted = wanted(call, USER_PROPERTIES, USER_DEFAULT)?;
    let person = grant.tenant.person(key).ok_or_else(|| not_found(key))?;
    let spec = &person.spec;
    let all = json!({
        "id": spec.id, "displayName": spec.display_name, "userPrincipalName": spec.user_principal_name,
        "mail": spec.user_principal_name, "accountEnabled": spec.account_enabled, "userType": "Member",
        "department": null, "jobTitle": null, "officeLocation": null,
    });
    let Value::Object(mut body) = cut(&all, &wanted) else { return Err(not_found(key)) };
    body.insert("@odata.context".into(), json!(format!("{}/v1.0/$metadata#users/$entity", call.origin())));
    Ok(Reply::json(200, Value::Object(body).to_string().into_bytes()))
}

/// 404 of the directory.
pub(crate) fn not_found(key: &str) -> Failure {
    let text = format!("Resource '{key}' does not exist or one of its queried reference-property objects are not present.");
    Failure::new(404, "Request_ResourceNotFound", text)
}

fn denied() -> Failure {
    Failure::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

fn wanted(call: &Call, known: &[&str], default: &[&str]) -> Result<Vec<String>, Failure> {
    let options = call.options().unwrap_or_default();
    match options.as_slice() {
        [] => Ok(default.iter().map(|&name| name.to_owned()).collect()),
        [(name, value)] if name == "$select" => select(value, known),
        _ => Err(Failure::malformed("Request_BadRequest", "Only $select is described for this call here.")),
    }
}

fn cut(all: &Value, wanted: &[String]) -> Value {
    let kept = wanted.iter().filter_map(|name| all.get(name).map(|value| (name.clone(), value.clone())));
    Value::Object(kept.collect::<Map<_, _>>())
}

//! `/users` and `/groups`, page by page.

use serde::Serialize;

use super::{
    DirectoryCall, properties,
    query::{self, Query, Shape},
    state::{Group, User},
    token,
};
use crate::simulator::{call::Reply, errors::Failure};

/// `GET /users`.
pub(super) fn users(directory: &DirectoryCall<'_>) -> Result<Reply, Failure> {
    let query = query::parse(directory.call, Shape { properties: properties::USER, navigation: &[], delta: false })?;
    let state = directory.grant.tenant.directory.read();
    let fits = |user: &&User| {
        user.deleted.is_none()
            && query.filter.as_ref().is_none_or(|filter| filter.fits(&|name: &str| properties::of_user(user, name)))
    };
    let from = start(directory, &query)?;
    let places = state.users.iter().enumerate().skip(from).filter(|(_, user)| fits(user));
    let names = names(&query, properties::USER_DEFAULT);
    let mut page = Page::new(directory, "users", &query);
    if query.count {
        page.count(state.users.iter().filter(fits).count());
    }
    for (at, user) in places {
        if !page.add(at, |out| properties::object(out, &[], &names, |name| properties::of_user(user, name))) {
            break;
        }
    }
    Ok(page.finish())
}

/// `GET /groups`.
pub(super) fn groups(directory: &DirectoryCall<'_>) -> Result<Reply, Failure> {
    let query = query::parse(directory.call, Shape { properties: properties::GROUP, navigation: &[], delta: false })?;
    let state = directory.grant.tenant.directory.read();
    let fits = |group: &&Group| {
        group.deleted.is_none()
            && query.filter.as_ref().is_none_or(|filter| filter.fits(&|name: &str| properties::of_group(group, name)))
    };
    let from = start(directory, &query)?;
    let places = state.groups.iter().enumerate().skip(from).filter(|(_, group)| fits(group));
    let names = names(&query, properties::GROUP_DEFAULT);
    let mut page = Page::new(directory, "groups", &query);
    if query.count {
        page.count(state.groups.iter().filter(fits).count());
    }
    for (at, group) in places {
        if !page.add(at, |out| properties::object(out, &[], &names, |name| properties::of_group(group, name))) {
            break;
        }
    }
    Ok(page.finish())
}

/// The place that a page starts at.
pub(super) fn start(directory: &DirectoryCall<'_>, query: &Query) -> Result<usize, Failure> {
    let Some(text) = &query.skip_token else { return Ok(0) };
    let call = directory.call;
    token::read(text, &directory.grant.tenant.id, &call.path, &token::others(call))
}

/// The properties to show.
pub(super) fn names(query: &Query, default: &[&str]) -> Vec<String> {
    if query.select.is_empty() { default.iter().map(|&name| name.to_owned()).collect() } else { query.select.clone() }
}

/// A page being written.
pub(super) struct Page<'a> {
    directory: &'a DirectoryCall<'a>,
    out: Vec<u8>,
    room: usize,
    first: bool,
    value_begun: bool,
    rest: Option<String>,
}

impl<'a> Page<'a> {
    pub(super) fn new(directory: &'a DirectoryCall<'a>, what: &str, query: &Query) -> Self {
        let mut out = Vec::with_capacity(16 * 1024);
        out.extend_from_slice(b"{\"@odata.context\":");
        properties::string(&mut out, &format!("{}/v1.0/$metadata#{what}", directory.call.origin()));
        let size = query.top.unwrap_or(query::PAGE).min(directory.grant.tenant.settings().directory.list_page);
        let room = directory.page_limit.map_or(size, |limit| limit.min(size));
        Self { directory, out, room, first: true, value_begun: false, rest: None }
    }

    /// States how many objects the whole list has.
    pub(super) fn count(&mut self, count: usize) {
        self.out.extend_from_slice(format!(",\"@odata.count\":{count}").as_bytes());
    }

    /// Adds an object if there is room; `false` when there is none, and the next page starts with it.
    pub(super) fn add(&mut self, at: impl Serialize, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.room == 0 {
            let (call, tenant) = (self.directory.call, &self.directory.grant.tenant.id);
            let others = token::others(call);
            let token = token::write(at, tenant, &call.path, &others);
            let ahead = if others.is_empty() { String::new() } else { format!("{others}&") };
            self.rest = Some(format!("{}{}?{ahead}$skiptoken={token}", call.origin(), call.path));
            return false;
        }
        self.room -= 1;
        self.begin_value();
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        write(&mut self.out);
        true
    }

    pub(super) fn finish(mut self) -> Reply {
        self.begin_value();
        self.out.push(b']');
        if let Some(link) = self.rest.take() {
            self.out.extend_from_slice(b",\"@odata.nextLink\":");
            properties::string(&mut self.out, &link);
        }
        self.out.push(b'}');
        Reply::json(200, self.out)
    }

    fn begin_value(&mut self) {
        if !std::mem::replace(&mut self.value_begun, true) {
            self.out.extend_from_slice(b",\"value\":[");
        }
    }
}

//! SharePoint sites, lists, columns and items as Graph v1.0 shows them.
//!
//! Sources: Microsoft, "site resource type", "list resource type", "columnDefinition resource type", "listItem resource type", "List
//! items", "Create a new item in a list", "Update an item in a list", "Delete an item from a list", "Avoid getting throttled or
//! blocked in SharePoint Online".
//!
//! [`spec`] what a tenant is made from · [`site`] sites and who may · [`list`] items and their indexes · [`mod@column`] what a column
//! takes · [`filter`] and [`query`] the options · [`read`] and [`mod@write`] the calls · [`meter`] resource units · [`report`] for tests.

mod column;
mod filter;
mod list;
mod meter;
mod query;
mod read;
mod report;
mod site;
mod spec;
mod write;

use chrono::{DateTime, Utc};

pub(crate) use meter::RateLimit;
pub(crate) use report::lists;
pub use report::{ItemReport, ListReport};
pub(crate) use site::Sites;
pub use spec::{ColumnKind, ColumnSpec, ListSpec, SharePointSettings, SiteGrant, SiteSpec};
pub use write::ItemAct;
pub(crate) use write::by_hand;

use super::{
    call::{Call, Reply},
    errors::Failure,
    identity::Grant,
    route::{InList, Route},
    tenant::TenantSettings,
};

/// A call on SharePoint, with everything that it needs.
#[derive(Debug)]
pub(crate) struct ListCall<'a> {
    pub(crate) call: &'a Call,
    pub(crate) grant: &'a Grant,
    pub(crate) settings: &'a TenantSettings,
    pub(crate) now: DateTime<Utc>,
    /// At most so many items on the page: a fault.
    pub(crate) page_limit: Option<usize>,
}

/// Answers a SharePoint route.
pub(crate) fn answer(route: &Route, list_call: &ListCall<'_>) -> Result<Reply, Failure> {
    let sites = &list_call.grant.tenant.sites;
    match route {
        Route::Site { site } => {
            let site = sites.find(site)?;
            site.admits(list_call.grant, false)?;
            read::site(list_call, &site)
        }
        Route::Lists { site } => {
            let site = sites.find(site)?;
            site.admits(list_call.grant, false)?;
            read::lists(list_call, &site)
        }
        Route::List { site, list, within } => {
            let site = sites.find(site)?;
            site.admits(list_call.grant, within.writes())?;
            let list = site.list(list)?;
            match within {
                InList::Itself => read::list(list_call, &site, list),
                InList::Columns => read::columns(list_call, list),
                InList::Items => read::items(list_call, (&site, list)),
                InList::CreateItem => write::create(list_call, (&site, list)),
                InList::Item(id) => read::item(list_call, (&site, list), id),
                InList::DeleteItem(id) => write::delete(list_call, list, id),
                InList::Fields(id) => read::fields(list_call, list, id),
                InList::UpdateFields(id) => write::update_fields(list_call, list, id),
            }
        }
        _ => Err(Failure::malformed("BadRequest", "Not a SharePoint call.")),
    }
}

//! A tenant's sites, and who may do what in them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::RwLock;

use super::{
    list::{List, not_found},
    meter::Meter,
    spec::{SiteGrant, SiteSpec},
};
use crate::simulator::{errors::Failure, identity::Grant, route::SiteRef};

/// Roles that reach every site: for reading, and for writing items.
const READ_ALL: &[&str] = &["Sites.Read.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"];
const WRITE_ALL: &[&str] = &["Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"];
/// Roles that reach what was granted besides.
const SELECTED: &[&str] = &["Sites.Selected", "Lists.SelectedOperations.Selected"];

/// A tenant's SharePoint.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    all: RwLock<Vec<Arc<Site>>>,
    pub(crate) meter: Meter,
}

/// A site at work.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) display_name: String,
    grants: Vec<SiteGrant>,
    pub(crate) lists: Vec<Arc<List>>,
}

impl Sites {
    /// Adds a site, in place of the one with the same id.
    pub(crate) fn add(&self, spec: SiteSpec, now: DateTime<Utc>) {
        let site = Site {
            id: spec.id,
            path: spec.path,
            display_name: spec.display_name,
            grants: spec.grants,
            lists: spec.lists.into_iter().map(|list| Arc::new(List::new(list, now))).collect(),
        };
        let mut all = self.all.write();
        all.retain(|other| !other.id.eq_ignore_ascii_case(&site.id));
        all.push(Arc::new(site));
    }

    /// Every site, in the order they were added.
    pub(crate) fn all(&self) -> Vec<Arc<Site>> {
        self.all.read().clone()
    }

    /// A list of any site, by its id.
    pub(crate) fn list(&self, id: &str) -> Option<Arc<List>> {
        self.all.read().iter().flat_map(|site| &site.lists).find(|list| list.id.eq_ignore_ascii_case(id)).cloned()
    }

    /// The site that a path names.
    pub(super) fn find(&self, wanted: &SiteRef) -> Result<Arc<Site>, Failure> {
        let all = self.all.read();
        let fits = |site: &&Arc<Site>| match wanted {
            SiteRef::Id(id) if id == "root" => site.path.is_empty(),
            // A hostname alone is its root site.
            SiteRef::Id(id) if !id.contains(',') => site.path.is_empty() && site.hostname().eq_ignore_ascii_case(id),
            SiteRef::Id(id) => site.id.eq_ignore_ascii_case(id),
            SiteRef::Path { hostname, path } => {
                site.hostname().eq_ignore_ascii_case(hostname)
                    && site.path.trim_matches('/').eq_ignore_ascii_case(path.trim_matches('/'))
            }
        };
        all.iter().find(fits).cloned().ok_or_else(|| Failure::new(404, "itemNotFound", "Requested site could not be found"))
    }
}

impl Site {
    /// Where it is.
    pub(crate) fn hostname(&self) -> &str {
        self.id.split(',').next().unwrap_or_default()
    }

    /// A list by id, or by title without case.
    pub(super) fn list(&self, key: &str) -> Result<&Arc<List>, Failure> {
        let fits = |list: &&Arc<List>| list.id.eq_ignore_ascii_case(key) || list.title.to_lowercase() == key.to_lowercase();
        self.lists.iter().find(fits).ok_or_else(not_found)
    }

    /// Whether the caller may, by a role for every site or by a grant on this one.
    pub(super) fn admits(&self, grant: &Grant, writes: bool) -> Result<(), Failure> {
        let given = self.grants.iter().any(|given| given.app.eq_ignore_ascii_case(&grant.app) && (given.write || !writes));
        if grant.has(if writes { WRITE_ALL } else { READ_ALL }) || (given && grant.has(SELECTED)) {
            return Ok(());
        }
        Err(Failure::new(403, "accessDenied", "Access denied"))
    }
}

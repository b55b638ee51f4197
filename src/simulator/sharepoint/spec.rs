//! What a tenant's SharePoint is made from. The same words as JSON (`POST /_sim/tenants`) and as Rust.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A site.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SiteSpec {
    /// `hostname,siteCollectionGuid,webGuid`.
    pub id: String,
    /// Below its host: `/sites/ops`; empty for the host's root site.
    #[serde(default)]
    pub path: String,
    /// The name shown.
    #[serde(default)]
    pub display_name: String,
    /// Applications that an administrator granted this site (`Sites.Selected`), by id.
    #[serde(default)]
    pub grants: Vec<SiteGrant>,
    /// Its lists.
    #[serde(default)]
    pub lists: Vec<ListSpec>,
}

/// What `POST /sites/{id}/permissions` gave to an application.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SiteGrant {
    /// The application (client) id.
    pub app: String,
    /// `write`; else `read` only.
    #[serde(default)]
    pub write: bool,
}

/// A list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListSpec {
    /// A GUID, unique in the tenant.
    pub id: String,
    /// Its title, unique in its site without case.
    pub title: String,
    /// Its columns beside those that every list has (`ID`, `Title`, `Created`, `Modified`, `Author`, `Editor`). One called `Title`
    /// here replaces that one.
    #[serde(default)]
    pub columns: Vec<ColumnSpec>,
    /// The fields of the items it begins with. They are taken as they are.
    #[serde(default)]
    pub items: Vec<Map<String, Value>>,
}

/// A column.
#[expect(clippy::struct_excessive_bools, reason = "the property list is Microsoft's")]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ColumnSpec {
    /// The internal name, for ever the one it was made with: `Zone_x0020_ID`.
    pub name: String,
    /// The name people see.
    pub display_name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it can be filtered on.
    pub indexed: bool,
    /// Whether a value may stand in one item only (without case). Implies an index.
    pub enforce_unique_values: bool,
    /// Whether Graph refuses to write it.
    pub read_only: bool,
    /// Whether people do not see it.
    pub hidden: bool,
    /// Whether forms ask for it. Graph writes items without it all the same.
    pub required: bool,
}

/// What a column holds: Microsoft's facets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ColumnKind {
    /// A single line, at most 255 characters.
    #[default]
    Text,
    /// Several lines.
    MultilineText,
    /// A number.
    Number,
    /// An amount of money.
    Currency,
    /// Yes or no.
    Boolean,
    /// An instant, or a day.
    DateTime,
    /// One of several words.
    Choice {
        /// The words.
        choices: Vec<String>,
        /// Whether others are taken.
        allow_text_entry: bool,
    },
    /// Some of several words.
    MultiChoice {
        /// The words.
        choices: Vec<String>,
        /// Whether others are taken.
        allow_text_entry: bool,
    },
    /// An item of another list, by number.
    Lookup,
    /// A person, by number in the site's user information list.
    Person,
    /// A link or a picture: cannot be written through Graph.
    HyperlinkOrPicture,
    /// A place: cannot be written through Graph.
    Geolocation,
    /// Computed from other columns.
    Calculated,
    /// A managed metadata term: cannot be written through Graph.
    Term,
    /// An image: cannot be written through Graph.
    Thumbnail,
}

/// How a tenant's SharePoint behaves where Microsoft leaves it open, and how much it allows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SharePointSettings {
    /// Resource units per application and window; without a limit when absent. Microsoft's smallest tenants have 1,250 a minute.
    pub units: Option<u64>,
    /// Length of that window in seconds.
    pub window_s: u64,
    /// 429 or 503: what an application gets that has used them up.
    pub over_status: u16,
    /// Whether `RateLimit-*` headers come from 80 % of the limit on. Microsoft calls them a beta.
    pub rate_limit_headers: bool,
    /// Rows above which a filter may not have to look at more than this many.
    pub threshold: usize,
    /// Items on a page when `$top` is absent.
    pub page_size: usize,
    /// What a second item with a unique value gets: 400, 409 or 500. Microsoft documents no code.
    pub duplicate_status: u16,
    /// What a value of the wrong type gets: 400 or 500, `generalException` both.
    pub type_error_status: u16,
}

impl Default for SharePointSettings {
    fn default() -> Self {
        Self {
            units: None,
            window_s: 60,
            over_status: 429,
            rate_limit_headers: true,
            threshold: 5_000,
            page_size: 200,
            duplicate_status: 400,
            type_error_status: 400,
        }
    }
}

impl ColumnSpec {
    /// A column that can be written.
    pub fn new(name: &str, display_name: &str, kind: ColumnKind) -> Self {
        Self { name: name.to_owned(), display_name: display_name.to_owned(), kind, ..Self::default() }
    }

    /// With an index.
    #[must_use]
    pub fn indexed(self) -> Self {
        Self { indexed: true, ..self }
    }

    /// With an index, and each value only once.
    #[must_use]
    pub fn unique(self) -> Self {
        Self { indexed: true, enforce_unique_values: true, ..self }
    }
}

impl SiteSpec {
    /// Id of [`SiteSpec::demo`].
    pub const DEMO_ID: &'static str =
        "acme-water.sharepoint.example,2c712604-1370-44e7-a1f5-426573fda80a,2d2244c3-251a-49ea-93a8-39e1c3a060fe";
    /// Id of the list in [`SiteSpec::demo`].
    pub const DEMO_LIST: &'static str = "7b2f9c04-5d1e-4a86-9f30-c5e8d1a7b642";

    /// The site `acme-water.sharepoint.example:/sites/ops` with an empty list `Zones`, whose `Zone ID` is unique.
    pub fn demo() -> Self {
        let choices = |words: &[&str]| ColumnKind::Choice {
            choices: words.iter().map(|&word| word.to_owned()).collect(),
            allow_text_entry: false,
        };
        Self {
            id: Self::DEMO_ID.to_owned(),
            path: "/sites/ops".to_owned(),
            display_name: "Operations".to_owned(),
            grants: Vec::new(),
            lists: vec![ListSpec {
                id: Self::DEMO_LIST.to_owned(),
                title: "Zones".to_owned(),
                columns: vec![
                    ColumnSpec::new("Zone_x0020_ID", "Zone ID", ColumnKind::Text).unique(),
                    ColumnSpec::new("Kind", "Kind", ColumnKind::Text),
                    ColumnSpec::new("Utility", "Utility", choices(&["electricity", "gas", "water", "wastewater", "heat"])),
                    ColumnSpec::new("Boundary", "Boundary", ColumnKind::MultilineText),
                    ColumnSpec::new("Latitude", "Latitude", ColumnKind::Number),
                    ColumnSpec::new("Longitude", "Longitude", ColumnKind::Number),
                    ColumnSpec::new("Customers", "Customers", ColumnKind::Number),
                    ColumnSpec::new("Inspected", "Last inspected", ColumnKind::DateTime),
                    ColumnSpec::new("Retired", "Retired", ColumnKind::Boolean),
                    ColumnSpec::new("Place", "Place", ColumnKind::Geolocation),
                    ColumnSpec::new("Map", "Map", ColumnKind::HyperlinkOrPicture),
                ],
                items: Vec::new(),
            }],
        }
    }
}

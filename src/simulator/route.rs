//! Which call a method and a path are. What is not in this table is refused.

use http::Method;

use super::{call::Call, directory::Cast, errors::Failure};

/// The calls that the simulator knows. Fixed words are compared with case: Graph is more lenient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `POST /{tenant}/oauth2/v2.0/token`
    Token { tenant: String },
    /// `POST /{tenant}/oauth2/v2.0/devicecode`
    DeviceCode { tenant: String },
    /// `GET /v1.0/organization`
    Organization,
    /// `GET /v1.0/users/{user}`
    User { user: String },
    /// `GET /v1.0/users`
    Users,
    /// `GET /v1.0/users/delta`
    UsersDelta,
    /// `GET /v1.0/groups`
    Groups,
    /// `GET /v1.0/groups/delta`
    GroupsDelta,
    /// `GET /v1.0/groups/{group}`
    Group { group: String },
    /// `GET /v1.0/groups/{group}/members` or `/transitiveMembers`, perhaps with `/microsoft.graph.user` or `…group`
    Members { group: String, transitive: bool, cast: Option<Cast> },
    /// `POST /v1.0/users/{user}/events`
    CreateEvent { user: String },
    /// `GET /v1.0/users/{user}/events`
    ListEvents { user: String },
    /// `GET /v1.0/users/{user}/calendarView`
    CalendarView { user: String },
    /// `GET /v1.0/users/{user}/events/{id}`
    ReadEvent { user: String, id: String },
    /// `PATCH /v1.0/users/{user}/events/{id}`
    UpdateEvent { user: String, id: String },
    /// `DELETE /v1.0/users/{user}/events/{id}`
    DeleteEvent { user: String, id: String },
    /// `GET /v1.0/sites/{site}`
    Site { site: SiteRef },
    /// `GET /v1.0/sites/{site}/lists`
    Lists { site: SiteRef },
    /// Anything at or below `/v1.0/sites/{site}/lists/{list}`
    List { site: SiteRef, list: String, within: InList },
    /// `POST /v1.0/$batch`
    Batch,
    /// `POST /v1.0/teams/{team}/channels/{channel}/messages`, and `…/messages/{id}/replies`
    PostMessage { channel: ChannelName, under: Option<String> },
    /// `GET` of the same
    ListMessages { channel: ChannelName, under: Option<String> },
    /// `POST` to a workflow's URL: not Graph, and without a token.
    Webhook { name: String },
}

/// A channel as paths name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChannelName {
    pub(crate) team: String,
    pub(crate) channel: String,
}

/// How a path names a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SiteRef {
    /// `root`, a hostname, or `hostname,siteCollectionGuid,webGuid`.
    Id(String),
    /// `{hostname}:/{path}`, closed with a colon when more follows.
    Path { hostname: String, path: String },
}

/// A call at or below a list. `{item}` is an item's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InList {
    /// `GET`
    Itself,
    /// `GET /columns`
    Columns,
    /// `GET /items`
    Items,
    /// `POST /items`
    CreateItem,
    /// `GET /items/{item}`
    Item(String),
    /// `DELETE /items/{item}`
    DeleteItem(String),
    /// `GET /items/{item}/fields`
    Fields(String),
    /// `PATCH /items/{item}/fields`
    UpdateFields(String),
}

impl InList {
    /// Whether it changes the list.
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::CreateItem | Self::DeleteItem(_) | Self::UpdateFields(_))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Itself => "list",
            Self::Columns => "columns",
            Self::Items => "listItems",
            Self::CreateItem => "createItem",
            Self::Item(_) => "readItem",
            Self::DeleteItem(_) => "deleteItem",
            Self::Fields(_) => "readFields",
            Self::UpdateFields(_) => "updateFields",
        }
    }
}

impl Route {
    /// The route of a call.
    pub(crate) fn of(call: &Call) -> Result<Self, Failure> {
        if let Some(odd) = call.path.chars().chain(call.query.chars()).find(|letter| "{}<>\" ".contains(*letter)) {
            return Err(Failure::malformed("BadRequest", format!("The URL has an unescaped '{odd}'.")));
        }
        let segments = call.segments().ok_or_else(|| Failure::malformed("BadRequest", "The path is not UTF-8."))?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            [tenant, "oauth2", "v2.0", "token"] if !call.in_batch => {
                only(call, &[(Method::POST, Self::Token { tenant: (*tenant).to_owned() })])
            }
            [tenant, "oauth2", "v2.0", "devicecode"] if !call.in_batch => {
                only(call, &[(Method::POST, Self::DeviceCode { tenant: (*tenant).to_owned() })])
            }
            ["v1.0", "organization"] => only(call, &[(Method::GET, Self::Organization)]),
            ["v1.0", "$batch"] if !call.in_batch => only(call, &[(Method::POST, Self::Batch)]),
            ["v1.0", "users"] => only(call, &[(Method::GET, Self::Users)]),
            ["v1.0", "users", "delta"] => only(call, &[(Method::GET, Self::UsersDelta)]),
            ["v1.0", "groups", rest @ ..] => Self::under_groups(call, rest),
            ["v1.0", "users", user, rest @ ..] if !user.is_empty() => Self::under_user(call, user, rest),
            ["v1.0", "teams", team, "channels", channel, "messages", rest @ ..] => {
                let channel = ChannelName { team: (*team).to_owned(), channel: (*channel).to_owned() };
                let under = match rest {
                    [] => None,
                    [id, "replies"] if !id.is_empty() => Some((*id).to_owned()),
                    _ => return Err(unknown(call)),
                };
                let post = Self::PostMessage { channel: channel.clone(), under: under.clone() };
                only(call, &[(Method::POST, post), (Method::GET, Self::ListMessages { channel, under })])
            }
            ["workflows", name, ..] if !call.in_batch => {
                only(call, &[(Method::POST, Self::Webhook { name: (*name).to_owned() })])
            }
            ["v1.0", "sites", rest @ ..] => Self::under_sites(call, rest),
            ["beta", ..] => Err(Failure::malformed("BadRequest", "The beta endpoint is not for production use.")),
            _ => Err(unknown(call)),
        }
    }

    fn under_groups(call: &Call, rest: &[&str]) -> Result<Self, Failure> {
        let cast = match rest.get(2) {
            None => None,
            Some(&("microsoft.graph.user" | "graph.user")) => Some(Cast::User),
            Some(&("microsoft.graph.group" | "graph.group")) => Some(Cast::Group),
            Some(_) => return Err(unknown(call)),
        };
        let route = match rest {
            [] => Self::Groups,
            ["delta"] => Self::GroupsDelta,
            [group] if !group.is_empty() => Self::Group { group: (*group).to_owned() },
            [group, "members"] | [group, "members", _] => Self::Members { group: (*group).to_owned(), transitive: false, cast },
            [group, "transitiveMembers"] | [group, "transitiveMembers", _] => {
                Self::Members { group: (*group).to_owned(), transitive: true, cast }
            }
            _ => return Err(unknown(call)),
        };
        only(call, &[(Method::GET, route)])
    }

    fn under_user(call: &Call, user: &str, rest: &[&str]) -> Result<Self, Failure> {
        let user = user.to_owned();
        match rest {
            [] => only(call, &[(Method::GET, Self::User { user })]),
            ["events"] | ["calendar", "events"] => {
                let create = Self::CreateEvent { user: user.clone() };
                only(call, &[(Method::POST, create), (Method::GET, Self::ListEvents { user })])
            }
            ["calendarView"] => only(call, &[(Method::GET, Self::CalendarView { user })]),
            ["events", id] | ["calendar", "events", id] if !id.is_empty() => {
                let id = (*id).to_owned();
                let read = Self::ReadEvent { user: user.clone(), id: id.clone() };
                let update = Self::UpdateEvent { user: user.clone(), id: id.clone() };
                only(call, &[(Method::GET, read), (Method::PATCH, update), (Method::DELETE, Self::DeleteEvent { user, id })])
            }
            _ => Err(unknown(call)),
        }
    }

    fn under_sites(call: &Call, path: &[&str]) -> Result<Self, Failure> {
        let (site, rest) = site_ref(path).ok_or_else(|| unknown(call))?;
        match rest {
            [] => only(call, &[(Method::GET, Self::Site { site })]),
            ["lists"] => only(call, &[(Method::GET, Self::Lists { site })]),
            ["lists", list, rest @ ..] if !list.is_empty() => {
                let at = |within| Self::List { site: site.clone(), list: (*list).to_owned(), within };
                match rest {
                    [] => only(call, &[(Method::GET, at(InList::Itself))]),
                    ["columns"] => only(call, &[(Method::GET, at(InList::Columns))]),
                    ["items"] => only(call, &[(Method::GET, at(InList::Items)), (Method::POST, at(InList::CreateItem))]),
                    ["items", item] if is_number(item) => {
                        let item = (*item).to_owned();
                        let read = at(InList::Item(item.clone()));
                        only(call, &[(Method::GET, read), (Method::DELETE, at(InList::DeleteItem(item)))])
                    }
                    ["items", item, "fields"] if is_number(item) => {
                        let item = (*item).to_owned();
                        let read = at(InList::Fields(item.clone()));
                        only(call, &[(Method::GET, read), (Method::PATCH, at(InList::UpdateFields(item)))])
                    }
                    _ => Err(unknown(call)),
                }
            }
            _ => Err(unknown(call)),
        }
    }

    /// What the call costs in SharePoint's resource units; `None` for another service's.
    pub(crate) fn units(&self) -> Option<u64> {
        match self {
            Self::Site { .. } => Some(1),
            Self::Lists { .. } => Some(2),
            Self::List { within, .. } => Some(match within {
                InList::Itself | InList::Item(_) | InList::Fields(_) => 1,
                InList::Columns | InList::Items | InList::CreateItem | InList::DeleteItem(_) | InList::UpdateFields(_) => 2,
            }),
            _ => None,
        }
    }

    /// The mailbox that the call is charged to.
    pub(crate) fn mailbox(&self) -> Option<&str> {
        match self {
            Self::CreateEvent { user }
            | Self::ListEvents { user }
            | Self::CalendarView { user }
            | Self::ReadEvent { user, .. }
            | Self::UpdateEvent { user, .. }
            | Self::DeleteEvent { user, .. } => Some(user),
            _ => None,
        }
    }

    /// A short name for counts.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::DeviceCode { .. } => "deviceCode",
            Self::Organization => "organization",
            Self::User { .. } => "user",
            Self::Users => "users",
            Self::UsersDelta => "usersDelta",
            Self::Groups => "groups",
            Self::GroupsDelta => "groupsDelta",
            Self::Group { .. } => "group",
            Self::Members { transitive: false, .. } => "members",
            Self::Members { transitive: true, .. } => "transitiveMembers",
            Self::CreateEvent { .. } => "createEvent",
            Self::ListEvents { .. } => "listEvents",
            Self::CalendarView { .. } => "calendarView",
            Self::ReadEvent { .. } => "readEvent",
            Self::UpdateEvent { .. } => "updateEvent",
            Self::DeleteEvent { .. } => "deleteEvent",
            Self::Site { .. } => "site",
            Self::Lists { .. } => "lists",
            Self::List { within, .. } => within.name(),
            Self::Batch => "batch",
            Self::PostMessage { under: None, .. } => "postMessage",
            Self::PostMessage { under: Some(_), .. } => "replyMessage",
            Self::ListMessages { .. } => "listMessages",
            Self::Webhook { .. } => "webhook",
        }
    }
}

/// The site at the beginning of a path, and what follows it.
fn site_ref<'a, 'p>(path: &'a [&'p str]) -> Option<(SiteRef, &'a [&'p str])> {
    let (first, rest) = path.split_first()?;
    let Some(hostname) = first.strip_suffix(':') else {
        return (!first.is_empty()).then(|| (SiteRef::Id((*first).to_owned()), rest));
    };
    // Without a closing colon all of it is the site's path.
    let end = rest.iter().position(|segment| segment.ends_with(':'));
    let (path, rest) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
    let path = path.join("/");
    let path = path.trim_end_matches(':').to_owned();
    (!path.is_empty()).then(|| (SiteRef::Path { hostname: hostname.to_owned(), path }, rest))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn only(call: &Call, known: &[(Method, Route)]) -> Result<Route, Failure> {
    let hit = known.iter().find(|(method, _)| *method == call.method).map(|(_, route)| route.clone());
    hit.ok_or_else(|| Failure {
        status: 405,
        ..Failure::malformed("Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    })
}

fn unknown(call: &Call) -> Failure {
    let last = call.path.rsplit('/').next().unwrap_or_default();
    Failure::malformed("BadRequest", format!("Resource not found for the segment '{last}'."))
}

//! Which call a method and a path are. What is not in this table is refused.

use http::Method;

use super::{call::Call, errors::Failure};

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
            ["beta", ..] => Err(Failure::malformed("BadRequest", "The beta endpoint is not for production use.")),
            _ => Err(unknown(call)),
        }
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

    /// The mailbox that the call is charged to.
    pub(crate) fn mailbox(&self) -> Option<&str> {
        match self {
            Self::CreateEvent { user }
            | Self::ListEvents { user }
            | Self::CalendarView { user }
            | Self::ReadEvent { user, .. }
            | Self::UpdateEvent { user, .. }
            | Self::DeleteEvent { user, .. } => Some(user),
            Self::Token { .. }
            | Self::DeviceCode { .. }
            | Self::Organization
            | Self::User { .. }
            | Self::Batch
            | Self::PostMessage { .. }
            | Self::ListMessages { .. }
            | Self::Webhook { .. } => None,
        }
    }

    /// A short name for counts.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::DeviceCode { .. } => "deviceCode",
            Self::Organization => "organization",
            Self::User { .. } => "user",
            Self::CreateEvent { .. } => "createEvent",
            Self::ListEvents { .. } => "listEvents",
            Self::CalendarView { .. } => "calendarView",
            Self::ReadEvent { .. } => "readEvent",
            Self::UpdateEvent { .. } => "updateEvent",
            Self::DeleteEvent { .. } => "deleteEvent",
            Self::Batch => "batch",
            Self::PostMessage { under: None, .. } => "postMessage",
            Self::PostMessage { under: Some(_), .. } => "replyMessage",
            Self::ListMessages { .. } => "listMessages",
            Self::Webhook { .. } => "webhook",
        }
    }
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

//! `/users/delta` and `/groups/delta`: a first round over everything, then rounds over what changed since a link.
//!
//! Source: Microsoft, "Use delta query to track changes in Microsoft Graph data". Tokens of directory objects live seven days; a
//! caller whose token is gone gets 410 with a `Location` to start over at.

use serde::{Deserialize, Serialize};

use super::{
    DirectoryCall,
    entries::{self, Told},
    listing, properties,
    query::{self, Query, Shape},
    state::Directory,
    token,
};
use crate::simulator::{call::Reply, errors::Failure};

/// A round of changes, and how far it is told. A delta link is a round that has not begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Round {
    /// Everything there is, not changes.
    pub(super) first: bool,
    /// Changes from this one on.
    pub(super) from: usize,
    /// Changes before this one; set when the round begins.
    pub(super) to: Option<usize>,
    /// Objects or entries told.
    pub(super) at: usize,
    /// Members told of the object at hand, in the first round.
    pub(super) place: u32,
    /// Properties to show, as bits.
    pub(super) select: u32,
    /// Whether groups tell their members.
    pub(super) members: bool,
    /// Only these objects; all when empty.
    pub(super) ids: Vec<String>,
    /// When the round's link was made, in seconds.
    issued: i64,
    epoch: u32,
}

/// Which kind of object is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Users,
    Groups,
}

impl Kind {
    pub(super) const fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Users => properties::USER,
            Self::Groups => properties::GROUP,
        }
    }

    const fn shown_unasked(self) -> &'static [&'static str] {
        match self {
            Self::Users => properties::USER_DEFAULT,
            Self::Groups => properties::GROUP_DEFAULT,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
        }
    }
}

/// `GET /users/delta`.
pub(super) fn users(directory: &DirectoryCall<'_>) -> Result<Reply, Failure> {
    answer(directory, Kind::Users)
}

/// `GET /groups/delta`.
pub(super) fn groups(directory: &DirectoryCall<'_>) -> Result<Reply, Failure> {
    answer(directory, Kind::Groups)
}

fn answer(directory: &DirectoryCall<'_>, kind: Kind) -> Result<Reply, Failure> {
    let navigation: &[&str] = if kind == Kind::Groups { &["members"] } else { &[] };
    let query = query::parse(directory.call, Shape { properties: kind.properties(), navigation, delta: true })?;
    let minimal = directory.call.header("prefer").is_some_and(|prefer| prefer.contains("return=minimal"));
    let state = directory.grant.tenant.directory.read();
    let mut round = match (&query.skip_token, query.delta_token.as_deref()) {
        (Some(_), Some(_)) => return Err(query::refuse("A link has one token.".to_owned())),
        (Some(text), None) => resumed(directory, &query, &state, text, kind)?,
        (None, None | Some("")) => begun(directory, &query, &state, kind, true)?,
        (None, Some("latest")) => begun(directory, &query, &state, kind, false)?,
        (None, Some(text)) => resumed(directory, &query, &state, text, kind)?,
    };
    let to = *round.to.get_or_insert(state.log.len());
    let settings = directory.grant.tenant.settings();
    let mut told = Told::new(kind, minimal, &settings.directory, directory.page_limit);
    let ended = if round.first {
        entries::everything(&state, &mut round, &mut told)
    } else {
        let replayed = round.from.saturating_sub(settings.directory.delta_replays);
        entries::changes(&state, replayed..to, &mut round, &mut told)
    };
    Ok(written(directory, kind, round, ended.then_some(to), &told.into_json()))
}

/// A round from a call without a token: the first one, or an empty one whose delta link starts now.
fn begun(directory: &DirectoryCall<'_>, query: &Query, state: &Directory, kind: Kind, first: bool) -> Result<Round, Failure> {
    let ids = match &query.filter {
        None => Vec::new(),
        Some(filter) => {
            let ids = filter.ids().filter(|ids| ids.len() <= 50);
            ids.ok_or_else(|| query::refuse("A delta query can only be filtered by up to 50 ids.".to_owned()))?
        }
    };
    let names = listing::names(query, kind.shown_unasked());
    Ok(Round {
        first,
        from: state.log.len(),
        to: None,
        at: 0,
        place: 0,
        // The id always comes along.
        select: properties::mask(kind.properties(), &names) | 1,
        members: names.iter().any(|name| name == "members"),
        ids,
        issued: directory.now.timestamp(),
        epoch: state.epoch,
    })
}

/// The round that a link stands for, unless it is too old.
fn resumed(directory: &DirectoryCall<'_>, query: &Query, state: &Directory, text: &str, kind: Kind) -> Result<Round, Failure> {
    let call = directory.call;
    if !query.select.is_empty() || query.filter.is_some() {
        return Err(query::refuse("Nothing can be added to a delta query's link.".to_owned()));
    }
    let tenant = &directory.grant.tenant;
    let round: Round = token::read(text, &tenant.id, &call.path, "")?;
    let settings = tenant.settings();
    let age = directory.now.timestamp() - round.issued;
    if age > settings.directory.delta_life_s || round.epoch != state.epoch {
        return Err(gone(directory, &round, kind, &settings.directory.delta_gone_code));
    }
    Ok(round)
}

/// 410: start over, at `Location`.
fn gone(directory: &DirectoryCall<'_>, round: &Round, kind: Kind, code: &str) -> Failure {
    let call = directory.call;
    let mut names: Vec<&str> =
        kind.properties().iter().enumerate().filter(|(at, _)| round.select & (1 << at) != 0).map(|(_, name)| *name).collect();
    names.extend(round.members.then_some("members"));
    let location = format!("{}{}?$select={}&$deltatoken=", call.origin(), call.path, names.join(","));
    let text = "The sync state generation is not found; continue with a full synchronization.";
    Failure { headers: vec![("location", location)], ..Failure::new(410, code.to_owned(), text) }
}

/// The page: its link leads to the rest of the round or, when it ended, to the next one.
fn written(directory: &DirectoryCall<'_>, kind: Kind, round: Round, ended: Option<usize>, entries: &[u8]) -> Reply {
    let (call, tenant) = (directory.call, &directory.grant.tenant.id);
    let (name, token, next) = match ended {
        None => ("@odata.nextLink", "$skiptoken", round),
        Some(to) => {
            let issued = directory.now.timestamp();
            let next = Round { first: false, from: to, to: None, at: 0, place: 0, issued, ..round };
            ("@odata.deltaLink", "$deltatoken", next)
        }
    };
    let token = format!("{token}={}", token::write(next, tenant, &call.path, ""));
    let mut out = Vec::with_capacity(entries.len() + 1024);
    out.extend_from_slice(b"{\"@odata.context\":");
    properties::string(&mut out, &format!("{}/v1.0/$metadata#{}", call.origin(), kind.word()));
    out.extend_from_slice(b",\"value\":[");
    out.extend_from_slice(entries);
    out.extend_from_slice(b"],\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    properties::string(&mut out, &format!("{}{}?{token}", call.origin(), call.path));
    out.push(b'}');
    Reply::json(200, out)
}

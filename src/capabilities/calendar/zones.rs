//! How a time is named to Outlook, so that it means the intended instant whatever zone names a mailbox server knows.
//!
//! Outlook takes a wall clock and the name of a zone: every Windows name and a fixed list of IANA names, not every IANA
//! name (Microsoft, "dateTimeTimeZone resource type"). A name is used only when the wall clock sent with it means exactly
//! one instant there, and the intended one; a repeated hour or rules that differ that day therefore end in UTC.

use std::{collections::HashMap, sync::LazyLock};

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::events::task::{Adjustment, Moment};

/// The name of the zone that needs no rules: a Windows name too.
const UTC: &str = "UTC";

/// A wall clock and the zone that it is read in, as sent to Outlook (`dateTimeTimeZone`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ZonedTime {
    /// The wall clock in that zone, without an offset.
    pub(super) date_time: NaiveDateTime,
    /// A zone name that Outlook knows.
    pub(super) time_zone: String,
}

impl ZonedTime {
    /// Names a moment of a window whose zone is `zone`: by the IANA name if Microsoft lists it, else by the Windows name,
    /// else in UTC.
    pub(super) fn of(moment: &Moment, zone: Tz) -> Self {
        let repeated = matches!(moment.adjusted, Some(Adjustment::Repeated { .. }));
        let named = if repeated { None } else { name_for(zone, moment.wall, moment.instant) };
        match named {
            Some(name) => Self { date_time: moment.wall, time_zone: name.to_owned() },
            None => Self { date_time: moment.instant.naive_utc(), time_zone: UTC.to_owned() },
        }
    }

    /// The same instant under the zone's Windows name, which a mailbox server knows before any IANA name; itself where there is
    /// none that means the same.
    pub(super) fn by_windows_name(&self) -> Self {
        let instant = self.instant();
        let windows = self.time_zone.parse().ok().and_then(|zone: Tz| NAMES.windows_of.get(&zone));
        let same = windows.filter(|(_, rules)| instant.is_some() && meaning(*rules, self.date_time) == instant);
        Self { time_zone: same.map_or_else(|| self.time_zone.clone(), |(name, _)| (*name).to_owned()), ..self.clone() }
    }

    /// The same instant in UTC; itself where the instant is not known.
    pub(super) fn in_utc(&self) -> Self {
        match self.instant() {
            Some(instant) => Self { date_time: instant.naive_utc(), time_zone: UTC.to_owned() },
            None => self.clone(),
        }
    }

    /// The instant meant, when the zone's name is known here and the wall clock comes once there.
    pub(super) fn instant(&self) -> Option<DateTime<Utc>> {
        rules_of(&self.time_zone).and_then(|rules| meaning(rules, self.date_time))
    }
}

fn name_for(zone: Tz, wall: NaiveDateTime, instant: DateTime<Utc>) -> Option<&'static str> {
    let names = &*NAMES;
    let listed = names.listed.get(&zone).map(|name| (*name, zone));
    let windows = names.windows_of.get(&zone).copied();
    listed.into_iter().chain(windows).find(|(_, rules)| meaning(*rules, wall) == Some(instant)).map(|(name, _)| name)
}

/// The rules behind a name that Outlook may use in an answer: a Windows name or any IANA name.
fn rules_of(name: &str) -> Option<Tz> {
    NAMES.principal.get(name).copied().or_else(|| name.parse().ok())
}

/// The one instant that a wall clock means in a zone; `None` when it is skipped or comes twice.
fn meaning(rules: Tz, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    rules.from_local_datetime(&wall).single().map(|time| time.with_timezone(&Utc))
}

struct Names {
    /// The IANA names that Microsoft lists.
    listed: HashMap<Tz, &'static str>,
    /// The Windows name that CLDR gives to an IANA zone, and the zone that has the Windows zone's own rules.
    windows_of: HashMap<Tz, (&'static str, Tz)>,
    /// The zone that has a Windows zone's own rules (CLDR's territory 001).
    principal: HashMap<&'static str, Tz>,
}

/// A line that cannot be read is left out, which costs that zone its name and never the right instant; a test reads them all.
static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names { listed: HashMap::new(), windows_of: HashMap::new(), principal: HashMap::new() };
    for name in lines(include_str!("zones/microsoft.txt")) {
        if let Ok(zone) = name.parse() {
            names.listed.insert(zone, name);
        }
    }
    for (windows, principal, zones) in lines(include_str!("zones/windows.txt")).filter_map(windows_line) {
        names.principal.insert(windows, principal);
        names.windows_of.extend(zones.split(' ').filter_map(|zone| zone.parse().ok()).map(|zone| (zone, (windows, principal))));
    }
    names
});

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn windows_line(line: &'static str) -> Option<(&'static str, Tz, &'static str)> {
    let (windows, rest) = line.split_once(" = ")?;
    let (principal, zones) = rest.split_once(": ")?;
    Some((windows, principal.parse().ok()?, zones))
}

#[cfg(test)]
mod tests;

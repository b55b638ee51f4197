//! An event as Graph writes it.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Value;

use super::{
    draft::{BodyType, ExtendedProperty, Importance, Location, Sensitivity, ShowAs},
    event::Event,
    zones,
};
use crate::simulator::tenant::Person;

/// How the caller wants events written: the `Prefer` tokens and `$expand`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presentation {
    /// `IdType="ImmutableId"`.
    pub(crate) immutable_ids: bool,
    /// `outlook.timezone="…"`: the name as sent and its rules; UTC when absent.
    pub(crate) zone: Option<(String, Tz)>,
    /// `outlook.body-content-type="text"`.
    pub(crate) text_bodies: bool,
    /// `odata.maxpagesize`.
    pub(crate) page_size: Option<usize>,
    /// Extended properties to show.
    pub(crate) expand: Vec<String>,
    /// `HonorNonIndexedQueriesWarningMayFailRandomly`: SharePoint may filter on a column without an index.
    pub(crate) non_indexed: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "the property list is Microsoft's")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventView<'a> {
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(rename = "@odata.etag")]
    etag: String,
    id: &'a str,
    created_date_time: String,
    last_modified_date_time: String,
    change_key: String,
    categories: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    original_start_time_zone: &'a str,
    original_end_time_zone: &'a str,
    #[serde(rename = "iCalUId")]
    ical_uid: String,
    reminder_minutes_before_start: i32,
    is_reminder_on: bool,
    has_attachments: bool,
    subject: &'a str,
    body_preview: String,
    importance: Importance,
    sensitivity: Sensitivity,
    is_all_day: bool,
    is_cancelled: bool,
    is_organizer: bool,
    response_requested: bool,
    series_master_id: Option<&'a str>,
    show_as: ShowAs,
    r#type: &'a str,
    web_link: String,
    online_meeting_url: Option<&'a str>,
    is_online_meeting: bool,
    allow_new_time_proposals: bool,
    is_draft: bool,
    hide_attendees: bool,
    recurrence: Option<&'a str>,
    online_meeting: Option<&'a str>,
    response_status: ResponseStatus,
    body: BodyView<'a>,
    start: MomentView<'a>,
    end: MomentView<'a>,
    location: Cow<'a, Location>,
    locations: &'a [Location],
    attendees: &'a [Value],
    organizer: Organizer<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    single_value_extended_properties: Option<Vec<&'a ExtendedProperty>>,
}

#[derive(Serialize)]
struct ResponseStatus {
    response: &'static str,
    time: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BodyView<'a> {
    content_type: BodyType,
    content: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MomentView<'a> {
    date_time: String,
    time_zone: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Organizer<'a> {
    email_address: EmailAddress<'a>,
}

#[derive(Serialize)]
struct EmailAddress<'a> {
    name: &'a str,
    address: &'a str,
}

impl Presentation {
    /// One event as JSON text, with `@odata.context`.
    pub(crate) fn one(&self, event: &Event, person: &Person, origin: &str) -> Vec<u8> {
        let user = &person.spec.id;
        let context = format!("{origin}/v1.0/$metadata#users('{user}')/events/$entity");
        serde_json::to_vec(&self.view(event, person, Some(context))).unwrap_or_default()
    }

    /// One event as a value, without `@odata.context`: to be put in a list or cut down by `$select`.
    pub(crate) fn value(&self, event: &Event, person: &Person) -> Value {
        serde_json::to_value(self.view(event, person, None)).unwrap_or_default()
    }

    /// The id that the caller gets to see.
    pub(crate) fn id<'a>(&self, event: &'a Event) -> &'a str {
        if self.immutable_ids { &event.immutable_id } else { &event.plain_id }
    }

    fn view<'a>(&'a self, event: &'a Event, person: &'a Person, odata_context: Option<String>) -> EventView<'a> {
        let content = &event.content;
        let place = content.locations.first().map_or_else(|| Cow::Owned(Location::default()), Cow::Borrowed);
        EventView {
            context: odata_context,
            etag: event.etag(),
            id: self.id(event),
            created_date_time: instant(event.created),
            last_modified_date_time: instant(event.modified),
            change_key: event.change_key(),
            categories: &content.categories,
            transaction_id: content.transaction_id.as_deref(),
            original_start_time_zone: &content.start.zone,
            original_end_time_zone: &content.end.zone,
            ical_uid: format!("040000008200E00074C5B7101A82E008{:016X}{:016X}", person.number, event.number),
            reminder_minutes_before_start: content.reminder_minutes,
            is_reminder_on: content.is_reminder_on,
            has_attachments: false,
            subject: &content.subject,
            body_preview: preview(content.body_type, &content.body),
            importance: content.importance,
            sensitivity: content.sensitivity,
            is_all_day: content.is_all_day,
            is_cancelled: false,
            is_organizer: true,
            response_requested: content.response_requested,
            series_master_id: None,
            show_as: content.show_as,
            r#type: "singleInstance",
            web_link: format!("https://outlook.office365.com/owa/?itemid={}&exvsurl=1&path=/calendar/item", event.plain_id),
            online_meeting_url: None,
            is_online_meeting: false,
            allow_new_time_proposals: content.allow_new_time_proposals,
            is_draft: false,
            hide_attendees: content.hide_attendees,
            recurrence: None,
            online_meeting: None,
            response_status: ResponseStatus { response: "organizer", time: "0001-01-01T00:00:00Z" },
            body: self.body(content.body_type, &content.body),
            start: self.moment(content.start.utc),
            end: self.moment(content.end.utc),
            location: place,
            locations: &content.locations,
            attendees: &content.attendees,
            organizer: Organizer {
                email_address: EmailAddress { name: &person.spec.display_name, address: &person.spec.user_principal_name },
            },
            single_value_extended_properties: self.extended(&content.extended),
        }
    }

    fn moment(&self, at: DateTime<Utc>) -> MomentView<'_> {
        match &self.zone {
            Some((name, rules)) => MomentView { date_time: zones::written(at, *rules), time_zone: name },
            None => MomentView { date_time: zones::written(at, Tz::UTC), time_zone: "UTC" },
        }
    }

    /// Graph wraps HTML in a document of its own and takes scripts out; without the preference a text body comes as HTML too.
    fn body<'a>(&self, kind: BodyType, content: &'a str) -> BodyView<'a> {
        if self.text_bodies {
            let content = if kind == BodyType::Text { Cow::Borrowed(content) } else { Cow::Owned(without_tags(content)) };
            return BodyView { content_type: BodyType::Text, content };
        }
        let inner = match kind {
            BodyType::Html => without_scripts(content),
            BodyType::Text => content.replace('&', "&amp;").replace('<', "&lt;").replace('\n', "<br>\r\n"),
        };
        let head = "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">";
        let content = format!("<html>\r\n<head>\r\n{head}\r\n</head>\r\n<body>\r\n{inner}\r\n</body>\r\n</html>\r\n");
        BodyView { content_type: BodyType::Html, content: Cow::Owned(content) }
    }

    fn extended<'a>(&self, kept: &'a [ExtendedProperty]) -> Option<Vec<&'a ExtendedProperty>> {
        let asked = |property: &&ExtendedProperty| self.expand.iter().any(|id| super::property_id::same(id, &property.id));
        let shown: Vec<_> = kept.iter().filter(asked).collect();
        (!shown.is_empty()).then_some(shown)
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true).replace('Z', "0Z")
}

fn preview(kind: BodyType, content: &str) -> String {
    let text = if kind == BodyType::Html { Cow::Owned(without_tags(content)) } else { Cow::Borrowed(content) };
    text.trim().chars().take(255).collect()
}

fn without_tags(html: &str) -> String {
    let mut inside = false;
    let mut text = String::with_capacity(html.len());
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => inside = false,
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    text
}

fn without_scripts(html: &str) -> String {
    let mut rest = html;
    let mut kept = String::with_capacity(html.len());
    // ASCII lower case keeps every byte position.
    while let Some(start) = rest.to_ascii_lowercase().find("<script") {
        kept.push_str(&rest[..start]);
        let Some(length) = rest[start..].to_ascii_lowercase().find("</script>") else { return kept };
        rest = &rest[start + length + "</script>".len()..];
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_comes_back_wrapped_and_without_scripts_and_text_on_demand() {
        let html = Presentation::default().body(BodyType::Html, "<p>a</p><SCRIPT>x()</script>b");
        assert!(html.content.starts_with("<html>") && html.content.contains("<p>a</p>b") && !html.content.contains("x()"));
        let escaped = Presentation::default().body(BodyType::Text, "1 < 2");
        assert!(escaped.content.contains("1 &lt; 2"));
        let text = Presentation { text_bodies: true, ..Presentation::default() };
        assert_eq!(text.body(BodyType::Html, "<p>a</p>").content, "a");
        assert_eq!(preview(BodyType::Text, &"x".repeat(300)).len(), 255);
    }
}

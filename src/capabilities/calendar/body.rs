//! The text in an event's body. Plain text: what a publisher wrote is data and never becomes markup.

use chrono::NaiveDateTime;

use crate::events::task::{Location, Visit, Window};

/// First line the human number (or the task id), then description, place, link, and the wall clock with its zone.
pub(super) fn text(visit: &Visit, task: &str) -> String {
    let mut paragraphs = vec![visit.reference.as_deref().unwrap_or(task).to_owned()];
    paragraphs.extend(visit.description.clone());
    paragraphs.extend(visit.location.as_ref().and_then(place));
    paragraphs.extend(visit.url.clone());
    paragraphs.push(when(&visit.window));
    paragraphs.join("\n\n")
}

fn place(location: &Location) -> Option<String> {
    let lines: Vec<&str> = [&location.display_name, &location.address].into_iter().filter_map(|line| line.as_deref()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn when(window: &Window) -> String {
    let (start, end) = (window.start.wall, window.end.wall);
    let end = if start.date() == end.date() { end.format("%H:%M").to_string() } else { minute(end) };
    format!("{} - {} ({})", minute(start), end, window.time_zone.name())
}

fn minute(wall: NaiveDateTime) -> String {
    wall.format("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::calendar::samples;

    #[test]
    fn the_first_line_is_the_reference_and_the_rest_follows_in_order() {
        let mut visit = samples::visit("a@x", 9);
        visit.reference = Some("WO-1".into());
        visit.description = Some("Leak.\nBring <pump>.".into());
        visit.url = Some("https://argus.test/t1".into());
        visit.location = Some(Location {
            display_name: Some("Pump house".into()),
            address: Some("River Road 1".into()),
            latitude: None,
            longitude: None,
        });
        assert_eq!(
            text(&visit, "t1"),
            "WO-1\n\nLeak.\nBring <pump>.\n\nPump house\nRiver Road 1\n\nhttps://argus.test/t1\n\n2026-12-01 09:00 - 10:00 (Europe/Berlin)"
        );
    }

    #[test]
    fn the_task_id_stands_in_for_a_missing_reference() {
        assert_eq!(text(&samples::visit("a@x", 9), "t1").lines().next(), Some("t1"));
    }
}

//! The one link of a card: a button that says where it leads.

use serde_json::{Value, json};
use url::Url;

/// Longest address, in bytes as it is sent. One in other scripts than Latin grows sixfold when it is written for the wire.
const LONGEST: usize = 2_048;
/// Longest host shown. The front of a longer one would hide where it really leads, so its end is shown.
const HOST: usize = 60;

/// The button; none for an address that could deceive its reader (`https://argus.example@elsewhere.example/`), or is too long.
pub(super) fn button(address: &str) -> Option<Value> {
    let url = Url::parse(address).ok()?;
    let honest = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    // The parsed form: a host in other scripts is shown in Punycode, so that it cannot pass for a look-alike.
    let host = url.host_str().filter(|_| honest && url.as_str().len() <= LONGEST)?;
    // An IPv6 address stands in brackets, which the card's texts never hold.
    let host = host.trim_matches(['[', ']']);
    let hidden = host.len().saturating_sub(HOST);
    let shown = if hidden == 0 { host.to_owned() } else { format!("…{}", host.get(hidden..)?) };
    Some(json!({ "type": "Action.OpenUrl", "title": format!("Open at {shown}"), "url": url.as_str() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_says_where_it_leads() {
        let button = button("https://ARGUS.example/outages/7?x=<b>").unwrap();
        assert_eq!(button["title"], "Open at argus.example");
        assert_eq!(button["url"], "https://argus.example/outages/7?x=%3Cb%3E");
    }

    #[test]
    fn what_could_deceive_is_no_button() {
        for address in
            ["https://argus.example@evil.example/", "https://:p@evil.example/", "javascript:alert(1)", "nowhere", "data:x"]
        {
            assert_eq!(button(address), None, "{address}");
        }
        assert_eq!(button(&format!("https://a.example/{}", "ä".repeat(500))), None);
        assert_eq!(button("https://аrgus.example/").unwrap()["title"], "Open at xn--rgus-43d.example");
    }
}

//! Policy: the token goes to the configured Graph and nowhere else. Pure.
//!
//! A path is put below Graph's `/v1.0` and must come out of URL parsing unchanged; an absolute link that Graph handed out is
//! followed only when scheme, host and port are the configured Graph's own and its path stays below `/v1.0`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use super::{GraphError, Verdict, request::UNRESERVED};

/// The version of Graph that is spoken.
const VERSION: &str = "/v1.0";

/// The address of a path below Graph's version root, with its query.
///
/// A path that URL parsing would read differently from how it is written (`..`, `?`, `#`, `\`, raw spaces) is refused with
/// code `badPath`: its segments were not encoded.
pub(super) fn of_path(graph: &Url, path: &str, query: &[(&'static str, String)]) -> Result<Url, GraphError> {
    let wanted = format!("{}{path}", version_root(graph));
    let text = format!("{}{wanted}", graph.origin().ascii_serialization());
    let parsed = Url::parse(&text).ok().filter(|url| {
        path.starts_with('/') && url.path() == wanted && url.query().is_none() && url.fragment().is_none() && !climbs(path)
    });
    let Some(mut url) = parsed else {
        return Err(GraphError::unsent(Verdict::Rejected, "badPath", "a path that is not encoded segment by segment"));
    };
    if !query.is_empty() {
        url.set_query(Some(&encode_query(query)));
    }
    Ok(url)
}

/// The same path as a part of a batch names it: from the version root on.
pub(super) fn below_version(graph: &Url, path: &str, query: &[(&'static str, String)]) -> Result<String, GraphError> {
    of_path(graph, path, query)?;
    Ok(if query.is_empty() { path.to_owned() } else { format!("{path}?{}", encode_query(query)) })
}

/// An absolute link from an answer of Graph, if it leads back to the configured Graph; else code `foreignLink`, transient: it
/// tells of a bad answer, and another one may be good.
pub(super) fn of_link(graph: &Url, link: &str) -> Result<Url, GraphError> {
    let parsed = Url::parse(link).ok().filter(|url| is_written_plainly(link) && is_home(graph, url));
    // The link itself stays out of the text: it may hold anything.
    parsed
        .ok_or_else(|| GraphError::unsent(Verdict::Transient, "foreignLink", "a link that leads away from the configured Graph"))
}

/// Whether a link reads the same to every parser: URL parsers drop tabs and line ends and take `\` for `/`, and no link of
/// Graph's needs such mercy. Nor does it need a user's name, not even an empty one.
fn is_written_plainly(link: &str) -> bool {
    let before_query = link.split(['?', '#']).next().unwrap_or_default();
    let authority = before_query.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    !authority.is_empty() && !authority.contains('@') && !before_query.contains(['\\', ' ']) && !link.contains(char::is_control)
}

fn is_home(graph: &Url, url: &Url) -> bool {
    let below = |path: &str| path.strip_prefix(&version_root(graph)).is_some_and(|rest| rest.starts_with('/'));
    url.scheme() == graph.scheme()
        && url.host().is_some()
        && url.host() == graph.host()
        && url.port_or_known_default() == graph.port_or_known_default()
        && url.username().is_empty()
        && url.password().is_none()
        && below(url.path())
        && !climbs(url.path())
}

/// Whether some server between us and Graph might read a step upwards in the path: parsers fold `..` and `%2e%2e`, but not
/// `..%2f`, nor what is encoded twice.
fn climbs(path: &str) -> bool {
    let once: Cow<'_, str> = percent_decode_str(path).decode_utf8_lossy();
    let twice = percent_decode_str(&once).decode_utf8_lossy();
    [path, &once, &twice].into_iter().any(|form| form.split(['/', '\\']).any(|step| step == ".." || step == "."))
}

fn version_root(graph: &Url) -> String {
    format!("{}{VERSION}", graph.path().trim_end_matches('/'))
}

/// Names as they are (`$filter`), values encoded with `%20` for a space: `+` means a space to forms alone.
fn encode_query(query: &[(&'static str, String)]) -> String {
    query.iter().map(|(name, value)| format!("{name}={}", encode_value(value))).collect::<Vec<_>>().join("&")
}

fn encode_value(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::segment;

    const GRAPH: &str = "https://graph.microsoft.com";

    fn graph() -> Url {
        Url::parse(GRAPH).unwrap()
    }

    #[test]
    fn a_path_goes_below_the_version_root_of_any_configured_graph() {
        let path = format!("/users/{}/events", segment("Ann+o'Neil@x.example"));
        let query = [("$filter", "id eq 'a b' & c".to_owned()), ("$top", "5".to_owned())];
        let url = of_path(&graph(), &path, &query).unwrap();
        assert_eq!(
            url.as_str(),
            "https://graph.microsoft.com/v1.0/users/Ann%2Bo%27Neil%40x.example/events?$filter=id%20eq%20%27a%20b%27%20%26%20c&$top=5"
        );
        for (root, wanted) in [
            ("http://127.0.0.1:8999", "http://127.0.0.1:8999/v1.0/organization"),
            ("http://127.0.0.1:8999/", "http://127.0.0.1:8999/v1.0/organization"),
            ("http://localhost:1/graph/", "http://localhost:1/graph/v1.0/organization"),
        ] {
            assert_eq!(of_path(&Url::parse(root).unwrap(), "/organization", &[]).unwrap().as_str(), wanted);
        }
    }

    #[test]
    fn a_path_that_is_not_encoded_is_refused() {
        for path in [
            "",
            "users",
            "//evil.example/x/../..",
            "/users/../../beta/me",
            "/users/./x",
            "/users/%2e%2e/me",
            "/users/..%2f..%2fbeta",
            "/users/%252e%252e/me",
            "/users/a?b",
            "/users/a#b",
            "/users/a\\..\\b",
            "/users/a b",
            "/users/\u{e9}",
            "/a\n/b",
            &format!("/users/{}/events", segment("..")),
            "@evil.example/",
            ":443@evil.example/",
        ] {
            let error = of_path(&graph(), path, &[]).expect_err(path);
            assert_eq!((error.code.as_str(), error.verdict), ("badPath", Verdict::Rejected), "{path}");
        }
    }

    #[test]
    fn a_link_home_is_followed_as_it_is() {
        for link in [
            "https://graph.microsoft.com/v1.0/users?$skiptoken=abc%2Fdef&$top=5",
            "https://GRAPH.microsoft.com:443/v1.0/users/delta?$deltatoken=x",
            "https://graph.microsoft.com/v1.0/users('a@b.example')/events?$filter=id eq 'a'",
        ] {
            let followed = of_link(&graph(), link).unwrap();
            assert_eq!(followed, Url::parse(link).unwrap());
        }
        let local = Url::parse("http://127.0.0.1:8999/graph").unwrap();
        assert!(of_link(&local, "http://127.0.0.1:8999/graph/v1.0/users?x").is_ok());
        assert!(of_link(&local, "http://127.0.0.1:8999/v1.0/users?x").is_err());
    }

    #[test]
    fn a_link_that_leads_away_is_refused_in_every_disguise() {
        let hostile = [
            // another host, by every trick that makes it look like ours
            "https://evil.example/v1.0/users",
            "https://graph.microsoft.com.evil.example/v1.0/users",
            "https://evil-graph.microsoft.com/v1.0/users",
            "https://xgraph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com./v1.0/users",
            "https://graph.microsoft.us/v1.0/users",
            "https://graph.micros\u{43e}ft.com/v1.0/users",
            "https://graph\u{3002}evil.example/v1.0/users",
            "https://graph.microsoft.com@evil.example/v1.0/users",
            "https://graph.microsoft.com%40evil.example/v1.0/users",
            "https://graph.microsoft.com:443@evil.example/v1.0/users",
            "https://evil.example#@graph.microsoft.com/v1.0/users",
            "https://evil.example?@graph.microsoft.com/v1.0/users",
            "https://evil.example\\@graph.microsoft.com/v1.0/users",
            "https://evil.example/https://graph.microsoft.com/v1.0/users",
            "https:\\\\evil.example\\v1.0\\users",
            "https:evil.example/v1.0/users",
            "https:///evil.example/v1.0/users",
            "https://169.254.169.254/v1.0/users",
            "https://[::1]/v1.0/users",
            "https://2130706433/v1.0/users",
            // ours, with a user or another port or scheme
            "https://user@graph.microsoft.com/v1.0/users",
            "https://user:pass@graph.microsoft.com/v1.0/users",
            "https://@graph.microsoft.com/v1.0/users",
            "https://:@graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com:444/v1.0/users",
            "https://graph.microsoft.com:80/v1.0/users",
            "http://graph.microsoft.com/v1.0/users",
            "http://graph.microsoft.com:443/v1.0/users",
            "ftp://graph.microsoft.com/v1.0/users",
            "wss://graph.microsoft.com/v1.0/users",
            "javascript:alert(1)//graph.microsoft.com/v1.0/users",
            "data:text/plain,https://graph.microsoft.com/v1.0/users",
            "file:///v1.0/users",
            "blob:https://graph.microsoft.com/v1.0/users",
            // ours, but another part of it
            "https://graph.microsoft.com/beta/users",
            "https://graph.microsoft.com/v1.0",
            "https://graph.microsoft.com/v1.0beta/users",
            "https://graph.microsoft.com/V1.0/users",
            "https://graph.microsoft.com//v1.0/users",
            "https://graph.microsoft.com/x/v1.0/users",
            "https://graph.microsoft.com/v1.0/../beta/users",
            "https://graph.microsoft.com/v1.0/%2e%2e/beta/users",
            "https://graph.microsoft.com/v1.0/..%2fbeta/users",
            "https://graph.microsoft.com/v1.0/%2e%2e%5cbeta/users",
            "https://graph.microsoft.com/v1.0/%252e%252e/beta/users",
            "https://graph.microsoft.com/v1.0\\..\\beta/users",
            // not links at all, or only to a lenient reader
            "",
            "/v1.0/users",
            "//graph.microsoft.com/v1.0/users",
            "graph.microsoft.com/v1.0/users",
            " https://graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com/v1.0/users\r\nAuthorization: x",
            "ht\ttps://graph.microsoft.com/v1.0/users",
            "https://graph.micro\nsoft.com/v1.0/users",
            "https://graph.microsoft.com/v1.0/us ers",
            "https://graph.microsoft.com/v1.0/users\0",
        ];
        assert!(hostile.len() >= 30);
        for link in hostile {
            let error = of_link(&graph(), link).expect_err(link);
            assert_eq!((error.code.as_str(), error.verdict.clone()), ("foreignLink", Verdict::Transient), "{link}");
            assert!(!format!("{error} {}", error.message).contains("evil"), "{link}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_followed_goes_to_the_configured_host_below_its_version(
            link in "(https:|HTTPS:|http:)?[/\\\\]{0,3}([a-z@:.%0-9]{0,6})(graph.microsoft.com)?[ -~]{0,8}(/v1.0/)?[ -~\t\n\u{3002}]{0,12}",
        ) {
            if let Ok(url) = of_link(&graph(), &link) {
                proptest::prop_assert_eq!(url.host_str(), Some("graph.microsoft.com"));
                proptest::prop_assert_eq!(url.port_or_known_default(), Some(443));
                proptest::prop_assert_eq!(url.scheme(), "https");
                proptest::prop_assert!(url.path().starts_with("/v1.0/") && !url.path().contains(".."));
            }
        }
    }
}

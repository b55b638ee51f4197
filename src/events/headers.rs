//! The headers of a message, as the reader needs them: without the broker's client in sight.

/// Names and values in the order they came. Names are compared without case; a name may come more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The attributes of a CloudEvents message in binary mode: lower-case names without their `ce-`, values as sent.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (String, &str)> {
        self.iter().filter_map(|(name, value)| {
            let (prefix, attribute) = name.split_at_checked(3)?;
            prefix.eq_ignore_ascii_case("ce-").then(|| (attribute.to_ascii_lowercase(), value))
        })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_case() {
        let headers: Headers = [("Content-Type", "a"), ("CE-Id", "1"), ("é", "x")].into_iter().collect();
        assert_eq!(headers.get("content-type"), Some("a"));
        assert_eq!(headers.attributes().collect::<Vec<_>>(), [("id".to_owned(), "1")]);
    }
}

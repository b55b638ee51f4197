//! Which channels hear of an outage. Pure.

use crate::events::outage::{Severity, UtilityType, WantedOutage};

/// What a channel hears of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The channel's key.
    pub channel: String,
    /// Utilities; all when empty.
    pub utility_types: Vec<UtilityType>,
    /// The least severity; any without. An outage without one counts as moderate.
    pub minimum_severity: Option<Severity>,
}

impl Rule {
    fn fits(&self, outage: &WantedOutage) -> bool {
        let severity = outage.severity.unwrap_or(Severity::Moderate);
        (self.utility_types.is_empty() || self.utility_types.contains(&outage.utility_type))
            && self.minimum_severity.is_none_or(|minimum| severity >= minimum)
    }
}

/// The keys of the channels that hear of an outage, in the order of `rules`: the one that it names, whatever its rule, else those
/// whose rules fit; and those in `told`, which heard of it before: what they were told must not become stale there. A channel that
/// is not among the rules is none.
pub fn channels(outage: &WantedOutage, rules: &[Rule], told: &[&str]) -> Vec<String> {
    let hears = |rule: &&Rule| {
        let chosen = match &outage.channel {
            Some(channel) => *channel == rule.channel,
            None => rule.fits(outage),
        };
        chosen || told.contains(&rule.channel.as_str())
    };
    rules.iter().filter(hears).map(|rule| rule.channel.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outage(utility: &str, severity: Option<&str>, channel: Option<&str>) -> WantedOutage {
        serde_json::from_value(json!({
            "title": "t", "status": "reported", "customersAffected": 1, "utilityType": utility, "severity": severity, "channel": channel,
        }))
        .unwrap()
    }

    fn rules() -> Vec<Rule> {
        let rule = |channel: &str, utility_types: &[UtilityType], minimum_severity| Rule {
            channel: channel.into(),
            utility_types: utility_types.to_vec(),
            minimum_severity,
        };
        vec![
            rule("all", &[], None),
            rule("gas", &[UtilityType::Gas], None),
            rule("major", &[], Some(Severity::Major)),
            rule("moderate", &[UtilityType::Gas, UtilityType::Water], Some(Severity::Moderate)),
        ]
    }

    #[test]
    fn utility_and_severity_choose_and_no_severity_is_moderate() {
        let told = |outage: &WantedOutage| channels(outage, &rules(), &[]);
        assert_eq!(told(&outage("heat", Some("minor"), None)), ["all"]);
        assert_eq!(told(&outage("gas", None, None)), ["all", "gas", "moderate"]);
        assert_eq!(told(&outage("water", Some("critical"), None)), ["all", "major", "moderate"]);
        assert_eq!(told(&outage("gas", Some("minor"), None)), ["all", "gas"]);
    }

    #[test]
    fn a_named_channel_is_the_only_one_and_an_unknown_one_is_none() {
        assert_eq!(channels(&outage("heat", Some("minor"), Some("major")), &rules(), &[]), ["major"]);
        assert_eq!(channels(&outage("heat", None, Some("nowhere")), &rules(), &[]), [""; 0]);
    }

    #[test]
    fn who_heard_of_it_hears_how_it_goes_on() {
        assert_eq!(channels(&outage("heat", Some("minor"), Some("gas")), &rules(), &["major", "removed"]), ["gas", "major"]);
    }
}

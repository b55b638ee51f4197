//! Which hosts a webhook may have. Pure.
//!
//! Power Automate moved the URLs of flows from `*.logic.azure.com` to `*.environment.api.powerplatform.com` and switched the old ones
//! off on 2025-11-30; the Office 365 connectors of Teams (`*.webhook.office.com`, `outlook.office.com/webhook`) were switched off in May
//! 2026. What is retired is refused with the name of what took its place, whatever the settings allow.

use url::{Host, Url};

/// Why a URL may not be a webhook.
pub(super) type Problem = String;

/// What replaces what is retired.
const REPLACEMENT: &str = "create a workflow in Teams instead (channel > Workflows > \"Post to a channel when a webhook request is \
    received\") and give its URL, whose host ends in .api.powerplatform.com";

/// The hosts that webhooks may have.
#[derive(Debug, Clone)]
pub struct Hosts {
    suffixes: Vec<String>,
    on_this_machine: bool,
}

impl Hosts {
    /// Hosts that are one of `suffixes` or end in one behind a dot. `on_this_machine`: everything runs on this machine against the
    /// simulator, so that any host and plain http are taken.
    pub fn new(suffixes: &[String], on_this_machine: bool) -> Self {
        let plain = |suffix: &String| suffix.trim().trim_start_matches("*.").trim_matches('.').to_lowercase();
        Self { suffixes: suffixes.iter().map(plain).filter(|suffix| !suffix.is_empty()).collect(), on_this_machine }
    }

    /// Whether private addresses may be called: only where everything runs on this machine.
    pub(super) fn allows_private(&self) -> bool {
        self.on_this_machine
    }

    /// Checks a URL. The problem never repeats it.
    pub(super) fn check(&self, url: &Url) -> Result<(), Problem> {
        let host = url.host().ok_or("has no host")?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("must hold no user, password or fragment".into());
        }
        if let Host::Domain(name) = &host {
            refuse_retired(&name.to_lowercase(), url.path())?;
        }
        if self.on_this_machine && matches!(url.scheme(), "http" | "https") {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err("must be an https URL".into());
        }
        let Host::Domain(name) = host else { return Err("must name a host, not an address".into()) };
        if url.port().is_some() {
            return Err("must use the usual port, 443".into());
        }
        if self.suffixes.iter().any(|suffix| is_below(&name.to_lowercase(), suffix)) {
            return Ok(());
        }
        Err(format!("has a host that is not allowed: teams.webhook_hosts allows {}", self.suffixes.join(", ")))
    }
}

fn refuse_retired(name: &str, path: &str) -> Result<(), Problem> {
    let connector = is_below(name, "webhook.office.com") || (name == "outlook.office.com" && path.starts_with("/webhook"));
    if connector || (name == "outlook.office365.com" && path.starts_with("/webhook")) {
        return Err(format!("is an Office 365 connector, which Microsoft has retired: {REPLACEMENT}"));
    }
    if is_below(name, "logic.azure.com") {
        return Err(format!("is on a host that Power Automate has left (*.logic.azure.com ended on 2025-11-30): {REPLACEMENT}"));
    }
    Ok(())
}

/// Whether `name` is `suffix`, or a name below it: compared label by label, so that `evilpowerplatform.com` is not below
/// `powerplatform.com`.
fn is_below(name: &str, suffix: &str) -> bool {
    name == suffix || name.strip_suffix(suffix).is_some_and(|front| front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "https://0a1b.09.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/x/triggers/manual/paths/invoke?sig=s";

    fn check(url: &str, on_this_machine: bool) -> Result<(), Problem> {
        Hosts::new(&["api.powerplatform.com".into()], on_this_machine).check(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_workflows_url_is_taken() {
        check(GOOD, false).unwrap();
    }

    #[test]
    fn a_host_is_compared_label_by_label_and_nothing_but_https_is_taken() {
        for bad in [
            "http://x.api.powerplatform.com/",
            "https://evilapi.powerplatform.com/",
            "https://api.powerplatform.com.evil.example/",
            "https://x.api.powerplatform.com:8443/",
            "https://user@x.api.powerplatform.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/",
            "https://graph.microsoft.com/",
            "ftp://x.api.powerplatform.com/",
        ] {
            assert!(check(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_retired_is_refused_with_what_took_its_place_even_on_this_machine() {
        for retired in [
            "https://contoso.webhook.office.com/webhookb2/x",
            "https://outlook.office.com/webhook/x",
            "https://prod-12.westeurope.logic.azure.com:443/workflows/x",
        ] {
            for on_this_machine in [false, true] {
                let problem = check(retired, on_this_machine).unwrap_err();
                assert!(problem.contains("api.powerplatform.com"), "{problem}");
                assert!(!problem.contains("contoso"), "{problem}");
            }
        }
    }

    #[test]
    fn on_this_machine_any_host_is_taken() {
        check("http://127.0.0.1:4000/workflows/ops", true).unwrap();
        check("https://hooks.example/x", true).unwrap();
    }
}

//! The connection test: what works, what does not, and what a person can do about it.

use std::{sync::Arc, time::Instant};

use serde_json::json;

use super::{
    Actor, Check, CheckStatus, ConnectionError, Connections, TestReport, expiry, records, sealing,
    service::{PATIENCE, out_of_patience, told},
};
use crate::{
    capabilities::{
        CapabilityName, Outcome,
        sharepoint::{Unfound, still_there},
    },
    graph::{Access, Graph as _, GraphError, ReadOnly, Request, TokenProbe, Verdict, Workload},
    organisation::OrgScope,
    store::ConnectionRow,
};

/// The application permissions that each capability needs (Microsoft Graph permissions reference).
const ROLES: [(&str, CapabilityName, &str); 4] = [
    (
        "Calendars.ReadWrite",
        CapabilityName::Calendar,
        "Grant Calendars.ReadWrite with Exchange RBAC for Applications (it then does not show in the token), or consent to it in Microsoft Entra.",
    ),
    (
        "Sites.Selected",
        CapabilityName::SharePoint,
        "Consent to Sites.Selected and grant the application write on the site, if zones are published.",
    ),
    ("User.Read.All", CapabilityName::Directory, "Consent to User.Read.All, if people are imported."),
    ("GroupMember.Read.All", CapabilityName::Directory, "Consent to GroupMember.Read.All, if groups are imported."),
];
/// Permissions that include another one of the list.
const BROADER: [(&str, &str); 6] = [
    ("Sites.Selected", "Sites.ReadWrite.All"),
    ("Sites.Selected", "Lists.SelectedOperations.Selected"),
    ("Sites.Selected", "Sites.Manage.All"),
    ("User.Read.All", "Directory.Read.All"),
    ("GroupMember.Read.All", "Group.Read.All"),
    ("GroupMember.Read.All", "Directory.Read.All"),
];
/// A credential that ends within so many days is worth a warning: the first that is given of itself comes then.
const WARNED_FROM: i64 = expiry::FIRST.cast_signed();
/// Entra takes an assertion and we take a token up to five minutes off; half a minute is worth a word.
const SKEW_FAIL_MS: i64 = 300_000;
const SKEW_WARN_MS: i64 = 30_000;

impl Connections {
    /// Tests the connection with a fresh token and one cheap read. `succeeded` says that the token was granted and Graph answered;
    /// the checks say the rest. The report is kept with the connection, and the connection's state follows it. When the identity
    /// platform is out of reach nothing is changed.
    pub async fn test(&self, scope: &OrgScope, actor: &Actor) -> Result<TestReport, ConnectionError> {
        let row = self.parts.store.connection(scope).await?.ok_or(ConnectionError::NoConnection)?;
        let access = Arc::new(sealing::open(&self.parts.vault, scope, &row)?);
        let started = Instant::now();
        let token = match self.probe(&access).await {
            Err(error) if error.verdict != Verdict::Credential => return Err(ConnectionError::Unreachable(told(&error))),
            token => token,
        };
        let latency_ms = token.as_ref().map_or_else(|_| started.elapsed(), |probe| probe.latency).as_secs_f64() * 1000.0;
        let mut checks = vec![token_check(&token, latency_ms)];
        let mut answered = false;
        if let Ok(probe) = &token {
            checks.extend(clock_check(probe));
            checks.extend(role_checks(probe));
            let (check, works) = self.read_check(&access, started).await;
            checks.push(check);
            answered = works;
            checks.push(self.list_check(scope, &access, started).await?);
        }
        checks.push(self.expiry_check(&row));
        checks.extend(self.channel_checks(scope).await?);
        let report = TestReport { succeeded: token.is_ok() && answered, latency_ms, tested_at: self.parts.clock.now(), checks };
        self.keep(scope, actor, &report).await?;
        self.follow_probe(scope, actor, &access, &token).await?;
        Ok(report)
    }

    async fn keep(&self, scope: &OrgScope, actor: &Actor, report: &TestReport) -> Result<(), ConnectionError> {
        let failed: Vec<_> =
            report.checks.iter().filter(|check| check.status == CheckStatus::Fail).map(|check| &check.code).collect();
        let outcome = if report.succeeded { Outcome::Succeeded } else { Outcome::Failed };
        let latency = report.latency_ms.round();
        let entry = records::entry(
            actor,
            report.tested_at,
            "connection.tested",
            outcome,
            json!({ "failed": failed, "latencyMs": latency }),
        );
        let text = serde_json::to_string(report).unwrap_or_default();
        Ok(self.parts.store.keep_connection_test(scope, report.tested_at, text, vec![entry]).await?)
    }

    /// One cheap read. Any answer from Graph shows that the token is taken; only silence and a refused token do not.
    async fn read_check(&self, access: &Arc<Access>, started: Instant) -> (Check, bool) {
        let session = self.parts.graph.session(access.clone());
        let request = Request::get(Workload::Directory, "/organization").query("$select", "id");
        let before = Instant::now();
        let patience = PATIENCE.saturating_sub(started.elapsed());
        let answer = tokio::time::timeout(patience, session.send(request)).await.unwrap_or_else(|_| Err(out_of_patience()));
        let check = |status, detail: String, remedy: Option<&str>| Check {
            code: "graph.read".into(),
            capability: None,
            status,
            detail,
            remedy: remedy.map(str::to_owned),
            latency_ms: Some(before.elapsed().as_secs_f64() * 1000.0),
        };
        match answer {
            Ok(_) => (check(CheckStatus::Pass, "Graph answered with the directory's id".into(), None), true),
            Err(error) if error.verdict == Verdict::Forbidden => (
                check(
                    CheckStatus::Warn,
                    "Graph answered, but the application may not read the directory".into(),
                    Some("Nothing, unless people or groups are imported: then consent to User.Read.All."),
                ),
                true,
            ),
            Err(error) => {
                let answered = error.status.is_some() && error.verdict != Verdict::Unauthorized;
                (
                    check(
                        CheckStatus::Fail,
                        told(&error),
                        Some("Try again; if it stays, look at Microsoft 365's service health."),
                    ),
                    answered,
                )
            }
        }
    }

    /// Whether the list that zones go to is still as it was when it was set.
    async fn list_check(&self, scope: &OrgScope, access: &Arc<Access>, started: Instant) -> Result<Check, ConnectionError> {
        let check = |status, detail: String, remedy: Option<String>, latency_ms| Check {
            code: "sharepoint.list".into(),
            capability: Some(CapabilityName::SharePoint),
            status,
            detail,
            remedy,
            latency_ms,
        };
        let Some(set) = self.parts.store.zone_target(scope).await? else {
            return Ok(check(CheckStatus::Skipped, "no list is set for zones".into(), None, None));
        };
        let session = ReadOnly(self.parts.graph.session(access.clone()));
        let (before, patience) = (Instant::now(), PATIENCE.saturating_sub(started.elapsed()));
        let looked = tokio::time::timeout(patience, still_there(&session, &set.asked, &set.target)).await;
        let latency = Some(before.elapsed().as_secs_f64() * 1000.0);
        let again = || Some("Put the list right, then set it again with setZoneTarget.".to_owned());
        Ok(match looked.unwrap_or_else(|_| Err(Unfound::Graph(out_of_patience()))) {
            Ok(found) if found.target != set.target => {
                check(CheckStatus::Warn, "the list's columns have changed since it was set".into(), again(), latency)
            }
            Ok(found) if !found.warnings.is_empty() => {
                check(CheckStatus::Warn, "the list works and should be changed".into(), Some(found.warnings.join(" ")), latency)
            }
            Ok(_) => check(CheckStatus::Pass, "the list and its columns are there".into(), None, latency),
            Err(Unfound::Wrong(wrong)) => {
                check(CheckStatus::Fail, format!("{}: {}", wrong.field, wrong.problem), again(), latency)
            }
            Err(Unfound::Forbidden(message)) => {
                check(CheckStatus::Fail, "the application may not read the list".into(), Some(message), latency)
            }
            Err(Unfound::Graph(error)) => {
                let remedy = "Try again; if it stays, look at Microsoft 365's service health.".to_owned();
                check(CheckStatus::Fail, told(&error), Some(remedy), latency)
            }
        })
    }

    fn expiry_check(&self, row: &ConnectionRow) -> Check {
        let check = |status, detail: String, remedy: Option<&str>| Check {
            code: "secret-expiry".into(),
            capability: None,
            status,
            detail,
            remedy: remedy.map(str::to_owned),
            latency_ms: None,
        };
        let renew = "Make a new secret in Microsoft Entra and register it with registerConnection before the old one ends.";
        let Some(ends) = row.secret_expires_at else {
            return check(
                CheckStatus::Skipped,
                "the end of the credential was not registered".into(),
                Some("Give secretExpiresAt to be warned in time."),
            );
        };
        let days = (ends - self.parts.clock.now()).num_days();
        match days {
            _ if ends <= self.parts.clock.now() => {
                check(CheckStatus::Fail, format!("the credential ended on {}", ends.date_naive()), Some(renew))
            }
            ..=WARNED_FROM => {
                check(CheckStatus::Warn, format!("the credential ends in {days} days, on {}", ends.date_naive()), Some(renew))
            }
            _ => check(CheckStatus::Pass, format!("the credential is good until {}", ends.date_naive()), None),
        }
    }
}

fn token_check(token: &Result<TokenProbe, GraphError>, latency_ms: f64) -> Check {
    let (status, detail, remedy) = match token {
        Ok(_) => (CheckStatus::Pass, "a token was granted".to_owned(), None),
        Err(error) => (CheckStatus::Fail, told(error), Some(credential_remedy(&error.code))),
    };
    Check {
        code: "token".into(),
        capability: None,
        status,
        detail,
        remedy: remedy.map(str::to_owned),
        latency_ms: Some(latency_ms),
    }
}

/// By the OAuth error, never by the AADSTS number: Microsoft says that the numbers may change.
pub(super) fn credential_remedy(code: &str) -> &'static str {
    match code {
        "invalid_client" => {
            "The secret or certificate is wrong or has ended. Make a new secret in Microsoft Entra (App registrations, Certificates & \
             secrets), copy its Value (not its ID), and register it with registerConnection."
        }
        "unauthorized_client" => {
            "The application id is not known in this directory. Check applicationId, and that its registration lives in this tenant."
        }
        "invalid_request" => "The directory is not known. Check directoryId: the tenant's GUID or one of its verified domains.",
        _ => "Check the directory id, the application id and the secret, then register the connection again.",
    }
}

fn clock_check(probe: &TokenProbe) -> Option<Check> {
    let skew = probe.clock_skew_ms?;
    let status = match skew.abs() {
        SKEW_FAIL_MS.. => CheckStatus::Fail,
        SKEW_WARN_MS.. => CheckStatus::Warn,
        _ => CheckStatus::Pass,
    };
    let remedy =
        (status != CheckStatus::Pass).then(|| "Set the connector's clock by NTP: tokens and schedules depend on it.".to_owned());
    #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
    let detail = format!("our clock differs from Microsoft's by {:+.1} s", skew as f64 / 1000.0);
    Some(Check { code: "clock".into(), capability: None, status, detail, remedy, latency_ms: None })
}

/// A missing role is only a warning: Exchange RBAC and `Sites.Selected` grant without one.
fn role_checks(probe: &TokenProbe) -> impl Iterator<Item = Check> {
    let has = |role: &str| probe.roles.iter().any(|held| held == role);
    ROLES.into_iter().map(move |(role, capability, remedy)| {
        let granted = has(role) || BROADER.iter().any(|(narrow, broad)| *narrow == role && has(broad));
        Check {
            code: format!("role.{role}"),
            capability: Some(capability),
            status: if granted { CheckStatus::Pass } else { CheckStatus::Warn },
            detail: if granted { "in the token".into() } else { "not in the token".into() },
            remedy: (!granted).then(|| remedy.to_owned()),
            latency_ms: None,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn probe(roles: &[&str], skew: i64) -> TokenProbe {
        TokenProbe {
            latency: Duration::ZERO,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            clock_skew_ms: Some(skew),
        }
    }

    #[test]
    fn a_missing_role_is_a_warning_with_a_remedy() {
        let probe = probe(&["Calendars.ReadWrite", "Directory.Read.All"], 0);
        let warned: Vec<_> = role_checks(&probe).filter(|check| check.status == CheckStatus::Warn).collect();
        assert_eq!(warned.iter().map(|check| check.code.as_str()).collect::<Vec<_>>(), ["role.Sites.Selected"]);
        assert!(warned.iter().all(|check| check.remedy.is_some()));
    }

    #[test]
    fn a_clock_that_is_off_is_told() {
        let status = |skew| clock_check(&probe(&[], skew)).map(|check| check.status);
        assert_eq!(status(1_000), Some(CheckStatus::Pass));
        assert_eq!(status(-40_000), Some(CheckStatus::Warn));
        assert_eq!(status(301_000), Some(CheckStatus::Fail));
    }
}

//! What an administrator may register, checked field by field before anything is stored or sent.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::ConnectionError;
use crate::{
    graph::{Cloud, Credential, certificate_facts},
    store::CredentialKind,
};

/// What an administrator registers.
#[derive(Debug)]
pub struct Registration {
    /// Directory (tenant) id: a GUID or a verified domain.
    pub directory_id: String,
    /// Application (client) id.
    pub application_id: String,
    /// A client secret …
    pub application_secret: Option<SecretString>,
    /// … or a certificate with its private key, PEM.
    pub application_certificate: Option<SecretString>,
    /// The cloud.
    pub cloud: Cloud,
    /// When the credential ends, if the administrator says so; a certificate says it itself.
    pub secret_expires_at: Option<DateTime<Utc>>,
}

/// A registration whose every value has the right form.
pub(super) struct Checked {
    pub(super) directory_id: String,
    pub(super) application_id: String,
    pub(super) credential: Credential,
    pub(super) kind: CredentialKind,
    pub(super) hint: String,
    pub(super) cloud: Cloud,
    pub(super) secret_expires_at: Option<DateTime<Utc>>,
}

/// Longest secret taken. Microsoft's are about 40 characters; the bound only keeps nonsense out.
const LONGEST_SECRET: usize = 1_000;
/// Longest PEM taken: a 4096-bit key with a certificate chain is about 8 KiB.
const LONGEST_PEM: usize = 64 * 1024;
/// Names that the identity platform takes in place of one tenant; a client-credentials token is always for one
/// (Microsoft, "OAuth 2.0 client credentials flow": `tenant`).
const SHARED_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

impl Registration {
    /// Checks every field; the first that does not fit is named as the API names it.
    pub(super) fn check(self) -> Result<Checked, ConnectionError> {
        let directory_id = directory(&self.directory_id)?;
        let application_id = Uuid::try_parse(self.application_id.trim())
            .map_err(|_| invalid("applicationId", "is not a GUID (the Application (client) ID of the app registration)"))?
            .hyphenated()
            .to_string();
        let given = match (self.application_secret, self.application_certificate) {
            (Some(secret), None) => self::secret(secret)?,
            (None, Some(pem)) => certificate(pem)?,
            (None, None) => return Err(invalid("applicationSecret", "is missing: give a secret or a certificate")),
            (Some(_), Some(_)) => {
                return Err(invalid("applicationCertificate", "is given beside a secret: give exactly one of the two"));
            }
        };
        Ok(Checked {
            directory_id,
            application_id,
            credential: given.credential,
            kind: given.kind,
            hint: given.hint,
            cloud: self.cloud,
            // What is said later than the certificate's own end is a mistake: Microsoft goes by the certificate.
            secret_expires_at: given.ends.into_iter().chain(self.secret_expires_at).min(),
        })
    }
}

fn directory(text: &str) -> Result<String, ConnectionError> {
    const FIELD: &str = "directoryId";
    let text = text.trim().to_lowercase();
    if let Ok(id) = Uuid::try_parse(&text) {
        return Ok(id.hyphenated().to_string());
    }
    if SHARED_TENANTS.contains(&text.as_str()) {
        return Err(invalid(FIELD, "names no single directory: give the tenant's id or a verified domain"));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.contains('.') && text.split('.').all(label) {
        return Ok(text);
    }
    Err(invalid(FIELD, "is neither a GUID nor a domain name"))
}

/// What the application proves itself with, and what it says of itself.
struct Given {
    credential: Credential,
    kind: CredentialKind,
    hint: String,
    ends: Option<DateTime<Utc>>,
}

fn secret(secret: SecretString) -> Result<Given, ConnectionError> {
    const FIELD: &str = "applicationSecret";
    let text = secret.expose_secret();
    if text.trim().is_empty() {
        return Err(invalid(FIELD, "is blank"));
    }
    if text.len() > LONGEST_SECRET || text.chars().any(char::is_control) || text.trim() != text {
        return Err(invalid(FIELD, "is too long, or holds control characters or spaces at its ends"));
    }
    if Uuid::try_parse(text).is_ok() {
        return Err(invalid(FIELD, "looks like the secret's ID; give its Value, which the portal shows once"));
    }
    let mut last: Vec<char> = text.chars().rev().take(3).collect();
    last.reverse();
    let hint = last.into_iter().collect();
    Ok(Given { credential: Credential::Secret(secret), kind: CredentialKind::Secret, hint, ends: None })
}

fn certificate(pem: SecretString) -> Result<Given, ConnectionError> {
    const FIELD: &str = "applicationCertificate";
    if pem.expose_secret().len() > LONGEST_PEM {
        return Err(invalid(FIELD, "is longer than 64 KiB"));
    }
    let facts = certificate_facts(pem.expose_secret()).map_err(|error| invalid(FIELD, &error.to_string()))?;
    let credential = Credential::Certificate(pem);
    Ok(Given { credential, kind: CredentialKind::Certificate, hint: facts.thumbprint, ends: facts.ends })
}

fn invalid(field: &'static str, problem: &str) -> ConnectionError {
    ConnectionError::Invalid { field, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration() -> Registration {
        Registration {
            directory_id: "AAAAAAAA-0000-1111-2222-BBBBBBBBBBBB".into(),
            application_id: "11111111-1111-1111-1111-111111111111".into(),
            application_secret: Some("abc~defghijklmnop.qrs".into()),
            application_certificate: None,
            cloud: Cloud::Global,
            secret_expires_at: None,
        }
    }

    fn refused(change: impl FnOnce(&mut Registration)) -> &'static str {
        let mut registration = registration();
        change(&mut registration);
        match registration.check() {
            Err(ConnectionError::Invalid { field, .. }) => field,
            _ => "",
        }
    }

    #[test]
    fn keeps_ids_in_one_spelling_and_hints_at_the_end_of_the_secret() {
        let checked = registration().check().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(checked.directory_id, "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb");
        assert_eq!(checked.hint, "qrs");
    }

    #[test]
    fn names_the_field_that_does_not_fit() {
        for bad in ["", "common", "Organizations", "contoso", "a b.com", "-a.com", "a/../b.com", "a..com", "evil.com/x?"] {
            assert_eq!(refused(|r| r.directory_id = bad.into()), "directoryId", "{bad:?}");
        }
        assert_eq!(refused(|r| r.application_id = "me".into()), "applicationId");
        assert_eq!(refused(|r| r.application_secret = None), "applicationSecret");
        assert_eq!(refused(|r| r.application_secret = Some("  ".into())), "applicationSecret");
        assert_eq!(refused(|r| r.application_secret = Some("a\nb".into())), "applicationSecret");
        assert_eq!(refused(|r| r.application_secret = Some(r.application_id.clone().into())), "applicationSecret");
        assert_eq!(refused(|r| r.application_certificate = Some("x".into())), "applicationCertificate");
    }

    /// A certificate that ends with 2029, and its key.
    fn pair() -> SecretString {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["argus.example".into()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        format!("{}{}", params.self_signed(&key).unwrap().pem(), key.serialize_pem()).into()
    }

    #[test]
    fn a_certificate_ends_when_it_says_itself_unless_somebody_knows_an_earlier_end() {
        let own: DateTime<Utc> = "2030-01-01T00:00:00Z".parse().unwrap();
        let (earlier, later) = (own - chrono::TimeDelta::days(9), own + chrono::TimeDelta::days(9));
        for (said, ends) in [(None, own), (Some(later), own), (Some(earlier), earlier)] {
            let mut certificate = registration();
            certificate.application_secret = None;
            certificate.application_certificate = Some(pair());
            certificate.secret_expires_at = said;
            let checked = certificate.check().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(checked.secret_expires_at, Some(ends));
        }
        let checked = registration().check().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(checked.secret_expires_at, None, "a secret does not say it");
    }

    #[test]
    fn takes_a_verified_domain_for_the_directory() {
        assert_eq!(refused(|r| r.directory_id = "Contoso.onmicrosoft.com".into()), "");
    }
}

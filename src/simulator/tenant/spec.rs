//! What a tenant is made from. The same words as JSON (`POST /_sim/tenants`) and as Rust.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DirectorySettings, GroupSpec, UserType};
use crate::simulator::sharepoint::{SharePointSettings, SiteSpec};

/// A tenant to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantSpec {
    /// The directory id, a GUID.
    pub id: String,
    /// A verified domain, usable in place of the id at the token endpoint.
    #[serde(default)]
    pub domain: Option<String>,
    /// The organisation's name.
    #[serde(default)]
    pub display_name: String,
    /// App registrations that this tenant has consented to.
    #[serde(default)]
    pub apps: Vec<AppSpec>,
    /// Teams and their channels.
    #[serde(default)]
    pub channels: Vec<ChannelSpec>,
    /// The directory's people, most with a mailbox.
    #[serde(default)]
    pub users: Vec<UserSpec>,
    /// Groups.
    #[serde(default)]
    pub groups: Vec<GroupSpec>,
    /// Its SharePoint sites.
    #[serde(default)]
    pub sites: Vec<SiteSpec>,
    /// How this tenant behaves where Microsoft's answers differ or are not documented.
    #[serde(default)]
    pub settings: TenantSettings,
}

/// An app registration with its consent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppSpec {
    /// The application (client) id, a GUID.
    pub id: String,
    /// Client secrets; several while one is being replaced.
    #[serde(default)]
    pub secrets: Vec<SecretSpec>,
    /// Certificates whose assertions are taken.
    #[serde(default)]
    pub certificates: Vec<CertificateSpec>,
    /// Consented application roles. They go into tokens issued from now on.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Mailboxes (principal names) granted through Exchange RBAC for Applications, which needs no role in the token.
    #[serde(default)]
    pub exchange_mailboxes: Vec<String>,
}

/// A client secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretSpec {
    /// The secret itself.
    pub value: String,
    /// When it stops being taken (AADSTS7000222); never, when absent.
    #[serde(default)]
    pub expires: Option<DateTime<Utc>>,
}

/// A registered certificate: the certificate itself, or only its thumbprint, in which case signatures are not verified.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum CertificateSpec {
    /// PEM text of the X.509 certificate (RSA).
    Pem(String),
    /// base64url (no padding) of the SHA-256 of the DER certificate: the assertion's `x5t#S256`.
    Thumbprint(String),
}

/// A person in the directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserSpec {
    /// Object id, a GUID.
    pub id: String,
    /// Sign-in name; looked up ignoring case.
    pub user_principal_name: String,
    /// The name shown.
    #[serde(default)]
    pub display_name: String,
    /// Whether the account may sign in.
    #[serde(default = "yes")]
    pub account_enabled: bool,
    /// How Exchange sees the mailbox.
    #[serde(default)]
    pub mailbox: MailboxState,
    /// Mail address: none when empty; when absent, the principal name of whoever has a mailbox.
    #[serde(default)]
    pub mail: Option<String>,
    /// Department.
    #[serde(default)]
    pub department: Option<String>,
    /// Job title.
    #[serde(default)]
    pub job_title: Option<String>,
    /// First name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub surname: Option<String>,
    /// Mobile telephone number.
    #[serde(default)]
    pub mobile_phone: Option<String>,
    /// Office.
    #[serde(default)]
    pub office_location: Option<String>,
    /// Number among the employees.
    #[serde(default)]
    pub employee_id: Option<String>,
    /// Member, guest, or not known.
    #[serde(default)]
    pub user_type: UserType,
}

/// A channel of a team.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChannelSpec {
    /// The team's id, a GUID.
    pub team_id: String,
    /// The channel's id (`19:…@thread.tacv2`).
    pub channel_id: String,
    /// Whether a reader's permission is granted for its messages.
    #[serde(default = "yes")]
    pub readable: bool,
}

/// How Exchange answers for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MailboxState {
    /// A working cloud mailbox.
    #[default]
    Licensed,
    /// 404 `MailboxNotEnabledForRESTAPI`.
    Unlicensed,
    /// 404 `MailboxNotEnabledForRESTAPI`: the mailbox is on-premises.
    OnPremises,
    /// 404 `ResourceNotFound`: the other face of the same situation.
    NotDiscovered,
    /// 403 `extensionError`: on-premises, or blocked by a policy.
    Blocked,
    /// 404 `ErrorInvalidUser`: in the directory, unknown to Exchange.
    UnknownToExchange,
    /// 403 `ErrorAccessDenied`: outside the app's scope.
    NoAccess,
    /// 507 `ErrorQuotaExceeded` on create; reads work.
    Full,
}

/// Behaviour that Microsoft leaves open, or that differs from server to server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TenantSettings {
    /// The resource that tokens are for: `https://graph.microsoft.com`, or a national cloud's.
    pub resource: String,
    /// Life of a token in seconds.
    pub token_lifetime_s: i64,
    /// What a repeated `transactionId` with *other* content gets.
    pub duplicate: DuplicateFace,
    /// What a repeated `transactionId` gets once its event was deleted.
    pub after_delete: AfterDelete,
    /// How late a new event shows up in `$filter`.
    pub search_lag: SearchLag,
    /// Calls at once per app and mailbox.
    pub mailbox_concurrency: u32,
    /// Whole seconds in the `Retry-After` of the concurrency limit; none when absent.
    pub concurrency_retry_after_s: Option<u64>,
    /// Whether an event may have attendees. Off: Exchange would mail them, and this cannot be prevented.
    pub allow_attendees: bool,
    /// Whether a create must carry a `transactionId`. Microsoft makes it optional.
    pub require_transaction_id: bool,
    /// A person nobody knows: `Request_ResourceNotFound` instead of `ErrorInvalidUser` on mailbox paths.
    pub unknown_user_is_directory_error: bool,
    /// Events on a page when `$top` is absent.
    pub page_size: usize,
    /// How the directory behaves.
    pub directory: DirectorySettings,
    /// SharePoint's behaviour.
    pub sharepoint: SharePointSettings,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            resource: "https://graph.microsoft.com".to_owned(),
            token_lifetime_s: 3599,
            duplicate: DuplicateFace::Refused { status: 400, names_existing: false },
            after_delete: AfterDelete::Forgotten,
            search_lag: SearchLag::None,
            mailbox_concurrency: 4,
            concurrency_retry_after_s: Some(1),
            allow_attendees: false,
            require_transaction_id: false,
            unknown_user_is_directory_error: false,
            page_size: 10,
            directory: DirectorySettings::default(),
            sharepoint: SharePointSettings::default(),
        }
    }
}

/// Answer to a `transactionId` that another, live event was created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DuplicateFace {
    /// 201 with the event that is there, which has the first content.
    FirstBody,
    /// `ErrorDuplicateTransactionId`. No page of Microsoft says which status; clients test for 400 and for 409.
    Refused {
        /// 400 or 409.
        status: u16,
        /// Whether the error carries `@event.existingEventId`.
        names_existing: bool,
    },
}

/// What Exchange remembers of a `transactionId` after the event is gone (not documented).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AfterDelete {
    /// Nothing: a new event is made.
    Forgotten,
    /// The id: `ErrorDuplicateTransactionId` with nothing live to be found.
    Remembered,
}

/// How late a created event shows up in `$filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SearchLag {
    /// At once.
    None,
    /// After this many filtered reads of the mailbox.
    Searches(u64),
    /// After this many milliseconds.
    Millis(u64),
}

const fn yes() -> bool {
    true
}

impl UserSpec {
    /// A person with a working mailbox.
    pub fn licensed(id: &str, user_principal_name: &str, display_name: &str) -> Self {
        Self {
            id: id.to_owned(),
            user_principal_name: user_principal_name.to_owned(),
            display_name: display_name.to_owned(),
            account_enabled: true,
            mailbox: MailboxState::Licensed,
            mail: None,
            department: None,
            job_title: None,
            given_name: None,
            surname: None,
            mobile_phone: None,
            office_location: None,
            employee_id: None,
            user_type: UserType::Member,
        }
    }
}

impl TenantSpec {
    /// Directory id of [`TenantSpec::demo`].
    pub const DEMO_ID: &'static str = "6f3a1c52-9d0e-4b7a-8c35-2e41d09b7f60";
    /// Application id in [`TenantSpec::demo`].
    pub const DEMO_APP: &'static str = "b8e2d4a6-15c7-4f39-a0b1-7d6c5e4f3a21";
    /// Client secret in [`TenantSpec::demo`].
    pub const DEMO_SECRET: &'static str = "simulator~demo-secret.not-a-real-one";

    /// Team id in [`TenantSpec::demo`].
    pub const DEMO_TEAM: &'static str = "3c1f0a64-7b52-4d7e-9f0a-5a8e2b6d9c11";
    /// Channel id in [`TenantSpec::demo`].
    pub const DEMO_CHANNEL: &'static str = "19:4b6dfa0f8c2e4c1b9d3a7e5f60718293@thread.tacv2";

    /// The tenant of the example events: one app with every role, the mailboxes `niamh@` and `oisin@acme-water.example`,
    /// the site [`SiteSpec::demo`].
    pub fn demo() -> Self {
        let roles =
            ["Calendars.ReadWrite", "User.Read.All", "GroupMember.Read.All", "Organization.Read.All", "Sites.ReadWrite.All"];
        Self {
            id: Self::DEMO_ID.to_owned(),
            domain: Some("acme-water.example".to_owned()),
            display_name: "Acme Water".to_owned(),
            apps: vec![AppSpec {
                id: Self::DEMO_APP.to_owned(),
                secrets: vec![SecretSpec { value: Self::DEMO_SECRET.to_owned(), expires: None }],
                roles: roles.iter().map(|&role| role.to_owned()).collect(),
                ..AppSpec::default()
            }],
            users: vec![
                UserSpec::licensed("0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a01", "niamh@acme-water.example", "Niamh B."),
                UserSpec::licensed("0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a02", "oisin@acme-water.example", "Oisín K."),
            ],
            channels: vec![ChannelSpec {
                team_id: Self::DEMO_TEAM.to_owned(),
                channel_id: Self::DEMO_CHANNEL.to_owned(),
                readable: true,
            }],
            groups: Vec::new(),
            sites: vec![SiteSpec::demo()],
            settings: TenantSettings::default(),
        }
    }

    /// [`TenantSpec::demo`] with so many more workers, `worker-1@acme-water.example` and on: for load.
    pub fn demo_with_workers(count: u32) -> Self {
        let mut spec = Self::demo();
        spec.users.extend((1..=count).map(|number| {
            let id = format!("0d5b9b0e-6f0a-4f7c-9a45-{number:012x}");
            UserSpec::licensed(&id, &format!("worker-{number}@acme-water.example"), &format!("Worker {number}"))
        }));
        spec
    }
}

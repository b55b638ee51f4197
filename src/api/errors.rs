//! Failures as the contract's codes. The only place where a service's error becomes something a caller sees.

use std::borrow::Cow;

use async_graphql::{ErrorExtensionValues, Name, PathSegment, Response, ServerError, Value};

use crate::{
    channels::{ChannelError, PostError},
    connections::ConnectionError,
    imports::ImportProblem,
    publish::{PublishError, TargetError},
    roles::RoleError,
    store::StoreError,
};

/// The values of `extensions.code` that exist so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Unauthenticated,
    Forbidden,
    BadUserInput,
    NotFound,
    Conflict,
    NoConnection,
    CredentialRejected,
    ConsentMissing,
    GraphThrottled,
    GraphUnavailable,
    GraphRejected,
    LimitExceeded,
    Internal,
}

impl Code {
    /// The published word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::NoConnection => "NO_CONNECTION",
            Self::CredentialRejected => "CREDENTIAL_REJECTED",
            Self::ConsentMissing => "CONSENT_MISSING",
            Self::GraphThrottled => "GRAPH_THROTTLED",
            Self::GraphUnavailable => "GRAPH_UNAVAILABLE",
            Self::GraphRejected => "GRAPH_REJECTED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// An error as the caller sees it.
///
/// Has no `Display`: async-graphql turns everything that has one into an error without a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) field: Option<Cow<'static, str>>,
}

/// What callers read instead of the detail of a failure of ours.
const INTERNAL: &str = "something went wrong on our side; the correlation id leads to the details";
/// Enough to repair a query by; ten thousand wrong fields need not be answered one by one.
const MAX_ERRORS: usize = 20;

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    /// A value of the input that is not acceptable; `field` as the API names it.
    pub(super) fn input(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(Code::BadUserInput, message) }
    }

    /// A failure of ours: `detail` goes to the log alone.
    pub(super) fn internal(detail: &str) -> Self {
        tracing::error!(detail, "a request failed");
        Self::new(Code::Internal, INTERNAL)
    }

    /// As an error of a whole response.
    pub(super) fn into_server_error(self) -> ServerError {
        async_graphql::Error::from(self).into_server_error(async_graphql::Pos::default()).without_location()
    }
}

/// Drops the place in the query where there is none.
trait WithoutLocation {
    fn without_location(self) -> Self;
}

impl WithoutLocation for ServerError {
    fn without_location(mut self) -> Self {
        self.locations.clear();
        self
    }
}

impl From<Refusal> for async_graphql::Error {
    fn from(refusal: Refusal) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", refusal.code.word());
        if let Some(field) = refusal.field {
            extensions.set("field", field.into_owned());
        }
        let mut error = Self::new(refusal.message);
        error.extensions = Some(extensions);
        error
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => {
                Self::new(Code::Conflict, "it was changed at the same time by someone else; read it again")
            }
            // Cursors are the only stored form that callers hand back to us.
            StoreError::Unreadable { what: "cursor", .. } => Self::input("after", "after: not a cursor of this list"),
            StoreError::Unavailable { .. } | StoreError::Unreadable { .. } => Self::internal(&chain(&error)),
        }
    }
}

impl From<ImportProblem> for Refusal {
    fn from(error: ImportProblem) -> Self {
        match error {
            ImportProblem::Invalid(problem) => Self::input(problem.field, problem.to_string()),
            ImportProblem::NoConnection => Self::new(Code::NoConnection, error.to_string()),
            ImportProblem::NotFound => Self::new(Code::NotFound, error.to_string()),
            ImportProblem::NotWaiting => Self::new(Code::Conflict, error.to_string()),
            ImportProblem::Store(store) => store.into(),
        }
    }
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::NoConnection => Self::new(Code::NoConnection, error.to_string()),
            PublishError::NoTarget => Self::input("target", error.to_string()),
            PublishError::Target(ref wrong) => Self::input(format!("target.{}", wrong.field), error.to_string()),
            PublishError::Store(error) => error.into(),
        }
    }
}

impl From<RoleError> for Refusal {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::Invalid { field, .. } => Self::input(field, error.to_string()),
            RoleError::Store(store) => store.into(),
        }
    }
}

impl From<TargetError> for Refusal {
    fn from(error: TargetError) -> Self {
        let message = error.to_string();
        match error {
            TargetError::Wrong(wrong) => Self::input(wrong.field, message),
            TargetError::Forbidden(_) => Self::new(Code::ConsentMissing, message),
            TargetError::Throttled(_) => Self::new(Code::GraphThrottled, message),
            TargetError::Credential(_) => Self::new(Code::CredentialRejected, message),
            TargetError::Rejected(_) => Self::new(Code::GraphRejected, message),
            TargetError::Unreachable(_) => Self::new(Code::GraphUnavailable, message),
            TargetError::Connection(error) => error.into(),
            TargetError::Store(error) => error.into(),
        }
    }
}

impl From<ConnectionError> for Refusal {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Invalid { field, .. } => Self::input(field, error.to_string()),
            ConnectionError::NoConnection => Self::new(Code::NoConnection, error.to_string()),
            ConnectionError::CredentialRejected(_) => Self::new(Code::CredentialRejected, error.to_string()),
            ConnectionError::Unreachable(_) => Self::new(Code::GraphUnavailable, error.to_string()),
            ConnectionError::Conflict => Self::new(Code::Conflict, error.to_string()),
            ConnectionError::Store(store) => store.into(),
            ConnectionError::Vault(_) => Self::internal(&chain(&error)),
        }
    }
}

impl From<ChannelError> for Refusal {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Invalid { field, .. } => Self::input(field, error.to_string()),
            ChannelError::Store(store) => store.into(),
            ChannelError::Vault(_) => Self::internal(&chain(&error)),
        }
    }
}

impl From<PostError> for Refusal {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Conflict => Self { field: Some("version".into()), ..Self::new(Code::Conflict, error.to_string()) },
            PostError::Store(store) => store.into(),
        }
    }
}

/// An error and its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |cause| cause.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Gives every error of a response its code, and failures of ours the id to ask us with.
///
/// What has no code yet comes from the library: a query that does not parse or does not fit the schema. Its "Did you mean"
/// goes, which `disable_suggestions` leaves in for arguments; so does what it quotes of a value, which may be a secret in the wrong place.
pub(super) fn finish(mut response: Response, correlation_id: &str) -> Response {
    for error in &response.errors {
        show_null(&mut response.data, &error.path);
    }
    response.errors.truncate(MAX_ERRORS);
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        match extensions.get("code") {
            None => {
                extensions.set("code", Code::BadUserInput.word());
                take_out(&mut error.message);
            }
            Some(code) if *code == Code::Internal.word().into() => extensions.set("correlationId", correlation_id),
            Some(_) => {}
        }
    }
    response
}

/// What goes out of the library's messages: from these words on, and what is said in place of it.
const TAKEN_OUT: [(&str, &str); 3] = [
    (" Did you mean", ""),
    (", found ", ", which the value given is not"),
    (" does not contain the value ", " does not contain the value given"),
];

fn take_out(message: &mut String) {
    for (from, instead) in TAKEN_OUT {
        if let Some(at) = message.find(from) {
            message.truncate(at);
            message.push_str(instead);
        }
    }
}

/// Puts null where a failed field is missing: the library leaves it out, while the specification (section 6.4.4) promises null.
fn show_null(data: &mut Value, path: &[PathSegment]) {
    match (path, data) {
        ([PathSegment::Field(name), rest @ ..], Value::Object(fields)) => match fields.get_mut(name.as_str()) {
            Some(inner) => show_null(inner, rest),
            None => drop(fields.insert(Name::new(name), Value::Null)),
        },
        ([PathSegment::Index(index), rest @ ..], Value::List(items)) => {
            if let Some(inner) = items.get_mut(*index) {
                show_null(inner, rest);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable() -> StoreError {
        StoreError::Unavailable { doing: "reading a page", source: "disk /var/lib/secret is full".into() }
    }

    #[test]
    fn every_failure_of_a_connection_has_its_code() {
        let cases = [
            (ConnectionError::Invalid { field: "directoryId", problem: "empty".into() }, Code::BadUserInput),
            (ConnectionError::NoConnection, Code::NoConnection),
            (ConnectionError::CredentialRejected("AADSTS7000215".into()), Code::CredentialRejected),
            (ConnectionError::Unreachable("timed out".into()), Code::GraphUnavailable),
            (ConnectionError::Conflict, Code::Conflict),
            (ConnectionError::Store(StoreError::Conflict { doing: "x" }), Code::Conflict),
            (ConnectionError::Store(unavailable()), Code::Internal),
            (ConnectionError::Vault(crate::vault::VaultError::Refused), Code::Internal),
        ];
        for (error, code) in cases {
            assert_eq!(Refusal::from(error).code, code);
        }
    }

    #[test]
    fn an_input_error_names_the_field() {
        let refusal = Refusal::from(ConnectionError::Invalid { field: "directoryId", problem: "empty".into() });
        assert_eq!(refusal.field.as_deref(), Some("directoryId"));
        assert_eq!(refusal.message, "directoryId: empty");
    }

    #[test]
    fn a_cursor_that_cannot_be_read_is_the_callers_mistake() {
        let refusal = Refusal::from(StoreError::Unreadable { doing: "listing tasks", what: "cursor" });
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadUserInput, Some("after")));
    }

    #[test]
    fn a_failure_of_ours_says_nothing_but_the_id_to_ask_with() {
        let response = Response::from_errors(vec![Refusal::from(unavailable()).into_server_error()]);
        let text = serde_json::to_string(&finish(response, "corr-1")).unwrap();
        assert!(!text.contains("secret") && !text.contains("reading"), "{text}");
        assert!(text.contains("\"correlationId\":\"corr-1\""), "{text}");
        assert!(text.contains("\"code\":\"INTERNAL\""), "{text}");
    }

    #[test]
    fn what_the_library_refuses_is_bad_input_without_suggestions() {
        let error = ServerError::new("Unknown argument \"frist\". Did you mean \"first\"?", None);
        let text = serde_json::to_string(&finish(Response::from_errors(vec![error]), "c")).unwrap();
        assert!(text.contains("BAD_USER_INPUT") && !text.contains("Did you mean"), "{text}");
    }

    #[test]
    fn what_the_library_refuses_does_not_repeat_the_value() {
        for (quoting, said) in [
            (r#"Expected input type "Cloud", found "hunter2"."#, r#"Expected input type "Cloud", which the value given is not"#),
            (
                r#"Invalid value for argument "c", enumeration type "Cloud" does not contain the value "hunter2""#,
                r#"Invalid value for argument "c", enumeration type "Cloud" does not contain the value given"#,
            ),
        ] {
            let response = finish(Response::from_errors(vec![ServerError::new(quoting, None)]), "c");
            assert_eq!(response.errors[0].message, said);
        }
    }

    #[test]
    fn no_more_than_twenty_errors_are_answered() {
        let errors = (0..1000).map(|n| ServerError::new(format!("error {n}"), None)).collect();
        assert_eq!(finish(Response::from_errors(errors), "c").errors.len(), 20);
    }

    #[test]
    fn the_log_has_the_whole_chain() {
        assert_eq!(chain(&unavailable()), "reading a page: disk /var/lib/secret is full");
    }
}

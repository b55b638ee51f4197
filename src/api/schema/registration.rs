//! What an administrator registers.

use async_graphql::InputObject;
use secrecy::SecretString;

use super::{super::errors::Refusal, scalars::GivenInstant, words::Cloud};
use crate::connections::Registration;

/// A connection to be registered.
#[derive(InputObject)]
pub(super) struct RegisterConnectionInput {
    /// Directory (tenant) identifier: a GUID or a verified domain.
    directory_id: String,
    /// Application (client) identifier.
    application_id: String,
    /// Exactly one of these two.
    application_secret: Option<String>,
    /// PEM: the certificate and its private key.
    application_certificate: Option<String>,
    /// The Microsoft cloud that the directory is in.
    #[graphql(default_with = "Some(Cloud::Global)")]
    cloud: Option<Cloud>,
    /// When the secret ends, to be warned before. A certificate says it itself.
    secret_expires_at: Option<GivenInstant>,
}

impl TryFrom<RegisterConnectionInput> for Registration {
    type Error = Refusal;

    fn try_from(input: RegisterConnectionInput) -> Result<Self, Refusal> {
        Ok(Self {
            directory_id: input.directory_id,
            application_id: input.application_id,
            application_secret: input.application_secret.map(SecretString::from),
            application_certificate: input.application_certificate.map(SecretString::from),
            cloud: input.cloud.unwrap_or(Cloud::Global).into(),
            secret_expires_at: input.secret_expires_at.map(|at| at.read("secretExpiresAt")).transpose()?,
        })
    }
}

//! Why a caller was turned away.

/// The category of a refused token: for the log. The caller learns only that it was refused, so that nobody can probe which
/// part of a forged token was nearly right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what it is")]
pub enum Rejection {
    #[error("no bearer token")]
    Missing,
    #[error("the token is too long")]
    TooLong,
    #[error("the token cannot be read")]
    Malformed,
    #[error("the token is of another kind")]
    Kind,
    #[error("the token's algorithm is not the key's")]
    Algorithm,
    #[error("the token's key is not known")]
    UnknownKey,
    #[error("the keys could not be fetched")]
    KeysUnavailable,
    #[error("the signature does not fit")]
    Signature,
    #[error("the token has expired, or never expires")]
    Expiry,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token is from another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token names no subject")]
    Subject,
    #[error("the token names no organisation")]
    Organisation,
    #[error("the token's permissions cannot be read")]
    Permissions,
}

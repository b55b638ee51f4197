//! An organisation's name on the command line.

use crate::organisation::OrganisationId;

/// Reads an organisation's name.
pub(super) fn organisation(text: &str) -> Result<OrganisationId, String> {
    OrganisationId::parse(text).map_err(|error| error.to_string())
}

//! `data.version`.

use super::{
    kinds::Integer,
    shape::{Optional, Required, optional, required},
};

/// `data.version` of every event.
pub(super) const VERSION: Required<Integer> = required(
    "version",
    Integer,
    "Strictly rising for each object; the highest wins, whatever the order of arrival. Without versions of your own: the change's time in epoch milliseconds.",
);

/// The version of what a caller or a file gives, which may do without.
pub(super) const GIVEN_VERSION: Optional<Integer> = optional("version", Integer, VERSION.0.meaning);

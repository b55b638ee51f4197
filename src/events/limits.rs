//! The limits that kinds of field have in common.

use std::ops::RangeInclusive;

/// Characters of an id.
pub(super) const ID: usize = 128;
/// Characters of a title or name.
pub(super) const NAME: usize = 255;
/// Characters of a description or reason.
pub(super) const TEXT: usize = 4_000;
/// Characters of an address.
pub(super) const ADDRESS: usize = 1_000;
/// Characters of a link.
pub(super) const URL: usize = 2_048;
/// The largest integer that every JSON reader keeps exactly: 2^53 - 1.
pub(super) const MAX_INTEGER: u64 = (1 << 53) - 1;
/// The years in which a time can be meant. Outside lie typing errors, and dates that calendars and stores cannot keep.
pub(super) const YEARS: RangeInclusive<i32> = 1900..=2200;

//! What a kind of field is.

use serde_json::Value;

/// A text that is not blank, as a pattern: something that is no Unicode white space.
pub(super) const SAYS: &str = r"[^\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]";

/// A kind of value.
pub(super) trait Kind: Sync {
    /// What a value of it means.
    type Read<'a>;

    /// Reads a value that is not `null`; `None` when it is as good as missing, an error in words that go on from the field's name.
    fn read<'a>(&self, value: &'a Value) -> Result<Option<Self::Read<'a>>, String>;

    /// The JSON Schema of what [`Kind::read`] takes.
    fn schema(&self, required: bool) -> Value;
}

//! Ids of single-value extended properties: `{type} {guid} Name {name}`, `{type} {guid} Id 0x…`, `{type} 0x…`.
//!
//! Source: Microsoft, "Outlook extended properties overview". The name is case-sensitive; type and GUID are not.

const TYPES: &[&str] =
    &["Binary", "Boolean", "CLSID", "Currency", "Double", "Error", "Float", "Integer", "Long", "Short", "String", "SystemTime"];

/// Whether the text is an id in one of the documented forms.
pub(crate) fn is_valid(id: &str) -> bool {
    let Some((kind, rest)) = id.split_once(' ') else { return false };
    if !TYPES.contains(&kind) {
        return false;
    }
    let Some(braced) = rest.strip_prefix('{') else { return is_tag(rest) };
    let Some((guid, form)) = braced.split_once("} ") else { return false };
    let named = form.strip_prefix("Name ").is_some_and(|name| !name.is_empty());
    let numbered = form.strip_prefix("Id ").is_some_and(is_tag);
    guid.len() == 36 && uuid::Uuid::try_parse(guid).is_ok() && (named || numbered)
}

/// Whether two ids name the same property.
pub(crate) fn same(one: &str, other: &str) -> bool {
    match (one.split_once(" Name "), other.split_once(" Name ")) {
        (Some((head, name)), Some((other_head, other_name))) => head.eq_ignore_ascii_case(other_head) && name == other_name,
        (None, None) => one.eq_ignore_ascii_case(other),
        _ => false,
    }
}

fn is_tag(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_forms_are_ids_and_only_the_name_minds_its_case() {
        let id = "String {d1a3c5e7-4b62-4f0e-9c1d-6a7be2f80c11} Name ArgusTask";
        assert!(
            is_valid(id) && is_valid("Integer {d1a3c5e7-4b62-4f0e-9c1d-6a7be2f80c11} Id 0x8012") && is_valid("String 0x4001")
        );
        for bad in [
            "ArgusTask",
            "String {d1a3} Name x",
            "Text {d1a3c5e7-4b62-4f0e-9c1d-6a7be2f80c11} Name x",
            "String {d1a3c5e7-4b62-4f0e-9c1d-6a7be2f80c11} Name ",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
        assert!(same(id, "string {D1A3C5E7-4B62-4F0E-9C1D-6A7BE2F80C11} Name ArgusTask"));
        assert!(!same(id, "String {d1a3c5e7-4b62-4f0e-9c1d-6a7be2f80c11} Name argustask"));
    }
}

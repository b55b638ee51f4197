//! Every code that people can meet has its heading in the error reference.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Words of this form that are no error codes.
const OTHERS: [&str; 14] = [
    "ARGUS_CRASH_AT",
    "ARGUS_M365",
    "ARGUS_M365__",
    "ARGUS_M365_TEST_WITHOUT_NATS",
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_VERSION",
    "IMPORT_GROUPS",
    "IMPORT_USERS",
    "NATS_SERVER_BIN",
    "SCREAMING_SNAKE_CASE",
    "SIGNED_IN",
    "US_GOV_L4",
    "US_GOV_L5",
    "WORKFLOW_WEBHOOK",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["simulator", "tests", "demo"].contains(&name.as_str()) {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Text literals of capitals with at least one underscore.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    let own = text.split("#[cfg(test)]").next().unwrap_or_default();
    own.split('"').filter(|word| {
        word.contains('_')
            && word.starts_with(|letter: char| letter.is_ascii_uppercase())
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

#[test]
fn every_code_has_a_heading_in_the_error_reference() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let reference = fs::read_to_string(root.join("docs/errors.md")).unwrap();
    let headings: BTreeSet<&str> = reference.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let used: BTreeSet<&str> = texts.iter().flat_map(|text| codes(text)).collect();
    assert!(used.len() > 30, "only {} codes were found: the search is broken", used.len());
    let missing: Vec<_> = used.iter().filter(|code| !headings.contains(*code) && !OTHERS.contains(code)).collect();
    assert!(missing.is_empty(), "without a heading in docs/errors.md: {missing:?}");
}

#[test]
fn every_code_is_told_with_what_to_do_and_whether_it_is_retried() {
    let reference = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md")).unwrap();
    let sections: Vec<&str> = reference.split("\n### ").skip(1).collect();
    assert!(sections.len() > 30, "only {} sections were found: the search is broken", sections.len());
    for section in sections {
        let (code, text) = section.split_once('\n').unwrap();
        let (told, retried) =
            text.split_once("\n\nRetried: ").unwrap_or_else(|| panic!("{code} does not say whether it is retried"));
        let known = ["no", "by itself", "deliveries", "a connection"].iter().any(|start| retried.starts_with(start));
        assert!(known && told.len() > 40, "{code}: {retried}");
    }
}

//! The rules of the house, checked from the sources: who may see whom, and who may make what.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A source file: its path below `src/`, and its code without comments and without its test module.
struct Source {
    path: String,
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 50, "only {} files found: the walk is broken", files.len());
    files.iter().map(|file| read(&root, file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(root: &Path, file: &Path) -> Source {
    let text = fs::read_to_string(file).unwrap();
    let own = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = own.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    Source { path: file.strip_prefix(root).unwrap().to_string_lossy().into_owned(), code, lines: text.lines().count() }
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/") || path.ends_with("_tests.rs")
}

/// Files below one of `folders` that mention `word`, apart from those in `except`.
fn offenders(folders: &[&str], word: &str, except: &[&str]) -> Vec<String> {
    sources()
        .into_iter()
        .filter(|source| !is_test(&source.path))
        .filter(|source| folders.iter().any(|folder| source.path.starts_with(folder)))
        .filter(|source| !except.iter().any(|place| source.path.starts_with(place)))
        .filter(|source| source.code.contains(word))
        .map(|source| source.path)
        .collect()
}

#[test]
fn a_capability_sees_neither_the_store_nor_the_broker() {
    for word in ["store::", "async_nats", "sqlx", "crate::store"] {
        assert_eq!(offenders(&["capabilities/"], word, &[]), [""; 0], "{word}");
    }
}

#[test]
fn the_store_sees_nothing_of_graph_but_the_names_of_the_clouds() {
    let files = sources();
    for source in files.iter().filter(|source| source.path.starts_with("store/") && !is_test(&source.path)) {
        let code = source.code.replace("graph::Cloud", "");
        assert!(!code.contains("graph::"), "{}", source.path);
    }
}

#[test]
fn the_api_sees_neither_sql_nor_graph() {
    assert_eq!(offenders(&["api/"], "sqlx", &[]), [""; 0]);
    for source in sources().iter().filter(|source| source.path.starts_with("api/") && !is_test(&source.path)) {
        assert!(
            !source.code.replace("graph::Cloud", "").replace("async_graphql", "").contains("crate::graph"),
            "{}",
            source.path
        );
    }
}

#[test]
fn only_the_store_names_a_database_driver() {
    assert_eq!(offenders(&[""], "sqlx", &["store/db"]), offenders(&["store/"], "sqlx", &["store/db"]), "outside the store");
    for driver in ["SqlitePool", "PgPool", "SqliteConnection", "PgConnection"] {
        assert_eq!(offenders(&[""], driver, &["store/db"]), [""; 0], "{driver}");
    }
}

#[test]
fn decisions_are_pure() {
    for source in sources().iter().filter(|source| {
        source.path.ends_with("decide.rs") || source.path.ends_with("learn.rs") || source.path.starts_with("events/")
    }) {
        for word in ["async fn", ".await", "Clock", "Ids::", "Instant::now"] {
            // The topic `directory.awaiting-approval` is no waiting.
            assert!(!source.code.replace(".awaiting", "").contains(word), "{} uses {word}", source.path);
        }
    }
}

#[test]
fn the_right_to_an_organisation_is_made_only_where_it_was_proved() {
    for (constructor, place) in [
        ("OrgScope::verified_by_token", "api/auth"),
        ("OrgScope::verified_by_subject", "events/"),
        ("OrgScope::granted_to_operator", "cli/"),
        ("OrgScope::of_stored_row", "store/"),
    ] {
        assert_eq!(offenders(&[""], constructor, &[place, "organisation.rs"]), [""; 0], "{constructor}");
    }
    assert_eq!(offenders(&[""], "WorkerScope::for_loops", &["app/", "cli/", "store/work.rs"]), [""; 0]);
}

#[test]
fn a_file_has_one_subject() {
    let long: Vec<_> = sources().into_iter().filter(|source| source.lines > 500).map(|source| source.path).collect();
    assert_eq!(long, [""; 0]);
}

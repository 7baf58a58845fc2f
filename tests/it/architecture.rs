//! The shape of the code: what each part may name, checked on the source text itself.

use std::path::{Path, PathBuf};

/// Every `.rs` file below `folder`, tests inside the crate left out.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut found = Vec::new();
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                waiting.push(path);
            } else if name.ends_with(".rs") && !["tests.rs", "toy.rs", "contract.rs"].contains(&name.as_str())
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
                found.push((path, product));
            }
        }
    }
    assert!(!found.is_empty(), "`{folder}` holds no sources");
    found
}

/// The lines of code (no comments) in `folder` that name one of `words`.
fn naming(folder: &str, words: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, text) in sources(folder) {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap();
            if words.iter().any(|word| code.contains(word)) {
                lines.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    lines
}

fn assert_none(folder: &str, words: &[&str]) {
    let found = naming(folder, words);
    assert!(found.is_empty(), "`{folder}` must not name {words:?}:\n{}", found.join("\n"));
}

#[test]
fn kernel_names_nothing_outside_itself() {
    assert_none(
        "src/kernel",
        &[
            "crate::definition",
            "crate::engine",
            "crate::journal",
            "crate::index",
            "crate::api",
            "crate::cli",
            "crate::app",
            "crate::time",
            "crate::random",
            "crate::workflows",
        ],
    );
}

#[test]
fn kernel_reads_no_clock_does_no_io_and_is_not_random() {
    assert_none(
        "src/kernel",
        &[
            "std::fs",
            "std::net",
            "std::env",
            "SystemTime",
            "Instant::now",
            "Utc::now",
            "getrandom",
            "tokio",
            "HashMap",
        ],
    );
}

#[test]
fn only_the_step_names_statig_in_the_kernel() {
    let found = naming("src/kernel", &["statig::", "use statig"]);
    let elsewhere: Vec<_> = found.iter().filter(|line| !line.contains("/kernel/step.rs:")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert!(!found.is_empty(), "the step names statig");
}

#[test]
fn workflows_see_only_the_kernel() {
    assert_none(
        "workflows",
        &[
            "crate::definition",
            "crate::engine",
            "crate::journal",
            "crate::index",
            "crate::api",
            "crate::app",
            "crate::time",
            "crate::random",
            "std::fs",
            "tokio",
        ],
    );
}

#[test]
fn storage_does_not_know_the_engine() {
    for folder in ["src/journal", "src/index"] {
        assert_none(folder, &["crate::engine", "crate::api", "crate::cli", "crate::app", "crate::workflows"]);
    }
    assert_none("src/definition", &["crate::engine", "crate::journal", "crate::index", "crate::api"]);
    assert_none("src/engine", &["crate::api", "crate::cli", "crate::app", "crate::workflows"]);
}

#[test]
fn only_the_composition_chooses_storage() {
    let mut found = naming("src/engine", &["FileJournal", "SledIndex", "journal::file", "index::sled"]);
    found.extend(naming("src/api", &["FileJournal", "SledIndex", "journal::file", "index::sled"]));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

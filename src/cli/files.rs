//! Owns how generated files are put on disk: all or none where one would be overwritten.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// What happens to a file that is there already and says something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// It is replaced.
    Replace,
}

/// A file to be written: its path below the directory, and its text.
pub type Planned = (String, String);

/// Writes `files` below `directory` and answers the paths written; equal ones are left alone.
///
/// # Errors
/// Files that stand in the way, all named; a directory that cannot be written.
pub fn write_all(directory: &Path, files: &[Planned], existing: Existing) -> Result<Vec<PathBuf>, Failure> {
    let mut missing = Vec::new();
    let mut other = Vec::new();
    for (name, text) in files {
        let path = directory.join(name);
        match fs::read(&path) {
            Ok(found) if found == text.as_bytes() => {}
            Ok(_) => other.push((path, text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => missing.push((path, text)),
            Err(error) => return Err(unusable(&path, &error)),
        }
    }
    if existing == Existing::Keep && !other.is_empty() {
        let names: Vec<String> = other.iter().map(|(path, _)| format!("`{}`", path.display())).collect();
        let reason = "says something else already: nothing was written; `--force` replaces what is there";
        return Err(Failure::No(format!("{} {reason}", names.join(", "))));
    }
    let mut written = Vec::new();
    for (path, text) in missing.into_iter().chain(other) {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| unusable(parent, &error))?;
        }
        fs::write(&path, text).map_err(|error| unusable(&path, &error))?;
        written.push(path);
    }
    written.sort();
    Ok(written)
}

/// Tells which files were written, on standard output.
///
/// # Errors
/// Output that cannot be written.
pub fn tell(written: &[PathBuf]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for path in written {
        writeln!(out, "{}", path.display())?;
    }
    if written.is_empty() {
        eprintln!("every file was there already");
    }
    Ok(())
}

/// A path that cannot be used.
pub fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Directory(format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_where_one_file_would_be_lost() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b"), "mine").unwrap();
        let files = [("a/x".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
        let refused = write_all(dir.path(), &files, Existing::Keep).unwrap_err();
        assert!(refused.to_string().contains("b` says something else already"), "{refused}");
        assert!(!dir.path().join("a").exists());
        assert_eq!(write_all(dir.path(), &files, Existing::Replace).unwrap().len(), 2);
        assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "2");
        assert!(write_all(dir.path(), &files, Existing::Keep).unwrap().is_empty());
    }
}

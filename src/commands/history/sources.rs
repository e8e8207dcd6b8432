//! The files of a history: named one by one, by a folder, or by a pattern.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::commands::folder::{mark_of, snapshots_in};

/// A place without files.
#[derive(Debug, thiserror::Error)]
pub(in crate::commands) enum NoFiles {
    #[error("`{}` does not exist", .0.display())]
    Missing(PathBuf),
    #[error("no file matches the pattern `{}`", .0.display())]
    Pattern(PathBuf),
    #[error("`{}` is not a pattern: {}", .0.display(), .1)]
    BadPattern(PathBuf, String),
    #[error("the folder `{}` has no snapshots (*.c1z)", .0.display())]
    Empty(PathBuf),
}

/// Returns the files at `paths`, each once, in the order of their names, and the folders without any.
///
/// # Errors
/// [`NoFiles`], or when a folder cannot be read.
pub(super) fn files(paths: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut files, mut empty) = (Vec::new(), Vec::new());
    for path in paths {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => match in_folder(path)? {
                some if some.is_empty() => empty.push(path.clone()),
                some => files.extend(some),
            },
            Ok(_) => files.push(path.clone()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files.extend(by_pattern(path)?);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("reading `{}`", path.display()));
            }
        }
    }
    if let (true, Some(folder)) = (files.is_empty(), empty.first()) {
        bail!(NoFiles::Empty(folder.clone()));
    }
    files.sort();
    files.dedup();
    Ok((files, empty))
}

/// The snapshots in a folder, without those that were not accepted.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let reading = || format!("reading the folder `{}`", folder.display());
    let mut files = snapshots_in(folder).with_context(reading)?;
    files.retain(|path| mark_of(path).is_none() && !path.is_dir());
    Ok(files)
}

/// The files that match a pattern, and those in folders that match it.
fn by_pattern(pattern: &Path) -> Result<Vec<PathBuf>> {
    let missing = || NoFiles::Missing(pattern.to_owned());
    let text = pattern.to_str().ok_or_else(missing)?;
    if !text.contains(['*', '?', '[']) {
        bail!(missing());
    }
    let options = glob::MatchOptions {
        require_literal_leading_dot: true,
        require_literal_separator: true,
        ..glob::MatchOptions::default()
    };
    let matches = glob::glob_with(text, options)
        .map_err(|error| NoFiles::BadPattern(pattern.to_owned(), error.msg.to_owned()))?;
    let mut files = Vec::new();
    for path in matches {
        let path = path.with_context(|| format!("reading the files of `{text}`"))?;
        if path.is_dir() {
            files.extend(in_folder(&path)?);
        } else if mark_of(&path).is_none() {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!(NoFiles::Pattern(pattern.to_owned()));
    }
    Ok(files)
}

//! The snapshots in a folder.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::sync::mark;

/// Lists the `*.c1z` in a folder, as a shell would: sorted, without hidden files.
pub(super) fn snapshots_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = folder.join(entry?.file_name());
        let is_hidden = file_name(&path).starts_with('.');
        if !is_hidden && path.extension() == Some(OsStr::new("c1z")) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The mark in the name of a snapshot that was not accepted: rejected or incomplete.
pub(super) fn mark_of(path: &Path) -> Option<&'static str> {
    mark(&file_name(path))
}

/// The name of a file without its folder.
pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

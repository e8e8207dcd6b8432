//! The file beside a product that has its SHA-256, in the form that `sha256sum -c` reads.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::replace::{Place, place};
use super::{Error, replace};

/// Returns the name of the checksum file of `path`: `NAME.sha256` beside it.
pub fn checksum_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".sha256");
    name.into()
}

/// Writes the SHA-256 of the file at `path`, in hexadecimal, beside it.
///
/// # Errors
/// When the file system refuses.
pub fn write_checksum(path: &Path, sha256: &str, mode: u32) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let mut line = Vec::new();
    // As sha256sum escapes them, and says so at the beginning of the line.
    let is_escaped = name.iter().any(|byte| b"\\\n\r".contains(byte));
    if is_escaped {
        line.push(b'\\');
    }
    line.extend_from_slice(sha256.as_bytes());
    line.extend_from_slice(b"  ");
    for byte in name {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            byte => line.push(*byte),
        }
    }
    line.push(b'\n');
    let checksum = checksum_path(path);
    replace(&checksum, mode, |file| {
        file.write_all(&line)
            .map_err(Error::of("writing", &checksum))
    })
}

/// Returns the SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    let digest = hash.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether `path` is something that is written to directly, such as a device or a pipe, and cannot have a checksum.
///
/// # Errors
/// When it cannot be looked at.
pub fn is_stream(path: &Path) -> Result<bool, Error> {
    Ok(matches!(place(path)?, Place::Stream(_)))
}

//! The container. In format v1: five bytes of magic, zstd frames (`frames.rs`) and the SQLite database inside, read page
//! by page. `v3/` reads format v3, and `build.rs` makes a database of the same kind from what is in it.
//!
//! This module reads the database itself instead of opening it with SQLite: SQLite would parse and run the schema of an
//! untrusted file, and the file's indexes could decide which rows are seen. `pages.rs` reads pages, `btree.rs` the
//! trees that they form, `record.rs` the values of a row, `declaration.rs` the statements in the schema, and
//! `database.rs` puts them together. `unpack.rs` and `spool.rs` hold the decoded bytes in the meantime.

mod btree;
mod build;
mod database;
pub(super) mod declaration;
mod frames;
mod pages;
mod record;
mod spool;
mod unpack;
pub(super) mod v3;

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::snapshot::error::{Damage, Error, UNPACKING, is_out_of_memory};
use crate::snapshot::hex::hex;
use crate::snapshot::limits::Limits;
use frames::{CHUNK, Frames, declared_size};
use unpack::Unpacker;

pub(super) use btree::Walker;
pub(super) use build::Builder;
pub(super) use database::{RowReader, SchemaObject, StoredRow, read_schema};
pub(super) use pages::{Fault, Pages, PayloadKind, UnpackedPages};
pub(super) use record::{Layout, Value};
pub(super) use spool::{Spool, SpoolWriter};
pub(super) use unpack::Keep;

use crate::progress::{Event, Phase, Reporter};

/// `C1ZF` and a NUL: SQLite inside.
const MAGIC: [u8; 5] = *b"C1ZF\0";
/// `C1Z3` and a NUL: the newer container, with a Pebble database inside.
const MAGIC_V3: [u8; 5] = *b"C1Z3\0";
/// The compression level of the official writer, which is zstd's default.
const LEVEL: i32 = 3;
/// Largest database that is held in memory while it is read, in bytes.
pub(super) const IN_MEMORY: usize = 16 << 20;
/// Bytes unpacked between two checks of the free space.
const SPACE_INTERVAL: u64 = 64 << 20;

/// Size and checksum of a file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file, in hexadecimal.
    pub sha256: String,
    /// The size of the database inside, in bytes.
    pub decoded_bytes: u64,
}

/// Compresses `database` to `out`: the magic, then one frame with its content size and a checksum.
pub(super) fn compress(
    database: &mut File,
    out: impl Write,
    reporter: &dyn Reporter,
) -> io::Result<Written> {
    let size = database.seek(io::SeekFrom::End(0))?;
    database.rewind()?;
    reporter.report(Event::Started {
        phase: Phase::Compression,
        of: Some(size),
    });
    let mut counted = Counted {
        inner: BufWriter::with_capacity(CHUNK, out),
        hash: Sha256::new(),
        bytes: 0,
    };
    counted.write_all(&MAGIC)?;
    let mut encoder = zstd::stream::write::Encoder::new(counted, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(true)?;
    encoder.set_pledged_src_size(Some(size))?;
    encoder.multithread(std::thread::available_parallelism().map_or(1, |n| n.get() as u32))?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = database.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        encoder.write_all(&chunk[..length])?;
        reporter.report(Event::Advanced {
            phase: Phase::Compression,
            steps: length as u64,
            of: None,
        });
    }
    let mut counted = encoder.finish()?;
    counted.flush()?;
    reporter.report(Event::Finished {
        phase: Phase::Compression,
    });
    Ok(Written {
        bytes: counted.bytes,
        sha256: hex(&counted.hash.finalize()),
        decoded_bytes: size,
    })
}

/// A writer that counts and hashes its bytes.
struct Counted<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(buffer)?;
        self.hash.update(&buffer[..length]);
        self.bytes += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// An unpacked database.
pub(super) struct Unpacked {
    pub database: UnpackedPages,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Size of the database, in bytes.
    pub decoded_bytes: u64,
}

/// What a c1z holds.
pub(super) enum Opened {
    /// The database of format v1.
    V1(Unpacked),
    /// The database of format v3.
    V3(v3::Database),
}

/// Unpacks the c1z at `path`: into memory if the database is small, otherwise into an unnamed file in `dir`.
pub(super) fn open(path: &Path, dir: &Path, limits: &Limits, keep: Keep) -> Result<Opened, Error> {
    let io_error = Error::io("reading", path);
    let mut input = File::open(path).map_err(&io_error)?;
    let metadata = input.metadata().map_err(&io_error)?;
    if metadata.is_dir() {
        return Err(io_error(io::ErrorKind::IsADirectory.into()));
    }
    let bytes = metadata.len();
    match read_magic(path, &mut input)? {
        Version::V1 => decompress(path, input, bytes, dir, limits, keep).map(Opened::V1),
        Version::V3 => {
            let (input, bytes) = if metadata.is_file() {
                (input, bytes)
            } else {
                seekable(input, dir, limits)?
            };
            v3::unpack(path, input, bytes, dir, limits).map(Opened::V3)
        }
    }
}

/// Copies the rest of a v3 file from a pipe to an unnamed file in `dir`, since it is read from its end. Returns that file and
/// its length.
fn seekable(input: File, dir: &Path, limits: &Limits) -> Result<(File, u64), Error> {
    let copy = || -> io::Result<(File, u64)> {
        let mut file = tempfile::tempfile_in(dir)?;
        file.write_all(&MAGIC_V3)?;
        // More is refused by the limits anyway.
        let most = limits.max_decoded_mib.saturating_mul(1 << 20);
        io::copy(&mut input.take(most), &mut file)?;
        let length = file.stream_position()?;
        Ok((file, length))
    };
    copy().map_err(Error::io(UNPACKING, dir))
}

/// Unpacks the rest of a c1z of format v1.
fn decompress(
    path: &Path,
    input: File,
    bytes: u64,
    dir: &Path,
    limits: &Limits,
    keep: Keep,
) -> Result<Unpacked, Error> {
    let io_error = Error::io("reading", path);
    let mut frames = Frames::new(input, limits.window_log()).map_err(&io_error)?;
    let first = frames.head().map_err(&io_error)?;
    if first.is_empty() {
        return Err(Error::damaged(path, Damage::Empty));
    }
    if let Some(declared) = declared_size(first) {
        limits.check_decoded(path, bytes, declared)?;
        check_space(dir, declared)?;
    }
    let keep = if limits.max_decoded_mib > btree::MAX_DISTINCT_MIB {
        Keep::Everything
    } else {
        keep
    };
    let mut database = Unpacker::new(IN_MEMORY, dir, keep);
    let mut decoded_bytes = 0;
    let mut next_look = SPACE_INTERVAL;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = match frames.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) => return Err(of_decoding(path, error, decoded_bytes)),
        };
        decoded_bytes += length as u64;
        limits.check_decoded(path, bytes, decoded_bytes)?;
        if decoded_bytes > next_look {
            check_space(dir, SPACE_INTERVAL)?;
            next_look += SPACE_INTERVAL;
        }
        database
            .take(&chunk[..length])
            .map_err(Error::io(UNPACKING, dir))?;
    }
    let database = database.finish().map_err(Error::io(UNPACKING, dir))?;
    Ok(Unpacked {
        database,
        bytes,
        decoded_bytes,
    })
}

/// The error of decoding a frame of the file at `path` after `decoded` bytes.
fn of_decoding(path: &Path, error: io::Error, decoded: u64) -> Error {
    let io_error = Error::io("reading", path);
    // Zstd's own errors do not come from the operating system.
    if error.raw_os_error().is_some() {
        io_error(error)
    } else if is_out_of_memory(&error) {
        io_error(io::ErrorKind::OutOfMemory.into())
    } else {
        Error::damaged(path, Damage::of_zstd(&error, decoded))
    }
}

/// Fails if a file of this size does not fit into `dir`, before it fills the file system. A database that stays in
/// memory needs no space.
pub(super) fn check_space(dir: &Path, needed: u64) -> Result<(), Error> {
    if needed <= IN_MEMORY as u64 {
        return Ok(());
    }
    // If the file system does not report its free space, the write itself decides.
    let Ok(found) = rustix::fs::statvfs(dir) else {
        return Ok(());
    };
    if found.f_bavail.saturating_mul(found.f_frsize) < needed {
        Err(Error::io(UNPACKING, dir)(io::ErrorKind::StorageFull.into()))
    } else {
        Ok(())
    }
}

/// Whether a file that begins with these bytes is a snapshot, of any version.
pub fn is_c1z(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC) || beginning.starts_with(&MAGIC_V3)
}

/// The versions of the format.
enum Version {
    V1,
    V3,
}

fn read_magic(path: &Path, input: &mut impl Read) -> Result<Version, Error> {
    let mut magic = Vec::with_capacity(MAGIC.len());
    input
        .take(MAGIC.len() as u64)
        .read_to_end(&mut magic)
        .map_err(Error::io("reading", path))?;
    match <[u8; 5]>::try_from(magic) {
        Ok(MAGIC) => Ok(Version::V1),
        Ok(MAGIC_V3) => Ok(Version::V3),
        Ok(other) => Err(Error::NotC1z {
            path: path.to_owned(),
            looks_like: looks_like(&other),
        }),
        Err(short) => Err(Error::NotC1z {
            path: path.to_owned(),
            looks_like: looks_like(&short),
        }),
    }
}

/// Guesses the type of a file that is not a c1z from its first five bytes.
fn looks_like(beginning: &[u8]) -> Option<&'static str> {
    Some(match beginning {
        [] => "an empty file",
        b"SQLit" => "a plain SQLite database",
        [0x28, 0xb5, 0x2f, 0xfd, _] => "plain zstd data",
        [0x1f, 0x8b, ..] => "gzip data",
        [b'P', b'K', ..] => "a ZIP archive",
        [0x89, b'P', b'N', b'G', _] => "a PNG image",
        [b'{' | b'[', ..] => "JSON",
        [b'<', ..] => "HTML or XML",
        _ => return None,
    })
}

//! The container. In format v1: five bytes of magic, zstd frames (`frames.rs`) and the SQLite database inside, read page
//! by page. `v3/` reads format v3, and `build.rs` makes a database of the same kind from what is in it.
//!
//! This module reads the database itself instead of opening it with SQLite: SQLite would parse and run the schema of an
//! untrusted file, and the file's indexes could decide which rows are seen. `header.rs` reads the header of the database,
//! `pages.rs` its pages, `btree.rs` the trees that they form, `record.rs` the values of a row, `declaration.rs` the
//! statements in the schema, and `database.rs` puts them together. `unpack.rs` divides the decoded bytes into pages, which
//! `store.rs` keeps in the meantime; `spool.rs` keeps other bytes.

mod btree;
mod build;
mod database;
pub(super) mod declaration;
mod fault;
mod frames;
mod header;
mod numbers;
mod pages;
mod record;
mod spool;
mod store;
mod unpack;
pub(super) mod v3;

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use sha2::{Digest, Sha256};

use crate::snapshot::error::{Damage, Error, READING_UNPACKED, UNPACKING, is_out_of_memory};
use crate::snapshot::hex::hex;
use crate::snapshot::limits::Limits;
use frames::{CHUNK, Frames, declared_size};
use store::Growing;
use unpack::Unpacker;

pub(super) use btree::{Leaf, TakenLeaf, Walker};
pub(super) use build::Builder;
pub(super) use database::{RowReader, SchemaObject, StoredRow, read_schema};
pub(super) use fault::Fault;
pub(super) use pages::{Pages, PayloadKind};
pub(super) use record::{Layout, Value};
pub(super) use spool::{Spool, SpoolWriter};
pub(super) use store::Access;
pub(super) use unpack::Keep;

use crate::progress::{Event, Phase, Reporter};

/// `C1ZF` and a NUL: SQLite inside.
const MAGIC: [u8; 5] = *b"C1ZF\0";
/// `C1Z3` and a NUL: the newer container, with a Pebble database inside.
const MAGIC_V3: [u8; 5] = *b"C1Z3\0";
/// The compression level of the official writer, which is zstd's default.
const LEVEL: i32 = 3;
/// Largest database of format v3 that is held in memory while it is read, in bytes.
pub(super) const IN_MEMORY: usize = 16 << 20;

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
    encoder.multithread(compression_threads())?;
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

/// The number of threads for the compression: one for each core, or as many as can be started. If zstd could not start one, it
/// would report a lack of memory; with none, it compresses on the calling thread.
fn compression_threads() -> u32 {
    let wanted = thread::available_parallelism().map_or(1, NonZero::get);
    let gate = Mutex::new(());
    thread::scope(|scope| {
        // They wait for each other, so that all run at the same time.
        let closed = gate.lock();
        let pass = || drop(gate.lock());
        let started = (0..wanted).map_while(|_| {
            let thread = thread::Builder::new().spawn_scoped(scope, pass);
            thread.ok()
        });
        let started = started.count() as u32;
        drop(closed);
        started
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

/// What a c1z holds.
pub(super) enum Opened<'a> {
    /// The database of format v1, which is still to be unpacked.
    V1(Packed<'a>),
    /// The database of format v3.
    V3(v3::Database),
}

/// Opens the c1z at `path`. Temporary files go to `dir`.
pub(super) fn open<'a>(
    path: &'a Path,
    dir: &'a Path,
    limits: &'a Limits,
) -> Result<Opened<'a>, Error> {
    let io_error = Error::io("reading", path);
    let mut input = File::open(path).map_err(&io_error)?;
    let metadata = input.metadata().map_err(&io_error)?;
    if metadata.is_dir() {
        return Err(io_error(io::ErrorKind::IsADirectory.into()));
    }
    let bytes = metadata.len();
    match read_magic(path, &mut input)? {
        Version::V1 => Packed::new(path, input, bytes, dir, limits).map(Opened::V1),
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

/// A c1z of format v1, whose database is still to be unpacked.
pub(super) struct Packed<'a> {
    path: &'a Path,
    frames: Frames<File>,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Size of the database in bytes, if it is declared.
    declared: Option<u64>,
    dir: &'a Path,
    limits: &'a Limits,
}

impl<'a> Packed<'a> {
    fn new(
        path: &'a Path,
        input: File,
        bytes: u64,
        dir: &'a Path,
        limits: &'a Limits,
    ) -> Result<Self, Error> {
        let io_error = Error::io("reading", path);
        let mut frames = Frames::new(input, limits.window_log()).map_err(&io_error)?;
        let first = frames.head().map_err(&io_error)?;
        if first.is_empty() {
            return Err(Error::damaged(path, Damage::Empty));
        }
        let declared = declared_size(first);
        if let Some(declared) = declared {
            limits.check_decoded(path, bytes, declared)?;
        }
        Ok(Self {
            path,
            frames,
            bytes,
            declared,
            dir,
            limits,
        })
    }

    /// Unpacks the database on another thread while `read` reads it. Returns its pages, what `read` returned, and the size of
    /// the database in bytes; `None` if `read` has abandoned the pages.
    ///
    /// # Errors
    /// When it cannot be unpacked, else those of `read`.
    pub(super) fn unpack<T>(
        self,
        keep: Keep,
        access: Access,
        read: impl FnOnce(&Pages) -> Result<T, Fault>,
    ) -> Result<Option<Unpacked<T>>, Error> {
        let (path, declared) = (self.path, self.declared.unwrap_or_default());
        let keep = if self.limits.max_decoded_mib > btree::MAX_DISTINCT_MIB {
            Keep::Everything
        } else {
            keep
        };
        let growing = Arc::new(Growing::new(access, self.dir.to_owned(), declared));
        let job = Mutex::new(Some((self, Unpacker::new(growing.clone(), keep))));
        let work = || {
            let job = job.lock().unwrap_or_else(PoisonError::into_inner).take();
            job.map(|(packed, unpacker)| packed.decode(unpacker))
        };
        let (decoded, read) = thread::scope(|scope| {
            let decoder = thread::Builder::new().spawn_scoped(scope, work);
            let decoded = match &decoder {
                Ok(_) => None,
                // Without another thread, everything is unpacked first.
                Err(_) => {
                    growing.unpack_first();
                    work()
                }
            };
            let over = EndOfReading(&growing);
            let read = Pages::growing(growing.clone()).map(|pages| {
                let result = read(&pages);
                (pages, result)
            });
            drop(over);
            let decoded = match decoder.map(ScopedJoinHandle::join) {
                Ok(Ok(decoded)) => decoded,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(_) => decoded,
            };
            (decoded, read)
        });
        if growing.is_abandoned() {
            return Ok(None);
        }
        let decoded_bytes = decoded.unwrap_or(Ok(0))?;
        let of_fault = |fault| of_fault(path, fault);
        let (mut pages, result) = read.map_err(of_fault)?;
        pages.check_length(decoded_bytes).map_err(of_fault)?;
        let result = result.map_err(of_fault)?;
        drop(growing);
        pages.settle();
        Ok(Some(Unpacked {
            pages,
            result,
            decoded_bytes,
        }))
    }

    /// Unpacks the database. Returns its size in bytes.
    fn decode(mut self, mut unpacker: Unpacker) -> Result<u64, Error> {
        let mut decoded_bytes = 0;
        loop {
            let length = match self.frames.read(unpacker.room()) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) => return Err(of_decoding(self.path, error, decoded_bytes)),
            };
            decoded_bytes += length as u64;
            self.limits
                .check_decoded(self.path, self.bytes, decoded_bytes)?;
            let is_wanted = unpacker
                .take(length)
                .map_err(Error::io(UNPACKING, self.dir))?;
            if !is_wanted {
                break;
            }
        }
        unpacker.finish().map_err(Error::io(UNPACKING, self.dir))?;
        Ok(decoded_bytes)
    }
}

/// The error of a fault in the database of the snapshot at `path`.
pub(super) fn of_fault(path: &Path, fault: Fault) -> Error {
    match fault {
        Fault::Io(source) => Error::io(READING_UNPACKED, path)(source),
        Fault::Damage(problem) => Error::damaged(path, Damage::Database(problem)),
    }
}

/// Releases the unpacking thread when the reading ends, for whatever reason.
struct EndOfReading<'g>(&'g Growing);

impl Drop for EndOfReading<'_> {
    fn drop(&mut self) {
        self.0.end_reading();
    }
}

/// An unpacked database.
pub(super) struct Unpacked<T> {
    pub pages: Pages,
    /// What was made of it in the meantime.
    pub result: T,
    /// Size of the database, in bytes.
    pub decoded_bytes: u64,
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

/// Fails if a file of this size does not fit into `dir`. A database that stays in memory needs no space.
pub(super) fn check_space(dir: &Path, needed: u64) -> Result<(), Error> {
    if needed <= IN_MEMORY as u64 {
        return Ok(());
    }
    store::check_space(dir, needed).map_err(Error::io(UNPACKING, dir))
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

//! What is around the database: five bytes of magic, one zstd frame, and the step in which a finished file takes the
//! place of an older one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::digest::hex;
use super::pages::PageReferences;
use super::{Damage, Error, Limits, Written};
use crate::leftover::Leftover;
use crate::progress::{Event, Phase, Reporter};

/// `C1ZF` and a NUL: SQLite inside.
const MAGIC: [u8; 5] = *b"C1ZF\0";
/// `C1Z3` and a NUL: the newer container with a Pebble database inside.
const MAGIC_V3: [u8; 5] = *b"C1Z3\0";
/// What zstd itself calls its default: the official writer's level.
const LEVEL: i32 = 3;
/// Bytes moved at a time: few enough that they are still near the processor when they are moved on.
const CHUNK: usize = 256 << 10;

/// Compresses `database` to `out`: magic, then one frame with its content size and a checksum, and nothing after it.
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

/// Counts and hashes what passes through.
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

/// Lets `write` fill a new file beside `target`, and puts it in the place of `target` once it is on the disk. A
/// symbolic link is followed. Until the last step, and on any error, what was at `target` stands untouched.
pub(super) fn replace<T>(
    target: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> Result<T, Error>,
) -> Result<T, Error> {
    let target = follow(target)?;
    let dir = parent(&target);
    let name = target
        .file_name()
        .ok_or_else(|| Error::io("writing", &target)(io::ErrorKind::IsADirectory.into()))?;
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut temporary = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(UNFINISHED)
        .tempfile_in(dir)
        .map_err(Error::io("creating a file in", dir))?;
    let _leftover = Leftover::note(temporary.path());
    let result = write(temporary.as_file_mut())?;
    let io_error = Error::io("writing", &target);
    temporary
        .as_file()
        .set_permissions(fs::Permissions::from_mode(mode))
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(&io_error)?;
    temporary
        .persist(&target)
        .map_err(|failed| io_error(failed.error))?;
    // The rename itself must survive a power cut. Some filesystems cannot sync a folder; the file is whole anyway.
    if let Ok(dir) = File::open(dir) {
        let _ = dir.sync_all();
    }
    Ok(result)
}

/// What the name of a file ends with that is on its way to its target.
const UNFINISHED: &str = ".tmp";

/// The name of the target that a file of this name was on its way to, if it is one of ours.
pub(super) fn target_of_unfinished(name: &str) -> Option<&str> {
    let (target, random) = name
        .strip_prefix('.')?
        .strip_suffix(UNFINISHED)?
        .rsplit_once('.')?;
    (!random.is_empty() && random.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(target)
}

fn follow(target: &Path) -> Result<PathBuf, Error> {
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_symlink() => match fs::canonicalize(target) {
            Ok(path) => Ok(path),
            // A link to what does not exist yet: the file is made where it points.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let link = fs::read_link(target).map_err(Error::io("reading the link", target))?;
                Ok(parent(target).join(link))
            }
            Err(error) => Err(Error::io("following the link", target)(error)),
        },
        _ => Ok(target.to_owned()),
    }
}

/// The folder a file is in; `.` for a bare name.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Unpacks the c1z at `path` into `database`, and shows it to `pages` on the way. Returns its two sizes: of the file, and
/// decoded.
pub(super) fn decompress(
    path: &Path,
    database: &mut File,
    limits: &Limits,
    pages: &mut PageReferences,
) -> Result<(u64, u64), Error> {
    let io_error = Error::io("reading", path);
    let file = File::open(path).map_err(&io_error)?;
    let metadata = file.metadata().map_err(&io_error)?;
    if metadata.is_dir() {
        return Err(io_error(io::ErrorKind::IsADirectory.into()));
    }
    let mut input = file;
    check_magic(path, &mut input)?;
    let mut frames = Frames::new(input, limits.window_log()).map_err(&io_error)?;
    let first = frames.head().map_err(&io_error)?;
    if first.is_empty() {
        return Err(Error::damaged(path, Damage::Empty));
    }
    if let Some(declared) = declared_size(first) {
        limits.check_decoded(path, declared)?;
    }
    let mut decoded = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = match frames.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) => return Err(Error::damaged(path, Damage::of_zstd(&error, decoded))),
        };
        decoded += length as u64;
        limits.check_decoded(path, decoded)?;
        pages.take(&chunk[..length]);
        database
            .write_all(&chunk[..length])
            .map_err(Error::io("unpacking", path))?;
    }
    Ok((metadata.len(), decoded))
}

/// What the head of a frame says that it decodes to, in bytes.
fn declared_size(frame: &[u8]) -> Option<u64> {
    zstd::zstd_safe::get_frame_content_size(frame)
        .ok()
        .flatten()
}

/// Longest head of a zstd frame, in bytes.
const MAX_HEAD: usize = 18;

/// What zstd frames that stand one behind the other decode to. Each is held to what its head declares: libzstd does so
/// only for what it decodes in one piece.
struct Frames<R> {
    input: R,
    decoder: Decoder<'static>,
    buffer: Vec<u8>,
    /// What is read and not decoded yet stands in `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Within a frame: what it declares, and how much came of it so far.
    frame: Option<(Option<u64>, u64)>,
}

impl<R: Read> Frames<R> {
    fn new(input: R, window_log: u32) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(window_log))?;
        Ok(Self {
            input,
            decoder,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            frame: None,
        })
    }

    /// What comes next, at least as much as the head of a frame may take; less only at the end.
    fn head(&mut self) -> io::Result<&[u8]> {
        while self.end - self.start < MAX_HEAD {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(length) => self.end += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let head = self.head()?;
            let (is_end, declared) = (head.is_empty(), declared_size(head));
            let (declared, before) = match self.frame {
                Some(frame) => frame,
                None if is_end => return Ok(0),
                None => (declared, 0),
            };
            let mut input = InBuffer::around(&self.buffer[self.start..self.end]);
            let mut output = OutBuffer::around(&mut *out);
            let to_come = self.decoder.run(&mut input, &mut output)?;
            self.start += input.pos();
            let length = output.pos();
            let decoded = before + length as u64;
            self.frame = match to_come {
                0 => None,
                _ => Some((declared, decoded)),
            };
            if let (None, Some(declared)) = (self.frame, declared)
                && declared != decoded
            {
                let problem =
                    format!("a frame of {decoded} bytes is declared as one of {declared}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            if length > 0 {
                return Ok(length);
            }
            if is_end && self.frame.is_some() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn check_magic(path: &Path, input: &mut impl Read) -> Result<(), Error> {
    let mut magic = Vec::with_capacity(MAGIC.len());
    input
        .take(MAGIC.len() as u64)
        .read_to_end(&mut magic)
        .map_err(Error::io("reading", path))?;
    match <[u8; 5]>::try_from(magic) {
        Ok(MAGIC) => Ok(()),
        Ok(MAGIC_V3) => Err(Error::Version3 {
            path: path.to_owned(),
        }),
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

/// What a file that is no c1z may be instead, by its first five bytes.
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

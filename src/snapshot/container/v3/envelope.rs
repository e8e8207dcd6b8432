//! The envelope of a v3 snapshot: a head that names the engine, one zstd frame for each file of the database, the index
//! of these frames, and a footer that says where the index is. Every byte of the file belongs to exactly one of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use twox_hash::XxHash64;

use super::bytes::{Bytes, Field};
use super::fault::{Fault, shown};
use crate::snapshot::container::frames::{CHUNK, Frames};
use crate::snapshot::container::spool::{Spool, SpoolWriter};
use crate::snapshot::container::{IN_MEMORY, MAGIC_V3, check_space, of_decoding};
use crate::snapshot::error::{Damage, Error, UNPACKING, V3Part};
use crate::snapshot::limits::{Limits, MAX_V3_FILES, MAX_V3_HEAD, MAX_V3_INDEX, MAX_V3_NAME};

/// Magic and length of the head.
const START: u64 = MAGIC_V3.len() as u64 + 4;
const FOOTER: u64 = 28;
const FOOTER_MAGIC: [u8; 8] = *b"C1ZIDX1\0";

/// The only engine, version of its files, encoding and form of ids that this program knows.
const ENGINE: &[u8] = b"pebble3";
pub(super) const PEBBLE_FORMAT: u64 = 24;
const INDEXED_ZSTD: u64 = 5;
const STRUCTURED_IDS: u64 = 2;

/// The files of the database, decoded one after another into one spool.
pub(super) struct Files {
    pub(super) spool: Spool,
    pub(super) places: BTreeMap<String, Range<u64>>,
    /// The size of all of them, in bytes.
    pub(super) bytes: u64,
}

/// A file in the index.
struct Entry {
    name: String,
    offset: u64,
    compressed: u64,
    raw: u64,
    sha256: [u8; 32],
}

/// Decodes every file and compares it with its checksum.
pub(super) fn unpack(
    path: &Path,
    mut input: File,
    length: u64,
    dir: &Path,
    limits: &Limits,
) -> Result<Files, Error> {
    let of_fault = |fault| super::of_fault(path, "reading", fault);
    let head = read_head(&input, length).map_err(of_fault)?;
    let index = read_index(&input, length, head.len() as u64);
    let is_intact = match &index {
        Ok((_, hash)) => *hash == 0 || *hash == XxHash64::oneshot(0, &head),
        Err(_) => true,
    };
    if !is_intact {
        let problem = "the checksum of its head does not match";
        return Err(of_fault(Fault::damage(V3Part::Checksum, problem)));
    }
    // What another version wrote may have no index, or another one.
    check_head(&head).map_err(of_fault)?;
    let (entries, _) = index.map_err(of_fault)?;

    let bytes = entries.iter().map(|entry| entry.raw);
    let bytes = bytes.fold(0, u64::saturating_add);
    limits.check_decoded(path, length, bytes)?;
    check_space(dir, bytes)?;
    let mut out = SpoolWriter::new(IN_MEMORY, dir);
    let mut places = BTreeMap::new();
    let mut at = 0;
    for entry in entries {
        let end = at + entry.raw;
        decode(path, dir, &mut input, &entry, limits, &mut out)?;
        if places.insert(entry.name.clone(), at..end).is_some() {
            let problem = format!("its index names `{}` twice", entry.name.escape_debug());
            return Err(of_fault(Fault::damage(V3Part::Index, problem)));
        }
        at = end;
    }
    Ok(Files {
        spool: out.finish().map_err(Error::io(UNPACKING, dir))?,
        places,
        bytes,
    })
}

fn read_at(input: &File, start: u64, length: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| Fault::limit("it is too large"))?];
    input.read_exact_at(&mut bytes, start).map_err(Fault::Io)?;
    Ok(bytes)
}

/// The head: a message that describes the content.
fn read_head(input: &File, file_length: u64) -> Result<Vec<u8>, Fault> {
    let cut = || Fault::damage(V3Part::Envelope, "it ends before its content");
    if file_length < START + FOOTER {
        return Err(cut());
    }
    let length = read_at(input, MAGIC_V3.len() as u64, 4)?;
    let length = <[u8; 4]>::try_from(length).map_or(0, u32::from_be_bytes);
    let length = u64::from(length);
    if length > file_length - START - FOOTER {
        return Err(cut());
    }
    if length > MAX_V3_HEAD {
        return Err(Fault::limit("its head exceeds the limits"));
    }
    read_at(input, START, length)
}

/// Refuses engines, versions and encodings that this program does not know.
fn check_head(head: &[u8]) -> Result<(), Fault> {
    let malformed = || Fault::damage(V3Part::Envelope, "its head is malformed");
    let (mut engine, mut version, mut encoding, mut ids) = (&b""[..], 0, 0, STRUCTURED_IDS);
    let mut rest = Bytes(head);
    while !rest.is_empty() {
        match rest.field().ok_or_else(malformed)? {
            (1, Field::Bytes(name)) => engine = name,
            (2, Field::Number(number)) => version = number,
            (4, Field::Number(number)) => encoding = number,
            (42, Field::Number(number)) => ids = number,
            (1 | 2 | 4 | 42, _) => return Err(malformed()),
            _ => {}
        }
    }
    if engine != ENGINE {
        return Err(Fault::version("engine", shown(engine), shown(ENGINE)));
    }
    if version != PEBBLE_FORMAT {
        return Err(Fault::version("Pebble format", version, PEBBLE_FORMAT));
    }
    if encoding != INDEXED_ZSTD {
        return Err(Fault::version("payload encoding", encoding, INDEXED_ZSTD));
    }
    if ids != STRUCTURED_IDS {
        return Err(Fault::version("ids of form", ids, STRUCTURED_IDS));
    }
    Ok(())
}

/// The index, and the hash of the head; 0 if the writer left it out.
fn read_index(input: &File, file_length: u64, head: u64) -> Result<(Vec<Entry>, u64), Fault> {
    let damage = |problem: &str| Fault::damage(V3Part::Index, problem);
    let footer = read_at(input, file_length - FOOTER, FOOTER)?;
    let Some(([offset, hash], length)) = parse_footer(&footer) else {
        let problem = "it does not end with the footer of its index: it is cut short";
        return Err(Fault::damage(V3Part::Envelope, problem));
    };
    let first = START + head;
    let is_placed = offset >= first && offset.checked_add(length) == Some(file_length - FOOTER);
    if !is_placed {
        return Err(damage("its index is not where its footer says"));
    }
    if length > MAX_V3_INDEX {
        return Err(Fault::limit("its index exceeds the limits"));
    }
    let index = read_at(input, offset, length)?;
    if XxHash64::oneshot(0, &index) != hash {
        let problem = "the checksum of its index does not match";
        return Err(Fault::damage(V3Part::Checksum, problem));
    }
    let malformed = || damage("its index is malformed");
    let (mut entries, mut head_hash) = (Vec::new(), 0);
    let mut rest = Bytes(&index);
    let mut at = first;
    while !rest.is_empty() {
        match rest.field().ok_or_else(malformed)? {
            (1, Field::Bytes(entry)) => {
                let entry = read_entry(entry).ok_or_else(malformed)?;
                if entry.offset != at || entry.compressed > offset - at {
                    return Err(damage("its index leaves gaps between the files"));
                }
                at += entry.compressed;
                entries.push(entry);
            }
            (4, Field::Number(hash)) => head_hash = hash,
            (1 | 4, _) => return Err(malformed()),
            // The totals, which can be computed.
            (2 | 3, _) => {}
            (number, _) => {
                return Err(Fault::Unknown(format!("field {number} in its index")));
            }
        }
        if entries.len() > MAX_V3_FILES {
            let problem = format!("it holds more than {MAX_V3_FILES} files");
            return Err(Fault::limit(problem));
        }
    }
    if at == offset {
        Ok((entries, head_hash))
    } else {
        Err(damage("its index leaves out some of the files"))
    }
}

/// The position of the index and its hash, and its length; `None` if this is not a footer.
fn parse_footer(footer: &[u8]) -> Option<([u64; 2], u64)> {
    let mut rest = Bytes(footer);
    let offset = u64::from_be_bytes(rest.array()?);
    let length = u32::from_be_bytes(rest.array()?);
    let hash = u64::from_be_bytes(rest.array()?);
    (rest.0 == FOOTER_MAGIC).then_some(([offset, hash], length.into()))
}

fn read_entry(entry: &[u8]) -> Option<Entry> {
    let mut found = Entry {
        name: String::new(),
        offset: 0,
        compressed: 0,
        raw: 0,
        sha256: [0; 32],
    };
    let mut has_hash = false;
    let mut rest = Bytes(entry);
    while !rest.is_empty() {
        match rest.field()? {
            (1, Field::Bytes(name)) if name.len() <= MAX_V3_NAME => {
                found.name = String::from_utf8(name.to_vec()).ok()?;
            }
            (2, Field::Number(offset)) => found.offset = offset,
            (3, Field::Number(size)) => found.compressed = size,
            (4, Field::Number(size)) => found.raw = size,
            (6, Field::Bytes(hash)) => {
                found.sha256 = hash.try_into().ok()?;
                has_hash = true;
            }
            (1 | 2 | 3 | 4 | 6, _) => return None,
            _ => {}
        }
    }
    (has_hash && found.compressed > 0).then_some(found)
}

/// Appends the content of one file to `out`.
fn decode(
    path: &Path,
    dir: &Path,
    input: &mut File,
    entry: &Entry,
    limits: &Limits,
    out: &mut SpoolWriter,
) -> Result<(), Error> {
    let io_error = Error::io("reading", path);
    let name = entry.name.escape_debug();
    let damage = |part, problem: String| Error::damaged(path, Damage::V3 { part, problem });
    input
        .seek(SeekFrom::Start(entry.offset))
        .map_err(&io_error)?;
    let section = input.take(entry.compressed);
    let mut frames = Frames::new(section, limits.window_log()).map_err(&io_error)?;
    let mut hash = Sha256::new();
    let mut decoded = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = match frames.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) => return Err(of_decoding(path, error, decoded)),
        };
        decoded += length as u64;
        if decoded > entry.raw {
            break;
        }
        hash.update(&chunk[..length]);
        out.write_all(&chunk[..length])
            .map_err(Error::io(UNPACKING, dir))?;
    }
    if decoded != entry.raw {
        let problem = format!("`{name}` has another size than its index states");
        return Err(damage(V3Part::Index, problem));
    }
    if hash.finalize()[..] == entry.sha256 {
        Ok(())
    } else {
        let problem = format!("the checksum of `{name}` does not match");
        Err(damage(V3Part::Checksum, problem))
    }
}

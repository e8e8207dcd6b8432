//! The manifest of the database: a log of edits, in the record format of LevelDB, that adds and removes tables. What is
//! left after the last edit are the tables to read.

use std::collections::{BTreeMap, HashMap};

use super::bytes::{Bytes, masked_crc};
use super::fault::{Fault, shown};
use crate::snapshot::error::V3Part;
use crate::snapshot::limits::{MAX_V3_KEY, MAX_V3_TABLES};

/// Size of a block of the log. Records do not cross blocks, except in pieces.
const BLOCK: usize = 32 << 10;
/// Checksum, length and kind before each piece of a record.
const PIECE_HEADER: usize = 7;

const COMPARER: &[u8] = b"leveldb.BytewiseComparator";
/// The highest level of a table.
const MAX_LEVEL: u64 = 6;
/// The largest sequence number, which only bounds have.
const MAX_SEQUENCE: u64 = (1 << 56) - 1;

/// A table, or a part of one: its keys are between `smallest` and `largest`.
#[derive(Clone, Debug)]
pub(super) struct TableFile {
    /// The number in the name of its file.
    pub(super) file: u64,
    /// Whether it is a part of what is in the file.
    pub(super) is_virtual: bool,
    pub(super) smallest: Vec<u8>,
    pub(super) largest: Vec<u8>,
    /// Whether `largest` itself is outside.
    pub(super) excludes_largest: bool,
    /// The sequence number of all its rows, if they do not state their own: it was ingested as a whole.
    pub(super) sequence: Option<u64>,
}

/// The tables to read.
pub(super) struct Manifest {
    pub(super) tables: Vec<TableFile>,
    /// Write-ahead logs from this number on are needed.
    pub(super) first_log: u64,
}

fn malformed() -> Fault {
    Fault::damage(V3Part::Manifest, "its manifest is malformed")
}

/// Reads the manifest.
pub(super) fn read(log: &[u8]) -> Result<Manifest, Fault> {
    let mut state = State::default();
    let mut record = Vec::new();
    let mut rest = Pieces { log, at: 0 };
    let mut is_open = false;
    while let Some((kind, piece)) = rest.next()? {
        let (is_first, is_last) = match kind {
            1 => (true, true),
            2 => (true, false),
            3 => (false, false),
            4 => (false, true),
            _ => {
                let known = "1 to 4";
                return Err(Fault::version("manifest log of kind", kind, known));
            }
        };
        if is_first == is_open {
            return Err(malformed());
        }
        if is_first {
            record.clear();
        }
        record.extend_from_slice(piece);
        is_open = !is_last;
        if is_last {
            state.apply(&record)?;
        }
    }
    if is_open || !state.has_comparer {
        return Err(malformed());
    }
    state.finish()
}

/// The pieces of records in a log.
struct Pieces<'a> {
    log: &'a [u8],
    at: usize,
}

impl<'a> Pieces<'a> {
    /// The kind and content of the next piece.
    fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, Fault> {
        loop {
            let block_end = (self.at / BLOCK + 1) * BLOCK;
            let rest = self.log.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(None);
            }
            if self.at + PIECE_HEADER > block_end {
                self.at = block_end;
                continue;
            }
            let mut bytes = Bytes(rest);
            let (Some(crc), Some(length), Some(kind)) = (bytes.u32(), bytes.u16(), bytes.u8())
            else {
                return Err(malformed());
            };
            // The rest of the block is padding.
            if (crc, length, kind) == (0, 0, 0) {
                self.at = block_end;
                continue;
            }
            let piece = bytes.take(length.into()).ok_or_else(malformed)?;
            self.at += PIECE_HEADER + piece.len();
            if self.at > block_end {
                return Err(malformed());
            }
            if masked_crc(&[&[kind], piece]) != crc {
                let problem = "the checksum of a record in its manifest does not match";
                return Err(Fault::damage(V3Part::Checksum, problem));
            }
            return Ok(Some((kind, piece)));
        }
    }
}

/// The tables after the edits so far.
#[derive(Default)]
struct State {
    /// By level and number.
    live: BTreeMap<(u64, u64), TableFile>,
    first_log: u64,
    has_comparer: bool,
}

impl State {
    fn apply(&mut self, edit: &[u8]) -> Result<(), Fault> {
        let mut rest = Bytes(edit);
        while !rest.is_empty() {
            let tag = rest.varint().ok_or_else(malformed)?;
            match tag {
                1 => {
                    let name = rest.prefixed().ok_or_else(malformed)?;
                    if name != COMPARER {
                        return Err(Fault::version("key order", shown(name), shown(COMPARER)));
                    }
                    self.has_comparer = true;
                }
                2 => self.first_log = rest.varint().ok_or_else(malformed)?,
                // The next file number; the last sequence number; a file that virtual tables no longer need.
                3 | 4 | 106 => {
                    rest.varint().ok_or_else(malformed)?;
                }
                6 => {
                    let removed = level(&mut rest).zip(rest.varint()).ok_or_else(malformed)?;
                    let table = self.live.remove(&removed);
                    table.ok_or_else(|| {
                        dangling("removes a table that it does not have", removed.1)
                    })?;
                }
                100 | 103 => self.add(tag == 103, &mut rest)?,
                // A file that virtual tables need, and its size.
                105 => {
                    rest.varint().zip(rest.varint()).ok_or_else(malformed)?;
                }
                104 => return Err(Fault::Unknown("range keys".to_owned())),
                107 | 108 => return Err(Fault::Unknown("blob files".to_owned())),
                _ => return Err(Fault::Unknown(format!("manifest entry {tag}"))),
            }
        }
        Ok(())
    }

    /// Adds a table.
    fn add(&mut self, has_attributes: bool, rest: &mut Bytes<'_>) -> Result<(), Fault> {
        let (place, mut table) = table(rest).ok_or_else(malformed)?;
        if has_attributes {
            read_attributes(rest, &mut table)?;
        }
        if table.smallest > table.largest {
            return Err(malformed());
        }
        if table.smallest.len().max(table.largest.len()) > MAX_V3_KEY {
            return Err(Fault::limit("a key in its manifest exceeds the limits"));
        }
        if self.live.insert(place, table).is_some() {
            return Err(dangling("adds a table twice", place.1));
        }
        if self.live.len() > MAX_V3_TABLES {
            let problem = format!("it has more than {MAX_V3_TABLES} tables");
            return Err(Fault::limit(problem));
        }
        Ok(())
    }

    /// Checks that tables overlap only where they may.
    fn finish(self) -> Result<Manifest, Fault> {
        let mut levels: HashMap<u64, Vec<&TableFile>> = HashMap::new();
        let mut files: HashMap<u64, Vec<&TableFile>> = HashMap::new();
        for ((level, _), table) in &self.live {
            // New tables may overlap until they are merged.
            if *level > 0 {
                levels.entry(*level).or_default().push(table);
            }
            files.entry(table.file).or_default().push(table);
        }
        for tables in levels.values_mut().chain(files.values_mut()) {
            tables.sort_unstable_by(|a, b| a.smallest.cmp(&b.smallest));
            let is_apart = |pair: &[&TableFile]| match pair {
                [a, b] => a.largest < b.smallest || (a.excludes_largest && a.largest == b.smallest),
                _ => true,
            };
            if !tables.windows(2).all(is_apart) {
                let problem = "tables in its manifest overlap";
                return Err(Fault::damage(V3Part::Manifest, problem));
            }
        }
        Ok(Manifest {
            first_log: self.first_log,
            tables: self.live.into_values().collect(),
        })
    }
}

fn dangling(does: &str, file: u64) -> Fault {
    let problem = format!("its manifest {does}: table {file}");
    Fault::damage(V3Part::Manifest, problem)
}

fn level(rest: &mut Bytes<'_>) -> Option<u64> {
    rest.varint().filter(|level| *level <= MAX_LEVEL)
}

/// Level and number of a table, and what is in it.
fn table(rest: &mut Bytes<'_>) -> Option<((u64, u64), TableFile)> {
    let (level, number, _size) = (level(rest)?, rest.varint()?, rest.varint()?);
    let (smallest, _) = key(rest.prefixed()?)?;
    let (largest, trailer) = key(rest.prefixed()?)?;
    let (first, last) = (rest.varint()?, rest.varint()?);
    let table = TableFile {
        file: number,
        is_virtual: false,
        smallest,
        largest,
        excludes_largest: trailer >> 8 == MAX_SEQUENCE,
        sequence: (first == last).then_some(first),
    };
    Some(((level, number), table))
}

/// What else the manifest says of a table.
fn read_attributes(rest: &mut Bytes<'_>, table: &mut TableFile) -> Result<(), Fault> {
    loop {
        match rest.varint().ok_or_else(malformed)? {
            1 => return Ok(()),
            66 => {
                table.file = rest.varint().ok_or_else(malformed)?;
                table.is_virtual = true;
            }
            // Defined as safe to ignore.
            0..64 => {
                rest.prefixed().ok_or_else(malformed)?;
            }
            attribute => return Err(Fault::Unknown(format!("table attribute {attribute}"))),
        }
    }
}

/// A key, and the sequence number and kind that follow it.
fn key(bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
    let (key, trailer) = bytes.split_last_chunk()?;
    Some((key.to_vec(), u64::from_le_bytes(*trailer)))
}

//! The v3 container: a database of the Pebble engine, as the live keys and values in it.
//!
//! Each file uses only those above it.
//!
//! | file | holds |
//! |---|---|
//! | `fault.rs` | why something cannot be read |
//! | `bytes.rs` | numbers and texts off the front of a slice |
//! | `envelope.rs` | head, frames, index and footer of the file: the files of the database |
//! | `manifest.rs` | which tables count, and which part of each |
//! | `columns.rs` | the columns that blocks consist of |
//! | `table.rs` | one table: its index, its rows, its deletions |
//! | `merge.rs` | the live rows of all tables |
//!
//! Reads only what the SDK is known to write. Any other version, feature, compression or kind of block is refused with its
//! name, and is not reported as damage. Everything is read within the limits in `limits.rs`: tables are opened one after
//! another, and each holds one block of rows in memory.

mod bytes;
mod columns;
mod envelope;
mod fault;
mod manifest;
mod merge;
mod table;

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use self::envelope::{Files, PEBBLE_FORMAT};
use self::fault::shown;
use self::merge::Source;
use self::table::{Budget, Span, Table};
use crate::snapshot::error::{Error, READING_UNPACKED, V3Part};
use crate::snapshot::limits::{Limits, MAX_V3_MANIFEST, MAX_V3_SPANS};

pub(in crate::snapshot) use self::fault::Fault;
pub(in crate::snapshot) use self::merge::{Row, Rows};

/// Bytes that tables may decode to: this, and this many times the size of the files. Snappy expands at most
/// 22-fold, and each block is read up to three times.
const LEAST_WORK: u64 = 256 << 20;
const WORK_FACTOR: u64 = 64;

/// The unpacked files of a v3 snapshot.
pub(in crate::snapshot) struct Database {
    path: PathBuf,
    files: Files,
    budget: Budget,
    /// Size of the snapshot, in bytes.
    pub bytes: u64,
}

/// The tables of a database.
pub(in crate::snapshot) struct Tables<'d> {
    sources: Vec<Source<'d>>,
    spans: Vec<Span>,
}

/// Unpacks the files in a v3 snapshot of `length` bytes.
pub(super) fn unpack(
    path: &Path,
    input: File,
    length: u64,
    dir: &Path,
    limits: &Limits,
) -> Result<Database, Error> {
    let files = envelope::unpack(path, input, length, dir, limits)?;
    let work = files.bytes.saturating_mul(WORK_FACTOR);
    Ok(Database {
        path: path.to_owned(),
        budget: Budget::new(work.saturating_add(LEAST_WORK)),
        files,
        bytes: length,
    })
}

/// The error of a fault in the snapshot at `path` during `action`.
fn of_fault(path: &Path, action: &'static str, fault: Fault) -> Error {
    match fault {
        Fault::Io(source) => Error::io(action, path)(source),
        Fault::Unknown(what) => Error::UnknownV3 {
            path: path.to_owned(),
            what,
        },
        Fault::Damage(damage) => Error::damaged(path, damage),
    }
}

/// The kinds of files in a database, by their names.
enum Name {
    Table(u64),
    Log(u64),
    /// The name of the manifest, and the number of the note that states it.
    ManifestNote(u64, String),
    FormatNote(u64, u64),
    /// A manifest, or options that only matter to writers.
    Other,
}

impl Name {
    fn of(name: &str) -> Option<Self> {
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| text.parse::<u64>().ok().filter(|_| is_number(text));
        if let Some(number) = name.strip_suffix(".sst").and_then(number) {
            return Some(Self::Table(number));
        }
        if let Some(number) = name.strip_suffix(".log").and_then(number) {
            return Some(Self::Log(number));
        }
        if let Some(note) = name.strip_prefix("marker.manifest.") {
            let (version, manifest) = note.split_once('.')?;
            return Some(Self::ManifestNote(number(version)?, manifest.to_owned()));
        }
        if let Some(note) = name.strip_prefix("marker.format-version.") {
            let (version, format) = note.split_once('.')?;
            return Some(Self::FormatNote(number(version)?, number(format)?));
        }
        let has_number = |prefix| name.strip_prefix(prefix).and_then(number).is_some();
        (has_number("MANIFEST-") || has_number("OPTIONS-")).then_some(Self::Other)
    }
}

impl Database {
    /// The size of the files inside, in bytes.
    pub(crate) fn decoded_bytes(&self) -> u64 {
        self.files.bytes
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The error of a fault in this snapshot.
    pub(crate) fn error(&self, fault: Fault) -> Error {
        of_fault(&self.path, READING_UNPACKED, fault)
    }

    /// Finds the tables that count, and checks the footer of each.
    ///
    /// # Errors
    /// When the manifest or a table is damaged or of an unknown version.
    pub(crate) fn tables(&self) -> Result<Tables<'_>, Fault> {
        let damage = |problem: String| Fault::damage(V3Part::Manifest, problem);
        let mut tables: HashMap<u64, Range<u64>> = HashMap::new();
        let mut logs = Vec::new();
        let (mut manifest, mut format) = (None, None);
        for (name, place) in &self.files.places {
            let unknown = || Fault::Unknown(format!("a file {}", shown(name.as_bytes())));
            match Name::of(name).ok_or_else(unknown)? {
                Name::Table(number) => {
                    if tables.insert(number, place.clone()).is_some() {
                        return Err(damage(format!("it has two tables {number}")));
                    }
                }
                Name::Log(number) => logs.push((number, place)),
                Name::ManifestNote(note, name) => manifest = manifest.max(Some((note, name))),
                Name::FormatNote(note, number) => format = format.max(Some((note, number))),
                Name::Other => {}
            }
        }
        let missing = |what: &str| damage(format!("it does not state its {what}"));
        let (_, format) = format.ok_or_else(|| missing("format"))?;
        if format != PEBBLE_FORMAT {
            return Err(Fault::version("Pebble format", format, PEBBLE_FORMAT));
        }
        let (_, name) = manifest.ok_or_else(|| missing("manifest"))?;
        let place = self.files.places.get(&name);
        let place = place.ok_or_else(|| damage("its manifest is missing".to_owned()))?;
        let manifest = manifest::read(&self.read_whole(place)?)?;
        for (number, place) in logs {
            if number >= manifest.first_log && !place.is_empty() {
                return Err(Fault::Unknown("a write-ahead log with content".to_owned()));
            }
        }
        self.open_tables(manifest.tables, &tables)
    }

    fn read_whole(&self, place: &Range<u64>) -> Result<Vec<u8>, Fault> {
        let length = place.end - place.start;
        if length > MAX_V3_MANIFEST {
            return Err(Fault::limit("its manifest exceeds the limits"));
        }
        let mut whole = vec![0; length as usize];
        let read = self.files.spool.read_at(place.start, &mut whole);
        Ok(read.map_err(Fault::Io)?.to_vec())
    }

    fn open_tables(
        &self,
        files: Vec<manifest::TableFile>,
        places: &HashMap<u64, Range<u64>>,
    ) -> Result<Tables<'_>, Fault> {
        // Several parts of one table need its footer once.
        let mut opened: HashMap<u64, Table<'_>> = HashMap::new();
        let (mut sources, mut spans, mut found) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            let table = match opened.get(&file.file) {
                Some(table) => table.clone(),
                None => {
                    let place = places.get(&file.file).ok_or_else(|| {
                        let problem =
                            format!("its manifest names table {}, which is missing", file.file);
                        Fault::damage(V3Part::Manifest, problem)
                    })?;
                    let table = Table::open(&self.files.spool, &self.budget, place.clone())?;
                    opened.entry(file.file).or_insert(table).clone()
                }
            };
            let source = Source { table, file };
            source.table.read_spans(source.file.sequence, &mut found)?;
            for span in found.drain(..).filter_map(|span| source.clip(span)) {
                self.budget.exchange(0, span.bytes())?;
                spans.push(span);
            }
            if spans.len() > MAX_V3_SPANS {
                let problem = format!("it has more than {MAX_V3_SPANS} range deletions");
                return Err(Fault::limit(problem));
            }
            sources.push(source);
        }
        sources.sort_by(|a, b| a.file.smallest.cmp(&b.file.smallest));
        spans.sort_by(|a, b| a.start.cmp(&b.start));
        Ok(Tables { sources, spans })
    }
}

impl Tables<'_> {
    /// The live rows with keys from `from` up to `to`, which is not included.
    pub(crate) fn rows(&self, from: &[u8], to: Option<&[u8]>) -> Rows<'_> {
        Rows::new(&self.sources, &self.spans, from, to)
    }
}

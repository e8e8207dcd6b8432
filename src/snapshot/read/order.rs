//! Sorts rows by id if the file does not store them in that order: in memory up to a limit, otherwise in parts that are
//! merged from unnamed temporary files.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::files;
use crate::snapshot::container::{Spool, SpoolWriter};

/// Bytes of keys sorted in memory at a time.
const PART_BYTES: usize = 16 << 20;
/// Bytes of positions kept in memory.
const POSITIONS_IN_MEMORY: usize = 8 << 20;

/// A row to sort.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The number of its sync run in the file.
    pub run: u32,
    /// The row's id.
    pub id: Vec<u8>,
    pub position: Position,
    /// Size of the row in bytes.
    pub bytes: u32,
}

/// The position of a row: its page and cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::snapshot) struct Position {
    pub page: u32,
    pub cell: u16,
}

/// Sorted positions.
pub(super) struct Positions(Spool);

impl Positions {
    const BYTES: usize = 6;

    /// The position at this index.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub(super) fn get(&self, at: u64) -> io::Result<Position> {
        let mut buffer = [0; Self::BYTES];
        match *self.0.read_at(at * Self::BYTES as u64, &mut buffer)? {
            [a, b, c, d, e, f] => Ok(Position {
                page: u32::from_le_bytes([a, b, c, d]),
                cell: u16::from_le_bytes([e, f]),
            }),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Sorts entries by run and id.
pub(super) struct Sorter {
    entries: Vec<Entry>,
    bytes: usize,
    parts: Vec<std::fs::File>,
    dir: PathBuf,
    part_bytes: usize,
}

impl Sorter {
    /// Creates an empty sorter with temporary files in `dir`.
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            entries: Vec::new(),
            bytes: 0,
            parts: Vec::new(),
            dir: dir.to_owned(),
            part_bytes: PART_BYTES,
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub(super) fn push(&mut self, entry: Entry) -> io::Result<()> {
        self.bytes += entry.id.len() + size_of::<Entry>();
        self.entries.push(entry);
        if self.bytes > self.part_bytes {
            self.end_part()
        } else {
            Ok(())
        }
    }

    fn end_part(&mut self) -> io::Result<()> {
        self.write_part().map_err(|error| self.in_folder(error))
    }

    /// Adds the folder to an error about a temporary file.
    fn in_folder(&self, error: io::Error) -> io::Error {
        let error = files::bare(error);
        io::Error::new(error.kind(), format!("`{}`: {error}", self.dir.display()))
    }

    fn write_part(&mut self) -> io::Result<()> {
        self.entries.sort_unstable();
        let mut out = io::BufWriter::new(tempfile::tempfile_in(&self.dir)?);
        for entry in self.entries.drain(..) {
            write_entry(&entry, &mut out)?;
        }
        self.bytes = 0;
        let mut file = out.into_inner()?;
        file.seek(SeekFrom::Start(0))?;
        self.parts.push(file);
        Ok(())
    }

    /// Calls `take` with every entry in order, and returns their positions.
    ///
    /// # Errors
    /// When a temporary file cannot be read or written.
    pub(super) fn finish(mut self, take: &mut dyn FnMut(&Entry)) -> io::Result<Positions> {
        let mut out = SpoolWriter::new(POSITIONS_IN_MEMORY, &self.dir);
        let mut each = |entry: &Entry| {
            take(entry);
            out.write_all(&entry.position.page.to_le_bytes())?;
            out.write_all(&entry.position.cell.to_le_bytes())
        };
        if self.parts.is_empty() {
            self.entries.sort_unstable();
            self.entries.iter().try_for_each(&mut each)?;
        } else {
            self.end_part()?;
            let mut parts: Vec<_> = self.parts.drain(..).map(BufReader::new).collect();
            let mut heap = BinaryHeap::new();
            for (at, part) in parts.iter_mut().enumerate() {
                heap.extend(read_entry(part)?.map(|entry| Reverse((entry, at))));
            }
            while let Some(Reverse((entry, at))) = heap.pop() {
                each(&entry)?;
                heap.extend(read_entry(&mut parts[at])?.map(|entry| Reverse((entry, at))));
            }
        }
        out.finish().map(Positions)
    }
}

fn write_entry(entry: &Entry, out: &mut impl Write) -> io::Result<()> {
    for number in [
        entry.run,
        entry.position.page,
        entry.bytes,
        entry.id.len() as u32,
    ] {
        out.write_all(&number.to_le_bytes())?;
    }
    out.write_all(&entry.position.cell.to_le_bytes())?;
    out.write_all(&entry.id)
}

fn read_entry(part: &mut impl Read) -> io::Result<Option<Entry>> {
    let mut run = [0; 4];
    match part.read_exact(&mut run) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut number = || -> io::Result<u32> {
        let mut bytes = [0; 4];
        part.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    };
    let (page, bytes, length) = (number()?, number()?, number()?);
    let mut cell = [0; 2];
    part.read_exact(&mut cell)?;
    let mut id = vec![0; length as usize];
    part.read_exact(&mut id)?;
    Ok(Some(Entry {
        run: u32::from_le_bytes(run),
        id,
        position: Position {
            page,
            cell: u16::from_le_bytes(cell),
        },
        bytes,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn entries_come_back_sorted_however_many_parts_they_take(
            rows in prop::collection::vec((0_u32..3, "[a-c]{0,4}"), 0..200),
            part_bytes in prop::sample::select(vec![1, 500, 5000, PART_BYTES]),
        ) {
            let mut entries: Vec<_> = rows.into_iter().enumerate().map(|(at, (run, id))| Entry {
                run,
                id: id.into_bytes(),
                position: Position { page: at as u32, cell: 7 },
                bytes: 1,
            }).collect();
            let mut sorter = Sorter::new(&std::env::temp_dir());
            sorter.part_bytes = part_bytes;
            for entry in &entries {
                sorter.push(entry.clone()).unwrap();
            }
            let mut sorted = Vec::new();
            let positions = sorter.finish(&mut |entry| sorted.push(entry.clone())).unwrap();
            entries.sort();
            for (at, entry) in entries.iter().enumerate() {
                prop_assert_eq!(positions.get(at as u64).unwrap(), entry.position);
            }
            prop_assert_eq!(sorted, entries);
        }
    }
}

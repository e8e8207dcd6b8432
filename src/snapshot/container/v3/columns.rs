//! Blocks made of columns: numbers, texts, sorted texts with shared prefixes, and bits. A column is described by where
//! it is in its block, and every access is checked.

use super::bytes::Bytes;
use super::fault::Fault;
use crate::snapshot::error::V3Part;

/// The only version of the layout that this program knows.
const VERSION: u8 = 1;

/// Types of columns.
pub(super) const BITS: u8 = 1;
pub(super) const NUMBERS: u8 = 2;
pub(super) const TEXTS: u8 = 3;
pub(super) const SORTED_TEXTS: u8 = 4;

pub(super) fn malformed() -> Fault {
    Fault::damage(V3Part::Block, "a block is malformed")
}

/// The header of a block.
pub(super) struct Layout {
    pub(super) rows: usize,
    /// Where each column starts.
    starts: Vec<usize>,
}

impl Layout {
    /// Reads the header that starts at `at`. The columns must have exactly these types.
    pub(super) fn read(block: &[u8], at: usize, types: &[u8]) -> Result<Self, Fault> {
        let mut rest = Bytes(block.get(at..).ok_or_else(malformed)?);
        let version = rest.u8().ok_or_else(malformed)?;
        if version != VERSION {
            return Err(Fault::version("block format", version, VERSION));
        }
        let columns = rest.u16().ok_or_else(malformed)?;
        let rows = rest.u32().ok_or_else(malformed)?;
        if usize::from(columns) != types.len() {
            return Err(Fault::version("block columns", columns, types.len()));
        }
        let mut starts = Vec::with_capacity(types.len());
        for known in types {
            let found = rest.u8().ok_or_else(malformed)?;
            if found != *known {
                return Err(Fault::version("a column of type", found, known));
            }
            starts.push(rest.u32().ok_or_else(malformed)? as usize);
        }
        Ok(Self {
            rows: rows as usize,
            starts,
        })
    }

    pub(super) fn numbers(&self, block: &[u8], column: usize) -> Result<Numbers, Fault> {
        self.numbers_of(block, column, self.rows)
    }

    pub(super) fn texts(&self, block: &[u8], column: usize) -> Result<Texts, Fault> {
        self.texts_of(block, column, self.rows)
    }

    /// A column with another number of rows than the block.
    pub(super) fn numbers_of(
        &self,
        block: &[u8],
        column: usize,
        rows: usize,
    ) -> Result<Numbers, Fault> {
        let start = *self.starts.get(column).ok_or_else(malformed)?;
        Ok(Numbers::read(block, start, rows)?.0)
    }

    /// A column with another number of rows than the block.
    pub(super) fn texts_of(
        &self,
        block: &[u8],
        column: usize,
        rows: usize,
    ) -> Result<Texts, Fault> {
        let start = *self.starts.get(column).ok_or_else(malformed)?;
        Texts::read(block, start, rows)
    }

    pub(super) fn sorted_texts(&self, block: &[u8], column: usize) -> Result<SortedTexts, Fault> {
        let start = *self.starts.get(column).ok_or_else(malformed)?;
        SortedTexts::read(block, start, self.rows)
    }

    /// Whether no bit of a column is set.
    pub(super) fn is_clear(&self, block: &[u8], column: usize) -> Result<bool, Fault> {
        let start = *self.starts.get(column).ok_or_else(malformed)?;
        match block.get(start).ok_or_else(malformed)? {
            1 => Ok(true),
            0 => {
                // Words of 64 bits.
                let start = start
                    .checked_add(1)
                    .ok_or_else(malformed)?
                    .next_multiple_of(8);
                let end = start + self.rows.div_ceil(64) * 8;
                let words = block.get(start..end).ok_or_else(malformed)?;
                Ok(words.iter().all(|byte| *byte == 0))
            }
            encoding => Err(Fault::version("bits of encoding", encoding, "0 and 1")),
        }
    }
}

/// Numbers of the same width.
#[derive(Clone, Copy, Default)]
pub(super) struct Numbers {
    start: usize,
    /// 0, 1, 2, 4 or 8 bytes.
    width: usize,
    /// Added to each.
    base: u64,
}

impl Numbers {
    /// Reads the description of `rows` numbers. Returns it and where they end.
    fn read(block: &[u8], start: usize, rows: usize) -> Result<(Self, usize), Fault> {
        if rows == 0 {
            return Ok((Self::default(), start));
        }
        let mut rest = Bytes(block.get(start..).ok_or_else(malformed)?);
        let encoding = rest.u8().ok_or_else(malformed)?;
        let has_base = encoding & 0x80 != 0;
        let base = if has_base {
            u64::from_le_bytes(rest.array().ok_or_else(malformed)?)
        } else {
            0
        };
        let width = usize::from(encoding & 0x7f);
        if !matches!(width, 0 | 1 | 2 | 4 | 8) {
            let known = "0, 1, 2, 4 and 8";
            return Err(Fault::version("numbers of width", width, known));
        }
        let start = (block.len() - rest.0.len()).next_multiple_of(width.max(1));
        let end = rows
            .checked_mul(width)
            .and_then(|length| start.checked_add(length));
        let end = end
            .filter(|end| *end <= block.len())
            .ok_or_else(malformed)?;
        Ok((Self { start, width, base }, end))
    }

    #[inline]
    pub(super) fn get(&self, block: &[u8], row: usize) -> Result<u64, Fault> {
        let start = self.start + row * self.width;
        let bytes = block.get(start..start + self.width).ok_or_else(malformed)?;
        let mut number = [0; 8];
        number[..self.width].copy_from_slice(bytes);
        Ok(self.base.wrapping_add(u64::from_le_bytes(number)))
    }
}

/// Texts one after another, and where each of them ends.
#[derive(Clone, Copy, Default)]
pub(super) struct Texts {
    ends: Numbers,
    start: usize,
}

impl Texts {
    fn read(block: &[u8], start: usize, rows: usize) -> Result<Self, Fault> {
        if rows == 0 {
            return Ok(Self::default());
        }
        let (ends, start) = Numbers::read(block, start, rows + 1)?;
        Ok(Self { ends, start })
    }

    #[inline]
    pub(super) fn get<'b>(&self, block: &'b [u8], row: usize) -> Result<&'b [u8], Fault> {
        let start = self.ends.get(block, row)?;
        let end = self.ends.get(block, row + 1)?;
        let place = |offset: u64| usize::try_from(offset).ok()?.checked_add(self.start);
        place(start)
            .zip(place(end))
            .and_then(|(start, end)| block.get(start..end))
            .ok_or_else(malformed)
    }
}

/// Texts in order. All share the first prefix; those of a bundle share another. An empty rest means the text before.
#[derive(Clone, Copy, Default)]
pub(super) struct SortedTexts {
    /// The common prefix, and for each bundle its prefix and the rests of its texts.
    parts: Texts,
    /// The length of the common prefix.
    common: usize,
    /// The binary logarithm of the texts in a bundle.
    bundle: u32,
}

impl SortedTexts {
    fn read(block: &[u8], start: usize, rows: usize) -> Result<Self, Fault> {
        if rows == 0 {
            return Ok(Self::default());
        }
        let bundle = u32::from(*block.get(start).ok_or_else(malformed)?);
        if bundle > 16 {
            return Err(malformed());
        }
        let bundles = 1 + ((rows - 1) >> bundle);
        let (ends, data) = Numbers::read(block, start + 1, rows + bundles + 1)?;
        let common = usize::try_from(ends.get(block, 0)?).map_err(|_| malformed())?;
        Ok(Self {
            parts: Texts { ends, start: data },
            common,
            bundle,
        })
    }

    /// Replaces `text`, which is the text of the row before, by that of `row`. `prefix` is the length of what the
    /// bundle shares; it is kept from row to row.
    pub(super) fn step(
        &self,
        block: &[u8],
        row: usize,
        text: &mut Vec<u8>,
        prefix: &mut usize,
    ) -> Result<(), Fault> {
        let bundle = row >> self.bundle;
        // Before each bundle's rests there is its prefix.
        let part = row + bundle;
        if row & ((1 << self.bundle) - 1) == 0 {
            let start = self.parts.start;
            let common = start.checked_add(self.common);
            let common = common
                .and_then(|end| block.get(start..end))
                .ok_or_else(malformed)?;
            text.clear();
            text.extend_from_slice(common);
            text.extend_from_slice(self.parts.get(block, part)?);
            *prefix = text.len();
        }
        let rest = self.parts.get(block, part + 1)?;
        if !rest.is_empty() {
            text.truncate(*prefix);
            text.extend_from_slice(rest);
        }
        Ok(())
    }
}

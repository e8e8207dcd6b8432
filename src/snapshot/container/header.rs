//! The header of a SQLite database: what it says about the pages.

use super::fault::Fault;
use super::numbers::be_u32;

/// Length of the database header, which precedes the header of the first page.
pub(super) const DATABASE_HEADER: usize = 100;
/// The start of the database header.
pub(super) const MAGIC: [u8; 16] = *b"SQLite format 3\0";

/// The page size in the database header, in bytes; `None` if it is not one that SQLite uses.
pub(super) fn page_size(header: &[u8]) -> Option<usize> {
    let size = match *header.get(16..18)? {
        // 65,536 does not fit into two bytes.
        [0, 1] => 1 << 16,
        [high, low] => usize::from(u16::from_be_bytes([high, low])),
        _ => return None,
    };
    (size >= 512 && size.is_power_of_two()).then_some(size)
}

/// The fault of bytes that are not a database.
pub(super) fn not_a_database() -> Fault {
    Fault::Damage("it is not a SQLite database".to_owned())
}

/// Checks a database header. Returns the size of a page and its usable bytes.
pub(super) fn sizes(header: &[u8; DATABASE_HEADER]) -> Result<(usize, usize), Fault> {
    let damage = |problem: &str| Fault::Damage(problem.to_owned());
    if header[..16] != MAGIC {
        return Err(not_a_database());
    }
    let size = page_size(header).unwrap_or_default();
    let usable = size.saturating_sub(usize::from(header[20]));
    if usable < 480 {
        return Err(damage("its page size is not one that SQLite uses"));
    }
    // Schema format 0 means that the database has no schema.
    let schema_format = be_u32(header, 44)?;
    let is_known = header[18] <= 2 && header[19] <= 2 && schema_format <= 4;
    if !is_known || header[21..24] != [64, 32, 32] {
        return Err(damage("it uses an unknown version of SQLite's file format"));
    }
    // Text encoding 0 means that the database has no schema.
    if be_u32(header, 56)? > 1 {
        return Err(damage("its text is not UTF-8"));
    }
    Ok((size, usable))
}

/// The number of pages in a database header. It is valid only if it was written by the version of SQLite that last changed
/// the file.
pub(super) fn declared_count(header: &[u8; DATABASE_HEADER]) -> Result<Option<u32>, Fault> {
    let count = be_u32(header, 28)?;
    Ok((count > 0 && header[24..28] == header[92..96]).then_some(count))
}

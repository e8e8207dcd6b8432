//! The record format of SQLite, for rows of tables and entries of indexes: a header of types, then the values.

use super::fault::Fault;
use super::numbers::varint;

/// SQLite's limit on the columns of a table or index.
const MAX_COLUMNS: usize = 2000;

/// One value, borrowed from its payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::snapshot) enum Value<'p> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'p [u8]),
    Blob(&'p [u8]),
}

/// The positions of the values of a payload. Reused from payload to payload.
#[derive(Default)]
pub(in crate::snapshot) struct Layout(Vec<Span>);

/// The serial type of a value, and its start.
#[derive(Clone, Copy)]
struct Span {
    serial_type: u64,
    start: usize,
}

impl Layout {
    /// Finds the values of `payload`.
    ///
    /// # Errors
    /// When the values do not match the header.
    pub(crate) fn read(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let damage = || Fault::Damage("the values of a row do not match its header".to_owned());
        self.0.clear();
        let (header, mut at) = varint(payload, 0)?;
        let header = usize::try_from(header).map_err(|_| damage())?;
        if header > payload.len() || at > header {
            return Err(damage());
        }
        let mut start = header;
        while at < header {
            let serial_type;
            (serial_type, at) = varint(&payload[..header], at)?;
            if self.0.len() == MAX_COLUMNS {
                return Err(damage());
            }
            self.0.push(Span { serial_type, start });
            let length = length_of(serial_type).ok_or_else(damage)?;
            start = start.checked_add(length).ok_or_else(damage)?;
            if start > payload.len() {
                return Err(damage());
            }
        }
        Ok(())
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value at this index in the payload that was read last; `None` if it has fewer values.
    pub(crate) fn value<'p>(&self, payload: &'p [u8], at: usize) -> Option<Value<'p>> {
        let Span { serial_type, start } = *self.0.get(at)?;
        let end = start + length_of(serial_type)?;
        let bytes = payload.get(start..end)?;
        Some(match serial_type {
            0 => Value::Null,
            1..=6 => Value::Integer(signed(bytes)),
            7 => Value::Real(f64::from_bits(signed(bytes) as u64)),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            _ if serial_type % 2 == 0 => Value::Blob(bytes),
            _ => Value::Text(bytes),
        })
    }
}

/// The number of values in the payload that starts with these bytes; `None` if the first is not NULL, which is what SQLite stores
/// for a column that is the row id.
pub(super) fn columns_after_rowid(payload: &[u8]) -> Option<usize> {
    let (header, start) = varint(payload, 0).ok()?;
    let types = payload.get(start..usize::try_from(header).ok()?)?;
    // Every type ends with its only byte under 128. One of nine bytes, which no writer needs, is miscounted.
    let count = types.iter().filter(|byte| **byte < 0x80).count();
    (types.first() == Some(&0)).then_some(count)
}

/// The length of a value of this type in bytes; `None` for reserved types.
fn length_of(serial_type: u64) -> Option<usize> {
    match serial_type {
        0 | 8 | 9 => Some(0),
        1..=4 => Some(serial_type as usize),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => usize::try_from((serial_type - 12) / 2).ok(),
    }
}

/// A big-endian number of up to eight bytes in two's complement.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    bytes
        .iter()
        .fold(if negative { -1 } else { 0 }, |value, byte| {
            value << 8 | i64::from(*byte)
        })
}

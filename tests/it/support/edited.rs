//! Snapshots of others, changed: the database inside is taken out, edited with SQLite alone and packed again.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tempfile::NamedTempFile;

use super::golden;

/// The database of a snapshot, on its way to become another one.
pub struct Edited {
    file: NamedTempFile,
}

impl Edited {
    /// The database inside a file of `testdata/snapshots`.
    #[track_caller]
    pub fn golden(name: &str) -> Self {
        Self::of(&golden(name))
    }

    /// The database inside the c1z at `path`.
    #[track_caller]
    pub fn of(path: &Path) -> Self {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), decoded(&fs::read(path).unwrap())).unwrap();
        Self { file }
    }

    /// Runs statements.
    #[track_caller]
    pub fn sql(self, statements: &str) -> Self {
        let connection = Connection::open(self.file.path()).unwrap();
        connection.execute_batch(statements).unwrap();
        self
    }

    /// Runs one statement with a blob as its only parameter; it must change a row.
    #[track_caller]
    pub fn with_blob(self, statement: &str, blob: &[u8]) -> Self {
        let connection = Connection::open(self.file.path()).unwrap();
        assert_ne!(connection.execute(statement, [blob]).unwrap(), 0);
        drop(connection);
        self
    }

    /// Appends fields to the message of the rows that fit `condition`. Of a field that comes twice the last one counts,
    /// so this also changes what is there.
    #[track_caller]
    pub fn append(self, table: &str, condition: &str, fields: &[u8]) -> Self {
        let sql = format!("update {table} set data = cast(data || ?1 as blob) where {condition}");
        self.with_blob(&sql, fields)
    }

    /// The first page of a table or index, counted from 1.
    pub fn root_page(&self, name: &str) -> usize {
        let sql = "select rootpage from sqlite_schema where name = ?1";
        let connection = Connection::open(self.file.path()).unwrap();
        connection.query_row(sql, [name], |row| row.get(0)).unwrap()
    }

    /// The bytes of the database.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(self.file.path()).unwrap()
    }

    /// Writes it to `path` as a c1z.
    pub fn pack(&self, path: &Path) {
        fs::write(path, packed(&self.bytes())).unwrap();
    }
}

/// The database inside a c1z, unpacked with zstd alone.
#[track_caller]
pub fn decoded(c1z: &[u8]) -> Vec<u8> {
    zstd::decode_all(c1z.strip_prefix(b"C1ZF\0").unwrap()).unwrap()
}

/// A c1z around these bytes: one frame, with its size and a checksum.
pub fn packed(database: &[u8]) -> Vec<u8> {
    let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
    compressor.include_checksum(true).unwrap();
    compressor.include_contentsize(true).unwrap();
    let frame = compressor.compress(database).unwrap();
    [b"C1ZF\0".as_slice(), &frame].concat()
}

/// One length-delimited field of a protobuf message; `number` is at most 15, and `content` short.
pub fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(number < 16 && length < 128);
    [&[number << 3 | 2, length], content].concat()
}

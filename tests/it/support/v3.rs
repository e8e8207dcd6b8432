//! Files of format v3: those of the SDK taken apart and put together again, and tables of our own, so that each part can
//! be made as it should not be.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use sha2::{Digest, Sha256};
use twox_hash::XxHash64;

/// The kind of a row that is set, deleted, or deletes a range.
pub const SET: u64 = 1;
pub const DELETE: u64 = 0;
const RANGE_DELETE: u64 = 15;

/// A v3 file in its parts.
#[derive(Clone)]
pub struct Container {
    pub head: Vec<u8>,
    pub files: Vec<(String, Vec<u8>)>,
}

impl Container {
    /// Takes a good file apart.
    pub fn of(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let head_end = 9 + u32::from_be_bytes(bytes[5..9].try_into().unwrap()) as usize;
        let footer = &bytes[bytes.len() - 28..];
        let index = u64::from_be_bytes(footer[..8].try_into().unwrap()) as usize;
        let files = fields(&bytes[index..bytes.len() - 28])
            .into_iter()
            .filter(|(number, _)| *number == 1)
            .map(|(_, entry)| {
                let entry = fields(&entry);
                let of = |number| entry.iter().find(|(own, _)| *own == number);
                let number = |number| of(number).map_or(0, |(_, bytes)| varint_at(bytes));
                let name = String::from_utf8(of(1).unwrap().1.clone()).unwrap();
                let (start, length) = (number(2), number(3));
                let content = zstd::decode_all(&bytes[start..start + length]).unwrap();
                (name, content)
            })
            .collect();
        Self {
            head: bytes[9..head_end].to_vec(),
            files,
        }
    }

    /// A file with these tables, all on level 0.
    pub fn with(tables: &[Table]) -> Self {
        let mut container = Self {
            head: head("pebble3", 24, 5),
            files: vec![
                ("marker.format-version.000001.024".to_owned(), Vec::new()),
                (
                    "marker.manifest.000001.MANIFEST-000001".to_owned(),
                    Vec::new(),
                ),
            ],
        };
        let mut edit = comparer();
        for (at, table) in tables.iter().enumerate() {
            let number = at as u64 + 10;
            edit.extend(table.entry(0, number));
            container.put(&format!("{number:06}.sst"), table.bytes());
        }
        container.put("MANIFEST-000001", log(&[edit]));
        container
    }

    /// Adds or replaces a file.
    pub fn put(&mut self, name: &str, content: Vec<u8>) {
        self.files.retain(|(own, _)| own != name);
        self.files.push((name.to_owned(), content));
    }

    pub fn file(&self, name: &str) -> &[u8] {
        &self.files.iter().find(|(own, _)| own == name).unwrap().1
    }

    /// The whole file, with all checksums right.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = self.start();
        let mut index = Vec::new();
        for (name, content) in &self.files {
            let frame = zstd::encode_all(&**content, 1).unwrap();
            let sha256: [u8; 32] = Sha256::digest(content).into();
            index.extend(entry(name, out.len(), frame.len(), content.len(), &sha256));
            out.extend(frame);
        }
        self.finish(out, &index)
    }

    /// What comes before the frames.
    pub fn start(&self) -> Vec<u8> {
        let length = (self.head.len() as u32).to_be_bytes();
        [b"C1Z3\0", &length[..], &self.head].concat()
    }

    /// Appends the index and its footer.
    pub fn finish(&self, mut out: Vec<u8>, index: &[u8]) -> Vec<u8> {
        let mut index = index.to_vec();
        index.push(4 << 3 | 1);
        index.extend(XxHash64::oneshot(0, &self.head).to_le_bytes());
        let at = out.len() as u64;
        out.extend(&index);
        out.extend(at.to_be_bytes());
        out.extend((index.len() as u32).to_be_bytes());
        out.extend(XxHash64::oneshot(0, &index).to_be_bytes());
        out.extend(b"C1ZIDX1\0");
        out
    }
}

pub fn head(engine: &str, version: u64, encoding: u64) -> Vec<u8> {
    [
        text(1, engine.as_bytes()),
        number(2, version),
        number(4, encoding),
    ]
    .concat()
}

/// The entry of a file in the index.
pub fn entry(name: &str, at: usize, compressed: usize, size: usize, sha256: &[u8]) -> Vec<u8> {
    let fields = [
        text(1, name.as_bytes()),
        number(2, at as u64),
        number(3, compressed as u64),
        number(4, size as u64),
        text(6, sha256),
    ];
    text(1, &fields.concat())
}

/// A field of bytes of a protobuf message.
pub fn text(field: u64, content: &[u8]) -> Vec<u8> {
    let mut out = varint(field << 3 | 2);
    out.extend(varint(content.len() as u64));
    out.extend(content);
    out
}

pub fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn take_varint(rest: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = rest[0];
        *rest = &rest[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn varint_at(mut bytes: &[u8]) -> usize {
    take_varint(&mut bytes) as usize
}

/// The fields of a message; numbers keep their encoding.
fn fields(mut rest: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let key = take_varint(&mut rest);
        let length = match key & 7 {
            0 => rest.iter().position(|byte| *byte < 0x80).unwrap() + 1,
            1 => 8,
            _ => take_varint(&mut rest) as usize,
        };
        found.push((key >> 3, rest[..length].to_vec()));
        rest = &rest[length..];
    }
    found
}

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    let crc = crc32c::crc32c(bytes).rotate_right(15);
    crc.wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The first edit of a manifest: how keys are ordered.
pub fn comparer() -> Vec<u8> {
    let name = b"leveldb.BytewiseComparator";
    [&[1, name.len() as u8][..], name].concat()
}

/// A manifest of these edits.
pub fn log(edits: &[Vec<u8>]) -> Vec<u8> {
    const BLOCK: usize = 32 << 10;
    let mut out = Vec::new();
    for edit in edits {
        let (mut rest, mut is_first) = (edit.as_slice(), true);
        loop {
            let left = BLOCK - out.len() % BLOCK;
            if left < 8 {
                out.resize(out.len() + left, 0);
                continue;
            }
            let (piece, after) = rest.split_at(rest.len().min(left - 7));
            let kind = match (is_first, after.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            out.extend(masked_crc(&[&[kind], piece].concat()));
            out.extend((piece.len() as u16).to_le_bytes());
            out.push(kind);
            out.extend(piece);
            (rest, is_first) = (after, false);
            if rest.is_empty() {
                break;
            }
        }
    }
    out
}

/// Changes a numbered block.
pub type Edit = Rc<dyn Fn(usize, &mut Vec<u8>)>;

/// A row: its key, sequence number, kind and value.
pub type Row = (Vec<u8>, u64, u64, Vec<u8>);

/// A table that is written as the SDK's engine writes one.
#[derive(Clone, Default)]
pub struct Table {
    pub rows: Vec<Row>,
    /// Deletions of ranges, apart from each other and in order: start, end, sequence number.
    pub deletions: Vec<(Vec<u8>, Vec<u8>, u64)>,
    /// Rows in a block, at least 16.
    pub rows_in_block: usize,
    /// Whether the index has two levels.
    pub has_two_levels: bool,
    pub compression: u8,
    /// Another version than 7.
    pub format: Option<u32>,
    /// Further bits of the features.
    pub features: u32,
    /// Changes a block before it gets its checksum: its number, and the block.
    pub edit: Option<Edit>,
    /// A further entry of the metaindex.
    pub meta: Option<&'static str>,
}

impl Table {
    pub fn of(rows: Vec<Row>) -> Self {
        Self {
            rows,
            ..Self::default()
        }
    }

    /// The smallest and the largest key, with sequence number and kind.
    fn bounds(&self) -> [Vec<u8>; 2] {
        let mut smallest: Vec<_> = self
            .rows
            .first()
            .map(|row| row.0.clone())
            .into_iter()
            .collect();
        let mut largest: Vec<_> = self
            .rows
            .last()
            .map(|row| internal(&row.0, 1, SET))
            .into_iter()
            .collect();
        if let (Some(first), Some(last)) = (self.deletions.first(), self.deletions.last()) {
            smallest.push(first.0.clone());
            largest.push(internal(&last.1, (1 << 56) - 1, RANGE_DELETE));
        }
        let smallest = smallest.into_iter().min().unwrap_or_default();
        [
            internal(&smallest, 1, SET),
            largest
                .into_iter()
                .max()
                .unwrap_or_else(|| internal(b"", 1, SET)),
        ]
    }

    /// The entry that adds this table to a manifest.
    pub fn entry(&self, level: u64, number: u64) -> Vec<u8> {
        let [smallest, largest] = self.bounds();
        // Two different sequence numbers, so that rows have their own.
        added(level, number, &smallest, &largest, [0, u64::MAX >> 8], &[])
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Writer {
            bytes: Vec::new(),
            blocks: 0,
            table: self,
        };
        let mut handles = Vec::new();
        for rows in self.rows.chunks(self.rows_in_block.max(16)) {
            let last = rows.last().unwrap().0.clone();
            handles.push((last, out.block(&data_block(rows))));
        }
        if self.has_two_levels {
            handles = handles
                .chunks(8)
                .map(|part| {
                    let last = part.last().unwrap().0.clone();
                    (last, out.block(&index_block(part)))
                })
                .collect();
        }
        let index = out.block(&index_block(&handles));
        let properties = out.block(&pairs(&[(
            b"pebble.colblk.schema".to_vec(),
            b"DefaultKeySchema(leveldb.BytewiseComparator,16)".to_vec(),
        )]));
        let mut meta = vec![(b"rocksdb.properties".to_vec(), handle(properties))];
        let mut features = self.features | 1 << 7;
        if !self.deletions.is_empty() {
            let block = out.block(&deletions_block(&self.deletions));
            meta.push((b"rocksdb.range_del2".to_vec(), handle(block)));
            features |= 1 << 4;
        }
        if let Some(name) = self.meta {
            meta.insert(0, (name.as_bytes().to_vec(), handle(index)));
        }
        let meta = out.block(&pairs(&meta));
        if self.has_two_levels {
            features |= 1 << 5;
        }
        let mut footer = [&[1], &*handle(meta), &*handle(index)].concat();
        footer.resize(41, 0);
        footer.extend(features.to_le_bytes());
        let version = self.format.unwrap_or(7).to_le_bytes();
        let end = [&version[..], b"\xf0\x9f\xaa\xb3\xf0\x9f\xaa\xb3"].concat();
        let crc = masked_crc(&[&*footer, &*end].concat());
        [&*out.bytes, &*footer, &crc, &*end].concat()
    }
}

/// A manifest's entry for a table. The attributes come without their end.
pub fn added(
    level: u64,
    number: u64,
    smallest: &[u8],
    largest: &[u8],
    sequences: [u64; 2],
    attributes: &[u64],
) -> Vec<u8> {
    let mut out: Vec<u8> = [103, level, number, 1000]
        .into_iter()
        .flat_map(varint)
        .collect();
    for key in [smallest, largest] {
        out.extend(varint(key.len() as u64));
        out.extend(key);
    }
    for number in sequences.iter().chain(attributes).chain(&[1]) {
        out.extend(varint(*number));
    }
    out
}

/// A key with its sequence number and kind.
pub fn internal(key: &[u8], sequence: u64, kind: u64) -> Vec<u8> {
    [key, &(sequence << 8 | kind).to_le_bytes()].concat()
}

/// A table that is being written.
struct Writer<'a> {
    bytes: Vec<u8>,
    blocks: usize,
    table: &'a Table,
}

impl Writer<'_> {
    /// Appends a block; returns its position and length.
    fn block(&mut self, content: &[u8]) -> (usize, usize) {
        let mut content = content.to_vec();
        if let Some(edit) = &self.table.edit {
            edit(self.blocks, &mut content);
        }
        self.blocks += 1;
        if self.table.compression == 1 {
            content = snap::raw::Encoder::new().compress_vec(&content).unwrap();
        }
        let place = (self.bytes.len(), content.len());
        content.push(self.table.compression);
        let crc = masked_crc(&content);
        self.bytes.extend(content);
        self.bytes.extend(crc);
        place
    }
}

fn handle((at, length): (usize, usize)) -> Vec<u8> {
    [varint(at as u64), varint(length as u64)].concat()
}

/// A column: its type, and what writes it, given where it starts.
type Column = (u8, Box<dyn Fn(&mut Vec<u8>)>);

fn block(custom: &[u8], rows: usize, columns: &[Column]) -> Vec<u8> {
    let mut out = custom.to_vec();
    out.push(1);
    out.extend((columns.len() as u16).to_le_bytes());
    out.extend((rows as u32).to_le_bytes());
    let header = out.len();
    out.resize(header + 5 * columns.len(), 0);
    for (at, (kind, write)) in columns.iter().enumerate() {
        let place = header + 5 * at;
        out[place] = *kind;
        let start = (out.len() as u32).to_le_bytes();
        out[place + 1..place + 5].copy_from_slice(&start);
        write(&mut out);
    }
    out.push(0);
    out
}

fn write_numbers(numbers: &[u64], width: usize, out: &mut Vec<u8>) {
    out.push(width as u8);
    out.resize(out.len().next_multiple_of(width), 0);
    for number in numbers {
        out.extend(&number.to_le_bytes()[..width]);
    }
}

fn numbers(numbers: Vec<u64>) -> Column {
    (2, Box::new(move |out| write_numbers(&numbers, 8, out)))
}

fn texts(texts: Vec<Vec<u8>>) -> Column {
    (3, Box::new(move |out| write_texts(0, &texts, out)))
}

/// Offsets, the first of which is `first`, and texts.
fn write_texts(first: u64, texts: &[Vec<u8>], out: &mut Vec<u8>) {
    let mut ends = vec![first];
    for text in texts {
        ends.push(ends.last().unwrap() + text.len() as u64);
    }
    write_numbers(&ends, 4, out);
    out.extend(texts.concat());
}

/// Keys in bundles of 16, each with its prefix.
fn sorted_texts(keys: Vec<Vec<u8>>) -> Column {
    let write = move |out: &mut Vec<u8>| {
        out.push(4);
        let mut parts = Vec::new();
        for bundle in keys.chunks(16) {
            let (first, last) = (&bundle[0], &bundle[bundle.len() - 1]);
            let same = first.iter().zip(last).take_while(|(a, b)| a == b).count();
            parts.push(first[..same].to_vec());
            let mut before: Option<&Vec<u8>> = None;
            for key in bundle {
                let is_same = before == Some(key);
                parts.push(if is_same {
                    Vec::new()
                } else {
                    key[same..].to_vec()
                });
                before = Some(key);
            }
        }
        write_texts(0, &parts, out);
    };
    (4, Box::new(write))
}

/// Bits that are all clear.
fn bits() -> Column {
    (1, Box::new(|out| out.push(1)))
}

fn data_block(rows: &[Row]) -> Vec<u8> {
    let column = |of: fn(&Row) -> Vec<u8>| rows.iter().map(of).collect::<Vec<_>>();
    let trailers = rows.iter().map(|row| row.1 << 8 | row.2).collect();
    block(
        &[0; 4],
        rows.len(),
        &[
            sorted_texts(column(|row| row.0.clone())),
            texts(column(|_| Vec::new())),
            numbers(trailers),
            bits(),
            texts(column(|row| row.3.clone())),
            bits(),
            bits(),
        ],
    )
}

fn index_block(blocks: &[(Vec<u8>, (usize, usize))]) -> Vec<u8> {
    block(
        &[],
        blocks.len(),
        &[
            texts(blocks.iter().map(|block| block.0.clone()).collect()),
            numbers(blocks.iter().map(|block| block.1.0 as u64).collect()),
            numbers(blocks.iter().map(|block| block.1.1 as u64).collect()),
            texts(vec![Vec::new(); blocks.len()]),
        ],
    )
}

fn pairs(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let (names, values) = pairs.iter().cloned().unzip();
    block(&[], pairs.len(), &[texts(names), texts(values)])
}

fn deletions_block(deletions: &[(Vec<u8>, Vec<u8>, u64)]) -> Vec<u8> {
    let (mut bounds, mut firsts, mut trailers) = (Vec::new(), Vec::new(), Vec::new());
    for (start, end, sequence) in deletions {
        bounds.extend([start.clone(), end.clone()]);
        firsts.push(trailers.len() as u64);
        trailers.push(sequence << 8 | RANGE_DELETE);
        firsts.push(trailers.len() as u64);
    }
    let rows = trailers.len();
    block(
        &(bounds.len() as u32).to_le_bytes(),
        rows,
        &[
            texts(bounds),
            numbers(firsts),
            numbers(trailers),
            texts(vec![Vec::new(); rows]),
            texts(vec![Vec::new(); rows]),
        ],
    )
}

/// A key of a row: its kind, and the texts that identify it.
pub fn key(kind: u8, parts: &[&str]) -> Vec<u8> {
    let mut out = vec![3, kind];
    for part in parts {
        out.push(0);
        out.extend(part.bytes());
    }
    out
}

/// The notes of the engine, and a finished full sync run: what every file has.
pub fn notes(sequence: u64) -> Vec<Row> {
    let time = |seconds| [number(1, seconds), number(2, 0)].concat();
    let run = [
        text(1, b"3Mh1XGu0xOTyymWeBXY73xpQCXO"),
        number(2, 1),
        text(4, &time(1_790_000_000)),
        text(5, &time(1_790_000_009)),
    ];
    let two = 2_u32.to_be_bytes().to_vec();
    vec![
        (vec![3, 6], sequence, SET, run.concat()),
        (
            [&[3, 255][..], b"grant_entitlement_id_format"].concat(),
            sequence,
            SET,
            two.clone(),
        ),
        (
            [&[3, 255][..], b"keyspace_version"].concat(),
            sequence,
            SET,
            two,
        ),
    ]
}

/// The row of a resource type, whose trait is its id.
pub fn resource_type(id: &str, name: &str, sequence: u64) -> Row {
    let record = [
        text(2, id.as_bytes()),
        text(3, name.as_bytes()),
        text(4, id.to_uppercase().as_bytes()),
    ];
    (key(1, &[id]), sequence, SET, record.concat())
}

/// The row of a resource.
pub fn resource(resource_type: &str, id: &str, name: &str, sequence: u64) -> Row {
    let record = [
        text(2, resource_type.as_bytes()),
        text(3, id.as_bytes()),
        text(4, name.as_bytes()),
    ];
    (key(2, &[resource_type, id]), sequence, SET, record.concat())
}

/// The row of the entitlement `member` of a role.
pub fn entitlement(role: &str, sequence: u64) -> Row {
    let reference = [text(1, b"role"), text(2, role.as_bytes())].concat();
    let record = [
        text(2, format!("role:{role}:member").as_bytes()),
        text(3, &reference),
        text(6, b"ASSIGNMENT"),
        text(9, b"member"),
    ];
    let key = key(3, &["role", role, "1", "member"]);
    (key, sequence, SET, record.concat())
}

/// The row of a user's grant of a role, whose id is made of its parts.
pub fn grant(role: &str, user: &str, sequence: u64) -> Row {
    let entitlement = [
        text(1, b"role"),
        text(2, role.as_bytes()),
        text(3, format!("role:{role}:member").as_bytes()),
    ];
    let principal = [text(1, b"user"), text(2, user.as_bytes())];
    let record = [text(3, &entitlement.concat()), text(4, &principal.concat())];
    let key = key(4, &["role", role, "1", "member", "user", user]);
    (key, sequence, SET, record.concat())
}

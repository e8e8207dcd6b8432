//! Checks how a file is stored: pages that are used twice or not at all, indexes that do not match their tables, and
//! values that no reader can use. Finds what SQLite's own integrity check finds, without SQLite.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::finding::Finding;
use crate::snapshot::container::declaration::{IndexDeclaration, Unusual};
use crate::snapshot::container::{
    Fault, Layout, PayloadKind, StoredRow, Value, Walker, read_schema,
};
use crate::snapshot::error::{Error, shortened};
use crate::snapshot::limits::MAX_ROW;
use crate::snapshot::read::{Snapshot, StoredTable};
use crate::snapshot::table::schema;

const CODE: &str = "sqlite-integrity";
/// Findings under this code, at most.
const MAX_FINDINGS: usize = 100;

/// Finds all problems with how the file is stored.
///
/// # Errors
/// When the unpacked copy cannot be read.
pub(super) fn check(snapshot: &Snapshot) -> Result<Vec<Finding>, Error> {
    let mut storage = Storage {
        snapshot,
        walker: Walker::with_space(&snapshot.pages),
        found: Vec::new(),
        hasher: RandomState::new(),
    };
    match storage.check() {
        Ok(()) => Ok(storage.found),
        Err(fault) => Err(snapshot.fault(fault)),
    }
}

struct Storage<'s> {
    snapshot: &'s Snapshot,
    walker: Walker<'s>,
    found: Vec<Finding>,
    hasher: RandomState,
}

/// An index in the file.
struct StoredIndex {
    name: String,
    root: u32,
    /// Its declaration, if it is on columns only.
    declared: Result<IndexDeclaration, Unusual>,
}

/// An index, and the entries that the rows of its table require.
struct Expected<'s> {
    name: String,
    root: u32,
    /// The sources of its columns, in order.
    columns: Vec<ColumnSource<'s>>,
    condition: Condition,
    is_unique: bool,
    entries: Entries,
}

impl<'s> Expected<'s> {
    /// Starts without rows; `None` if the declaration does not determine the entries.
    fn of(table: &'s StoredTable, index: &StoredIndex) -> Option<Self> {
        let declared = index.declared.as_ref().ok()?;
        let columns = declared.columns.iter();
        Some(Self {
            name: index.name.clone(),
            root: index.root,
            columns: columns
                .map(|column| ColumnSource::of(table, column))
                .collect::<Option<_>>()?,
            condition: Condition::of(declared.condition.as_deref())?,
            is_unique: declared.is_unique,
            entries: Entries::default(),
        })
    }
}

/// Where the value of a column is.
enum ColumnSource<'s> {
    /// The row id under another name.
    Rowid,
    /// In the row, or this default if the row has fewer values.
    Stored(usize, Value<'s>),
}

impl<'s> ColumnSource<'s> {
    fn of(table: &'s StoredTable, column: &str) -> Option<Self> {
        let place = table.place(column)?;
        let declaration = table.columns[place].declaration.as_str();
        Some(if declaration.starts_with("integer primary key") {
            Self::Rowid
        } else {
            Self::Stored(place, default_value(declaration))
        })
    }

    fn value<'r>(&self, row: &StoredRow<'r>) -> Value<'r>
    where
        's: 'r,
    {
        match self {
            Self::Rowid => Value::Integer(row.rowid),
            Self::Stored(place, default) => row.value(*place).unwrap_or(*default),
        }
    }
}

/// The value of a column in rows that were written before it was added.
fn default_value(declaration: &str) -> Value<'_> {
    let Some((_, default)) = declaration.split_once("default ") else {
        return Value::Null;
    };
    match default.strip_prefix('\'') {
        Some(text) => Value::Text(text.strip_suffix('\'').unwrap_or(text).as_bytes()),
        None => default.parse().map_or(Value::Null, Value::Integer),
    }
}

/// Which rows are in an index. The SDK has no other conditions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    HasExpansion,
    NeedsExpansion,
}

impl Condition {
    fn of(text: Option<&str>) -> Option<Self> {
        match text {
            None => Some(Self::Always),
            Some("expansion is not null") => Some(Self::HasExpansion),
            Some("needs_expansion = 1") => Some(Self::NeedsExpansion),
            Some(_) => None,
        }
    }
}

/// Entries of an index regardless of order: their number and the sum of their hashes. Equal sums mean equal entries,
/// since the hashes use a secret key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entries {
    count: u64,
    sum: u64,
}

impl Entries {
    fn add<'v>(&mut self, hasher: &RandomState, values: impl Iterator<Item = Value<'v>>) {
        let mut hash = hasher.build_hasher();
        for value in values {
            match value {
                Value::Null => hash.write_u8(0),
                Value::Integer(number) => {
                    hash.write_u8(1);
                    hash.write_i64(number);
                }
                Value::Real(number) => {
                    hash.write_u8(2);
                    hash.write_u64(number.to_bits());
                }
                Value::Text(bytes) | Value::Blob(bytes) => {
                    hash.write_u8(if matches!(value, Value::Text(_)) {
                        3
                    } else {
                        4
                    });
                    hash.write_usize(bytes.len());
                    hash.write(bytes);
                }
            }
        }
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash.finish());
    }
}

impl<'s> Storage<'s> {
    fn check(&mut self) -> Result<(), Fault> {
        let mut roots = Vec::new();
        let mut indexes = Vec::new();
        let tables = self.snapshot.survey.tables();
        read_schema(&self.snapshot.pages, &mut self.walker, &mut |object| {
            let declared = object.index();
            let table = match &declared {
                Ok(declared) => &*declared.table,
                Err(_) => object.table,
            };
            let own = tables
                .iter()
                .find(|own| own.name.eq_ignore_ascii_case(table));
            match own {
                Some(own) if object.kind == "index" => indexes.push((
                    own.name,
                    StoredIndex {
                        name: object.name.to_owned(),
                        root: object.root,
                        declared,
                    },
                )),
                Some(own)
                    if object.kind == "table" && own.name.eq_ignore_ascii_case(object.name) => {}
                _ if object.root > 0 => roots.push((object.name.to_owned(), object.root)),
                _ => {}
            }
            Ok(())
        })?;
        for table in tables {
            let own = indexes.extract_if(.., |(name, _)| *name == table.name);
            let own = own.map(|(_, index)| index).collect();
            self.table(table, own)?;
        }
        roots.extend(
            indexes
                .into_iter()
                .map(|(_, index)| (index.name, index.root)),
        );
        for (name, root) in roots {
            let walked = match self.walker.kind_of(root) {
                Ok(PayloadKind::Table) => self.walker.table(root, &mut |_, _| Ok(())),
                Ok(PayloadKind::Index) => self.walker.index(root, 0, &mut |_| Ok(())),
                Err(fault) => Err(fault),
            };
            self.note(&name, walked)?;
        }
        let walked = self.walker.free_pages();
        self.note("list of free pages", walked)?;
        self.unused_pages();
        for problem in self.walker.take_space_problems() {
            self.report(CODE, problem);
        }
        Ok(())
    }

    fn report(&mut self, code: &'static str, message: String) {
        if self.found.len() < MAX_FINDINGS {
            self.found.push(Finding::new(code, message));
        }
    }

    /// Reports damage to pages of something.
    fn note(&mut self, name: &str, walked: Result<(), Fault>) -> Result<(), Fault> {
        match walked {
            Err(Fault::Damage(problem)) => {
                let name = shortened(name.as_bytes());
                self.report(CODE, format!("`{}`: {problem}", name.escape_debug()));
                Ok(())
            }
            walked => walked,
        }
    }

    /// Checks the stored values of a table and its indexes.
    fn table(&mut self, table: &'s StoredTable, indexes: Vec<StoredIndex>) -> Result<(), Fault> {
        let known = schema::TABLES.iter().find(|own| own.name == table.name);
        let mut columns = ValueCheck::of(table, known.map_or(&[], |own| own.columns));
        let mut expected = Vec::new();
        let mut others = Vec::new();
        for index in indexes {
            match Expected::of(table, &index) {
                Some(entries) => expected.push(entries),
                None => others.push(index),
            }
        }
        let condition = |name: &str| ColumnSource::of(table, name);
        let (expansion, needs_expansion) = (condition("expansion"), condition("needs_expansion"));
        let mut rows = table.reader(&self.snapshot.pages);
        let hasher = &self.hasher;
        let walked = self.walker.table(table.root, &mut |_, leaf| {
            for cell in 0..leaf.rows() {
                // A row that is too long is reported when its table is read.
                let Some(row) = rows.row_on(leaf, cell)? else {
                    continue;
                };
                columns.check(&row);
                for index in &mut expected {
                    let is_in = match index.condition {
                        Condition::Always => true,
                        Condition::HasExpansion => expansion
                            .as_ref()
                            .is_some_and(|source| source.value(&row) != Value::Null),
                        Condition::NeedsExpansion => needs_expansion
                            .as_ref()
                            .is_some_and(|source| source.value(&row) == Value::Integer(1)),
                    };
                    if is_in {
                        let values = index.columns.iter().map(|source| source.value(&row));
                        let rowid = std::iter::once(Value::Integer(row.rowid));
                        index.entries.add(hasher, values.chain(rowid));
                    }
                }
            }
            Ok(())
        });
        self.note(table.name, walked)?;
        for finding in columns.findings(table.name) {
            self.report(finding.code, finding.message);
        }
        for index in expected {
            self.index(table, &index)?;
        }
        for index in others.iter().filter(|index| index.root > 0) {
            let walked = self.walker.index(index.root, 0, &mut |_| Ok(()));
            self.note(&index.name, walked)?;
        }
        Ok(())
    }

    fn index(&mut self, table: &StoredTable, expected: &Expected<'_>) -> Result<(), Fault> {
        let name = &expected.name;
        let mut entries = Entries::default();
        let mut problem: Option<&str> = None;
        let (mut layout, mut last_layout) = (Layout::default(), Layout::default());
        let mut last: Vec<u8> = Vec::new();
        let keys = expected.columns.len();
        let hasher = &self.hasher;
        let walked = self
            .walker
            .index(expected.root, MAX_ROW as usize, &mut |payload| {
                let Some(payload) = payload else {
                    problem = Some("holds an entry that is too long");
                    return Ok(());
                };
                layout.read(payload)?;
                let value = |at| layout.value(payload, at).unwrap_or(Value::Null);
                entries.add(hasher, (0..layout.len()).map(value));
                if !last.is_empty() {
                    let last_value = |at| last_layout.value(&last, at).unwrap_or(Value::Null);
                    let by_keys = (0..keys)
                        .map(|at| order(last_value(at), value(at)))
                        .find(|order| order.is_ne());
                    let has_null = (0..keys).any(|at| value(at) == Value::Null);
                    match by_keys {
                        Some(Ordering::Greater) => problem = Some("is out of order"),
                        None if expected.is_unique && !has_null => {
                            problem = Some("holds an entry twice");
                        }
                        None if order(last_value(keys), value(keys)).is_ge() => {
                            problem = Some("is out of order");
                        }
                        _ => {}
                    }
                }
                last.clear();
                last.extend_from_slice(payload);
                std::mem::swap(&mut layout, &mut last_layout);
                Ok(())
            });
        let is_sound = walked.is_ok();
        self.note(name, walked)?;
        let name = shortened(name.as_bytes());
        let name = name.escape_debug();
        if is_sound && entries != expected.entries {
            let message = if entries.count == expected.entries.count {
                format!(
                    "index `{name}` does not match the rows of table `{}`",
                    table.name
                )
            } else {
                format!(
                    "index `{name}` has {} entries, but table `{}` has {} rows for it",
                    entries.count, table.name, expected.entries.count
                )
            };
            self.report(CODE, message);
        }
        if let Some(problem) = problem {
            self.report(CODE, format!("index `{name}` {problem}"));
        }
        Ok(())
    }

    /// Reports pages that nothing refers to.
    fn unused_pages(&mut self) {
        let pages = &self.snapshot.pages;
        let unused = (1..=pages.count).filter(|number| {
            !self.walker.has_seen(*number)
                && *number != pages.lock_page()
                && !pages.is_pointer_map(*number)
        });
        let mut unused = unused.peekable();
        if let Some(first) = unused.peek().copied() {
            let count = unused.count();
            let message = format!("{count} of its pages are never used, such as page {first}");
            self.report(CODE, message);
        }
    }
}

/// SQLite's order of values: NULL, numbers, texts, blobs.
fn order(a: Value<'_>, b: Value<'_>) -> Ordering {
    let rank = |value| match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    };
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(&b),
        (Value::Real(a), Value::Real(b)) => a.total_cmp(&b),
        (Value::Integer(a), Value::Real(b)) => (a as f64).total_cmp(&b),
        (Value::Real(a), Value::Integer(b)) => a.total_cmp(&(b as f64)),
        (Value::Text(a), Value::Text(b)) | (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// Checks stored values that readers do not use.
struct ValueCheck<'s> {
    columns: Vec<(&'static str, ColumnSource<'s>, Wanted)>,
    /// The number of wrong values by column and problem, and the start of the first.
    found: BTreeMap<(&'static str, Wanted), (u64, String)>,
}

/// What a column must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// A time, or NULL.
    Time,
    /// Anything but NULL.
    NotNull,
}

impl<'s> ValueCheck<'s> {
    fn of(table: &'s StoredTable, known: &'static [schema::Column]) -> Self {
        let mut columns = Vec::new();
        for column in known {
            for (wanted, applies) in [
                (Wanted::Time, column.declared_type() == "datetime"),
                (Wanted::NotNull, column.declaration.contains("not null")),
            ] {
                if let (true, Some(source)) = (applies, ColumnSource::of(table, column.name)) {
                    columns.push((column.name, source, wanted));
                }
            }
        }
        Self {
            columns,
            found: BTreeMap::new(),
        }
    }

    fn check(&mut self, row: &StoredRow<'_>) {
        for (name, source, wanted) in &self.columns {
            let value = source.value(row);
            let is_good = match (wanted, value) {
                (Wanted::NotNull, value) => value != Value::Null,
                (Wanted::Time, Value::Null) => true,
                (Wanted::Time, Value::Text(text)) => is_time(text),
                (Wanted::Time, _) => false,
            };
            if !is_good {
                let (count, _) = self.found.entry((name, *wanted)).or_insert_with(|| {
                    let text = match value {
                        Value::Text(bytes) | Value::Blob(bytes) => {
                            String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned()
                        }
                        Value::Integer(number) => number.to_string(),
                        Value::Real(number) => number.to_string(),
                        Value::Null => String::new(),
                    };
                    (0, text)
                });
                *count += 1;
            }
        }
    }

    fn findings(self, table: &str) -> Vec<Finding> {
        let found = self.found.into_iter();
        found
            .map(|((column, wanted), (count, example))| match wanted {
                Wanted::Time => Finding::new(
                    "time-text",
                    format!(
                        "`{table}.{column}` holds {count} values that are not times of the form \
                         YYYY-MM-DD HH:MM:SS, such as `{}`",
                        example.escape_debug()
                    ),
                ),
                Wanted::NotNull => {
                    Finding::new(CODE, format!("`{table}.{column}` is NULL in {count} rows"))
                }
            })
            .collect()
    }
}

/// Whether a text is a time in the SDK's form. RFC 3339 can be read too, but sorts wrongly beside it.
fn is_time(text: &[u8]) -> bool {
    const FORM: &[u8; 19] = b"dddd-1d-3d 2d:5d:6d";
    let Some((moment, fraction)) = text.split_first_chunk::<19>() else {
        return false;
    };
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b'1' | b'2' | b'3' | b'5' | b'6' => (b'0'..=*form).contains(byte),
        _ => byte == form,
    };
    moment.iter().zip(FORM).all(fits)
        && match fraction {
            [] => true,
            [b'.', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
            _ => false,
        }
}

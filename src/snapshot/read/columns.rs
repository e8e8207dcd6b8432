//! Typed access to the columns of a row in the file.

use std::borrow::Cow;
use std::path::Path;

use super::order::Position;
use super::stored::{StoredTable, TOO_LONG};
use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, ResourceTypeId, Text,
    Timestamp,
};
use crate::snapshot::container::{RowReader, StoredRow, Value, of_fault};
use crate::snapshot::error::{Damage, Error, shortened};
use crate::snapshot::limits::{MAX_BLOB, MAX_SHORT_TEXT, MAX_TEXT};
use crate::snapshot::table::{
    EntitlementColumns, GrantColumns, Kind, ResourceColumns, Row, expansion,
};

/// The columns of one row, whose types are checked on access. They are numbered as in [`Readable::NAMES`].
pub struct RowColumns<'r> {
    pub(super) path: &'r Path,
    pub(super) table: &'static str,
    pub(super) places: &'r Places,
    pub(super) row: StoredRow<'r>,
}

/// The columns of the row at `position` of a table of the snapshot at `path`.
///
/// # Errors
/// When the row is damaged, or too long.
pub(super) fn columns_at<'r>(
    path: &'r Path,
    position: Position,
    table: &StoredTable,
    places: &'r Places,
    reader: &'r mut RowReader<'_>,
) -> Result<RowColumns<'r>, Error> {
    let row = reader
        .row(position.page, position.cell.into())
        .map_err(|fault| of_fault(path, fault))?
        .ok_or_else(|| row_damage(path, table.name, "", TOO_LONG.to_owned()))?;
    Ok(RowColumns {
        path,
        table: table.name,
        places,
        row,
    })
}

/// The positions of the columns that readers need.
pub(super) struct Places(Vec<(&'static str, Option<usize>)>);

impl Places {
    /// The positions in one of the four tables of rows.
    ///
    /// # Errors
    /// When the table lacks a column that readers need.
    pub(super) fn of<K: Readable>(table: &StoredTable) -> Result<Self, Damage> {
        Self::named(table, K::NAMES, &["expansion"])
    }

    /// The positions of columns by name. Missing `optional` columns read as NULL.
    ///
    /// # Errors
    /// When the table lacks any other column.
    pub(super) fn named(
        table: &StoredTable,
        names: &[&'static str],
        optional: &[&str],
    ) -> Result<Self, Damage> {
        let place = |name: &&'static str| match table.place(name) {
            None if !optional.contains(name) => Err(Damage::Schema(format!(
                "table `{}` has no column `{name}`",
                table.name
            ))),
            place => Ok((*name, place)),
        };
        names.iter().map(place).collect::<Result<_, _>>().map(Self)
    }
}

/// The texts of the previous row, by column. Most rows share most of them, so a text is allocated only if it differs.
#[derive(Default)]
pub struct TextCache([Text; 8]);

impl TextCache {
    fn text(&mut self, at: usize, text: &str) -> Text {
        let known = &mut self.0[at];
        if **known != *text {
            *known = text.into();
        }
        known.clone()
    }

    /// A resource id from its two columns, type and id.
    fn resource_id(&mut self, resource_type: (usize, &str), resource: (usize, &str)) -> ResourceId {
        ResourceId::new(
            &ResourceTypeId::new(self.text(resource_type.0, resource_type.1)),
            self.text(resource.0, resource.1),
        )
    }
}

/// A kind whose rows are read.
pub trait Readable: Kind {
    /// The columns that readers need, as `RowColumns` numbers them. Id and blob come first.
    const NAMES: &'static [&'static str];

    /// Reads the columns of a row.
    ///
    /// # Errors
    /// When a column has a value of the wrong type.
    fn columns<'r>(
        row: &RowColumns<'r>,
        recent: &mut TextCache,
    ) -> Result<Self::Columns<'r>, Error>;

    /// Normalizes facts that SDKs store in different places.
    fn unify<'r>(_: &mut Self::Columns<'r>, _data: &mut Cow<'r, [u8]>) {}
}

impl Readable for ResourceType {
    const NAMES: &'static [&'static str] = &["external_id", "data"];

    fn columns(_: &RowColumns<'_>, _: &mut TextCache) -> Result<(), Error> {
        Ok(())
    }
}

impl Readable for Resource {
    const NAMES: &'static [&'static str] = &[
        "external_id",
        "data",
        "resource_type_id",
        "parent_resource_type_id",
        "parent_resource_id",
    ];

    fn columns(row: &RowColumns<'_>, recent: &mut TextCache) -> Result<ResourceColumns, Error> {
        let id = row.text(0)?;
        let resource_type = row.short_text(2)?;
        let bare = id
            .strip_prefix(resource_type)
            .and_then(|rest| rest.strip_prefix(':'))
            .unwrap_or(id);
        let parent = match (row.optional_short_text(3)?, row.optional_text(4)?) {
            (Some(parent_type), Some(parent)) => {
                Some(recent.resource_id((3, parent_type), (4, parent)))
            }
            _ => None,
        };
        Ok(ResourceColumns {
            id: recent.resource_id((2, resource_type), (0, bare)),
            parent,
        })
    }
}

impl Readable for Entitlement {
    const NAMES: &'static [&'static str] =
        &["external_id", "data", "resource_type_id", "resource_id"];

    fn columns(row: &RowColumns<'_>, recent: &mut TextCache) -> Result<EntitlementColumns, Error> {
        Ok(EntitlementColumns {
            resource: recent.resource_id((2, row.short_text(2)?), (3, row.text(3)?)),
        })
    }
}

impl Readable for Grant {
    const NAMES: &'static [&'static str] = &[
        "external_id",
        "data",
        "resource_type_id",
        "resource_id",
        "entitlement_id",
        "principal_resource_type_id",
        "principal_resource_id",
        "expansion",
    ];

    fn columns<'r>(
        row: &RowColumns<'r>,
        recent: &mut TextCache,
    ) -> Result<GrantColumns<'r>, Error> {
        Ok(GrantColumns {
            resource: recent.resource_id((2, row.short_text(2)?), (3, row.text(3)?)),
            principal: recent.resource_id((5, row.short_text(5)?), (6, row.text(6)?)),
            entitlement: EntitlementId::new(recent.text(4, row.text(4)?)),
            expansion: match row.value(7) {
                Value::Null => None,
                _ => Some(row.blob(7)?.into()),
            },
        })
    }

    fn unify<'r>(columns: &mut GrantColumns<'r>, data: &mut Cow<'r, [u8]>) {
        expansion::unify(&mut columns.expansion, data);
    }
}

impl<'r> RowColumns<'r> {
    pub(super) fn row<K: Readable>(&self, recent: &mut TextCache) -> Result<Row<'r, K>, Error> {
        let id = self.text(0)?;
        let mut columns = K::columns(self, recent)?;
        let mut data = self.blob(1)?.into();
        K::unify(&mut columns, &mut data);
        Ok(Row {
            id: id.into(),
            columns,
            data,
            rowid: self.row.rowid,
            own_form: None,
        })
    }

    /// A value; NULL if the row was written before the column was added.
    pub(super) fn value(&self, at: usize) -> Value<'r> {
        self.places.0[at]
            .1
            .and_then(|place| self.row.value(place))
            .unwrap_or(Value::Null)
    }

    pub(super) fn text(&self, at: usize) -> Result<&'r str, Error> {
        self.text_up_to(MAX_TEXT, at)
    }

    /// A text that is kept in memory: the id of a resource type or a sync run.
    pub(super) fn short_text(&self, at: usize) -> Result<&'r str, Error> {
        self.text_up_to(MAX_SHORT_TEXT, at)
    }

    fn text_up_to(&self, longest: usize, at: usize) -> Result<&'r str, Error> {
        match self.value(at) {
            Value::Text(text) if text.len() > longest => {
                Err(self.wrong(at, &format!("holds a text longer than {longest} bytes")))
            }
            Value::Text(text) => std::str::from_utf8(text)
                .map_err(|_| self.wrong(at, "contains text that is not UTF-8")),
            _ => Err(self.wrong(at, "does not hold text")),
        }
    }

    pub(super) fn optional_text(&self, at: usize) -> Result<Option<&'r str>, Error> {
        match self.value(at) {
            Value::Null => Ok(None),
            _ => self.text(at).map(Some),
        }
    }

    pub(super) fn optional_short_text(&self, at: usize) -> Result<Option<&'r str>, Error> {
        match self.value(at) {
            Value::Null => Ok(None),
            _ => self.short_text(at).map(Some),
        }
    }

    /// The blob of a row.
    pub(super) fn blob(&self, at: usize) -> Result<&'r [u8], Error> {
        match self.value(at) {
            Value::Blob(bytes) if bytes.len() > MAX_BLOB => {
                Err(self.wrong(at, &format!("holds a blob longer than {MAX_BLOB} bytes")))
            }
            Value::Blob(bytes) => Ok(bytes),
            _ => Err(self.wrong(at, "does not hold a blob")),
        }
    }

    pub(super) fn time(&self, at: usize) -> Result<Timestamp, Error> {
        let text = match self.value(at) {
            Value::Text(text) => String::from_utf8_lossy(&text[..text.len().min(80)]),
            Value::Integer(number) => number.to_string().into(),
            Value::Real(number) => number.to_string().into(),
            Value::Blob(_) | Value::Null => "".into(),
        };
        let column = self.places.0[at].0;
        Timestamp::parse_sqlite(&text)
            .map_err(|source| Error::damaged(self.path, Damage::Time { column, source }))
    }

    /// Whether a time states its offset from UTC.
    pub(super) fn states_offset(&self, at: usize) -> bool {
        match self.value(at) {
            Value::Text(text) => str::from_utf8(text).is_ok_and(Timestamp::states_offset),
            _ => false,
        }
    }

    pub(super) fn wrong(&self, at: usize, what: &str) -> Error {
        let (column, _) = self.places.0[at];
        let id = match self.value(0) {
            Value::Text(id) => shortened(id),
            _ => String::new(),
        };
        row_damage(
            self.path,
            self.table,
            &id,
            format!("column `{column}` {what}"),
        )
    }
}

/// Damage to one row.
pub(super) fn row_damage(path: &Path, table: &'static str, id: &str, problem: String) -> Error {
    Error::damaged(
        path,
        Damage::Row {
            table,
            id: shortened(id.as_bytes()),
            problem,
        },
    )
}

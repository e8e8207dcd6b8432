//! One row: its columns, checked for their type as they are taken, and its blob, as model or as JSON.

use std::borrow::Cow;
use std::path::Path;

use super::container::{StoredRow, Value};
use super::digest::{RowKind, push_record};
use super::error::shortened;
use super::json::write_json;
use super::limits::{MAX_BLOB, MAX_SHORT_TEXT, MAX_TEXT};
use super::references::{Comparison, Mismatch, compare};
use super::survey::StoredTable;
use super::validate::{Flaw, Oddity, validate};
use super::{Damage, Error, decode, encode, wire};
use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, ResourceTypeId, Text,
    Timestamp,
};

/// One row of the four tables of content. It borrows from the page it is on until the next row is read, or owns its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'r> {
    /// The table's name.
    pub table: &'static str,
    /// Which of the four.
    pub kind: RowKind,
    /// The column `external_id`.
    pub id: Cow<'r, str>,
    /// The columns that say what it belongs to.
    pub columns: Columns<'r>,
    /// Its message.
    pub data: Cow<'r, [u8]>,
}

/// What a row's columns say besides its id.
#[derive(Clone, Debug, PartialEq)]
pub enum Columns<'r> {
    /// Nothing more.
    ResourceType,
    /// Of a resource.
    Resource {
        /// Type and bare id.
        id: ResourceId,
        /// What it is part of.
        parent: Option<ResourceId>,
    },
    /// Of an entitlement.
    Entitlement {
        /// What it is granted on.
        resource: ResourceId,
    },
    /// Of a grant.
    Grant {
        /// What the entitlement is on.
        resource: ResourceId,
        /// What is held.
        entitlement: EntitlementId,
        /// Who holds it.
        principal: ResourceId,
        /// A serialized `GrantExpandable`, if the grant is one.
        expansion: Option<Cow<'r, [u8]>>,
    },
}

impl Columns<'_> {
    fn into_owned(self) -> Columns<'static> {
        match self {
            Self::ResourceType => Columns::ResourceType,
            Self::Resource { id, parent } => Columns::Resource { id, parent },
            Self::Entitlement { resource } => Columns::Entitlement { resource },
            Self::Grant {
                resource,
                entitlement,
                principal,
                expansion,
            } => Columns::Grant {
                resource,
                entitlement,
                principal,
                expansion: expansion.map(|bytes| bytes.into_owned().into()),
            },
        }
    }
}

/// A row in the words of the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// Of `v1_resource_types`.
    ResourceType(ResourceType),
    /// Of `v1_resources`.
    Resource(Box<Resource>),
    /// Of `v1_entitlements`.
    Entitlement(Entitlement),
    /// Of `v1_grants`.
    Grant(Grant),
}

/// A blob that is not a message of its table's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBlob(String);

impl std::fmt::Display for BadBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "its blob is not a valid message: {}", self.0)
    }
}

impl std::error::Error for BadBlob {}

/// What is to be said of a row. Readers refuse one with a problem; `verify` reports everything.
pub(super) struct Judgement {
    /// Whether its blob is a message of its kind, and what in it JSON has no form for.
    pub blob: Result<Option<Oddity>, Flaw>,
    /// What blob and columns, or the row and another, say differently.
    pub contradictions: Vec<String>,
}

impl Judgement {
    /// Why the row is damaged, if it is.
    pub fn problem(&self) -> Option<String> {
        match self.blob {
            Err(flaw) => Some(format!("its blob {}", flaw.predicate())),
            Ok(_) => self.contradictions.first().cloned(),
        }
    }
}

impl Row<'_> {
    /// The judgement that every reader shares: a row's blob must be a message of its kind and must not contradict the
    /// columns. `resource_of` says which resource an entitlement is on, by the entitlement's own row; it is only asked about
    /// grants whose blob does not say.
    ///
    /// # Errors
    /// Those of `resource_of`.
    pub(super) fn judge(
        &self,
        resource_of: impl FnOnce(&EntitlementId) -> Result<Option<ResourceId>, Error>,
    ) -> Result<Judgement, Error> {
        let Comparison {
            mismatches,
            omits_resource,
        } = compare(self);
        let mut contradictions: Vec<_> = mismatches.iter().map(Mismatch::sentence).collect();
        if let Columns::Grant {
            resource,
            entitlement,
            ..
        } = &self.columns
            && omits_resource
            && let Some(expected) = resource_of(entitlement)?
            && expected != *resource
        {
            contradictions.push(other_resource(resource, &expected));
        }
        Ok(Judgement {
            blob: validate(self.kind.descriptor(), &self.data),
            contradictions,
        })
    }

    /// Bytes that the row holds, about.
    pub(super) fn bytes(&self) -> usize {
        let columns = match &self.columns {
            Columns::Grant {
                expansion,
                entitlement,
                ..
            } => entitlement.as_str().len() + expansion.as_ref().map_or(0, |bytes| bytes.len()),
            _ => 0,
        };
        size_of::<Self>() + self.id.len() + self.data.len() + columns
    }

    /// The same row with text and blobs of its own.
    pub fn into_owned(self) -> Row<'static> {
        Row {
            table: self.table,
            kind: self.kind,
            id: self.id.into_owned().into(),
            columns: self.columns.into_owned(),
            data: self.data.into_owned().into(),
        }
    }

    /// The row in the words of the model.
    ///
    /// # Errors
    /// When its blob is no message.
    pub fn decode(&self) -> Result<Decoded, BadBlob> {
        let id = &*self.id;
        match &self.columns {
            Columns::ResourceType => decode::resource_type(ResourceTypeId::new(id), &self.data)
                .map(Decoded::ResourceType),
            Columns::Resource { id, parent } => {
                decode::resource(id.clone(), parent.clone(), &self.data)
                    .map(|resource| Decoded::Resource(Box::new(resource)))
            }
            Columns::Entitlement { resource } => {
                decode::entitlement(EntitlementId::new(id), resource.clone(), &self.data)
                    .map(Decoded::Entitlement)
            }
            Columns::Grant {
                entitlement,
                principal,
                ..
            } => decode::grant(id, entitlement.clone(), principal.clone(), &self.data)
                .map(Decoded::Grant),
        }
        .map_err(|error| BadBlob(error.to_string()))
    }

    /// Appends the row's message as JSON, in the shape of the `baton` CLI. References that a blob leaves out are taken
    /// from the columns, as the SDK does. A blob that is no message is `null`.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let message = self.with_references();
        if write_json(self.kind.descriptor(), &message, out).is_err() {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
    }

    /// The message, with id, entitlement and principal of a "slim" grant put back.
    fn with_references(&self) -> Cow<'_, [u8]> {
        let Columns::Grant {
            resource,
            entitlement,
            principal,
            ..
        } = &self.columns
        else {
            return Cow::Borrowed(&self.data);
        };
        let (mut entitlement, mut principal) = (Some((entitlement, resource)), Some(principal));
        let mut id = Some(&*self.id);
        for field in wire::walk(&self.data) {
            match field.map(|field| field.number) {
                Ok(1) => entitlement = None,
                Ok(2) => principal = None,
                Ok(3) => id = None,
                Ok(_) => {}
                Err(wire::Malformed) => return Cow::Borrowed(&self.data),
            }
        }
        if entitlement.is_none() && principal.is_none() && id.is_none() {
            return Cow::Borrowed(&self.data);
        }
        let missing = encode::grant_references(entitlement, principal, id);
        Cow::Owned([missing.as_slice(), &*self.data].concat())
    }

    /// Appends what stands for the row in the content digest. Two rows are the same, but for noise, when their
    /// records are.
    pub fn record(&self, out: &mut Vec<u8>) {
        let id = self.id.as_bytes();
        match &self.columns {
            Columns::ResourceType => push_record(self.kind, &[id], &self.data, out),
            Columns::Resource { parent, .. } => {
                let parent = parent.as_ref().map(ToString::to_string).unwrap_or_default();
                push_record(self.kind, &[id, parent.as_bytes()], &self.data, out);
            }
            Columns::Entitlement { resource } => {
                push_record(
                    self.kind,
                    &[id, resource.to_string().as_bytes()],
                    &self.data,
                    out,
                );
            }
            Columns::Grant {
                entitlement,
                principal,
                expansion,
                ..
            } => {
                let principal = principal.to_string();
                let expansion = expansion.as_deref().unwrap_or_default();
                let parts = [
                    id,
                    entitlement.as_str().as_bytes(),
                    principal.as_bytes(),
                    expansion,
                ];
                push_record(self.kind, &parts, &self.data, out);
            }
        }
    }
}

/// The columns of one row, checked for their type as they are taken. They are numbered as in [`columns`].
pub(super) struct RowColumns<'r> {
    pub path: &'r Path,
    pub table: &'static str,
    pub places: &'r Places,
    pub row: StoredRow<'r>,
}

/// The columns that readers need of a table of content, in the order in which [`RowColumns`] numbers them. Id and blob
/// come first.
fn columns(kind: RowKind) -> &'static [&'static str] {
    match kind {
        RowKind::ResourceType => &["external_id", "data"],
        RowKind::Resource => &[
            "external_id",
            "data",
            "resource_type_id",
            "parent_resource_type_id",
            "parent_resource_id",
        ],
        RowKind::Entitlement => &["external_id", "data", "resource_type_id", "resource_id"],
        RowKind::Grant => &[
            "external_id",
            "data",
            "resource_type_id",
            "resource_id",
            "entitlement_id",
            "principal_resource_type_id",
            "principal_resource_id",
            "expansion",
        ],
    }
}

/// Where rows hold the values that readers need.
pub(super) struct Places(Vec<(&'static str, Option<usize>)>);

impl Places {
    /// Those of a table of content.
    ///
    /// # Errors
    /// When the table lacks a column that readers need.
    pub fn of(table: &StoredTable, kind: RowKind) -> Result<Self, Damage> {
        Self::named(table, columns(kind), &["expansion"])
    }

    /// Those of the columns of these names. The `optional` ones are NULL where a table lacks them.
    ///
    /// # Errors
    /// When the table lacks another.
    pub fn named(
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

/// Texts of the row before, by column. Most rows share all but a few with it, so a text is only made anew where it
/// differs.
#[derive(Default)]
pub(super) struct TextCache([Text; 8]);

impl TextCache {
    fn text(&mut self, at: usize, text: &str) -> Text {
        let known = &mut self.0[at];
        if **known != *text {
            *known = text.into();
        }
        known.clone()
    }
}

impl<'r> RowColumns<'r> {
    pub fn row(&self, kind: RowKind, recent: &mut TextCache) -> Result<Row<'r>, Error> {
        let id = self.text(0)?;
        let mut resource_id = |resource_type: (usize, &str), resource: (usize, &str)| {
            ResourceId::new(
                &ResourceTypeId::new(recent.text(resource_type.0, resource_type.1)),
                recent.text(resource.0, resource.1),
            )
        };
        let columns = match kind {
            RowKind::ResourceType => Columns::ResourceType,
            RowKind::Resource => {
                let resource_type = self.short_text(2)?;
                let bare = id
                    .strip_prefix(resource_type)
                    .and_then(|rest| rest.strip_prefix(':'))
                    .unwrap_or(id);
                let parent = match (self.optional_short_text(3)?, self.optional_text(4)?) {
                    (Some(parent_type), Some(parent)) => {
                        Some(resource_id((3, parent_type), (4, parent)))
                    }
                    _ => None,
                };
                Columns::Resource {
                    id: resource_id((2, resource_type), (0, bare)),
                    parent,
                }
            }
            RowKind::Entitlement => Columns::Entitlement {
                resource: resource_id((2, self.short_text(2)?), (3, self.text(3)?)),
            },
            RowKind::Grant => Columns::Grant {
                resource: resource_id((2, self.short_text(2)?), (3, self.text(3)?)),
                principal: resource_id((5, self.short_text(5)?), (6, self.text(6)?)),
                entitlement: EntitlementId::new(recent.text(4, self.text(4)?)),
                expansion: match self.value(7) {
                    Value::Null => None,
                    _ => Some(self.blob(7)?.into()),
                },
            },
        };
        Ok(Row {
            table: self.table,
            kind,
            id: id.into(),
            columns,
            data: self.blob(1)?.into(),
        })
    }

    /// A value; NULL in a row that was written before its column was added.
    pub fn value(&self, at: usize) -> Value<'r> {
        self.places.0[at]
            .1
            .and_then(|place| self.row.value(place))
            .unwrap_or(Value::Null)
    }

    pub fn text(&self, at: usize) -> Result<&'r str, Error> {
        self.text_up_to(MAX_TEXT, at)
    }

    /// A text that is held for long: the id of a resource type or a sync run.
    pub fn short_text(&self, at: usize) -> Result<&'r str, Error> {
        self.text_up_to(MAX_SHORT_TEXT, at)
    }

    fn text_up_to(&self, longest: usize, at: usize) -> Result<&'r str, Error> {
        match self.value(at) {
            Value::Text(text) if text.len() > longest => {
                Err(self.wrong(at, &format!("holds a text longer than {longest} bytes")))
            }
            Value::Text(text) => std::str::from_utf8(text)
                .map_err(|_| self.wrong(at, "holds text that is not UTF-8")),
            _ => Err(self.wrong(at, "does not hold text")),
        }
    }

    pub fn optional_text(&self, at: usize) -> Result<Option<&'r str>, Error> {
        match self.value(at) {
            Value::Null => Ok(None),
            _ => self.text(at).map(Some),
        }
    }

    pub fn optional_short_text(&self, at: usize) -> Result<Option<&'r str>, Error> {
        match self.value(at) {
            Value::Null => Ok(None),
            _ => self.short_text(at).map(Some),
        }
    }

    /// A blob of a row of content.
    pub fn blob(&self, at: usize) -> Result<&'r [u8], Error> {
        match self.value(at) {
            Value::Blob(bytes) if bytes.len() > MAX_BLOB => {
                Err(self.wrong(at, &format!("holds a blob longer than {MAX_BLOB} bytes")))
            }
            Value::Blob(bytes) => Ok(bytes),
            _ => Err(self.wrong(at, "does not hold a blob")),
        }
    }

    pub fn time(&self, at: usize) -> Result<Timestamp, Error> {
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

    pub fn wrong(&self, at: usize, what: &str) -> Error {
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

/// What is wrong with a grant whose column names another resource than its entitlement's row does.
fn other_resource(resource: &ResourceId, expected: &ResourceId) -> String {
    format!(
        "its resource is `{}` in the columns, but its entitlement is on `{}`",
        shortened(resource.to_string().as_bytes()).escape_debug(),
        shortened(expected.to_string().as_bytes()).escape_debug()
    )
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

//! The four kinds of rows. Each is a type, the model's own: rows of [`Grant`]s are not taken for rows of anything else.

use std::borrow::Cow;
use std::fmt::{Debug, Display};

use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, ResourceTypeId, RowKind,
};
use crate::snapshot::message::decode;
use crate::snapshot::message::descriptors::{self, Descriptor};

/// The message in the `data` column.
pub(in crate::snapshot) fn descriptor(kind: RowKind) -> &'static Descriptor {
    match kind {
        RowKind::ResourceType => &descriptors::RESOURCE_TYPE,
        RowKind::Resource => &descriptors::RESOURCE,
        RowKind::Entitlement => &descriptors::ENTITLEMENT,
        RowKind::Grant => &descriptors::GRANT,
    }
}

/// Fields of the message that say the same as the row's columns.
pub(super) fn column_fields(kind: RowKind) -> &'static [u32] {
    match kind {
        RowKind::ResourceType => &[1],
        RowKind::Resource | RowKind::Entitlement => &[1, 2],
        RowKind::Grant => &[1, 2, 3],
    }
}

/// What a row's record begins with.
pub(super) fn tag(kind: RowKind) -> u8 {
    match kind {
        RowKind::ResourceType => b't',
        RowKind::Resource => b'r',
        RowKind::Entitlement => b'e',
        RowKind::Grant => b'g',
    }
}

/// A kind of rows as a type: what a row of it is in the words of the model.
pub trait Kind: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Which of the four.
    const KIND: RowKind;

    /// What a row's columns say besides its id.
    type Columns<'r>: Clone + Debug + PartialEq + Send + Sync;

    /// The columns, for what all four kinds do.
    fn any_columns<'c>(columns: &'c Self::Columns<'_>) -> AnyColumns<'c>;

    /// The same columns with blobs of their own.
    fn into_owned(columns: Self::Columns<'_>) -> Self::Columns<'static>;

    /// A row in the words of the model, from its parts.
    ///
    /// # Errors
    /// When its blob is not a message of this kind.
    fn decode(id: &str, columns: &Self::Columns<'_>, data: &[u8]) -> Result<Self, BadBlob>;
}

/// A blob that is not a message of its table's kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its blob is not a valid message: {0}")]
pub struct BadBlob(String);

impl BadBlob {
    pub(super) fn of(problem: impl Display) -> Self {
        Self(problem.to_string())
    }
}

/// The columns of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceColumns {
    /// Type and bare id.
    pub id: ResourceId,
    /// What it is part of.
    pub parent: Option<ResourceId>,
}

/// The columns of an entitlement.
#[derive(Clone, Debug, PartialEq)]
pub struct EntitlementColumns {
    /// What it is granted on.
    pub resource: ResourceId,
}

/// The columns of a grant.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantColumns<'r> {
    /// What the entitlement is on.
    pub resource: ResourceId,
    /// What is held.
    pub entitlement: EntitlementId,
    /// Who holds it.
    pub principal: ResourceId,
    /// A serialized `GrantExpandable`, if the grant has one, wherever the file has it; never empty.
    pub expansion: Option<Cow<'r, [u8]>>,
}

/// The columns of a row of any kind.
#[derive(Clone, Copy, Debug)]
pub enum AnyColumns<'c> {
    /// A resource type has none but its id.
    ResourceType,
    /// Of a resource.
    Resource(&'c ResourceColumns),
    /// Of an entitlement.
    Entitlement(&'c EntitlementColumns),
    /// Of a grant.
    Grant(&'c GrantColumns<'c>),
}

impl Kind for ResourceType {
    const KIND: RowKind = RowKind::ResourceType;

    type Columns<'r> = ();

    fn any_columns<'c>((): &'c ()) -> AnyColumns<'c> {
        AnyColumns::ResourceType
    }

    fn into_owned((): ()) {}

    fn decode(id: &str, (): &(), data: &[u8]) -> Result<Self, BadBlob> {
        decode::resource_type(ResourceTypeId::new(id), data).map_err(BadBlob::of)
    }
}

impl Kind for Resource {
    const KIND: RowKind = RowKind::Resource;

    type Columns<'r> = ResourceColumns;

    fn any_columns(columns: &ResourceColumns) -> AnyColumns<'_> {
        AnyColumns::Resource(columns)
    }

    fn into_owned(columns: ResourceColumns) -> ResourceColumns {
        columns
    }

    fn decode(_: &str, columns: &ResourceColumns, data: &[u8]) -> Result<Self, BadBlob> {
        let ResourceColumns { id, parent } = columns.clone();
        decode::resource(id, parent, data).map_err(BadBlob::of)
    }
}

impl Kind for Entitlement {
    const KIND: RowKind = RowKind::Entitlement;

    type Columns<'r> = EntitlementColumns;

    fn any_columns(columns: &EntitlementColumns) -> AnyColumns<'_> {
        AnyColumns::Entitlement(columns)
    }

    fn into_owned(columns: EntitlementColumns) -> EntitlementColumns {
        columns
    }

    fn decode(id: &str, columns: &EntitlementColumns, data: &[u8]) -> Result<Self, BadBlob> {
        decode::entitlement(EntitlementId::new(id), columns.resource.clone(), data)
            .map_err(BadBlob::of)
    }
}

impl Kind for Grant {
    const KIND: RowKind = RowKind::Grant;

    type Columns<'r> = GrantColumns<'r>;

    fn any_columns<'c>(columns: &'c GrantColumns<'_>) -> AnyColumns<'c> {
        AnyColumns::Grant(columns)
    }

    fn into_owned(columns: GrantColumns<'_>) -> GrantColumns<'static> {
        let expansion = columns.expansion.map(|bytes| bytes.into_owned().into());
        GrantColumns {
            expansion,
            ..columns
        }
    }

    fn decode(id: &str, columns: &GrantColumns<'_>, data: &[u8]) -> Result<Self, BadBlob> {
        let (entitlement, principal) = (columns.entitlement.clone(), columns.principal.clone());
        decode::grant(id, entitlement, principal, data).map_err(BadBlob::of)
    }
}

//! The four kinds of rows. Each kind is a type of the model, so rows of [`Grant`]s cannot be mistaken for others.

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

/// Fields of the message that repeat the row's columns.
pub(in crate::snapshot) fn column_fields(kind: RowKind) -> &'static [u32] {
    match kind {
        RowKind::ResourceType => &[1],
        RowKind::Resource | RowKind::Entitlement => &[1, 2],
        RowKind::Grant => &[1, 2, 3],
    }
}

/// The first byte of a row's record.
pub(super) fn tag(kind: RowKind) -> u8 {
    match kind {
        RowKind::ResourceType => b't',
        RowKind::Resource => b'r',
        RowKind::Entitlement => b'e',
        RowKind::Grant => b'g',
    }
}

/// A kind of rows, as the type of the model that its rows decode to.
pub trait Kind: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The kind as a value.
    const KIND: RowKind;

    /// The columns of a row, apart from its id.
    type Columns<'r>: Clone + Debug + PartialEq + Send + Sync;

    /// The columns as an enum over all kinds.
    fn any_columns<'c>(columns: &'c Self::Columns<'_>) -> AnyColumns<'c>;

    /// The columns with owned blobs.
    fn into_owned(columns: Self::Columns<'_>) -> Self::Columns<'static>;

    /// Decodes a row to the model.
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
    /// Its parent.
    pub parent: Option<ResourceId>,
}

/// The columns of an entitlement.
#[derive(Clone, Debug, PartialEq)]
pub struct EntitlementColumns {
    /// Its resource.
    pub resource: ResourceId,
}

/// The columns of a grant.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantColumns<'r> {
    /// The entitlement's resource.
    pub resource: ResourceId,
    /// The entitlement.
    pub entitlement: EntitlementId,
    /// The principal.
    pub principal: ResourceId,
    /// A serialized `GrantExpandable`, if the grant has one, wherever the file stores it; never empty.
    pub expansion: Option<Cow<'r, [u8]>>,
}

/// The columns of a row of any kind.
#[derive(Clone, Copy, Debug)]
pub enum AnyColumns<'c> {
    /// A resource type has only its id.
    ResourceType,
    /// Columns of a resource.
    Resource(&'c ResourceColumns),
    /// Columns of an entitlement.
    Entitlement(&'c EntitlementColumns),
    /// Columns of a grant.
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

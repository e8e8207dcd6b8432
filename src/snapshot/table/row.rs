//! One row of content: its columns and its blob, and what the blob says as model or as JSON.

use std::borrow::Cow;

use super::kind::RowKind;
use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, ResourceTypeId,
};
use crate::snapshot::message::{Malformed, decode, encode, walk, write_json};

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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its blob is not a valid message: {0}")]
pub struct BadBlob(String);

impl Row<'_> {
    /// Bytes that the row holds, about.
    pub(in crate::snapshot) fn bytes(&self) -> usize {
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
        for field in walk(&self.data) {
            match field.map(|field| field.number) {
                Ok(1) => entitlement = None,
                Ok(2) => principal = None,
                Ok(3) => id = None,
                Ok(_) => {}
                Err(Malformed) => return Cow::Borrowed(&self.data),
            }
        }
        if entitlement.is_none() && principal.is_none() && id.is_none() {
            return Cow::Borrowed(&self.data);
        }
        let missing = encode::grant_references(entitlement, principal, id);
        Cow::Owned([missing.as_slice(), &*self.data].concat())
    }
}

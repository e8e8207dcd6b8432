//! One row of content: its columns and its blob, and what the blob says as model or as JSON.

use std::borrow::Cow;

use super::kind::{AnyColumns, BadBlob, GrantColumns, Kind, descriptor};
use crate::model::{Entitlement, Grant, Text};
use crate::snapshot::message::{Malformed, decode, encode, walk, write_json};

/// One row of the four tables of content. It borrows from the page it is on until the next row is read, or owns its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'r, K: Kind> {
    /// The column `external_id`.
    pub id: Cow<'r, str>,
    /// The columns that say what it belongs to.
    pub columns: K::Columns<'r>,
    /// Its message.
    pub data: Cow<'r, [u8]>,
    /// SQLite's number for it: writers number rows as they write them.
    pub rowid: i64,
}

impl<K: Kind> Row<'_, K> {
    /// The columns, for what all four kinds do.
    pub(in crate::snapshot) fn any_columns(&self) -> AnyColumns<'_> {
        K::any_columns(&self.columns)
    }

    /// Bytes that the row holds, about.
    pub(in crate::snapshot) fn bytes(&self) -> usize {
        let columns = match self.any_columns() {
            AnyColumns::Grant(GrantColumns {
                expansion,
                entitlement,
                ..
            }) => entitlement.as_str().len() + expansion.as_ref().map_or(0, |bytes| bytes.len()),
            _ => 0,
        };
        size_of::<Self>() + self.id.len() + self.data.len() + columns
    }

    /// The same row with text and blobs of its own.
    pub fn into_owned(self) -> Row<'static, K> {
        Row {
            id: self.id.into_owned().into(),
            columns: K::into_owned(self.columns),
            data: self.data.into_owned().into(),
            rowid: self.rowid,
        }
    }

    /// The row in the words of the model.
    ///
    /// # Errors
    /// When its blob is not a message of its kind.
    pub fn decode(&self) -> Result<K, BadBlob> {
        K::decode(&self.id, &self.columns, &self.data)
    }

    /// Appends the row's message as JSON, in the shape of the `baton` CLI. References that a blob leaves out are taken
    /// from the columns, as the SDK does. The expansion of a grant is an annotation, as connectors write it. A blob that is not
    /// a message is `null`.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut message = self.with_references();
        if let AnyColumns::Grant(GrantColumns {
            expansion: Some(expansion),
            ..
        }) = self.any_columns()
        {
            message
                .to_mut()
                .extend_from_slice(&encode::expansion_annotation(expansion));
        }
        if write_json(descriptor(K::KIND), &message, out).is_err() {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
    }

    /// The message, with id, entitlement and principal of a "slim" grant put back.
    fn with_references(&self) -> Cow<'_, [u8]> {
        let AnyColumns::Grant(GrantColumns {
            resource,
            entitlement,
            principal,
            ..
        }) = self.any_columns()
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

impl Row<'_, Entitlement> {
    /// The name of its resource, as its message repeats it.
    ///
    /// # Errors
    /// When its blob is not a message of its kind.
    pub fn repeated_resource_name(&self) -> Result<Text, BadBlob> {
        decode::repeated_resource_name(&self.data).map_err(BadBlob::of)
    }
}

impl Row<'_, Grant> {
    /// Its entitlement and the name of the entitlement's resource, as its message repeats them.
    ///
    /// # Errors
    /// When its blob is not a message of its kind.
    pub fn repeated_entitlement(&self) -> Result<(Entitlement, Text), BadBlob> {
        let GrantColumns {
            resource,
            entitlement,
            ..
        } = &self.columns;
        decode::repeated_entitlement(entitlement.clone(), resource.clone(), &self.data)
            .map_err(BadBlob::of)
    }
}

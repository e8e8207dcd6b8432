//! One row: its columns and its blob, which can be decoded to the model or to JSON.

use std::borrow::Cow;

use super::kind::{AnyColumns, BadBlob, GrantColumns, Kind, descriptor};
use crate::model::{Entitlement, Grant, Text};
use crate::snapshot::message::{
    Malformed, OwnForm, after_references, decode, encode, walk, write_grant_json, write_json,
};

/// One row of a resource type, resource, entitlement or grant. It borrows from its page until the next row is read, or
/// owns its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'r, K: Kind> {
    /// The column `external_id`.
    pub id: Cow<'r, str>,
    /// The columns with its references.
    pub columns: K::Columns<'r>,
    /// Its message.
    pub data: Cow<'r, [u8]>,
    /// SQLite's row id, which follows the order in which rows were written.
    pub rowid: i64,
    /// What is known about the canonical form of the message without what the columns repeat.
    pub(in crate::snapshot) own_form: Option<OwnForm>,
}

impl<K: Kind> Row<'_, K> {
    /// The columns as an enum over all kinds.
    pub(in crate::snapshot) fn any_columns(&self) -> AnyColumns<'_> {
        K::any_columns(&self.columns)
    }

    /// Approximate size of the row in bytes.
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

    /// Converts to an owned row.
    pub fn into_owned(self) -> Row<'static, K> {
        Row {
            id: self.id.into_owned().into(),
            columns: K::into_owned(self.columns),
            data: self.data.into_owned().into(),
            rowid: self.rowid,
            own_form: self.own_form,
        }
    }

    /// Decodes the row to the model.
    ///
    /// # Errors
    /// When its blob is not a message of its kind.
    pub fn decode(&self) -> Result<K, BadBlob> {
        K::decode(&self.id, &self.columns, &self.data)
    }

    /// Appends the row's message as JSON, as the `baton` CLI lists it. References that the blob omits are taken from the
    /// columns, as in the SDK. The expansion of a grant is left out. An invalid blob is `null`.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        self.push_message(&self.with_references(), out);
    }

    /// Appends the row's whole message as JSON: as [`Self::push_json`], and with the expansion of a grant as an annotation,
    /// as connectors write it.
    pub fn push_whole_json(&self, out: &mut Vec<u8>) {
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
        self.push_message(&message, out);
    }

    fn push_message(&self, message: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let written = match (self.any_columns(), self.after_references(message)) {
            (AnyColumns::Grant(columns), Some(rest)) => {
                let entitlement = (&columns.entitlement, &columns.resource);
                write_grant_json(&self.id, entitlement, &columns.principal, rest, out)
            }
            _ => write_json(descriptor(K::KIND), message, out),
        };
        if written.is_err() {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
    }

    /// The rest of a message that starts with the references in the columns of this grant; `None` for any other.
    pub(in crate::snapshot) fn after_references<'m>(&self, message: &'m [u8]) -> Option<&'m [u8]> {
        match self.any_columns() {
            AnyColumns::Grant(columns) => {
                let entitlement = (&columns.entitlement, &columns.resource);
                after_references(message, &self.id, entitlement, &columns.principal)
            }
            _ => None,
        }
    }

    /// The message, with id, entitlement and principal of a "slim" grant restored.
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
    /// The copy of its resource's name in its message.
    ///
    /// # Errors
    /// When its blob is not a message of its kind.
    pub fn repeated_resource_name(&self) -> Result<Text, BadBlob> {
        decode::repeated_resource_name(&self.data).map_err(BadBlob::of)
    }
}

impl Row<'_, Grant> {
    /// The copies of its entitlement and of that entitlement's resource name in its message.
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

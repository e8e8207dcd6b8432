//! The record of a row, from which the content digest is computed. FORMAT.md, "The content digest", specifies it.

use super::expansion;
use super::kind::{
    AnyColumns, EntitlementColumns, GrantColumns, Kind, ResourceColumns, column_fields, descriptor,
    tag,
};
use super::row::Row;
use crate::model::RowKind;
use crate::snapshot::message::canonical;

impl<K: Kind> Row<'_, K> {
    /// Appends the row's record for the content digest. Rows with equal records are the same except for noise.
    pub fn record(&self, out: &mut Vec<u8>) {
        let id = self.id.as_bytes();
        match self.any_columns() {
            AnyColumns::ResourceType => push_record(K::KIND, &[id], &self.data, out),
            AnyColumns::Resource(ResourceColumns { parent, .. }) => {
                let parent = parent.as_ref().map(ToString::to_string).unwrap_or_default();
                push_record(K::KIND, &[id, parent.as_bytes()], &self.data, out);
            }
            AnyColumns::Entitlement(EntitlementColumns { resource }) => {
                push_record(
                    K::KIND,
                    &[id, resource.to_string().as_bytes()],
                    &self.data,
                    out,
                );
            }
            AnyColumns::Grant(GrantColumns {
                entitlement,
                principal,
                expansion,
                ..
            }) => {
                let principal = principal.to_string();
                let mut canonical_expansion = Vec::new();
                if let Some(expansion) = expansion {
                    expansion::push_canonical(expansion, &mut canonical_expansion);
                }
                let parts = [
                    id,
                    entitlement.as_str().as_bytes(),
                    principal.as_bytes(),
                    &canonical_expansion,
                ];
                push_record(K::KIND, &parts, &self.data, out);
            }
        }
    }
}

/// Appends the record of a row: its kind, the parts that identify it, and the canonical form of the rest of its
/// message. Rows with equal records are the same except for noise.
pub(super) fn push_record(kind: RowKind, parts: &[&[u8]], data: &[u8], out: &mut Vec<u8>) {
    out.push(tag(kind));
    for part in parts {
        push_length(out, part.len());
        out.extend_from_slice(part);
    }
    let at = out.len();
    push_length(out, 0);
    push_canonical(kind, data, out);
    let length = out.len() - at - LENGTH_BYTES;
    out[at..at + LENGTH_BYTES].copy_from_slice(&(length as u64).to_be_bytes());
}

const LENGTH_BYTES: usize = 8;

fn push_length(record: &mut Vec<u8>, length: usize) {
    record.extend_from_slice(&(length as u64).to_be_bytes());
}

/// Appends the canonical form of a row's message without the fields that its columns repeat. An invalid blob is
/// appended unchanged, so that a damaged row still counts.
fn push_canonical(kind: RowKind, data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if canonical(descriptor(kind), data, column_fields(kind), out).is_err() {
        out.truncate(start);
        out.extend_from_slice(data);
    }
}

//! The record of a row, from which the content digest is computed. FORMAT.md, "The content digest", specifies it.

use super::expansion;
use super::kind::{
    AnyColumns, EntitlementColumns, GrantColumns, Kind, ResourceColumns, column_fields, descriptor,
    tag,
};
use super::row::Row;
use crate::model::{ResourceId, RowKind};
use crate::snapshot::message::{OwnForm, canonical, without_noise};

impl<K: Kind> Row<'_, K> {
    /// Appends the row's record for the content digest. Rows with equal records are the same except for noise.
    pub fn record(&self, out: &mut Vec<u8>) {
        out.push(tag(K::KIND));
        push_part(&[self.id.as_bytes()], out);
        match self.any_columns() {
            AnyColumns::ResourceType => {}
            AnyColumns::Resource(ResourceColumns { parent, .. }) => match parent {
                Some(parent) => push_id(parent, out),
                None => push_part(&[], out),
            },
            AnyColumns::Entitlement(EntitlementColumns { resource }) => push_id(resource, out),
            AnyColumns::Grant(GrantColumns {
                entitlement,
                principal,
                expansion,
                ..
            }) => {
                push_part(&[entitlement.as_str().as_bytes()], out);
                push_id(principal, out);
                let mut canonical_expansion = Vec::new();
                if let Some(expansion) = expansion {
                    expansion::push_canonical(expansion, &mut canonical_expansion);
                }
                push_part(&[&canonical_expansion], out);
            }
        }
        push_message(out, |out| match self.own_form {
            Some(OwnForm {
                start,
                has_noise: false,
            }) => out.extend_from_slice(&self.data[start..]),
            Some(OwnForm { start, .. })
                if push_without_noise(K::KIND, &self.data[start..], out) => {}
            _ => push_canonical(K::KIND, &self.data, out),
        });
    }
}

/// Appends the record of a row that is being written: its kind, its id, the other parts that identify it, and the canonical
/// form of the rest of its message. Equal to what [`Row::record`] appends for it.
pub(in crate::snapshot) fn push_record(
    kind: RowKind,
    id: &str,
    parts: &[&[u8]],
    data: &[u8],
    out: &mut Vec<u8>,
) {
    out.push(tag(kind));
    push_part(&[id.as_bytes()], out);
    for part in parts {
        push_part(&[part], out);
    }
    push_message(out, |out| push_canonical(kind, data, out));
}

const LENGTH_BYTES: usize = 8;

/// Appends a part that consists of these pieces.
fn push_part(pieces: &[&[u8]], out: &mut Vec<u8>) {
    push_length(out, pieces.iter().map(|piece| piece.len()).sum());
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

/// Appends an id as it is displayed.
fn push_id(id: &ResourceId, out: &mut Vec<u8>) {
    let resource_type = id.resource_type.as_str().as_bytes();
    push_part(&[resource_type, b":", id.resource.as_bytes()], out);
}

/// Appends what `write` appends, and its length before it.
fn push_message(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    push_length(out, 0);
    write(out);
    let length = out.len() - at - LENGTH_BYTES;
    out[at..at + LENGTH_BYTES].copy_from_slice(&(length as u64).to_be_bytes());
}

fn push_length(record: &mut Vec<u8>, length: usize) {
    record.extend_from_slice(&(length as u64).to_be_bytes());
}

/// Appends the canonical form of fields that would be their own form without noise. Returns whether they are.
fn push_without_noise(kind: RowKind, fields: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let is_written = without_noise(descriptor(kind), fields, out).is_ok();
    if !is_written {
        out.truncate(start);
    }
    is_written
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

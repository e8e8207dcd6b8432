//! The records of format v3, and the messages of format v1 that they stand for. A record refers to others by their ids
//! only. Fields that both have in common are copied byte for byte under their new numbers; fields that v1 does not have
//! are left out, as the official reader does.

use smallvec::SmallVec;

use super::descriptors::{PURPOSE, TRAIT};
use super::wire::{DELIMITED, Malformed, Payload, VARINT, bytes, push_key, push_varint, walk};

/// Type and id of a resource, both empty if the record leaves them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::snapshot) struct Reference<'a> {
    pub resource_type: &'a [u8],
    pub resource: &'a [u8],
}

/// A ResourceTypeRecord.
#[derive(Default)]
pub(in crate::snapshot) struct ResourceTypeRecord<'a> {
    pub id: &'a [u8],
}

/// A ResourceRecord.
#[derive(Default)]
pub(in crate::snapshot) struct ResourceRecord<'a> {
    pub id: Reference<'a>,
    pub parent: Option<Reference<'a>>,
}

/// An EntitlementRecord.
#[derive(Default)]
pub(in crate::snapshot) struct EntitlementRecord<'a> {
    pub id: &'a [u8],
    pub resource: Reference<'a>,
}

/// A GrantRecord.
#[derive(Default)]
pub(in crate::snapshot) struct GrantRecord<'a> {
    /// Empty if it is made of the other ids.
    pub id: &'a [u8],
    pub entitlement: &'a [u8],
    /// The entitlement's resource.
    pub resource: Reference<'a>,
    pub principal: Reference<'a>,
    /// A serialized GrantExpandable.
    pub expansion: Option<Vec<u8>>,
}

impl GrantRecord<'_> {
    /// The id of the grant.
    pub(crate) fn full_id(&self) -> Vec<u8> {
        if self.id.is_empty() {
            let Reference {
                resource_type,
                resource,
            } = self.principal;
            [self.entitlement, resource_type, resource].join(&b':')
        } else {
            self.id.to_vec()
        }
    }
}

/// An AssetRecord.
#[derive(Default)]
pub(in crate::snapshot) struct AssetRecord<'a> {
    pub id: &'a [u8],
    pub content_type: &'a [u8],
    pub data: &'a [u8],
}

/// A SyncRunRecord.
#[derive(Default)]
pub(in crate::snapshot) struct SyncRunRecord<'a> {
    pub id: &'a [u8],
    pub sync_type: u64,
    pub parent_id: &'a [u8],
    /// Seconds and nanoseconds since 1970.
    pub started_at: Option<(i64, i32)>,
    pub ended_at: Option<(i64, i32)>,
    pub token: &'a [u8],
    pub linked_id: &'a [u8],
}

impl<'a> ResourceTypeRecord<'a> {
    /// Reads a record, and appends its message to `out`.
    pub(crate) fn read(record: &'a [u8], out: &mut Vec<u8>) -> Result<Self, Malformed> {
        let mut found = Self::default();
        for field in walk(record) {
            let field = field?;
            match field.number {
                2 => {
                    found.id = bytes(field.payload)?;
                    push_bytes(1, found.id, out);
                }
                3 => push_bytes(2, bytes(field.payload)?, out),
                4 => push_enum(3, TRAIT, "TRAIT_", bytes(field.payload)?, out),
                5 => push_bytes(4, bytes(field.payload)?, out),
                7 => push_bytes(5, bytes(field.payload)?, out),
                8 => push_number(6, number(field.payload)?, out),
                _ => {}
            }
        }
        Ok(found)
    }
}

impl<'a> ResourceRecord<'a> {
    /// Reads a record, and appends its message to `out`.
    pub(crate) fn read(record: &'a [u8], out: &mut Vec<u8>) -> Result<Self, Malformed> {
        let mut found = Self::default();
        for field in walk(record) {
            let field = field?;
            match field.number {
                2 => found.id.resource_type = bytes(field.payload)?,
                3 => found.id.resource = bytes(field.payload)?,
                4 => push_bytes(3, bytes(field.payload)?, out),
                5 => push_bytes(5, bytes(field.payload)?, out),
                6 => found
                    .parent
                    .get_or_insert_default()
                    .merge(bytes(field.payload)?)?,
                7 => push_bytes(4, bytes(field.payload)?, out),
                9 => push_bytes(9, bytes(field.payload)?, out),
                10 => push_bytes(11, bytes(field.payload)?, out),
                11 => push_bytes(12, bytes(field.payload)?, out),
                // An AssetRef has the id as its only field.
                13 => push_message(10, out, |icon| {
                    push_bytes(1, bytes(field.payload)?, icon);
                    Ok(())
                })?,
                _ => {}
            }
        }
        found.parent.take_if(|parent| parent.resource.is_empty());
        push_reference(1, found.id, out);
        if let Some(parent) = found.parent {
            push_reference(2, parent, out);
        }
        Ok(found)
    }
}

impl<'a> EntitlementRecord<'a> {
    /// Reads a record, and appends its message to `out`.
    pub(crate) fn read(record: &'a [u8], out: &mut Vec<u8>) -> Result<Self, Malformed> {
        let mut found = Self::default();
        let mut has_resource = false;
        for field in walk(record) {
            let field = field?;
            match field.number {
                2 => {
                    found.id = bytes(field.payload)?;
                    push_bytes(2, found.id, out);
                }
                3 => {
                    has_resource = true;
                    found.resource.merge(bytes(field.payload)?)?;
                }
                4 => push_bytes(3, bytes(field.payload)?, out),
                5 => push_bytes(4, bytes(field.payload)?, out),
                6 => push_enum(7, PURPOSE, "PURPOSE_VALUE_", bytes(field.payload)?, out),
                7 => push_bytes(6, bytes(field.payload)?, out),
                9 => push_bytes(8, bytes(field.payload)?, out),
                10 => push_message(5, out, |resource_type| {
                    push_bytes(1, bytes(field.payload)?, resource_type);
                    Ok(())
                })?,
                _ => {}
            }
        }
        if has_resource {
            push_message(1, out, |resource| {
                push_reference(1, found.resource, resource);
                Ok(())
            })?;
        }
        Ok(found)
    }
}

impl<'a> GrantRecord<'a> {
    /// Reads a record, and appends its message to `out`.
    pub(crate) fn read(record: &'a [u8], out: &mut Vec<u8>) -> Result<Self, Malformed> {
        let mut found = Self::default();
        let mut parent = Reference::default();
        let mut sources = SmallVec::<[&[u8]; 2]>::new();
        for field in walk(record) {
            let field = field?;
            match field.number {
                2 => found.id = bytes(field.payload)?,
                3 => {
                    let reference = bytes(field.payload)?;
                    found.resource.merge(reference)?;
                    if let Some(id) = last_text(reference, 3)? {
                        found.entitlement = id;
                    }
                }
                4 => {
                    let reference = bytes(field.payload)?;
                    found.principal.merge(reference)?;
                    parent.resource_type = last_text(reference, 3)?.unwrap_or_default();
                    parent.resource = last_text(reference, 4)?.unwrap_or_default();
                }
                // A GrantExpandable has the same fields.
                6 => found
                    .expansion
                    .get_or_insert_default()
                    .extend_from_slice(bytes(field.payload)?),
                8 => push_bytes(4, bytes(field.payload)?, out),
                9 => sources.push(bytes(field.payload)?),
                _ => {}
            }
        }
        push_message(1, out, |entitlement| {
            push_message(1, entitlement, |resource| {
                push_reference(1, found.resource, resource);
                Ok(())
            })?;
            push_bytes(2, found.entitlement, entitlement);
            Ok(())
        })?;
        push_message(2, out, |principal| {
            push_reference(1, found.principal, principal);
            if !parent.resource.is_empty() {
                push_reference(2, parent, principal);
            }
            Ok(())
        })?;
        push_bytes(3, &found.full_id(), out);
        if !sources.is_empty() {
            push_message(5, out, |all| {
                sources.iter().try_for_each(|entry| push_source(entry, all))
            })?;
        }
        Ok(found)
    }
}

impl<'a> AssetRecord<'a> {
    /// Reads a record.
    pub(crate) fn read(record: &'a [u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        for field in walk(record) {
            let field = field?;
            match field.number {
                2 => found.id = bytes(field.payload)?,
                3 => found.content_type = bytes(field.payload)?,
                4 => found.data = bytes(field.payload)?,
                _ => {}
            }
        }
        Ok(found)
    }
}

impl<'a> SyncRunRecord<'a> {
    /// Reads a record.
    pub(crate) fn read(record: &'a [u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        for field in walk(record) {
            let field = field?;
            match field.number {
                1 => found.id = bytes(field.payload)?,
                2 => found.sync_type = number(field.payload)?,
                3 => found.parent_id = bytes(field.payload)?,
                4 => found.started_at = Some(time(bytes(field.payload)?)?),
                5 => found.ended_at = Some(time(bytes(field.payload)?)?),
                6 => found.token = bytes(field.payload)?,
                8 => found.linked_id = bytes(field.payload)?,
                _ => {}
            }
        }
        Ok(found)
    }
}

impl<'a> Reference<'a> {
    /// Merges one occurrence of a reference, whose first two fields are type and id.
    fn merge(&mut self, reference: &'a [u8]) -> Result<(), Malformed> {
        for field in walk(reference) {
            let field = field?;
            match field.number {
                1 => self.resource_type = bytes(field.payload)?,
                2 => self.resource = bytes(field.payload)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The last occurrence of a field.
fn last_text(message: &[u8], number: u32) -> Result<Option<&[u8]>, Malformed> {
    let mut found = None;
    for field in walk(message) {
        let field = field?;
        if field.number == number {
            found = Some(bytes(field.payload)?);
        }
    }
    Ok(found)
}

fn number(payload: Payload<'_>) -> Result<u64, Malformed> {
    match payload {
        Payload::Varint(number) => Ok(number),
        _ => Err(Malformed),
    }
}

/// Seconds and nanoseconds of a Timestamp.
fn time(message: &[u8]) -> Result<(i64, i32), Malformed> {
    let mut found = (0, 0);
    for field in walk(message) {
        let field = field?;
        match field.number {
            1 => found.0 = number(field.payload)? as i64,
            2 => found.1 = number(field.payload)? as i32,
            _ => {}
        }
    }
    Ok(found)
}

/// Converts an entry of the sources of a grant. Of its value, v1 has only whether the source is direct.
fn push_source(entry: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let value = last_text(entry, 2)?.unwrap_or_default();
    let mut is_direct = 0;
    for field in walk(value) {
        let field = field?;
        if field.number == 4 {
            is_direct = number(field.payload)?;
        }
    }
    push_message(1, out, |new| {
        push_bytes(1, last_text(entry, 1)?.unwrap_or_default(), new);
        push_message(2, new, |source| {
            if is_direct != 0 {
                push_number(1, is_direct, source);
            }
            Ok(())
        })
    })
}

/// Appends the number of the value `prefix` + `name` of an enum. A name that is not known counts as unspecified, as in
/// the official reader.
fn push_enum(number: u32, names: &[(i32, &str)], prefix: &str, name: &[u8], out: &mut Vec<u8>) {
    let known = names
        .iter()
        .find(|(_, known)| known.strip_prefix(prefix).map(str::as_bytes) == Some(name));
    let value = known.map_or(0, |(value, _)| *value);
    push_number(number, value.unsigned_abs().into(), out);
}

fn push_bytes(number: u32, content: &[u8], out: &mut Vec<u8>) {
    push_key(number, DELIMITED, out);
    push_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

fn push_number(number: u32, value: u64, out: &mut Vec<u8>) {
    push_key(number, VARINT, out);
    push_varint(value, out);
}

fn push_reference(number: u32, id: Reference<'_>, out: &mut Vec<u8>) {
    let length = |text: &[u8]| 1 + varint_length(text.len()) + text.len();
    push_key(number, DELIMITED, out);
    let lengths = length(id.resource_type) + length(id.resource);
    push_varint(lengths as u64, out);
    push_bytes(1, id.resource_type, out);
    push_bytes(2, id.resource, out);
}

fn varint_length(value: usize) -> usize {
    1 + value.max(1).ilog2() as usize / 7
}

/// Appends a message that `fill` makes.
fn push_message(
    number: u32,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    push_key(number, DELIMITED, out);
    let start = out.len();
    fill(out)?;
    // The length comes first, but is known last.
    let end = out.len();
    push_varint((end - start) as u64, out);
    let length = out.len() - end;
    out[start..].rotate_right(length);
    Ok(())
}

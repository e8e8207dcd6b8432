//! Recognizes the references at the start of a grant's message, which are most of it and the same in all files.

use prost::encoding::{encode_varint, encoded_len_varint};

use super::wire::walk;
use crate::model::{EntitlementId, ResourceId};

/// The number of values in these references, at any depth.
pub(in crate::snapshot) const REFERENCE_VALUES: u32 = 11;

/// The rest of a grant's message that starts with these references, as every writer encodes them, and does not repeat them;
/// `None` for any other message.
pub(in crate::snapshot) fn after_references<'r>(
    data: &'r [u8],
    id: &str,
    (entitlement, resource): (&EntitlementId, &ResourceId),
    principal: &ResourceId,
) -> Option<&'r [u8]> {
    let entitlement = entitlement.as_str();
    // A Resource has only its id here, and an Entitlement its resource and its id.
    let of_resource = delimited(resource_id_length(resource));
    let of_entitlement = delimited(of_resource) + delimited(entitlement.len());
    let mut rest = Expected(data);
    rest.head(1, of_entitlement)?;
    rest.resource(1, resource)?;
    rest.text(2, entitlement)?;
    rest.resource(2, principal)?;
    rest.text(3, id)?;
    let Expected(rest) = rest;
    let mut fields = walk(rest);
    fields
        .all(|field| field.is_ok_and(|field| field.number > 3))
        .then_some(rest)
}

/// Length of a length-delimited field whose content has `content` bytes, with a field number under 16.
fn delimited(content: usize) -> usize {
    1 + encoded_len_varint(content as u64) + content
}

/// Length of a ResourceId.
fn resource_id_length(id: &ResourceId) -> usize {
    delimited(id.resource_type.as_str().len()) + delimited(id.resource.len())
}

/// The rest of a message, whose next fields are known.
struct Expected<'r>(&'r [u8]);

impl Expected<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(bytes)?;
        Some(())
    }

    /// Key and length of a length-delimited field.
    fn head(&mut self, number: u8, length: usize) -> Option<()> {
        // Nearly all lengths take one byte.
        if let (Ok(short @ ..0x80), [key, byte, rest @ ..]) = (u8::try_from(length), self.0) {
            self.0 = rest;
            return (*key == number << 3 | 2 && *byte == short).then_some(());
        }
        let mut head = [0; 11];
        head[0] = number << 3 | 2;
        let mut after = &mut head[1..];
        encode_varint(length as u64, &mut after);
        let unused = after.len();
        self.bytes(&head[..head.len() - unused])
    }

    /// A text; absent if it is empty.
    fn text(&mut self, number: u8, text: &str) -> Option<()> {
        if text.is_empty() {
            return None;
        }
        self.head(number, text.len())?;
        self.bytes(text.as_bytes())
    }

    /// A Resource that consists of its id.
    fn resource(&mut self, number: u8, id: &ResourceId) -> Option<()> {
        let length = resource_id_length(id);
        self.head(number, delimited(length))?;
        self.head(1, length)?;
        self.text(1, id.resource_type.as_str())?;
        self.text(2, &id.resource)
    }
}

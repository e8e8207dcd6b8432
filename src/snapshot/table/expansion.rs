//! The expansion of a grant to a group: everyone who holds one of the entitlements that it names also holds the grant.
//! SDKs up to 0.7.3 leave it in the grant's blob, as an annotation; later ones store it in a column. A
//! [`Row`](super::Row) has it in one place, whichever SDK wrote the file.

use std::borrow::Cow;

use serde_json::Value;

use crate::snapshot::message::descriptors::{self, GRANT_EXPANDABLE};
use crate::snapshot::message::{
    Malformed, Message, Payload, Weight, canonical, two_parts, validate, walk,
};

/// `Grant.annotations`.
const ANNOTATIONS: u32 = 4;

/// Moves the expansion of a grant out of its blob. The column takes precedence, as it does in the SDK. An empty value
/// in the column is the SDK's mark that the grant was examined and has none.
pub(in crate::snapshot) fn unify<'r>(column: &mut Option<Cow<'r, [u8]>>, data: &mut Cow<'r, [u8]>) {
    column.take_if(|bytes| bytes.is_empty());
    if let Ok(Some(Split { expansion, rest })) = split(data) {
        if column.is_none() && !expansion.is_empty() {
            *column = Some(expansion.into());
        }
        *data = rest.into();
    }
}

/// A grant's expansion and the rest of its blob.
struct Split {
    /// The contents of its first GrantExpandable.
    expansion: Vec<u8>,
    /// The message without annotations of that type.
    rest: Vec<u8>,
}

/// Splits a grant; `None` if its blob has no GrantExpandable.
fn split(grant: &[u8]) -> Result<Option<Split>, Malformed> {
    let mut found = None;
    for field in walk(grant) {
        let field = field?;
        if found.is_none() && field.number == ANNOTATIONS {
            found = expansion(field.payload)?;
        }
    }
    let Some(found) = found else {
        return Ok(None);
    };
    let mut rest = Vec::with_capacity(grant.len());
    for field in walk(grant) {
        let field = field?;
        if field.number != ANNOTATIONS || expansion(field.payload)?.is_none() {
            rest.extend_from_slice(field.encoded);
        }
    }
    Ok(Some(Split {
        expansion: found.to_vec(),
        rest,
    }))
}

/// The contents of an annotation that is a GrantExpandable.
fn expansion(annotation: Payload<'_>) -> Result<Option<&[u8]>, Malformed> {
    let Payload::Bytes(annotation) = annotation else {
        return Err(Malformed);
    };
    let (type_url, contents) = two_parts(annotation)?;
    let known = descriptors::by_type_url(type_url);
    let is_expansion = known.is_some_and(|known| std::ptr::eq(known, &GRANT_EXPANDABLE));
    Ok(is_expansion.then_some(contents))
}

/// Whether an expansion is a message of its type.
pub(in crate::snapshot) fn is_valid(expansion: &[u8]) -> bool {
    validate(&GRANT_EXPANDABLE, expansion, &[], Weight::default()).is_ok()
}

/// Appends the canonical form of an expansion, for the content digest.
pub(super) fn push_canonical(expansion: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if canonical(&GRANT_EXPANDABLE, expansion, &[], out).is_err() {
        out.truncate(start);
        out.extend_from_slice(expansion);
    }
}

/// An expansion as JSON; `null` if it is not a valid message.
pub(super) fn to_value(expansion: &[u8]) -> Value {
    let message = Message::new(&GRANT_EXPANDABLE, expansion);
    message.to_value().unwrap_or_default()
}

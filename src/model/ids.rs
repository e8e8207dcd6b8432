//! Ids as types, so that a resource id is never passed where an entitlement id is expected.
//!
//! Ids are opaque: they are compared and sorted by their bytes, never parsed. Their text is shared, since a role's id is
//! part of each of its grants.

use arcstr::ArcStr;
use std::cmp::Ordering;
use std::fmt;

/// Text that many rows share: a clone is a pointer of 8 bytes.
pub type Text = ArcStr;

macro_rules! text_id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text);

        impl $name {
            /// Creates an id from its text, which is never normalized.
            pub fn new(text: impl Into<Text>) -> Self {
                Self(text.into())
            }

            /// Returns the id as it is in the file.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

text_id!(
    /// A resource type, such as `user` or `role`.
    ResourceTypeId
);
text_id!(
    /// An entitlement, `<resource type>:<resource>:<slug>` by convention.
    EntitlementId
);
text_id!(
    /// A sync run: a KSUID (27 characters of base 62) in files that other tools can convert.
    SyncId
);

/// A resource: its type and its id in the source. Written as `<type>:<id>`, and sorted by that text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResourceId {
    /// The type, such as `user`.
    pub resource_type: ResourceTypeId,
    /// The id in the source, such as a user's uuid.
    pub resource: Text,
}

impl ResourceId {
    /// Creates an id from its two parts.
    pub fn new(resource_type: &ResourceTypeId, resource: impl Into<Text>) -> Self {
        Self {
            resource_type: resource_type.clone(),
            resource: resource.into(),
        }
    }

    /// Returns whether `text` is this id, with its type or without it: `role:0193a` or `0193a`.
    pub fn is_written_as(&self, text: &str) -> bool {
        *self.resource == *text || self.to_string() == text
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource_type, self.resource)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        cmp_joined(
            [self.resource_type.as_str(), &self.resource],
            [other.resource_type.as_str(), &other.resource],
        )
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares like `parts.join(":")`, without building either text.
///
/// Comparing part by part is not the same: `role-x` sorts before `role:` as text, but `role` before `role-x`
/// as a part. The file is sorted by the text.
pub(super) fn cmp_joined<const N: usize>(left: [&str; N], right: [&str; N]) -> Ordering {
    for at in 0..N {
        let (a, b) = (left[at].as_bytes(), right[at].as_bytes());
        if a == b {
            continue;
        }
        let shared = a.len().min(b.len());
        return match a[..shared].cmp(&b[..shared]) {
            Ordering::Equal => joined_bytes(&left[at..]).cmp(joined_bytes(&right[at..])),
            decided => decided,
        };
    }
    Ordering::Equal
}

fn joined_bytes<'a>(parts: &'a [&'a str]) -> impl Iterator<Item = u8> + 'a {
    parts.iter().enumerate().flat_map(|(at, part)| {
        let colon: &[u8] = if at == 0 { b"" } else { b":" };
        colon.iter().chain(part.as_bytes()).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_are_sorted_like_the_joined_text(
            left in prop::array::uniform3("[a:-]{0,3}"),
            right in prop::array::uniform3("[a:-]{0,3}"),
        ) {
            let l: [&str; 3] = std::array::from_fn(|i| left[i].as_str());
            let r: [&str; 3] = std::array::from_fn(|i| right[i].as_str());
            prop_assert_eq!(cmp_joined(l, r), left.join(":").cmp(&right.join(":")));
        }
    }
}

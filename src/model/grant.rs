//! Grants: who holds an entitlement. There are many of them, so a grant is small and shares its texts.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use uuid::Uuid;

use super::ids::cmp_joined;
use super::{EntitlementId, ResourceId, Text, Timestamp};

/// One principal holds one entitlement.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The entitlement that is held.
    pub entitlement: EntitlementId,
    /// The resource that holds it, usually a user.
    pub principal: ResourceId,
    /// When the principal got it.
    pub joined_at: Option<Timestamp>,
    /// The source's id of the assignment, which changes when it is revoked and granted again.
    pub membership_id: Option<MembershipId>,
    /// The id, if it is not the conventional one; see [`Grant::id`].
    own_id: Option<Text>,
}

impl Grant {
    /// Creates a grant with the conventional id.
    pub fn new(entitlement: EntitlementId, principal: ResourceId) -> Self {
        Self {
            entitlement,
            principal,
            joined_at: None,
            membership_id: None,
            own_id: None,
        }
    }

    /// Sets the id that the grant has in its file.
    pub fn with_id(mut self, id: &str) -> Self {
        self.own_id = (id != self.conventional_id()).then(|| id.into());
        self
    }

    /// Returns the id: `<entitlement>:<principal type>:<principal>`, or what another connector chose instead.
    pub fn id(&self) -> Cow<'_, str> {
        match &self.own_id {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(self.conventional_id()),
        }
    }

    /// Returns the length of the id in bytes.
    pub fn id_length(&self) -> usize {
        match &self.own_id {
            Some(id) => id.len(),
            None => self.id_parts().map(str::len).iter().sum::<usize>() + 2,
        }
    }

    fn conventional_id(&self) -> String {
        self.id_parts().join(":")
    }

    fn id_parts(&self) -> [&str; 3] {
        [
            self.entitlement.as_str(),
            self.principal.resource_type.as_str(),
            &self.principal.resource,
        ]
    }

    /// Compares ids by their bytes, which is the order of the file.
    pub fn cmp_id(&self, other: &Self) -> Ordering {
        match (&self.own_id, &other.own_id) {
            (None, None) => cmp_joined(self.id_parts(), other.id_parts()),
            _ => self.id().cmp(&other.id()),
        }
    }
}

/// The source's id of an assignment. Every grant has one, so a UUID in lower case, as PostHog uses, takes no additional
/// memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipId {
    /// `8-4-4-4-12` hexadecimal digits in lower case, with any version.
    Uuid(Uuid),
    /// Any other text.
    Other(Box<str>),
}

impl MembershipId {
    /// Keeps the text as it is.
    pub fn new(text: &str) -> Self {
        // UUIDs in another form are kept as text.
        let mut buffer = Uuid::encode_buffer();
        match Uuid::try_parse(text) {
            Ok(uuid) if *uuid.hyphenated().encode_lower(&mut buffer) == *text => Self::Uuid(uuid),
            _ => Self::Other(text.into()),
        }
    }
}

impl From<&str> for MembershipId {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for MembershipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(text) => f.write_str(text),
            Self::Uuid(uuid) => uuid.fmt(f),
        }
    }
}

impl Ord for MembershipId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

impl PartialOrd for MembershipId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn membership_id_keeps_its_text(text in "[0-9a-fA-F-]{36}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|.*") {
            prop_assert_eq!(MembershipId::new(&text).to_string(), text);
        }
    }
}

//! Grants: who holds an entitlement. There are many of them, so a grant is kept small and shares its texts.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use uuid::Uuid;

use super::ids::cmp_joined;
use super::{EntitlementId, ResourceId, Text, Timestamp};

/// One principal holds one entitlement.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// What is held.
    pub entitlement: EntitlementId,
    /// Who holds it.
    pub principal: ResourceId,
    /// Since when.
    pub joined_at: Option<Timestamp>,
    /// The source's own id of the assignment, which is new after a re-grant.
    pub membership_id: Option<MembershipId>,
    /// The id, only where it is not the conventional one; see [`Grant::id`].
    own_id: Option<Text>,
}

impl Grant {
    /// A grant under the conventional id.
    pub fn new(entitlement: EntitlementId, principal: ResourceId) -> Self {
        Self {
            entitlement,
            principal,
            joined_at: None,
            membership_id: None,
            own_id: None,
        }
    }

    /// The same grant under the id that its file gives it.
    pub fn with_id(mut self, id: &str) -> Self {
        self.own_id = (id != self.conventional_id()).then(|| id.into());
        self
    }

    /// `<entitlement>:<principal type>:<principal>`, or what another connector chose instead.
    pub fn id(&self) -> Cow<'_, str> {
        match &self.own_id {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(self.conventional_id()),
        }
    }

    /// How long the id is, in bytes.
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

    /// The order of the file: by the bytes of the id.
    pub fn cmp_id(&self, other: &Self) -> Ordering {
        match (&self.own_id, &other.own_id) {
            (None, None) => cmp_joined(self.id_parts(), other.id_parts()),
            _ => self.id().cmp(&other.id()),
        }
    }
}

/// The source's id of an assignment. Written as a UUID in lower case, which PostHog's are, it takes no further memory:
/// there are as many of these as grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipId {
    /// `8-4-4-4-12` hexadecimal digits in lower case, version bits meaningless.
    Uuid(Uuid),
    /// Any other text.
    Other(Box<str>),
}

impl MembershipId {
    /// Takes the text as it is.
    pub fn new(text: &str) -> Self {
        // Other spellings of a UUID are kept as they are.
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

//! Grants: who holds an entitlement. There are many of them, so a grant is kept small and shares its texts.

use std::borrow::Cow;
use std::cmp::Ordering;

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
    pub membership_id: Option<Text>,
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

//! What one snapshot has of what the decisions are about. The rows of the snapshot pass by; only those that the sheet names
//! are kept, so memory grows with the sheet and not with the snapshot.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::ReviewSheet;
use crate::model::{
    EntitlementId, Grant, MembershipId, Party, Resource, ResourceId, Status, Text, Timestamp,
};

/// How far a snapshot reaches. What is not there is only known to be gone if the snapshot would have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Whether it has a member list; otherwise it just has users.
    pub knows_members: bool,
    /// Whether roles were read.
    pub roles: bool,
    /// Whether its sync run is a full one.
    pub is_full: bool,
}

/// What one snapshot has.
pub struct Observed {
    pub(super) reach: Reach,
    /// The ids in the sheet, in the form of [`key`].
    watched: HashSet<String>,
    /// What the holders of the grants in the sheet held in the old snapshot, by holder, each with the grant's id in the sheet.
    held_before: HashMap<String, Vec<(EntitlementId, String)>>,
    people: HashMap<String, ObservedPerson>,
    /// The number of grants, by holder.
    held: HashMap<String, usize>,
    grants: HashMap<String, ObservedGrant>,
    /// Grants of the same entitlement to the same holder under another id, by the id in the sheet.
    same_access: HashMap<String, ObservedGrant>,
}

/// A person in the sheet.
pub(super) struct ObservedPerson {
    pub(super) party: Party,
    pub(super) status: Option<Status>,
}

/// A grant in the sheet, or one of the same access.
pub(super) struct ObservedGrant {
    pub(super) id: String,
    pub(super) holder: Party,
    pub(super) on: Party,
    pub(super) slug: Text,
    pub(super) joined_at: Option<Timestamp>,
    membership_id: Option<MembershipId>,
    entitlement: EntitlementId,
}

impl ObservedGrant {
    /// Whether it was given again since `before`: it has another membership or, where there are no memberships, was given
    /// at another time. A grant with another id may also have been there before, beside the one in the sheet.
    pub(super) fn was_given_again(&self, before: &Self) -> bool {
        let times = before.joined_at.zip(self.joined_at);
        let is_other = match (&before.membership_id, &self.membership_id) {
            (Some(before), Some(now)) => before != now,
            _ => times.is_some_and(|(before, now)| before != now),
        };
        let is_later = times.is_none_or(|(before, now)| now > before);
        is_other && (self.id == before.id || is_later)
    }
}

impl Observed {
    /// Starts with the old snapshot.
    pub fn old(sheet: &ReviewSheet, reach: Reach) -> Self {
        let rows = sheet.rows.iter();
        Self {
            reach,
            watched: rows.map(|row| key(&row.id).into_owned()).collect(),
            held_before: HashMap::new(),
            people: HashMap::new(),
            held: HashMap::new(),
            grants: HashMap::new(),
            same_access: HashMap::new(),
        }
    }

    /// Starts with the new snapshot, after the old one has been seen.
    pub fn new(sheet: &ReviewSheet, reach: Reach, old: &Self) -> Self {
        let mut held_before: HashMap<String, Vec<_>> = HashMap::new();
        for (id, grant) in &old.grants {
            let held = held_before.entry(key(&grant.holder.id).into_owned());
            held.or_default()
                .push((grant.entitlement.clone(), id.clone()));
        }
        Self {
            held_before,
            ..Self::old(sheet, reach)
        }
    }

    /// Whether the sheet has a row with the id of this resource.
    pub fn wants_resource(&self, id: &ResourceId) -> bool {
        self.watched.contains(&*key(&id.to_string()))
    }

    /// Keeps a person who is wanted.
    pub fn add_person(&mut self, resource: &Resource) {
        let party = Party::of(resource, false);
        let status = resource.status;
        let id = key(&party.id).into_owned();
        self.people.insert(id, ObservedPerson { party, status });
    }

    /// Counts a grant, and returns whether it is wanted.
    pub fn wants_grant(
        &mut self,
        id: &str,
        entitlement: &EntitlementId,
        principal: &ResourceId,
    ) -> bool {
        let holder = principal.to_string();
        let holder = key(&holder);
        if self.watched.contains(&*holder) {
            match self.held.get_mut(&*holder) {
                Some(held) => *held += 1,
                None => {
                    self.held.insert(holder.clone().into_owned(), 1);
                }
            }
        }
        let held_before = self.held_before.get(&*holder);
        let mut held_before = held_before.into_iter().flatten();
        self.watched.contains(&*key(id)) || held_before.any(|(before, _)| before == entitlement)
    }

    /// Keeps a grant that is wanted, with its holder, the resource that it is on and the entitlement's short name.
    pub fn add_grant(&mut self, grant: &Grant, holder: Party, on: Party, slug: Text) {
        let id = grant.id();
        let observed = || ObservedGrant {
            id: id.clone().into_owned(),
            holder: holder.clone(),
            on: on.clone(),
            slug: slug.clone(),
            joined_at: grant.joined_at,
            membership_id: grant.membership_id.clone(),
            entitlement: grant.entitlement.clone(),
        };
        let own = key(&id);
        let held_before = self.held_before.get(&*key(&holder.id));
        for (entitlement, before) in held_before.into_iter().flatten() {
            if *entitlement == grant.entitlement && *before != *own {
                self.same_access.insert(before.clone(), observed());
            }
        }
        if self.watched.contains(&*own) {
            self.grants.insert(own.into_owned(), observed());
        }
    }

    pub(super) fn person(&self, id: &str) -> Option<&ObservedPerson> {
        self.people.get(&*key(id))
    }

    /// The number of grants that a person holds.
    pub(super) fn held_by(&self, id: &str) -> usize {
        self.held.get(&*key(id)).copied().unwrap_or_default()
    }

    /// The grant of this id, or one of the same access.
    pub(super) fn grant(&self, id: &str) -> Option<&ObservedGrant> {
        let id = key(id);
        self.grants.get(&*id).or_else(|| self.same_access.get(&*id))
    }
}

/// An id as it comes back from a spreadsheet: control characters are blanks, and there is no space around it.
pub(super) fn key(id: &str) -> Cow<'_, str> {
    let trimmed = id.trim();
    if trimmed.contains(char::is_control) {
        let blank = trimmed.replace(char::is_control, " ");
        return blank.trim().to_owned().into();
    }
    trimmed.into()
}

//! What differences mean to people: a raised seat, somebody who left with four roles, a renamed role.
//!
//! Resources must be told before entitlements, and entitlements before grants: whether a grant came with a new member,
//! or an entitlement's new text follows its role's new name, depends on what was told before.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::model::{
    Action, Change, ChangeKind, Entitlement, FieldChange, Object, Party, Person, Resource,
    ResourceType, Sort, Topic, kept_text,
};

/// PostHog's numbers of the seats.
const MEMBER: i64 = 1;
const ADMINISTRATOR: i64 = 8;
const OWNER: i64 = 15;

/// Takes differences and makes changes of them.
#[derive(Default)]
pub struct Judge {
    changes: Vec<Change>,
    added: HashSet<String>,
    removed: HashSet<String>,
    /// Old and new name, by id.
    renamed: HashMap<String, (String, String)>,
}

/// Who holds what on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantEnds {
    /// The grant's id.
    pub id: String,
    /// Who holds it.
    pub principal: Party,
    /// The entitlement's resource.
    pub on: Party,
    /// The entitlement's short name.
    pub entitlement: String,
}

impl Judge {
    /// A resource type that is new, gone (`None` on the other side), or another.
    pub fn resource_type(
        &mut self,
        old: Option<&ResourceType>,
        new: Option<&ResourceType>,
        fields: Vec<FieldChange>,
    ) {
        let Some(shown) = new.or(old) else { return };
        let subject = Party {
            id: shown.id.to_string(),
            name: kept_text(&shown.display_name),
            listed: true,
            ..Party::default()
        };
        self.other(
            Object::ResourceType,
            action(old, new),
            shown.id.to_string(),
            subject,
            None,
            fields,
        );
    }

    /// A resource that is new, gone, or another. `is_role` says whether its type has the trait of a role.
    pub fn resource(
        &mut self,
        old: Option<&Resource>,
        new: Option<&Resource>,
        is_role: bool,
        fields: Vec<FieldChange>,
    ) {
        let Some(shown) = new.or(old) else { return };
        let subject = Party::of(shown, is_role);
        match (old, new) {
            (None, Some(_)) => {
                self.added.insert(subject.id.clone());
            }
            (Some(_), None) => {
                self.removed.insert(subject.id.clone());
            }
            _ => {}
        }
        match (subject.sort, old, new) {
            (Sort::User, None, Some(new)) => {
                self.member_added(Action::Added, new, subject, fields);
            }
            (Sort::User, Some(_), None) => self.member_removed(Action::Removed, subject, fields),
            (Sort::User, Some(old), Some(new)) => self.member_changed(old, new, subject, fields),
            (Sort::Role, None, Some(_)) => {
                self.push(
                    Action::Added,
                    Topic::RoleAdded,
                    vec![ChangeKind::RoleAdded],
                    subject,
                    fields,
                );
            }
            (Sort::Role, Some(_), None) => {
                self.push(
                    Action::Removed,
                    Topic::RoleRemoved,
                    vec![ChangeKind::RoleRemoved],
                    subject,
                    fields,
                );
            }
            (Sort::Role, Some(old), Some(new)) => self.role_changed(old, new, subject, fields),
            _ => {
                let id = subject.id.clone();
                self.other(
                    Object::Resource,
                    action(old, new),
                    id,
                    subject,
                    None,
                    fields,
                );
            }
        }
    }

    /// Somebody is new, or (`Changed`) held roles before and is now in the list of members too.
    fn member_added(
        &mut self,
        action: Action,
        new: &Resource,
        subject: Party,
        fields: Vec<FieldChange>,
    ) {
        let mut kinds = vec![ChangeKind::MemberAdded];
        kinds.extend(seat_kind(level(new)));
        self.push(action, Topic::MemberAdded, kinds, subject, fields);
    }

    /// Somebody is gone, or (`Changed`) is no longer in the list of members but still holds roles.
    fn member_removed(&mut self, action: Action, subject: Party, fields: Vec<FieldChange>) {
        let kinds = vec![ChangeKind::MemberRemoved];
        self.push(action, Topic::MemberRemoved, kinds, subject, fields);
    }

    /// One person may have changed in several ways that matter; each becomes a change of its own.
    fn member_changed(
        &mut self,
        old: &Resource,
        new: &Resource,
        subject: Party,
        fields: Vec<FieldChange>,
    ) {
        let mut rest = fields;
        let was_listed = Person::of(old).is_none_or(|person| person.is_listed());
        match (was_listed, subject.listed) {
            (false, true) => return self.member_added(Action::Changed, new, subject, rest),
            (true, false) => return self.member_removed(Action::Changed, subject, rest),
            _ => {}
        }
        if let Some(seat) = take(&mut rest, &["seat", "profile.organization_level"]) {
            let (before, after) = (level(old), level(new));
            let (topic, kinds) = match (before, after) {
                (before, Some(after)) if after > before.unwrap_or(MEMBER) => {
                    let mut kinds = vec![ChangeKind::SeatRaised];
                    kinds.extend(seat_kind(Some(after)));
                    (Topic::SeatRaised, kinds)
                }
                (Some(before), Some(after)) if after < before => {
                    (Topic::OtherChanged, vec![ChangeKind::SeatLowered])
                }
                // A seat that was or is not known is neither higher nor lower.
                _ => (Topic::OtherChanged, vec![ChangeKind::OtherChanged]),
            };
            self.push(Action::Changed, topic, kinds, subject.clone(), seat);
        }
        let is_off = |change: &FieldChange| {
            change.field == "two_factor"
                && change.old == Some(Value::Bool(true))
                // What is not told any more may still be on.
                && change.new == Some(Value::Bool(false))
        };
        if rest.iter().any(is_off)
            && let Some(switch) = take(&mut rest, &["two_factor"])
        {
            let kinds = vec![ChangeKind::TwoFactorDisabled];
            self.push(
                Action::Changed,
                Topic::TwoFactorDisabled,
                kinds,
                subject.clone(),
                switch,
            );
        }
        self.rest_changed(subject, rest);
    }

    /// What is left of an object's fields, once those that mean something of their own are told.
    fn rest_changed(&mut self, subject: Party, rest: Vec<FieldChange>) {
        if !rest.is_empty() {
            let kinds = vec![ChangeKind::OtherChanged];
            self.push(Action::Changed, Topic::OtherChanged, kinds, subject, rest);
        }
    }

    fn role_changed(
        &mut self,
        old: &Resource,
        new: &Resource,
        subject: Party,
        fields: Vec<FieldChange>,
    ) {
        let mut rest = fields;
        if let Some(name) = take(&mut rest, &["display_name"]) {
            let names = (old.display_name.to_string(), new.display_name.to_string());
            self.renamed.insert(subject.id.clone(), names);
            let kinds = vec![ChangeKind::RoleRenamed];
            self.push(
                Action::Changed,
                Topic::RoleRenamed,
                kinds,
                subject.clone(),
                name,
            );
        }
        self.rest_changed(subject, rest);
    }

    /// An entitlement that is new, gone, or another. One that only follows its resource is no change of its own.
    pub fn entitlement(
        &mut self,
        on: Party,
        old: Option<&Entitlement>,
        new: Option<&Entitlement>,
        fields: Vec<FieldChange>,
    ) {
        let Some(shown) = new.or(old) else { return };
        let follows = match (old, new) {
            (None, Some(_)) => self.added.contains(&on.id),
            (Some(_), None) => self.removed.contains(&on.id),
            _ => self
                .renamed
                .get(&on.id)
                .is_some_and(|names| fields.iter().all(|field| follows(field, names))),
        };
        if follows {
            return;
        }
        let name = if shown.display_name.is_empty() {
            shown.id.as_str()
        } else {
            &shown.display_name
        };
        let subject = Party {
            id: shown.id.to_string(),
            name: kept_text(name),
            listed: true,
            ..Party::default()
        };
        self.other(
            Object::Entitlement,
            action(old, new),
            shown.id.to_string(),
            subject,
            Some(on),
            fields,
        );
    }

    /// A grant that is new, gone, or another.
    pub fn grant(&mut self, action: Action, ends: GrantEnds, fields: Vec<FieldChange>) {
        let of_person = |ids: &HashSet<String>| {
            ends.principal.sort == Sort::User && ids.contains(&ends.principal.id)
        };
        let (topic, kind) = match action {
            Action::Added if of_person(&self.added) => {
                (Topic::GrantOfNewMember, ChangeKind::GrantAdded)
            }
            Action::Added => (Topic::GrantAdded, ChangeKind::GrantAdded),
            Action::Removed if of_person(&self.removed) => {
                (Topic::GrantOfGoneMember, ChangeKind::GrantRevoked)
            }
            Action::Removed => (Topic::GrantRevoked, ChangeKind::GrantRevoked),
            Action::Changed => (Topic::OtherChanged, ChangeKind::OtherChanged),
        };
        let GrantEnds {
            id,
            principal,
            on,
            entitlement,
        } = ends;
        self.changes.push(Change {
            action,
            object: Object::Grant,
            id,
            topic,
            kinds: vec![kind],
            subject: principal,
            on: Some(on),
            entitlement: Some(entitlement),
            fields,
        });
    }

    fn other(
        &mut self,
        object: Object,
        action: Action,
        id: String,
        subject: Party,
        on: Option<Party>,
        fields: Vec<FieldChange>,
    ) {
        let (topic, kind) = match action {
            Action::Added => (Topic::OtherAdded, ChangeKind::OtherAdded),
            Action::Removed => (Topic::OtherRemoved, ChangeKind::OtherRemoved),
            Action::Changed => (Topic::OtherChanged, ChangeKind::OtherChanged),
        };
        let kinds = vec![kind];
        self.changes.push(Change {
            action,
            object,
            id,
            topic,
            kinds,
            subject,
            on,
            entitlement: None,
            fields,
        });
    }

    fn push(
        &mut self,
        action: Action,
        topic: Topic,
        kinds: Vec<ChangeKind>,
        subject: Party,
        fields: Vec<FieldChange>,
    ) {
        let id = subject.id.clone();
        let object = Object::Resource;
        self.changes.push(Change {
            action,
            object,
            id,
            topic,
            kinds,
            subject,
            on: None,
            entitlement: None,
            fields,
        });
    }

    /// All changes, by topic, then by name and id.
    pub fn finish(mut self) -> Vec<Change> {
        fn key(change: &Change) -> (Topic, &str, Option<&str>, &str) {
            let on = change.on.as_ref().map(|on| on.name.as_str());
            (change.topic, &change.subject.name, on, &change.id)
        }
        self.changes.sort_by(|a, b| key(a).cmp(&key(b)));
        self.changes
    }
}

fn action<T>(old: Option<T>, new: Option<T>) -> Action {
    match (old.is_some(), new.is_some()) {
        (false, _) => Action::Added,
        (true, false) => Action::Removed,
        (true, true) => Action::Changed,
    }
}

/// A seat's number, or what its word stands for.
fn level(resource: &Resource) -> Option<i64> {
    let person = Person::of(resource)?;
    person.level().or(match person.seat()? {
        "member" => Some(MEMBER),
        "administrator" | "admin" => Some(ADMINISTRATOR),
        "owner" => Some(OWNER),
        _ => None,
    })
}

/// What it means to have come to a seat.
fn seat_kind(level: Option<i64>) -> Option<ChangeKind> {
    match level {
        Some(OWNER) => Some(ChangeKind::OwnerAdded),
        Some(ADMINISTRATOR) => Some(ChangeKind::AdminAdded),
        _ => None,
    }
}

/// Takes the named fields out; `None` if there are none of them.
fn take(fields: &mut Vec<FieldChange>, names: &[&str]) -> Option<Vec<FieldChange>> {
    let (taken, rest) = std::mem::take(fields)
        .into_iter()
        .partition(|change| names.contains(&change.field.as_str()));
    *fields = rest;
    let taken: Vec<FieldChange> = taken;
    (!taken.is_empty()).then_some(taken)
}

/// Whether a text changed just as the name in it did.
fn follows(change: &FieldChange, (old_name, new_name): &(String, String)) -> bool {
    let text = |value: &Option<Value>| {
        value
            .as_ref()
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    match (text(&change.old), text(&change.new)) {
        (Some(old), Some(new)) => {
            let once = old.match_indices(old_name.as_str()).any(|(at, _)| {
                let (before, behind) = (&old[..at], &old[at + old_name.len()..]);
                new.strip_prefix(before)
                    .and_then(|rest| rest.strip_suffix(behind))
                    .is_some_and(|between| between == new_name)
            });
            // Both ways, so that it is told in both directions or in none.
            let throughout =
                old.replace(old_name, new_name) == new && new.replace(new_name, old_name) == old;
            matches!(change.field.as_str(), "display_name" | "description") && (once || throughout)
        }
        _ => false,
    }
}

//! Classifies differences: a raised seat, a person who is no longer a member, a renamed role.
//!
//! Resources must come before entitlements, and entitlements before grants: whether a grant belongs to a new person, or
//! an entitlement was renamed with its role, depends on the changes before it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::merge::Step;
use crate::model::keys::{self, in_profile};
use crate::model::{
    Action, Change, ChangeKind, ChangedObject, Entitlement, FieldChange, MembershipId, Party,
    PartyKind, Person, Resource, ResourceType, Risk, RowKind, Seat, Timestamp, Topic, kept_text,
};

/// Turns differences into changes.
#[derive(Default)]
pub(super) struct Classifier {
    /// Whether both sides have a member list.
    knows_members: bool,
    changes: Vec<Change>,
    added: HashSet<String>,
    removed: HashSet<String>,
    /// Old and new name, by id.
    renamed: HashMap<String, (String, String)>,
}

/// A grant, with the names of what it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GrantDetails {
    pub id: String,
    pub principal: Party,
    /// The entitlement's resource.
    pub on: Party,
    /// The entitlement's short name.
    pub entitlement: String,
    pub joined_at: Option<Timestamp>,
    /// The source's own id of the assignment.
    pub membership_id: Option<MembershipId>,
}

impl Classifier {
    /// Creates a classifier. `knows_members` says whether both sides have a member list.
    pub(super) fn new(knows_members: bool) -> Self {
        Self {
            knows_members,
            ..Self::default()
        }
    }

    /// Classifies an added, removed or changed resource type.
    pub(super) fn resource_type(&mut self, step: Step<&ResourceType>, fields: Vec<FieldChange>) {
        let shown = step.newest();
        let subject = Party::named(shown.id.to_string(), &shown.display_name);
        self.other(RowKind::ResourceType, step.action(), subject, None, fields);
    }

    /// Classifies an added, removed or changed resource. `is_role` says whether its type has the role trait.
    pub(super) fn resource(
        &mut self,
        step: Step<&Resource>,
        is_role: bool,
        fields: Vec<FieldChange>,
    ) {
        let subject = Party::of(step.newest(), is_role);
        match step {
            Step::New(_) => {
                self.added.insert(subject.id.clone());
            }
            Step::Old(_) => {
                self.removed.insert(subject.id.clone());
            }
            Step::Both(..) => {}
        }
        match (subject.kind, step) {
            (PartyKind::User, Step::New(new)) => self.person_added(new, subject),
            (PartyKind::User, Step::Old(old)) => self.person_removed(old, subject),
            (PartyKind::User, Step::Both(old, new)) => {
                self.person_changed(old, new, subject, fields);
            }
            (PartyKind::Role, Step::New(_)) => {
                self.push(
                    Action::Added,
                    Topic::RoleAdded,
                    vec![ChangeKind::RoleAdded],
                    subject,
                    fields,
                );
            }
            (PartyKind::Role, Step::Old(_)) => {
                self.push(
                    Action::Removed,
                    Topic::RoleRemoved,
                    vec![ChangeKind::RoleRemoved],
                    subject,
                    fields,
                );
            }
            (PartyKind::Role, Step::Both(old, new)) => self.role_changed(old, new, subject, fields),
            (PartyKind::Other, step) => {
                self.other(RowKind::Resource, step.action(), subject, None, fields);
            }
        }
    }

    fn person_added(&mut self, new: &Resource, subject: Party) {
        let topic = if subject.listed {
            Topic::MemberAdded
        } else {
            Topic::UnlistedAdded
        };
        let mut kinds = vec![ChangeKind::MemberAdded];
        kinds.extend(subject.rank.and_then(seat_kind));
        self.push_person(
            Action::Added,
            topic,
            kinds,
            subject,
            [None, Some(new)],
            Vec::new(),
        );
    }

    fn person_removed(&mut self, old: &Resource, subject: Party) {
        let topic = if subject.listed {
            Topic::MemberRemoved
        } else {
            Topic::UnlistedRemoved
        };
        let kinds = vec![ChangeKind::MemberRemoved];
        self.push_person(
            Action::Removed,
            topic,
            kinds,
            subject,
            [Some(old), None],
            Vec::new(),
        );
    }

    /// One person may have changed in several ways that matter; each becomes a separate change. Seat and 2FA are
    /// classified even if the person entered or left the member list at the same time.
    fn person_changed(
        &mut self,
        old: &Resource,
        new: &Resource,
        subject: Party,
        fields: Vec<FieldChange>,
    ) {
        let mut rest = fields;
        // The field may be ignored.
        let is_compared = rest
            .iter()
            .any(|change| change.field == in_profile::LISTED_AS_MEMBER);
        let before = Person::of(old);
        let was_listed = before.as_ref().is_none_or(Person::is_listed);
        let listing = match (was_listed, subject.listed) {
            _ if !is_compared => None,
            (false, true) => Some((Topic::MemberAdded, ChangeKind::MemberAdded)),
            (true, false) => Some((Topic::MemberRemoved, ChangeKind::MemberRemoved)),
            _ => None,
        };
        let seat = before.as_ref().and_then(Person::seat);
        let (topic, kinds) = seat_change(seat, subject.rank);
        if !kinds.is_empty()
            && let Some(seat) = take(&mut rest, |change| change.field == "seat")
        {
            self.push(Action::Changed, topic, kinds, subject.clone(), seat);
        }
        let is_off = |change: &FieldChange| {
            change.field == "two_factor"
                && change.old == Some(Value::Bool(true))
                // If unknown, it may still be on.
                && change.new == Some(Value::Bool(false))
        };
        if let Some(switch) = take(&mut rest, is_off) {
            let kinds = vec![ChangeKind::TwoFactorDisabled];
            let topic = Topic::TwoFactorDisabled;
            self.push(Action::Changed, topic, kinds, subject.clone(), switch);
        }
        if let Some((topic, kind)) = listing {
            let fields = take(&mut rest, follows_listing).unwrap_or_default();
            let (kinds, subject) = (vec![kind], subject.clone());
            let sides = [Some(old), Some(new)];
            self.push_person(Action::Changed, topic, kinds, subject, sides, fields);
        }
        self.rest_changed(subject, rest);
    }

    /// Reports the fields that no other change covers.
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
        if let Some(name) = take(&mut rest, |change| change.field == "display_name") {
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

    /// Classifies an added, removed or changed entitlement. One that only follows its resource is not a separate
    /// change.
    pub(super) fn entitlement(
        &mut self,
        on: Party,
        step: Step<&Entitlement>,
        fields: Vec<FieldChange>,
    ) {
        let shown = step.newest();
        let follows = match step {
            Step::New(_) => self.added.contains(&on.id),
            Step::Old(_) => self.removed.contains(&on.id),
            Step::Both(..) => self
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
        let subject = Party::named(shown.id.to_string(), name);
        self.other(
            RowKind::Entitlement,
            step.action(),
            subject,
            Some(on),
            fields,
        );
    }

    /// Classifies an added, removed or changed grant.
    pub(super) fn grant(
        &mut self,
        action: Action,
        details: GrantDetails,
        fields: Vec<FieldChange>,
    ) {
        let of_person = |ids: &HashSet<String>| {
            details.principal.kind == PartyKind::User && ids.contains(&details.principal.id)
        };
        let (topic, kind) = match action {
            Action::Added if of_person(&self.added) => {
                (Topic::GrantOfNewPerson, ChangeKind::GrantAdded)
            }
            Action::Added => (Topic::GrantAdded, ChangeKind::GrantAdded),
            Action::Removed if of_person(&self.removed) => {
                (Topic::GrantOfGonePerson, ChangeKind::GrantRevoked)
            }
            Action::Removed => (Topic::GrantRevoked, ChangeKind::GrantRevoked),
            Action::Changed => (Topic::OtherChanged, ChangeKind::OtherChanged),
        };
        let GrantDetails {
            id,
            principal,
            on,
            entitlement,
            joined_at,
            membership_id,
        } = details;
        // The first known one of these distinguishes a grant from a later grant of the same entitlement.
        let known = [
            (
                keys::JOINED_AT,
                joined_at.map(|at| Value::from(at.to_string())),
            ),
            (
                keys::MEMBERSHIP_ID,
                membership_id.map(|id| Value::from(id.to_string())),
            ),
            ("entitlement", Some(entitlement.clone().into())),
        ];
        let first = known.into_iter().find(|(_, value)| value.is_some());
        let facts = facts(action, first);
        self.changes.push(Change {
            id,
            on: Some(on),
            entitlement: Some(entitlement),
            fields,
            facts,
            ..Change::new(
                action,
                ChangedObject::Row(RowKind::Grant),
                topic,
                vec![kind],
                principal,
            )
        });
    }

    fn other(
        &mut self,
        object: RowKind,
        action: Action,
        subject: Party,
        on: Option<Party>,
        fields: Vec<FieldChange>,
    ) {
        let (topic, kind) = match action {
            Action::Added => (Topic::OtherAdded, ChangeKind::OtherAdded),
            Action::Removed => (Topic::OtherRemoved, ChangeKind::OtherRemoved),
            Action::Changed => (Topic::OtherChanged, ChangeKind::OtherChanged),
        };
        self.changes.push(Change {
            on,
            fields,
            facts: name_as_fact(action, &subject),
            ..Change::new(
                action,
                ChangedObject::Row(object),
                topic,
                vec![kind],
                subject,
            )
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
        let facts = name_as_fact(action, &subject);
        self.push_with(action, topic, kinds, subject, fields, facts);
    }

    /// Adds a change of a resource with what is known of it.
    fn push_with(
        &mut self,
        action: Action,
        topic: Topic,
        kinds: Vec<ChangeKind>,
        subject: Party,
        fields: Vec<FieldChange>,
        facts: Vec<FieldChange>,
    ) {
        let object = ChangedObject::Row(RowKind::Resource);
        self.changes.push(Change {
            fields,
            facts,
            ..Change::new(action, object, topic, kinds, subject)
        });
    }

    /// Adds a change of a person who is new or gone, or entered or left the member list. `sides` are the old and the
    /// new resource.
    fn push_person(
        &mut self,
        action: Action,
        topic: Topic,
        kinds: Vec<ChangeKind>,
        subject: Party,
        sides: [Option<&Resource>; 2],
        fields: Vec<FieldChange>,
    ) {
        let mut known = person_facts(sides, &fields);
        known.retain(|fact| self.knows_members || fact.field != keys::LISTED_AS_MEMBER);
        if known.is_empty() {
            // Other connectors may only know a name.
            known = name_as_fact(action, &subject);
        }
        self.push_with(action, topic, kinds, subject, fields, known);
    }

    /// Returns all changes, sorted by topic, risk, name and id.
    pub(super) fn finish(mut self) -> Vec<Change> {
        fn key(change: &Change) -> (Topic, Risk, &str, Option<&str>, &str) {
            let on = change.on.as_ref().map(|on| on.name.as_str());
            let name = &change.subject.name;
            (change.topic, change.risk(), name, on, &change.id)
        }
        self.changes.sort_by(|a, b| key(a).cmp(&key(b)));
        self.changes
    }
}

/// The name of an added or removed object, for lack of a more specific fact.
fn name_as_fact(action: Action, subject: &Party) -> Vec<FieldChange> {
    facts(
        action,
        [("display_name", Some(subject.name.clone().into()))],
    )
}

/// The known values of an added or removed object, as added or removed fields; empty for a changed object.
fn facts(
    action: Action,
    known: impl IntoIterator<Item = (&'static str, Option<Value>)>,
) -> Vec<FieldChange> {
    let known = known.into_iter().filter(|(_, value)| value.is_some());
    let of = |(field, value): (&str, Option<Value>)| {
        let field = field.to_owned();
        match action {
            Action::Added => Some(FieldChange {
                field,
                old: None,
                new: value,
            }),
            Action::Removed => Some(FieldChange {
                field,
                old: value,
                new: None,
            }),
            Action::Changed => None,
        }
    };
    known.filter_map(of).collect()
}

/// The facts that distinguish this arrival or departure of a person from another one: old and new values, changed or
/// not, without those in `fields`.
fn person_facts(sides: [Option<&Resource>; 2], fields: &[FieldChange]) -> Vec<FieldChange> {
    type Fact = fn(&Person<'_>) -> Option<Value>;
    const FACTS: [(&str, Fact, &[&str]); 4] = [
        (
            keys::JOINED_AT,
            |person| Some(person.joined_at()?.to_string().into()),
            &["created_at"],
        ),
        (
            keys::LISTED_AS_MEMBER,
            |person| Some(person.is_listed().into()),
            &[in_profile::LISTED_AS_MEMBER],
        ),
        (
            "seat",
            |person| Some(kept_text(&person.seat_word()?).into()),
            &["seat"],
        ),
        (
            "two_factor",
            |person| Some(person.mfa_enabled()?.into()),
            &["two_factor"],
        ),
    ];
    let [old, new] = sides.map(|side| side.and_then(Person::of));
    let is_said = |places: &[&str]| {
        fields
            .iter()
            .any(|change| places.contains(&change.field.as_str()))
    };
    FACTS
        .into_iter()
        .filter(|(_, _, places)| !is_said(places))
        .map(|(field, value, _)| FieldChange {
            field: field.to_owned(),
            old: old.as_ref().and_then(value),
            new: new.as_ref().and_then(value),
        })
        .filter(|fact| fact.old.is_some() || fact.new.is_some())
        .collect()
}

/// Classifies a change of seat; no kinds if too little is known to compare the seats. An unknown old seat counts as
/// member, so that no owner goes unnoticed; an unknown new seat does not count as lowered.
fn seat_change(before: Option<Seat>, after: Option<Seat>) -> (Topic, Vec<ChangeKind>) {
    let Some(after) = after.filter(|after| before != Some(*after)) else {
        return (Topic::OtherChanged, Vec::new());
    };
    let (topic, moved) = match before {
        _ if after.is_above(before.unwrap_or(Seat::Member)) => {
            (Topic::SeatRaised, Some(ChangeKind::SeatRaised))
        }
        Some(_) => (Topic::SeatLowered, Some(ChangeKind::SeatLowered)),
        None => (Topic::OtherChanged, None),
    };
    (topic, moved.into_iter().chain(seat_kind(after)).collect())
}

/// The kind of change when a person gets this seat.
fn seat_kind(seat: Seat) -> Option<ChangeKind> {
    match seat {
        Seat::Owner => Some(ChangeKind::OwnerAdded),
        Seat::Administrator => Some(ChangeKind::AdminAdded),
        Seat::Member | Seat::Unknown(_) => None,
    }
}

/// Whether a field differs only because a person entered or left the member list: a role membership has less
/// information about a person than the member list.
fn follows_listing(change: &FieldChange) -> bool {
    const FOLLOWING: [&str; 5] = [
        "account_type",
        "created_at",
        in_profile::LISTED_AS_MEMBER,
        in_profile::MEMBERSHIP_ID,
        "status",
    ];
    change.old.is_none() || change.new.is_none() || FOLLOWING.contains(&change.field.as_str())
}

/// Removes and returns the fields that are `wanted`; `None` if there are none.
fn take(
    fields: &mut Vec<FieldChange>,
    wanted: impl Fn(&FieldChange) -> bool,
) -> Option<Vec<FieldChange>> {
    let (taken, rest) = std::mem::take(fields).into_iter().partition(wanted);
    *fields = rest;
    let taken: Vec<FieldChange> = taken;
    (!taken.is_empty()).then_some(taken)
}

/// Whether a text changed only by the name in it.
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
                let (before, after) = (&old[..at], &old[at + old_name.len()..]);
                new.strip_prefix(before)
                    .and_then(|rest| rest.strip_suffix(after))
                    .is_some_and(|between| between == new_name)
            });
            // Symmetric, so that both directions of a comparison agree.
            let throughout =
                old.replace(old_name, new_name) == new && new.replace(new_name, old_name) == old;
            matches!(change.field.as_str(), "display_name" | "description") && (once || throughout)
        }
        _ => false,
    }
}

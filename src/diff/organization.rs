//! Compares what surrounds the roles: settings, domains, invitations and external references. Each changed field is a change
//! of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::{
    Action, Change, ChangeKind, ChangedObject, Domain, FieldChange, Invitation,
    OrganizationDocument, OrganizationPart, Party, RoleReference, Topic, folded_address,
};

/// Fields of an invitation that follow from others, or change although nobody changed the invitation: it expires.
const OF_TIME: [&str; 3] = ["created_by", "is_expired", "seat"];

/// Compares the parts that both documents have. `organization` is the id and the name of the organization.
///
/// A field that one side did not send is not compared. The changes are in the order of the document, most urgent first within
/// each part.
pub fn compare_organizations(
    old: &OrganizationDocument,
    new: &OrganizationDocument,
    organization: (&str, &str),
) -> Vec<Change> {
    let mut changes = Vec::new();
    if let (Some(old), Some(new)) = (&old.settings, &new.settings) {
        let (id, name) = organization;
        for field in changed_fields(old, new, &[]) {
            let is_off = field.field == "enforce_2fa" && field.old == Some(Value::Bool(true));
            let kind = if is_off {
                ChangeKind::TwoFactorEnforcementOff
            } else {
                ChangeKind::SettingChanged
            };
            let party = Party::named(id.to_owned(), name);
            changes.push(changed(OrganizationPart::Settings, kind, party, field));
        }
    }
    rows(&old.domains, &new.domains, &mut changes);
    rows(&old.invitations, &new.invitations, &mut changes);
    rows(
        &old.role_external_references,
        &new.role_external_references,
        &mut changes,
    );
    changes.sort_by(|a, b| {
        let key = |change: &Change| (change.risk(), change.kinds.clone());
        (key(a), &a.subject.name, &a.id).cmp(&(key(b), &b.subject.name, &b.id))
    });
    changes
}

/// Turns removed invitations whose address joined into a remark on the join. `changes` has the changes in access,
/// `surroundings` those of the organization.
pub fn match_invitations(changes: &mut [Change], surroundings: &mut Vec<Change>) {
    let mut joined: BTreeMap<String, Vec<&mut Change>> = BTreeMap::new();
    for change in changes
        .iter_mut()
        .filter(|change| change.topic == Topic::MemberAdded)
    {
        if let Some(email) = &change.subject.email {
            joined
                .entry(folded_address(email))
                .or_default()
                .push(change);
        }
    }
    surroundings.retain(|change| {
        if !change.kinds.contains(&ChangeKind::InvitationRemoved) {
            return true;
        }
        match joined.get_mut(&folded_address(&change.subject.name)) {
            Some(joins) => {
                for join in joins {
                    join.invitation.get_or_insert_with(|| change.id.clone());
                }
                false
            }
            None => true,
        }
    });
}

/// A row of one of the lists.
trait ComparedRow: Serialize {
    const PART: OrganizationPart;
    /// The kinds of change when a row is added or removed.
    const ADDED: ChangeKind;
    const REMOVED: ChangeKind;
    /// Fields that are not compared.
    const SKIPPED: &[&str] = &[];
    /// Fields that an accepted addition or removal has to match.
    const FACTS: &[&str];

    fn id(&self) -> &str;

    /// What people know it by.
    fn name(&self) -> String;

    /// The kind of change of a field.
    fn kind(field: &FieldChange) -> ChangeKind;
}

impl ComparedRow for Domain {
    const PART: OrganizationPart = OrganizationPart::Domains;
    const ADDED: ChangeKind = ChangeKind::DomainAdded;
    const REMOVED: ChangeKind = ChangeKind::DomainRemoved;
    const FACTS: &[&str] = &["domain", "is_verified"];

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> String {
        Self::name(self).unwrap_or(&self.id).to_owned()
    }

    fn kind(field: &FieldChange) -> ChangeKind {
        let enforces = |value: &Option<Value>| {
            let login = value.as_ref().and_then(Value::as_str);
            login.is_some_and(|login| !login.is_empty())
        };
        if field.field == "sso_enforcement" && enforces(&field.old) && !enforces(&field.new) {
            ChangeKind::SsoEnforcementOff
        } else {
            ChangeKind::DomainChanged
        }
    }
}

impl ComparedRow for Invitation {
    const PART: OrganizationPart = OrganizationPart::Invitations;
    const ADDED: ChangeKind = ChangeKind::InvitationAdded;
    const REMOVED: ChangeKind = ChangeKind::InvitationRemoved;
    const SKIPPED: &[&str] = &OF_TIME;
    const FACTS: &[&str] = &["target_email", "level"];

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> String {
        self.email().unwrap_or(&self.id).to_owned()
    }

    fn kind(_: &FieldChange) -> ChangeKind {
        ChangeKind::InvitationChanged
    }
}

impl ComparedRow for RoleReference {
    const PART: OrganizationPart = OrganizationPart::RoleExternalReferences;
    const ADDED: ChangeKind = ChangeKind::ReferenceChanged;
    const REMOVED: ChangeKind = ChangeKind::ReferenceChanged;
    const FACTS: &[&str] = &["role_id", "provider", "provider_role_id"];

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> String {
        let group = [
            &self.provider_role_name,
            &self.provider_role_slug,
            &self.provider_role_id,
        ];
        let mut group = group.into_iter().flatten().flatten();
        let group = group.find(|name| !name.is_empty()).unwrap_or(&self.id);
        match self.provider.as_ref().and_then(Option::as_ref) {
            Some(provider) => format!("{group} in {provider}"),
            None => group.clone(),
        }
    }

    fn kind(_: &FieldChange) -> ChangeKind {
        ChangeKind::ReferenceChanged
    }
}

/// Compares two lists, if both sides have it.
fn rows<T: ComparedRow>(old: &Option<Vec<T>>, new: &Option<Vec<T>>, changes: &mut Vec<Change>) {
    let (Some(old), Some(new)) = (old, new) else {
        return;
    };
    let by_id = |rows: &'_ [T]| -> BTreeMap<String, usize> {
        let ids = rows.iter().enumerate();
        ids.map(|(at, row)| (row.id().to_owned(), at)).collect()
    };
    let (old_ids, new_ids) = (by_id(old), by_id(new));
    let ids: BTreeSet<&String> = old_ids.keys().chain(new_ids.keys()).collect();
    for id in ids {
        let old = old_ids.get(id).map(|at| &old[*at]);
        let new = new_ids.get(id).map(|at| &new[*at]);
        match (old, new) {
            (Some(old), Some(new)) => {
                for field in changed_fields(old, new, T::SKIPPED) {
                    let kind = T::kind(&field);
                    changes.push(changed(T::PART, kind, party(new), field));
                }
            }
            (None, Some(row)) => changes.push(whole(Action::Added, T::ADDED, row)),
            (Some(row), None) => changes.push(whole(Action::Removed, T::REMOVED, row)),
            (None, None) => {}
        }
    }
}

fn party<T: ComparedRow>(row: &T) -> Party {
    Party::named(row.id().to_owned(), &row.name())
}

/// The change of one field.
fn changed(part: OrganizationPart, kind: ChangeKind, subject: Party, field: FieldChange) -> Change {
    Change {
        fields: vec![field],
        ..change_of(part, Action::Changed, kind, subject)
    }
}

/// A row that is new or gone.
fn whole<T: ComparedRow>(action: Action, kind: ChangeKind, row: &T) -> Change {
    let fields = fields_of(row);
    let fact = |name: &&str| {
        let value = fields.get(*name)?.clone();
        let (old, new) = match action {
            Action::Removed => (Some(value), None),
            Action::Added | Action::Changed => (None, Some(value)),
        };
        Some(FieldChange {
            field: (*name).to_owned(),
            old,
            new,
        })
    };
    Change {
        facts: T::FACTS.iter().filter_map(fact).collect(),
        ..change_of(T::PART, action, kind, party(row))
    }
}

fn change_of(part: OrganizationPart, action: Action, kind: ChangeKind, subject: Party) -> Change {
    let object = ChangedObject::Surrounding(part);
    Change::new(action, object, Topic::Surroundings, vec![kind], subject)
}

/// The fields that both sides sent and that differ, by name.
fn changed_fields<T: Serialize>(old: &T, new: &T, skipped: &[&str]) -> Vec<FieldChange> {
    let (old, new) = (fields_of(old), fields_of(new));
    let both = old.into_iter().filter_map(|(name, old)| {
        let new = new.get(&name)?;
        let is_changed = old != *new && !skipped.contains(&name.as_str());
        is_changed.then(|| FieldChange {
            field: name,
            old: Some(old),
            new: Some(new.clone()),
        })
    });
    both.collect()
}

/// The fields of a row as they are in the document.
fn fields_of<T: Serialize>(row: &T) -> Map<String, Value> {
    match serde_json::to_value(row) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

//! Compares the facts of one object at two times, field by field, under readable names.
//!
//! A file may state a fact in several fields, for old readers and for new ones; it is reported once, unless the fields
//! disagree. Fields that change daily are left out unless included explicitly.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::keys::{self, in_profile};
use crate::model::{FieldChange, kept_text};

/// The facts about an object, by readable names.
pub type Facts = BTreeMap<String, Value>;

/// Which fields to compare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldFilter {
    /// Noisy fields to compare anyway.
    pub include: Vec<String>,
    /// Fields to leave out.
    pub ignore: Vec<String>,
}

impl FieldFilter {
    /// Whether to compare a field. Names match with and without `profile.`, and cover all fields that state the same
    /// fact.
    fn counts(&self, field: &str) -> bool {
        let bare = bare(field);
        let canonical = SYNONYMS
            .iter()
            .find(|fields| fields.contains(&field))
            .map_or(field, |fields| fields[0]);
        let named = |names: &[String]| {
            names
                .iter()
                .any(|name| name == field || name == bare || name == canonical)
        };
        !named(&self.ignore) && (!is_noise(field) || named(&self.include))
    }

    /// Names to ignore that may be misspelled, since no known field has them. Profile keys are arbitrary, so names with
    /// `profile.` are accepted.
    pub fn unknown(&self) -> Vec<&str> {
        let is_known = |name: &str| {
            let is_free = name.starts_with("profile.") || name == FieldChange::OTHER_FIELDS;
            is_free || KNOWN.contains(&name) || keys::ALL.contains(&name)
        };
        let names = self.ignore.iter().map(String::as_str);
        names.filter(|name| !is_known(name)).collect()
    }

    /// Whether some fields are not compared.
    pub fn ignores_any(&self) -> bool {
        !self.ignore.is_empty()
    }

    /// Whether noisy fields may be compared, so that rows that differ only in noise must be compared too.
    pub fn wants_noise(&self) -> bool {
        !self.include.is_empty()
    }
}

/// Readable names of the fields in Baton's messages, which are known even if no snapshot has them. Profile keys are
/// extra.
const KNOWN: [&str; 26] = [
    "account_type",
    "baton_resource",
    "creation_source",
    "description",
    "display_name",
    "emails",
    "employee_ids",
    "entitlement",
    "expansion",
    "external_id",
    "grantable_to",
    "icon",
    "linked_login",
    "login",
    "login_aliases",
    "middle_names",
    "parent_resource_id",
    "principal",
    "purpose",
    "resource",
    "seat",
    "slug",
    "sources",
    "status",
    "status_details",
    "two_factor",
];

/// A field's name without `profile.`.
fn bare(field: &str) -> &str {
    field.strip_prefix("profile.").unwrap_or(field)
}

/// Whether a field changes daily without a change of access.
pub fn is_noise(field: &str) -> bool {
    keys::NOISE.contains(&bare(field))
}

/// Fields that state the same fact: the name that is reported, then the others.
const SYNONYMS: [&[&str]; 9] = [
    &["email", "login", in_profile::EMAIL],
    &["first_name", in_profile::FIRST_NAME],
    &["last_name", in_profile::LAST_NAME],
    &["two_factor", in_profile::IS_2FA_ENABLED],
    &["linked_login", in_profile::HAS_SOCIAL_AUTH],
    &["created_at", in_profile::JOINED_AT, in_profile::CREATED_AT],
    &["last_login", in_profile::LAST_LOGIN],
    &[
        "seat",
        in_profile::ORGANIZATION_ROLE,
        in_profile::ORGANIZATION_LEVEL,
    ],
    &["display_name", in_profile::ROLE_NAME],
];

/// A value to keep in a list of changes: texts that are longer than any of PostHog's are cut.
fn kept(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(kept_text(text)),
        Value::Array(values) => values.iter().map(kept).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (kept_text(name), kept(value)))
            .collect(),
        other => other.clone(),
    }
}

/// Returns the fields that differ between two sets of facts, sorted by name. `differs` says whether the objects differ
/// in more than noise: if so and no field shows it, "other fields" is reported; if not, only noise is reported.
pub(super) fn compare(
    old: &Facts,
    new: &Facts,
    differs: bool,
    filter: &FieldFilter,
) -> Vec<FieldChange> {
    let mut changes: Vec<FieldChange> = old
        .iter()
        .map(|(field, value)| (field, Some(value), new.get(field)))
        .chain(
            new.iter()
                .filter(|(field, _)| !old.contains_key(*field))
                .map(|(field, value)| (field, None, Some(value))),
        )
        .filter(|(_, old, new)| old != new)
        .map(|(field, old, new)| FieldChange {
            field: field.clone(),
            old: old.map(kept),
            new: new.map(kept),
        })
        .collect();
    changes.retain(|change| differs || is_noise(&change.field));
    let unexplained = differs && changes.iter().all(|change| is_noise(&change.field));
    changes.sort_by(|a, b| a.field.cmp(&b.field));
    drop_synonyms(&mut changes);
    changes.retain(|change| filter.counts(&change.field));
    if unexplained && filter.counts(FieldChange::OTHER_FIELDS) {
        changes.push(FieldChange {
            field: FieldChange::OTHER_FIELDS.to_owned(),
            old: None,
            new: None,
        });
    }
    changes
}

/// Removes fields that repeat the change of a synonym.
fn drop_synonyms(changes: &mut Vec<FieldChange>) {
    for fields in SYNONYMS {
        let Some(reported) = changes
            .iter()
            .find(|change| change.field == fields[0])
            .cloned()
        else {
            continue;
        };
        changes.retain(|change| {
            let is_synonym = fields[1..].contains(&change.field.as_str());
            let is_equal = change.old == reported.old && change.new == reported.new;
            // The level is the seat's number, and its name may be absent.
            let is_of_seat = match change.field.as_str() {
                in_profile::ORGANIZATION_LEVEL => true,
                in_profile::ORGANIZATION_ROLE => {
                    let fits = |word: &Option<Value>, seat| word.is_none() || word == seat;
                    fits(&change.old, &reported.old) && fits(&change.new, &reported.new)
                }
                _ => false,
            };
            !(is_synonym && (is_equal || is_of_seat))
        });
    }
}

/// Whether an object has a fact of this name, directly or on its profile.
pub fn has_fact(facts: &Facts, name: &str) -> bool {
    facts.contains_key(name) || facts.contains_key(&format!("profile.{name}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Facts from the members of an object.
    fn facts(members: Value) -> Facts {
        serde_json::from_value(members).unwrap()
    }

    fn user(email: &str, level: u32, seat: &str) -> Facts {
        facts(json!({
            "display_name": "Ann",
            "email": email,
            "login": email,
            "profile.email": email,
            "profile.organization_level": level,
            "profile.organization_role": seat,
            "seat": seat,
            "status": "enabled",
        }))
    }

    fn names(changes: &[FieldChange]) -> Vec<&str> {
        changes.iter().map(|change| change.field.as_str()).collect()
    }

    #[test]
    fn a_fact_in_several_fields_is_reported_once() {
        let changes = compare(
            &user("a@x", 1, "member"),
            &user("b@x", 8, "administrator"),
            true,
            &FieldFilter::default(),
        );
        assert_eq!(names(&changes), ["email", "seat"]);
    }

    #[test]
    fn last_login_counts_only_when_asked_for() {
        let at = |time: &str| facts(json!({"profile.last_login": time, "profile.x": 1}));
        let (old, new) = (at("1"), at("2"));
        assert!(compare(&old, &new, false, &FieldFilter::default()).is_empty());
        let filter = FieldFilter {
            include: vec!["last_login".to_owned()],
            ignore: Vec::new(),
        };
        assert_eq!(
            names(&compare(&old, &new, false, &filter)),
            ["profile.last_login"]
        );
    }

    #[test]
    fn a_difference_that_no_field_explains_is_reported_as_other_fields() {
        let same = facts(json!({"display_name": "Ann"}));
        assert_eq!(
            names(&compare(&same, &same, true, &FieldFilter::default())),
            [FieldChange::OTHER_FIELDS]
        );
    }

    #[test]
    fn unknown_difference_does_not_hide_behind_a_new_login() {
        let at = |time: &str| facts(json!({"profile.last_login": time}));
        let changes = compare(&at("1"), &at("2"), true, &FieldFilter::default());
        assert_eq!(names(&changes), [FieldChange::OTHER_FIELDS]);
    }

    #[test]
    fn an_ignored_field_is_ignored_under_every_synonym() {
        let filter = FieldFilter {
            include: Vec::new(),
            ignore: vec!["email".to_owned(), "seat".to_owned()],
        };
        let (old, new) = (user("a@x", 1, "member"), user("b@x", 8, "administrator"));
        let changes = compare(&old, &new, true, &filter);
        assert!(changes.is_empty(), "{changes:?}");
    }

    #[test]
    fn an_ignored_field_is_not_a_difference() {
        let filter = FieldFilter {
            include: Vec::new(),
            ignore: vec!["display_name".to_owned()],
        };
        let changes = compare(
            &facts(json!({"display_name": "a"})),
            &facts(json!({"display_name": "b"})),
            true,
            &filter,
        );
        assert!(changes.is_empty(), "{changes:?}");
    }
}

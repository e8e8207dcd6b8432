//! Which fields of an object differ, by meaning: the facts of one object at two times into old and new values under names
//! that people know.
//!
//! The file says some things several times, in old places and in new ones; here each is said once, unless the places
//! disagree. What changes from day to day is left out unless it is asked for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::keys::{self, in_profile};
use crate::model::{FieldChange, kept_text};

/// What an object says, by the names that people know.
pub type Facts = BTreeMap<String, Value>;

/// Which fields count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldFilter {
    /// Fields that count although they are noise.
    pub include: Vec<String>,
    /// Fields that do not count.
    pub ignore: Vec<String>,
}

impl FieldFilter {
    /// Whether a field counts. A name is meant with and without `profile.` before it, and for every place that says
    /// the same.
    fn counts(&self, field: &str) -> bool {
        let bare = bare(field);
        let said_as = SAID_AGAIN
            .iter()
            .find(|places| places.contains(&field))
            .map_or(field, |places| places[0]);
        let named = |names: &[String]| {
            names
                .iter()
                .any(|name| name == field || name == bare || name == said_as)
        };
        !named(&self.ignore) && (!is_noise(field) || named(&self.include))
    }

    /// Names to ignore that may be misspelt: no field is known to have them. Keys of profiles are free, and so is what is
    /// said to be one.
    pub fn unknown(&self) -> Vec<&str> {
        let is_known = |name: &str| {
            let is_free = name.starts_with("profile.") || name == FieldChange::OTHER_FIELDS;
            is_free || KNOWN.contains(&name) || keys::ALL.contains(&name)
        };
        let names = self.ignore.iter().map(String::as_str);
        names.filter(|name| !is_known(name)).collect()
    }

    /// Whether noise may count, so that rows must be looked at which are the same but for noise.
    pub fn wants_noise(&self) -> bool {
        !self.include.is_empty()
    }
}

/// Names of fields that exist whether or not a snapshot has them, besides the keys of profiles: what Baton's messages say
/// under names that people know.
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

/// A field's name without the place that it stands in.
fn bare(field: &str) -> &str {
    field.strip_prefix("profile.").unwrap_or(field)
}

/// Whether a field changes from day to day without anybody's access changing.
pub fn is_noise(field: &str) -> bool {
    keys::NOISE.contains(&bare(field))
}

/// Places that say the same thing: the name it goes by, then where else it stands.
const SAID_AGAIN: [&[&str]; 9] = [
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

/// A value as a list of changes keeps it: with its texts cut that are longer than any of PostHog's.
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

/// The fields that differ between the facts of one object at two times, by name. `differs` says whether the objects differ
/// in more than noise: if they do and no field shows it, that is reported as "other fields"; if they do not, nothing but
/// noise is reported.
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
    say_once(&mut changes);
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

/// Drops what another field of the same meaning says already.
fn say_once(changes: &mut Vec<FieldChange>) {
    for places in SAID_AGAIN {
        let Some(said) = changes
            .iter()
            .find(|change| change.field == places[0])
            .cloned()
        else {
            continue;
        };
        changes.retain(|change| {
            let is_again = places[1..].contains(&change.field.as_str());
            let says_the_same = change.old == said.old && change.new == said.new;
            // A level is a seat's number, and its word may be absent.
            let is_of_seat = match change.field.as_str() {
                in_profile::ORGANIZATION_LEVEL => true,
                in_profile::ORGANIZATION_ROLE => {
                    let fits = |word: &Option<Value>, seat| word.is_none() || word == seat;
                    fits(&change.old, &said.old) && fits(&change.new, &said.new)
                }
                _ => false,
            };
            !(is_again && (says_the_same || is_of_seat))
        });
    }
}

/// Whether a field of this name is among the facts of an object, by itself or on its profile.
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
    fn what_stands_in_several_places_is_told_once() {
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
    fn difference_that_no_field_explains_is_told_all_the_same() {
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
    fn field_is_ignored_in_every_place_that_says_it() {
        let filter = FieldFilter {
            include: Vec::new(),
            ignore: vec!["email".to_owned(), "seat".to_owned()],
        };
        let (old, new) = (user("a@x", 1, "member"), user("b@x", 8, "administrator"));
        let changes = compare(&old, &new, true, &filter);
        assert!(changes.is_empty(), "{changes:?}");
    }

    #[test]
    fn ignored_field_is_no_difference() {
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

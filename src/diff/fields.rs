//! Which fields of an object differ, by meaning: two JSON forms of one message into old and new values under names
//! that people know.
//!
//! The file says some things several times, in old places and in new ones; here each is said once, unless the places
//! disagree. What only the day changes is left out unless it is asked for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::{FieldChange, Seat, kept_text};

/// Fields that change from day to day without anybody's access changing.
const NOISE: [&str; 2] = ["last_login", "updated_at"];

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
            is_free || is_noise(name) || KNOWN.contains(&name)
        };
        let names = self.ignore.iter().map(String::as_str);
        names.filter(|name| !is_known(name)).collect()
    }

    /// Whether noise may count, so that rows must be looked at which are the same but for noise.
    pub fn wants_noise(&self) -> bool {
        !self.include.is_empty()
    }
}

/// Names of fields that exist whether or not a snapshot has them: what Baton's messages say under names that people know,
/// and the keys of PostHog's profiles.
const KNOWN: [&str; 47] = [
    "account_type",
    "baton_resource",
    "created_at",
    "created_by",
    "created_by_email",
    "creation_source",
    "description",
    "display_name",
    "distinct_id",
    "email",
    "email_verified",
    "emails",
    "employee_ids",
    "entitlement",
    "expansion",
    "external_id",
    "first_name",
    "grantable_to",
    "has_social_auth",
    "icon",
    "is_2fa_enabled",
    "is_default",
    "joined_at",
    "last_login",
    "last_name",
    "linked_login",
    "listed_as_member",
    "login",
    "login_aliases",
    "membership_id",
    "middle_names",
    "organization_level",
    "organization_role",
    "parent_resource_id",
    "posthog_user_id",
    "principal",
    "purpose",
    "resource",
    "role_at_organization",
    "role_name",
    "seat",
    "slug",
    "sources",
    "status",
    "status_details",
    "two_factor",
    "user_id",
];

/// A field's name without the place that it stands in.
fn bare(field: &str) -> &str {
    field.strip_prefix("profile.").unwrap_or(field)
}

/// Whether a field changes from day to day without anybody's access changing.
pub fn is_noise(field: &str) -> bool {
    NOISE.contains(&bare(field))
}

/// Places that say the same thing: the name it goes by, then where else it stands.
const SAID_AGAIN: [&[&str]; 9] = [
    &["email", "login", "profile.email"],
    &["first_name", "profile.first_name"],
    &["last_name", "profile.last_name"],
    &["two_factor", "profile.is_2fa_enabled"],
    &["linked_login", "profile.has_social_auth"],
    &["created_at", "profile.joined_at", "profile.created_at"],
    &["last_login", "profile.last_login"],
    &[
        "seat",
        "profile.organization_role",
        "profile.organization_level",
    ],
    &["display_name", "profile.role_name"],
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

/// The fields that differ between two JSON forms of one object, by name. `differs` says whether the objects differ in
/// more than noise: if they do and no field shows it, that is told as "other fields"; if they do not, nothing but noise
/// is told.
pub fn compare(old: &Value, new: &Value, differs: bool, filter: &FieldFilter) -> Vec<FieldChange> {
    let (old, new) = (flatten(old), flatten(new));
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
                "profile.organization_level" => true,
                "profile.organization_role" => {
                    let fits = |word: &Option<Value>, seat| word.is_none() || word == seat;
                    fits(&change.old, &said.old) && fits(&change.new, &said.new)
                }
                _ => false,
            };
            !(is_again && (says_the_same || is_of_seat))
        });
    }
}

/// Whether a field of this name is in the JSON form of an object, by itself or on its profile.
pub fn has_field(object: &Value, name: &str) -> bool {
    let fields = flatten(object);
    fields.contains_key(name) || fields.contains_key(&format!("profile.{name}"))
}

/// Names and values of everything an object says.
fn flatten(object: &Value) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    let Value::Object(members) = object else {
        return fields;
    };
    for (name, value) in members {
        match (name.as_str(), value) {
            ("annotations", Value::Array(annotations)) => {
                annotations
                    .iter()
                    .for_each(|annotation| flatten_annotation(annotation, members, &mut fields));
            }
            ("profile", Value::Object(profile)) => flatten_profile(profile, &mut fields),
            ("status", Value::Object(status)) => flatten_status(status, &mut fields),
            _ => {
                fields.insert(snake_case(name), value.clone());
            }
        }
    }
    if let Some(seat) = seat(&fields) {
        fields.insert("seat".to_owned(), seat);
    }
    for (field, key) in [
        ("two_factor", "profile.is_2fa_enabled"),
        ("linked_login", "profile.has_social_auth"),
    ] {
        let switch = fields.get(key).filter(|value| value.is_boolean()).cloned();
        if let (false, Some(switch)) = (fields.contains_key(field), switch) {
            fields.insert(field.to_owned(), switch);
        }
    }
    fields
}

/// The word of the seat that the profile states.
fn seat(fields: &BTreeMap<String, Value>) -> Option<Value> {
    let level = fields
        .get("profile.organization_level")
        .and_then(Value::as_f64);
    let word = fields.get("profile.organization_role");
    match Seat::stated(level, word.and_then(Value::as_str)) {
        Some(seat) => Some(Value::String(seat.to_string())),
        None => word.cloned(),
    }
}

fn flatten_profile(profile: &Map<String, Value>, fields: &mut BTreeMap<String, Value>) {
    for (key, value) in profile {
        fields.insert(format!("profile.{key}"), value.clone());
    }
}

fn flatten_status(status: &Map<String, Value>, fields: &mut BTreeMap<String, Value>) {
    // `STATUS_ENABLED` in the trait and `RESOURCE_STATUS_ENABLED` in the resource are one status.
    let word = status
        .get("status")
        .and_then(Value::as_str)
        .unwrap_or("STATUS_UNSPECIFIED");
    let word = word.rsplit("STATUS_").next().unwrap_or(word).to_lowercase();
    fields.insert("status".to_owned(), Value::String(word));
    if let Some(details) = status.get("details") {
        fields.insert("status_details".to_owned(), details.clone());
    }
}

/// An annotation's fields: a trait's under their own names, any other's under the annotation's.
fn flatten_annotation(
    annotation: &Value,
    object: &Map<String, Value>,
    fields: &mut BTreeMap<String, Value>,
) {
    let Value::Object(members) = annotation else {
        return;
    };
    let type_url = members
        .get("@type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let type_name = type_url.rsplit(['.', '/']).next().unwrap_or_default();
    let is_trait = type_name.ends_with("Trait");
    let prefix = match type_name {
        _ if is_trait => String::new(),
        "GrantMetadata" => String::new(),
        _ => format!("{}.", snake_case(type_name)),
    };
    if members.len() == 1 {
        fields.insert(snake_case(type_name), Value::Bool(true));
    }
    for (name, value) in members.iter().filter(|(name, _)| *name != "@type") {
        // What the object itself says in its newer places goes before the trait's older ones.
        let said_in_object = is_trait && object.contains_key(name);
        match (name.as_str(), value) {
            _ if said_in_object && object.get(name) == Some(value) => {}
            ("status", Value::Object(status)) if is_trait => {
                if !said_in_object {
                    flatten_status(status, fields);
                }
            }
            ("profile", Value::Object(profile)) if is_trait && !said_in_object => {
                flatten_profile(profile, fields);
            }
            ("metadata", Value::Object(metadata)) if prefix.is_empty() => {
                for (key, value) in metadata {
                    fields.insert(key.clone(), value.clone());
                }
            }
            ("emails", Value::Array(emails)) if is_trait => flatten_emails(emails, fields),
            ("mfaStatus", status) if is_trait => {
                let on = status
                    .get("mfaEnabled")
                    .and_then(Value::as_bool)
                    .unwrap_or(false);
                fields.insert("two_factor".to_owned(), Value::Bool(on));
            }
            ("ssoStatus", status) if is_trait => {
                let on = status
                    .get("ssoEnabled")
                    .and_then(Value::as_bool)
                    .unwrap_or(false);
                fields.insert("linked_login".to_owned(), Value::Bool(on));
            }
            ("structuredName", Value::Object(name)) if is_trait => flatten_name(name, fields),
            ("accountType", Value::String(kind)) if is_trait => {
                let word = kind
                    .rsplit("ACCOUNT_TYPE_")
                    .next()
                    .unwrap_or(kind)
                    .to_lowercase();
                fields.insert("account_type".to_owned(), Value::String(word));
            }
            _ if said_in_object => {
                fields.insert(format!("trait.{}", snake_case(name)), value.clone());
            }
            _ => {
                fields.insert(format!("{prefix}{}", snake_case(name)), value.clone());
            }
        }
    }
}

fn flatten_emails(emails: &[Value], fields: &mut BTreeMap<String, Value>) {
    let is_primary = |email: &&Value| email.get("isPrimary").and_then(Value::as_bool) == Some(true);
    if let Some(primary) = emails.iter().find(is_primary).or(emails.first()) {
        fields.insert(
            "email".to_owned(),
            primary.get("address").cloned().unwrap_or_default(),
        );
    }
    if emails.len() > 1 {
        fields.insert("emails".to_owned(), Value::Array(emails.to_vec()));
    }
}

fn flatten_name(name: &Map<String, Value>, fields: &mut BTreeMap<String, Value>) {
    for (key, value) in name {
        let field = match key.as_str() {
            "givenName" => "first_name".to_owned(),
            "familyName" => "last_name".to_owned(),
            other => snake_case(other),
        };
        fields.insert(field, value.clone());
    }
}

/// `displayName` into `display_name`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() {
            if at > 0 {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        } else {
            snake.push(c);
        }
    }
    snake
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(email: &str, level: u32, role: &str) -> Value {
        let profile =
            json!({"email": email, "organization_level": level, "organization_role": role});
        json!({
            "displayName": "Ann",
            "annotations": [{
                "@type": "type.googleapis.com/c1.connector.v2.UserTrait",
                "emails": [{"address": email, "isPrimary": true}],
                "status": {"status": "STATUS_ENABLED"},
                "profile": profile,
                "login": email,
            }],
            "profile": profile,
            "status": {"status": "RESOURCE_STATUS_ENABLED"},
        })
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
        let at = |time: &str| json!({"profile": {"last_login": time, "x": 1}});
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
        let same = json!({"displayName": "Ann"});
        assert_eq!(
            names(&compare(&same, &same, true, &FieldFilter::default())),
            [FieldChange::OTHER_FIELDS]
        );
    }

    #[test]
    fn unknown_difference_does_not_hide_behind_a_new_login() {
        let at = |time: &str| json!({"profile": {"last_login": time}});
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
            &json!({"displayName": "a"}),
            &json!({"displayName": "b"}),
            true,
            &filter,
        );
        assert!(changes.is_empty(), "{changes:?}");
    }
}

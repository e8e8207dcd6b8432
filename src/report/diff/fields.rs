//! Changed fields as text.

use serde_json::{Map, Value};

use super::short;
use crate::model::FieldChange;

/// Lists fields as `name: old → new`.
pub(super) fn fields_in_words(fields: &[FieldChange]) -> String {
    let field = |change: &FieldChange| match change.field.as_str() {
        FieldChange::OTHER_FIELDS => "other fields changed".to_owned(),
        name => format!("{}: {}", short(name), old_and_new(change)),
    };
    fields.iter().map(field).collect::<Vec<_>>().join("; ")
}

/// The old and new value, with an arrow between them.
pub(super) fn old_and_new(change: &FieldChange) -> String {
    let words = |value| value_in_words(&change.field, value);
    format!("{} → {}", words(&change.old), words(&change.new))
}

/// A value as it appears in a sentence.
pub(super) fn value_in_words(field: &str, value: &Option<Value>) -> String {
    let is_switch = matches!(field, "two_factor" | "linked_login");
    match value {
        // Every person has a seat and has 2FA on or off: a missing value is unknown.
        None if is_switch || field == "seat" => "unknown".to_owned(),
        None => "(none)".to_owned(),
        Some(Value::Bool(true)) if is_switch => "on".to_owned(),
        Some(Value::Bool(false)) if is_switch => "off".to_owned(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "(empty)".to_owned(),
        Some(Value::String(text)) => short(text).into_owned(),
        Some(Value::Object(expansion)) if field == "expansion" => {
            short(&expansion_in_words(expansion)).into_owned()
        }
        Some(other) => short(&other.to_string()).into_owned(),
    }
}

/// Describes a `GrantExpandable`, given as JSON: "to holders of `group:1:member`, direct ones only, of type user".
fn expansion_in_words(expansion: &Map<String, Value>) -> String {
    let list = |name: &str| {
        let items = expansion.get(name).and_then(Value::as_array);
        let texts = items.into_iter().flatten().filter_map(Value::as_str);
        texts.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let entitlements = list("entitlementIds");
    let quoted: Vec<_> = entitlements.iter().map(|id| format!("`{id}`")).collect();
    let mut words = format!("to holders of {}", quoted.join(", "));
    if expansion.get("shallow") == Some(&Value::Bool(true)) {
        words += ", direct ones only";
    }
    let types = list("resourceTypeIds");
    if !types.is_empty() {
        words += &format!(", of type {}", types.join(" or "));
    }
    words
}

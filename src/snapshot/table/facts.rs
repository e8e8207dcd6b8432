//! The content of a row as facts: values under readable names, which `diff` compares.
//!
//! Fields of a trait keep their own names; fields of other annotations are prefixed with the annotation's name. Some
//! facts have an old place, in the trait, and a new one, in the object itself; the new one takes precedence.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::expansion;
use super::kind::{AnyColumns, EntitlementColumns, GrantColumns, Kind, descriptor};
use super::row::Row;
use crate::model::{Seat, keys};
use crate::snapshot::message::{Any, InOrder, Item, Malformed, Message, Shape};

/// Facts by name.
type Facts = BTreeMap<String, Value>;
/// Values of a message's fields by their names in JSON.
type Members = BTreeMap<&'static str, Value>;

impl<K: Kind> Row<'_, K> {
    /// The facts about the row's object, by readable names: its message without the id, with copies of other objects
    /// reduced to their ids, and its columns. Empty if the blob is not a valid message.
    pub fn facts(&self) -> BTreeMap<String, Value> {
        self.try_facts().unwrap_or_default()
    }

    fn try_facts(&self) -> Result<Facts, Malformed> {
        let message = Message::new(descriptor(K::KIND), &self.data);
        let ordered = message.in_order()?;
        let own = self.own_members(&ordered)?;
        let mut facts = Facts::new();
        for item in ordered.fields() {
            if let Item::Known(field) = item?
                && field.schema.json == ANNOTATIONS
                && let Some(Shape::Messages(annotations)) = field.shape()?
            {
                for annotation in annotations.iter() {
                    add_annotation(&annotation?.any()?, &own, &mut facts)?;
                }
            }
        }
        for (name, value) in own {
            match (name, value) {
                ("profile", Value::Object(profile)) => add_profile(profile, &mut facts),
                ("status", Value::Object(status)) => add_status(status, &mut facts),
                (name, value) => {
                    facts.insert(snake_case(name), value);
                }
            }
        }
        add_derived(&mut facts);
        Ok(facts)
    }

    /// The members of the object outside its annotations.
    fn own_members(&self, ordered: &InOrder<'_>) -> Result<Members, Malformed> {
        let mut own = Members::new();
        for item in ordered.fields() {
            let Item::Known(field) = item? else {
                continue;
            };
            let name = field.schema.json;
            match field.shape()? {
                None => {}
                Some(_) if ["id", ANNOTATIONS].contains(&name) => {}
                Some(Shape::Message(copy)) if copy.identity.is_some() => {}
                Some(Shape::Messages(list)) => {
                    let items = list.iter().map(|item| match item? {
                        copy if copy.identity.is_some() => identity(&copy),
                        item => item.to_value(),
                    });
                    own.insert(name, items.collect::<Result<_, _>>()?);
                }
                Some(shape) => {
                    own.insert(name, shape.to_value()?);
                }
            }
        }
        match self.any_columns() {
            AnyColumns::ResourceType | AnyColumns::Resource(_) => {}
            AnyColumns::Entitlement(EntitlementColumns { resource }) => {
                own.insert("resource", resource.to_string().into());
            }
            AnyColumns::Grant(GrantColumns {
                entitlement,
                principal,
                expansion,
                ..
            }) => {
                own.insert("entitlement", entitlement.to_string().into());
                own.insert("principal", principal.to_string().into());
                if let Some(expansion) = expansion {
                    own.insert("expansion", expansion::to_value(expansion));
                }
            }
        }
        Ok(own)
    }
}

const ANNOTATIONS: &str = "annotations";

/// The id of the object that is copied here.
fn identity(copy: &Message<'_>) -> Result<Value, Malformed> {
    let ordered = copy.in_order()?;
    for item in ordered.fields() {
        if let Item::Known(field) = item?
            && Some(field.schema.number) == copy.identity
            && let Some(shape) = field.shape()?
        {
            return shape.to_value();
        }
    }
    Ok(Value::Null)
}

/// Adds the facts in an annotation of an object with these members.
fn add_annotation(any: &Any<'_>, own: &Members, facts: &mut Facts) -> Result<(), Malformed> {
    let type_url = String::from_utf8_lossy(any.type_url);
    let type_name = type_url.rsplit(['.', '/']).next().unwrap_or_default();
    let is_trait = type_name.ends_with("Trait");
    let prefix = match type_name {
        _ if is_trait => String::new(),
        "GrantMetadata" => String::new(),
        _ => format!("{}.", snake_case(type_name)),
    };
    let mut members = Members::new();
    match &any.known {
        Some(contents) => {
            let ordered = contents.in_order()?;
            for item in ordered.fields() {
                if let Item::Known(field) = item?
                    && let Some(shape) = field.shape()?
                {
                    members.insert(field.schema.json, shape.to_value()?);
                }
            }
        }
        None if any.contents.is_empty() => {}
        None => {
            members.insert("bytes", any.normalized_base64().into());
        }
    }
    if members.is_empty() {
        facts.insert(snake_case(type_name), Value::Bool(true));
    }
    for (name, value) in members {
        let in_object = own.get(name).filter(|_| is_trait);
        match (name, value) {
            (_, value) if in_object == Some(&value) => {}
            ("status", Value::Object(status)) if is_trait => {
                if in_object.is_none() {
                    add_status(status, facts);
                }
            }
            ("profile", Value::Object(profile)) if is_trait && in_object.is_none() => {
                add_profile(profile, facts);
            }
            ("metadata", Value::Object(metadata)) if prefix.is_empty() => facts.extend(metadata),
            ("emails", Value::Array(emails)) if is_trait => add_emails(emails, facts),
            ("mfaStatus", status) if is_trait => {
                add_switch("two_factor", &status, "mfaEnabled", facts);
            }
            ("ssoStatus", status) if is_trait => {
                add_switch("linked_login", &status, "ssoEnabled", facts);
            }
            ("structuredName", Value::Object(name)) if is_trait => add_name(name, facts),
            ("accountType", Value::String(kind)) if is_trait => {
                let word = last_word(&kind, "ACCOUNT_TYPE_");
                facts.insert("account_type".to_owned(), word);
            }
            (_, value) => {
                let place = if in_object.is_some() {
                    "trait."
                } else {
                    &prefix
                };
                facts.insert(format!("{place}{}", snake_case(name)), value);
            }
        }
    }
    Ok(())
}

/// Adds facts derived from others: the seat, and 2FA and SSO if only the profile has them.
fn add_derived(facts: &mut Facts) {
    let level = facts.get(keys::in_profile::ORGANIZATION_LEVEL);
    let word = facts.get(keys::in_profile::ORGANIZATION_ROLE);
    let stated = Seat::stated(level.and_then(Value::as_f64), word.and_then(Value::as_str));
    let seat = match stated {
        Some(seat) => Some(Value::String(seat.to_string())),
        None => word.cloned(),
    };
    if let Some(seat) = seat {
        facts.insert("seat".to_owned(), seat);
    }
    for (fact, key) in [
        ("two_factor", keys::in_profile::IS_2FA_ENABLED),
        ("linked_login", keys::in_profile::HAS_SOCIAL_AUTH),
    ] {
        let switch = facts.get(key).filter(|value| value.is_boolean()).cloned();
        if let Some(switch) = switch {
            facts.entry(fact.to_owned()).or_insert(switch);
        }
    }
}

fn add_profile(profile: Map<String, Value>, facts: &mut Facts) {
    facts.extend(
        profile
            .into_iter()
            .map(|(key, value)| (format!("profile.{key}"), value)),
    );
}

fn add_status(mut status: Map<String, Value>, facts: &mut Facts) {
    // `STATUS_ENABLED` in the trait and `RESOURCE_STATUS_ENABLED` in the resource are the same status.
    let word = status.get("status").and_then(Value::as_str);
    let word = last_word(word.unwrap_or("STATUS_UNSPECIFIED"), "STATUS_");
    facts.insert("status".to_owned(), word);
    if let Some(details) = status.remove("details") {
        facts.insert("status_details".to_owned(), details);
    }
}

/// The word of an enum's name after `prefix`.
fn last_word(name: &str, prefix: &str) -> Value {
    let word = name.rsplit(prefix).next().unwrap_or(name);
    Value::String(word.to_lowercase())
}

fn add_switch(fact: &str, status: &Value, member: &str, facts: &mut Facts) {
    let is_on = status.get(member).and_then(Value::as_bool).unwrap_or(false);
    facts.insert(fact.to_owned(), Value::Bool(is_on));
}

fn add_emails(emails: Vec<Value>, facts: &mut Facts) {
    let is_primary = |email: &&Value| email.get("isPrimary").and_then(Value::as_bool) == Some(true);
    if let Some(primary) = emails.iter().find(is_primary).or(emails.first()) {
        let address = primary.get("address").cloned().unwrap_or_default();
        facts.insert("email".to_owned(), address);
    }
    if emails.len() > 1 {
        facts.insert("emails".to_owned(), Value::Array(emails));
    }
}

fn add_name(name: Map<String, Value>, facts: &mut Facts) {
    for (part, value) in name {
        let fact = match part.as_str() {
            "givenName" => "first_name".to_owned(),
            "familyName" => "last_name".to_owned(),
            other => snake_case(other),
        };
        facts.insert(fact, value);
    }
}

/// Converts `displayName` to `display_name`.
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

//! Changes in what surrounds the roles, in words.

use serde_json::Value;

use super::field_of;
use super::fields::fields_in_words;
use crate::model::{Action, Change, ChangeKind, OrganizationPart, seat_word};

/// Describes a change without its subject.
pub(super) fn what(change: &Change) -> String {
    let is = |kind| change.kinds.contains(&kind);
    let field = change.fields.first();
    match change.action {
        _ if is(ChangeKind::TwoFactorEnforcementOff) => "2FA is no longer enforced".to_owned(),
        Action::Changed if field.is_some_and(|field| field.field == "enforce_2fa") => {
            match field.and_then(|field| field.new.as_ref()) {
                Some(Value::Bool(true)) => "2FA is now enforced".to_owned(),
                _ => fields_in_words(&change.fields),
            }
        }
        _ if is(ChangeKind::SsoEnforcementOff) => {
            let old = field.and_then(|field| field.old.as_ref()?.as_str());
            format!(
                "SSO is no longer enforced (was {})",
                old.unwrap_or_default()
            )
        }
        Action::Changed => match level(change) {
            Some((old, new)) => format!("invitation: {old} → {new}"),
            None => fields_in_words(&change.fields),
        },
        Action::Added | Action::Removed => whole(change),
    }
}

/// The seats of an invitation whose level changed.
fn level(change: &Change) -> Option<(String, String)> {
    let field = field_of(&change.fields, "level")?;
    let seat = |value: &Option<Value>| match value.as_ref().and_then(Value::as_i64) {
        Some(level) => seat_word(level),
        None => "unknown".to_owned(),
    };
    Some((seat(&field.old), seat(&field.new)))
}

/// A row that is new or gone.
fn whole(change: &Change) -> String {
    let fact = |name: &str| {
        let fact = field_of(&change.facts, name)?;
        fact.new.as_ref().or(fact.old.as_ref())
    };
    let is_added = change.action == Action::Added;
    if is(change, OrganizationPart::Invitations) {
        let seat = fact("level").and_then(Value::as_i64).map(seat_word);
        let seat = seat.map_or(String::new(), |seat| format!(" as {seat}"));
        return if is_added {
            format!("invited{seat}")
        } else {
            format!("no longer invited{seat}")
        };
    }
    if is(change, OrganizationPart::Domains) {
        let verified = match fact("is_verified") {
            Some(Value::Bool(true)) => "verified domain",
            Some(Value::Bool(false)) => "unverified domain",
            _ => "domain",
        };
        return if is_added {
            format!("new {verified}")
        } else {
            format!("{verified} removed")
        };
    }
    let role = fact("role_id").and_then(Value::as_str);
    let role = role.map_or(String::new(), |role| format!(" of role {role}"));
    if is_added {
        format!("new external reference{role}")
    } else {
        format!("external reference{role} removed")
    }
}

fn is(change: &Change, part: OrganizationPart) -> bool {
    change.kinds.iter().any(|kind| kind.part() == Some(part))
}

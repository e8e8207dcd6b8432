//! A comparison for people (console, Markdown) and for programs (JSON, JSON lines).

mod console;
mod json;
mod markdown;

use std::io::{self, Write};

use serde_json::Value;

use super::{Page, printable};
use crate::model::{Action, Change, Comparison, FieldChange, Object, Party, Topic};

/// The forms of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffFormat {
    /// For a terminal.
    Console,
    /// One document.
    Json,
    /// One event a line.
    Ndjson,
    /// For a pull request.
    Markdown {
        /// Longest text, in bytes.
        max_bytes: usize,
    },
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Whether ids stand behind names.
    pub ids: bool,
    /// Whether the counts are enough.
    pub counts_only: bool,
}

/// Writes a comparison.
///
/// # Errors
/// When the output cannot be written.
pub fn write(
    comparison: &Comparison,
    format: DiffFormat,
    detail: Detail,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        DiffFormat::Console => console::write(comparison, detail, page, out),
        DiffFormat::Json => json::write_document(comparison, detail, out),
        DiffFormat::Ndjson => json::write_events(comparison, out),
        DiffFormat::Markdown { max_bytes } => markdown::write(comparison, detail, max_bytes, out),
    }
}

/// The one line that says it all: "+2 members, −1 member, 1 seat raised", or "no differences".
pub fn headline(comparison: &Comparison) -> String {
    let count = |topics: &[Topic]| {
        topics
            .iter()
            .map(|topic| comparison.count(*topic))
            .sum::<usize>()
    };
    let plural =
        |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let mut parts = Vec::new();
    let mut part = |n: usize, text: String| {
        if n > 0 {
            parts.push(text);
        }
    };
    let [joined, gone] =
        [Topic::MemberAdded, Topic::MemberRemoved].map(|topic| comparison.count(topic));
    part(joined, format!("+{}", plural(joined, "member", "members")));
    part(gone, format!("−{}", plural(gone, "member", "members")));
    let raised = count(&[Topic::SeatRaised]);
    part(
        raised,
        format!("{} raised", plural(raised, "seat", "seats")),
    );
    let off = count(&[Topic::TwoFactorDisabled]);
    part(
        off,
        format!(
            "{} switched off",
            plural(off, "second factor", "second factors")
        ),
    );
    let added = count(&[Topic::GrantAdded]);
    part(
        added,
        format!("{} added", plural(added, "role grant", "role grants")),
    );
    let revoked = count(&[Topic::GrantRevoked]);
    let what = if added > 0 {
        revoked.to_string()
    } else {
        plural(revoked, "role grant", "role grants")
    };
    part(revoked, format!("{what} revoked"));
    for (topic, word) in [
        (Topic::RoleAdded, "added"),
        (Topic::RoleRemoved, "removed"),
        (Topic::RoleRenamed, "renamed"),
    ] {
        let n = count(&[topic]);
        part(n, format!("{} {word}", plural(n, "role", "roles")));
    }
    let other = count(&[Topic::OtherAdded, Topic::OtherRemoved, Topic::OtherChanged]);
    part(other, plural(other, "other change", "other changes"));
    if parts.is_empty() {
        // Grants of people who came or went are told with the people, who may be accepted without them.
        let folded = count(&[Topic::GrantOfNewMember, Topic::GrantOfGoneMember]);
        if folded > 0 {
            parts.push(plural(
                folded,
                "grant of a member who came or went",
                "grants of members who came or went",
            ));
        }
    }
    if !comparison.accepted.is_empty() {
        parts.push(format!("{} accepted", comparison.accepted.len()));
    }
    if parts.is_empty() {
        "no differences".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The heading of a topic; topics under one heading stand next to each other.
fn heading(topic: Topic) -> &'static str {
    match topic {
        Topic::SeatRaised => "Seats raised",
        Topic::TwoFactorDisabled => "Second factor switched off",
        Topic::MemberAdded => "New members",
        Topic::GrantOfNewMember => "Grants of new members",
        Topic::GrantAdded => "Grants added",
        Topic::GrantRevoked => "Grants revoked",
        Topic::MemberRemoved => "Members gone",
        Topic::GrantOfGoneMember => "Grants of members gone",
        Topic::RoleAdded | Topic::RoleRemoved | Topic::RoleRenamed => "Roles",
        Topic::OtherAdded | Topic::OtherRemoved | Topic::OtherChanged => "Other changes",
    }
}

/// A change in one line without its subject's address: for comments and lists.
pub fn in_words(change: &Change) -> String {
    let line = format!("{}: {}", who(&change.subject), what(change));
    printable(&line).into_owned()
}

/// Name and address.
fn who(party: &Party) -> String {
    match &party.email {
        Some(email) if *email != party.name => format!("{} <{email}>", party.name),
        _ => party.name.clone(),
    }
}

/// What happened, in words, without saying to whom.
fn what(change: &Change) -> String {
    let on = change
        .on
        .as_ref()
        .map(|on| on.name.as_str())
        .unwrap_or_default();
    let slug = change.entitlement.as_deref().unwrap_or_default();
    match (change.topic, change.object) {
        (Topic::SeatRaised, _) => fields_in_words(&change.fields, &["seat"]),
        (Topic::TwoFactorDisabled, _) => "has no second factor any more".to_owned(),
        (Topic::MemberAdded, _) => seat_in_words(&change.subject),
        (Topic::MemberRemoved, _) if change.action == Action::Changed => {
            "no longer stands in the list of members, but still holds roles".to_owned()
        }
        (Topic::MemberRemoved, _) => "left the organization".to_owned(),
        (Topic::GrantOfNewMember | Topic::GrantAdded, _) => format!("is now {slug} of {on}"),
        (Topic::GrantOfGoneMember | Topic::GrantRevoked, _) => {
            format!("is no longer {slug} of {on}")
        }
        (Topic::RoleAdded, _) => "new role".to_owned(),
        (Topic::RoleRemoved, _) => "role is gone".to_owned(),
        (Topic::RoleRenamed, _) => {
            let name = change
                .fields
                .iter()
                .find(|field| field.field == "display_name");
            format!(
                "was called {}",
                value_in_words(&name.and_then(|field| field.old.clone()))
            )
        }
        (Topic::OtherAdded, object) => format!("new {}", object_in_words(object)),
        (Topic::OtherRemoved, object) => format!("{} is gone", object_in_words(object)),
        (Topic::OtherChanged, Object::Grant) => {
            format!("{slug} of {on}: {}", fields_in_words(&change.fields, &[]))
        }
        (Topic::OtherChanged, _) => fields_in_words(&change.fields, &[]),
    }
}

fn object_in_words(object: Object) -> &'static str {
    match object {
        Object::ResourceType => "resource type",
        Object::Resource => "resource",
        Object::Entitlement => "entitlement",
        Object::Grant => "grant",
    }
}

fn seat_in_words(party: &Party) -> String {
    match (&party.seat, party.listed) {
        (_, false) => "holds a role, but does not stand in the list of members".to_owned(),
        (Some(seat), true) => seat.clone(),
        (None, true) => "new member".to_owned(),
    }
}

/// Fields as `name: old → new`; the name is left out of the `named` ones, which go without saying.
fn fields_in_words(fields: &[FieldChange], named: &[&str]) -> String {
    let mut parts = Vec::new();
    for change in fields {
        if named.contains(&change.field.as_str()) {
            parts.insert(
                0,
                format!(
                    "{} → {}",
                    value_in_words(&change.old),
                    value_in_words(&change.new)
                ),
            );
        } else if change.field == FieldChange::OTHER_FIELDS {
            parts.push("other fields changed".to_owned());
        } else if named.is_empty() {
            let (old, new) = (value_in_words(&change.old), value_in_words(&change.new));
            parts.push(format!("{}: {old} → {new}", change.field));
        }
    }
    parts.join("; ")
}

fn value_in_words(value: &Option<Value>) -> String {
    match value {
        None => "(none)".to_owned(),
        Some(Value::Bool(true)) => "on".to_owned(),
        Some(Value::Bool(false)) => "off".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The grants that came or went with a member, by the name of what they are on.
fn grants_of<'c>(
    comparison: &'c Comparison,
    member: &'c Change,
) -> impl Iterator<Item = &'c Change> {
    let topic = match member.topic {
        Topic::MemberAdded => Topic::GrantOfNewMember,
        _ => Topic::GrantOfGoneMember,
    };
    comparison
        .changes
        .iter()
        .filter(move |change| change.topic == topic && change.subject.id == member.subject.id)
}

/// Changes that a report tells as entries of their own: grants of people who came or went are told with them, unless
/// the person is not told.
fn entries(comparison: &Comparison) -> Vec<&Change> {
    let is_told = |change: &Change| {
        let with = match change.topic {
            Topic::GrantOfNewMember => Topic::MemberAdded,
            Topic::GrantOfGoneMember => Topic::MemberRemoved,
            _ => return true,
        };
        !comparison
            .changes
            .iter()
            .any(|other| other.topic == with && other.subject.id == change.subject.id)
    };
    comparison
        .changes
        .iter()
        .filter(|change| is_told(change))
        .collect()
}

/// What a member came with or left behind, in words.
fn luggage(comparison: &Comparison, member: &Change) -> String {
    let roles: Vec<&str> = grants_of(comparison, member)
        .filter_map(|grant| Some(grant.on.as_ref()?.name.as_str()))
        .collect();
    match (member.topic, member.action, roles.len()) {
        (Topic::MemberRemoved, Action::Removed, 0) => ", held no role".to_owned(),
        (_, _, 0) => String::new(),
        (Topic::MemberAdded, _, _) => format!(", came with {}", roles.join(", ")),
        (_, _, 1) => format!(", held {}", roles[0]),
        (_, _, n) => format!(", held {n} roles: {}", roles.join(", ")),
    }
}

//! A comparison for people (console, Markdown) and for programs (JSON, JSON lines).

mod console;
mod fields;
mod json;
mod markdown;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};

use fields::{fields_in_words, old_and_new, value_in_words};

use super::{Page, printable};
use crate::model::{
    Accepted, Action, Change, ChangeKind, Comparison, FieldChange, Party, PartyKind, RowKind, Topic,
};

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

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Whether ids follow names.
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
    let story = Story::of(comparison);
    match format {
        DiffFormat::Console => console::write(&story, detail, page, out),
        DiffFormat::Json => json::write_document(&story, detail, out),
        DiffFormat::Ndjson => json::write_events(&story, detail, out),
        DiffFormat::Markdown { max_bytes } => markdown::write(&story, detail, max_bytes, out),
    }
}

/// A comparison as it is shown: which changes are entries of their own, and what is shown with them.
struct Story<'c> {
    comparison: &'c Comparison,
    /// Changes that are entries of their own. Grants of people who are new or gone are shown with the person, unless
    /// the person is not shown.
    entries: Vec<&'c Change>,
    /// What people who are new or gone hold or held, by the person's id; accepted grants too.
    luggage: HashMap<&'c str, Vec<&'c Party>>,
    /// How many grants are new or gone with their role, by the role's id.
    of_role: HashMap<&'c str, usize>,
}

impl<'c> Story<'c> {
    fn of(comparison: &'c Comparison) -> Self {
        let accepted = || comparison.accepted.iter().map(|accepted| &accepted.change);
        let all = || comparison.changes.iter().chain(accepted());
        let people: HashSet<&str> = comparison
            .changes
            .iter()
            .filter(|change| is_of_person(change.topic))
            .map(|change| change.id.as_str())
            .collect();
        let is_with_person = |change: &Change| {
            matches!(
                change.topic,
                Topic::GrantOfNewPerson | Topic::GrantOfGonePerson
            )
        };
        let mut luggage: HashMap<_, Vec<_>> = HashMap::new();
        let mut of_role: HashMap<_, usize> = HashMap::new();
        for change in all().filter(|change| change.object == RowKind::Grant) {
            let Some(on) = &change.on else { continue };
            if is_with_person(change) {
                luggage
                    .entry(change.subject.id.as_str())
                    .or_default()
                    .push(on);
            }
            if change.action != Action::Changed {
                *of_role.entry(on.id.as_str()).or_default() += 1;
            }
        }
        for things in luggage.values_mut() {
            things.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        }
        let entries = comparison
            .changes
            .iter()
            .filter(|change| {
                !(is_with_person(change) && people.contains(change.subject.id.as_str()))
            })
            .collect();
        Self {
            comparison,
            entries,
            luggage,
            of_role,
        }
    }

    fn knows_members(&self) -> bool {
        self.comparison.knows_members
    }

    /// The one line that says it all: "1 new owner, +2 members, −1 member, 1 seat raised", or "no differences".
    fn headline(&self) -> String {
        let mut parts = Vec::new();
        let mut part = |n: usize, before: &str, (one, many): (&str, &str), after: &str| {
            if n > 0 {
                let what = if n == 1 { one } else { many };
                parts.push(format!("{before}{n} {what}{after}"));
            }
        };
        let count = |counts: &dyn Fn(&Change) -> bool| {
            self.entries.iter().filter(|change| counts(change)).count()
        };
        let of = |topics: &[Topic]| count(&|change| topics.contains(&change.topic));
        let has = |kind: ChangeKind| count(&|change| change.kinds.contains(&kind));
        let members = if self.knows_members() {
            ("member", "members")
        } else {
            ("user", "users")
        };
        let unlisted = (
            "person not in the member list",
            "people not in the member list",
        );
        let owners = ("new owner", "new owners");
        let administrators = ("new administrator", "new administrators");
        part(has(ChangeKind::OwnerAdded), "", owners, "");
        part(has(ChangeKind::AdminAdded), "", administrators, "");
        part(of(&[Topic::MemberAdded]), "+", members, "");
        part(of(&[Topic::UnlistedAdded]), "+", unlisted, "");
        part(of(&[Topic::MemberRemoved]), "−", members, "");
        part(of(&[Topic::UnlistedRemoved]), "−", unlisted, "");
        part(of(&[Topic::SeatRaised]), "", ("seat", "seats"), " raised");
        part(of(&[Topic::SeatLowered]), "", ("seat", "seats"), " lowered");
        part(
            of(&[Topic::TwoFactorDisabled]),
            "",
            ("second factor", "second factors"),
            " switched off",
        );
        let added = [Topic::GrantAdded, Topic::GrantOfNewPerson];
        let revoked = [Topic::GrantRevoked, Topic::GrantOfGonePerson];
        let is_grant =
            |change: &Change| added.contains(&change.topic) || revoked.contains(&change.topic);
        let is_on_role = |change: &Change| {
            change
                .on
                .as_ref()
                .is_some_and(|on| on.kind == PartyKind::Role)
        };
        let grants = match count(&|change| is_grant(change) && !is_on_role(change)) {
            0 => ("role grant", "role grants"),
            _ => ("grant", "grants"),
        };
        part(of(&added), "", grants, " added");
        match of(&added) {
            0 => part(of(&revoked), "", grants, " revoked"),
            _ => part(of(&revoked), "", ("revoked", "revoked"), ""),
        }
        for (topic, word) in [
            (Topic::RoleAdded, " added"),
            (Topic::RoleRemoved, " removed"),
            (Topic::RoleRenamed, " renamed"),
        ] {
            part(of(&[topic]), "", ("role", "roles"), word);
        }
        let resources = |topic: Topic| {
            count(&|change| change.topic == topic && change.object == RowKind::Resource)
        };
        let (came, went) = (resources(Topic::OtherAdded), resources(Topic::OtherRemoved));
        part(came, "", ("resource", "resources"), " added");
        part(went, "", ("resource", "resources"), " removed");
        let other = of(&[Topic::OtherAdded, Topic::OtherRemoved, Topic::OtherChanged]);
        part(
            other - came - went,
            "",
            ("other change", "other changes"),
            "",
        );
        // Parts of one change that were agreed on one by one are one change.
        let accepted = self
            .comparison
            .accepted
            .iter()
            .map(|Accepted { change, .. }| (change.object, &change.id, change.topic));
        let accepted = accepted.collect::<HashSet<_>>().len();
        match (parts.is_empty(), accepted) {
            (true, 0) if !self.comparison.not_compared.is_empty() => {
                "no differences in what both snapshots read".to_owned()
            }
            (true, 0) => "no differences".to_owned(),
            (true, 1) => "nothing but 1 accepted change".to_owned(),
            (true, n) => format!("nothing but {n} accepted changes"),
            (false, 0) => parts.join(", "),
            (false, n) => format!("{}, {n} accepted", parts.join(", ")),
        }
    }

    /// Why the exit code under `--fail-on` is what it is, and what it does not say, in one line; `None` without the
    /// option.
    fn verdict(&self) -> Option<String> {
        let verdict = self.judged()?;
        Some(match not_judged(self.comparison) {
            Some(unjudged) => format!("{verdict} {unjudged}"),
            None => verdict,
        })
    }

    fn judged(&self) -> Option<String> {
        /// More kinds than these are counted.
        const KINDS: usize = 5;
        let failed = self.failed_on()?;
        if failed.is_empty() {
            return Some("Passed: no change is of a kind named by `--fail-on`.".to_owned());
        }
        let mut kinds: Vec<_> = failed
            .iter()
            .take(KINDS)
            .map(|(kind, n)| format!("{n} {kind}"))
            .collect();
        match failed.len().saturating_sub(KINDS) {
            0 => {}
            1 => kinds.push("and 1 more kind".to_owned()),
            n => kinds.push(format!("and {n} more kinds")),
        }
        Some(format!("Failed under `--fail-on`: {}.", kinds.join(", ")))
    }

    /// How many changes there are of each kind that `--fail-on` names and that occurs; `None` without the option.
    fn failed_on(&self) -> Option<BTreeMap<ChangeKind, usize>> {
        let fail_on = self.comparison.fail_on.as_ref()?;
        let mut counts = self.counts();
        counts.retain(|kind, _| fail_on.contains(kind));
        Some(counts)
    }

    /// How many changes there are of each kind that occurs, the expected ones left out.
    fn counts(&self) -> BTreeMap<ChangeKind, usize> {
        let mut counts = BTreeMap::new();
        for kind in self
            .comparison
            .changes
            .iter()
            .flat_map(|change| &change.kinds)
        {
            *counts.entry(*kind).or_default() += 1;
        }
        counts
    }

    fn heading(&self, topic: Topic) -> &'static str {
        match topic {
            Topic::MemberAdded if !self.knows_members() => "New users",
            Topic::MemberRemoved if !self.knows_members() => "Users that no longer appear",
            topic => heading(topic),
        }
    }

    /// What happened, in words, with all that is shown together with it.
    fn what(&self, change: &Change) -> String {
        self.what_with(change, LUGGAGE_NAMES)
    }

    /// What happened, in words; of what a person came with or held, at most `names` are named, and the others counted.
    fn what_with(&self, change: &Change, names: usize) -> String {
        let mut text = what(change, self.knows_members());
        match change.topic {
            topic if is_of_person(topic) => text += &self.luggage_of(change, names),
            Topic::RoleAdded | Topic::RoleRemoved => match self.of_role.get(change.id.as_str()) {
                None => {}
                Some(1) => text += ", with 1 grant",
                Some(n) => text += &format!(", with {n} grants"),
            },
            _ => {}
        }
        text
    }

    /// What a person came with or held, in words.
    fn luggage_of(&self, person: &Change, max_names: usize) -> String {
        let things = self.luggage.get(person.id.as_str());
        let things = things.map(Vec::as_slice).unwrap_or_default();
        let mut names: Vec<_> = things
            .iter()
            .take(max_names)
            .map(|on| short(&on.name))
            .collect();
        if things.len() > max_names {
            names.push(format!("and {} more", things.len() - max_names).into());
        }
        let names = names.join(", ");
        let all_roles = things.iter().all(|on| on.kind == PartyKind::Role);
        let is_added = matches!(person.topic, Topic::MemberAdded | Topic::UnlistedAdded);
        let verb = if is_added { "came with" } else { "held" };
        match things.len() {
            0 if person.action == Action::Removed
                && self.knows_members()
                && self.comparison.not_compared.is_empty() =>
            {
                ", held no role".to_owned()
            }
            0 => String::new(),
            n if max_names == 0 => {
                let what = match (n, all_roles) {
                    (1, true) => "role",
                    (1, false) => "grant",
                    (_, true) => "roles",
                    (_, false) => "grants",
                };
                format!(", {verb} {n} {what}")
            }
            _ if is_added => format!(", came with {names}"),
            1 => format!(", held {names}"),
            n if all_roles => format!(", held {n} roles: {names}"),
            n => format!(", held {n} grants: {names}"),
        }
    }
}

/// The kinds that `--fail-on` names and that could not be judged, in a sentence; `None` if there are none.
pub fn not_judged(comparison: &Comparison) -> Option<String> {
    let kinds = comparison.not_judged();
    let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Not judged under `--fail-on`: {} (roles were not read).",
            names.join(", ")
        )
    })
}

/// Whether a change is that a person is new or gone, or entered or left the member list.
fn is_of_person(topic: Topic) -> bool {
    matches!(
        topic,
        Topic::MemberAdded | Topic::UnlistedAdded | Topic::MemberRemoved | Topic::UnlistedRemoved
    )
}

/// Names of roles that are shown with one person; more are counted.
const LUGGAGE_NAMES: usize = 20;
/// Characters of one name or value that people are shown.
const SHOWN_CHARS: usize = 300;

/// A text that is too long for people, cut where it is.
fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// The heading of a topic; topics under one heading are neighbours.
fn heading(topic: Topic) -> &'static str {
    match topic {
        Topic::SeatRaised => "Seats raised",
        Topic::SeatLowered => "Seats lowered",
        Topic::TwoFactorDisabled => "Second factor switched off",
        Topic::MemberAdded => "New in the member list",
        Topic::UnlistedAdded => "New people who are not in the member list",
        Topic::GrantOfNewPerson => "Grants of new people",
        Topic::GrantAdded => "Grants added",
        Topic::GrantRevoked => "Grants revoked",
        Topic::MemberRemoved => "No longer in the member list",
        Topic::UnlistedRemoved => "People not in the member list who no longer appear",
        Topic::GrantOfGonePerson => "Grants of people who no longer appear",
        Topic::RoleAdded | Topic::RoleRemoved | Topic::RoleRenamed => "Roles",
        Topic::OtherAdded | Topic::OtherRemoved | Topic::OtherChanged => "Other changes",
    }
}

/// What was agreed about a change, in words; empty if that is no more than what happened.
fn agreement(accepted: &Accepted, knows_members: bool) -> String {
    let what = in_words(&accepted.change, knows_members);
    let reason = accepted.reason.as_deref().filter(|reason| *reason != what);
    let until = accepted.until.as_ref().map(|day| format!("until {day}"));
    let parts: Vec<_> = reason
        .map(|reason| short(reason).into_owned())
        .into_iter()
        .chain(until)
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

/// A change in one line: for comments and lists.
pub fn in_words(change: &Change, knows_members: bool) -> String {
    let line = format!("{}: {}", who(&change.subject), what(change, knows_members));
    printable(&line).into_owned()
}

/// Name and address.
fn who(party: &Party) -> String {
    match &party.email {
        Some(email) if *email != party.name => format!("{} <{email}>", short(&party.name)),
        _ => short(&party.name).into_owned(),
    }
}

/// What happened, in words, without saying to whom. Without a member list, it is only known that a user appears.
fn what(change: &Change, knows_members: bool) -> String {
    let on = change.on.as_ref().map(|on| short(&on.name));
    let on = on.unwrap_or_default();
    let slug = change.entitlement.as_deref().unwrap_or_default();
    let unlisted = if change.subject.listed {
        ""
    } else {
        " (not in the member list)"
    };
    match (change.topic, change.object) {
        (Topic::SeatRaised | Topic::SeatLowered, _) => seat_change(&change.fields) + unlisted,
        (Topic::TwoFactorDisabled, _) => format!("no longer has a second factor{unlisted}"),
        (Topic::MemberAdded, _) if !knows_members && change.action == Action::Added => {
            let seat = change.subject.seat.as_deref().unwrap_or("new user");
            seat_and_factor(seat, &change.subject)
        }
        (Topic::MemberAdded, _) if change.action == Action::Changed => format!(
            "{}, was not in the member list before",
            person_in_words(&change.subject)
        ),
        (Topic::MemberAdded, _) => person_in_words(&change.subject),
        (Topic::UnlistedAdded, _) => {
            format!(
                "{}, not in the member list",
                person_in_words(&change.subject)
            )
        }
        (Topic::MemberRemoved, _) if !knows_members && change.action == Action::Removed => {
            "no longer appears".to_owned() + &last_seat(change)
        }
        (Topic::MemberRemoved, _) => {
            "is no longer in the member list".to_owned() + &last_seat(change)
        }
        (Topic::UnlistedRemoved, _) => {
            "no longer appears, was not in the member list".to_owned() + &last_seat(change)
        }
        (Topic::GrantOfNewPerson | Topic::GrantAdded, _) => {
            if is_position(slug) {
                format!("is now {slug} of {on}")
            } else {
                format!("now has {slug} on {on}")
            }
        }
        (Topic::GrantOfGonePerson | Topic::GrantRevoked, _) => {
            if is_position(slug) {
                format!("is no longer {slug} of {on}")
            } else {
                format!("no longer has {slug} on {on}")
            }
        }
        (Topic::RoleAdded, _) => "new role".to_owned(),
        (Topic::RoleRemoved, _) => "role is gone".to_owned(),
        (Topic::RoleRenamed, _) => {
            let name = field_of(&change.fields, "display_name");
            format!(
                "was called {}",
                value_in_words("display_name", &name.and_then(|field| field.old.clone()))
            )
        }
        (Topic::OtherAdded, _) => format!("new {}", object_in_words(change)),
        (Topic::OtherRemoved, _) => format!("{} is gone", object_in_words(change)),
        (Topic::OtherChanged, RowKind::Grant) => {
            format!("{slug} of {on}: {}", fields_in_words(&change.fields))
        }
        (Topic::OtherChanged, RowKind::Entitlement) => {
            format!("entitlement on {on}: {}", fields_in_words(&change.fields))
        }
        (Topic::OtherChanged, _) => fields_in_words(&change.fields),
    }
}

/// Whether one is what the entitlement is called, rather than having it.
fn is_position(slug: &str) -> bool {
    [
        "member",
        "owner",
        "admin",
        "administrator",
        "maintainer",
        "manager",
        "editor",
        "viewer",
        "guest",
    ]
    .contains(&slug)
}

fn object_in_words(change: &Change) -> String {
    let on = change.on.as_ref().map(|on| short(&on.name));
    match (change.object, on, change.id.split_once(':')) {
        (RowKind::ResourceType, ..) => "resource type".to_owned(),
        (RowKind::Resource, _, Some((of_type, _))) => {
            format!("resource of type {}", short(of_type))
        }
        (RowKind::Resource, ..) => "resource".to_owned(),
        (RowKind::Entitlement, Some(on), _) => format!("entitlement on {on}"),
        (RowKind::Entitlement, ..) => "entitlement".to_owned(),
        (RowKind::Grant, ..) => "grant".to_owned(),
    }
}

/// The seat of a person who is new here, and whether a second factor is known to be missing.
fn person_in_words(party: &Party) -> String {
    seat_and_factor(party.seat.as_deref().unwrap_or("seat unknown"), party)
}

fn seat_and_factor(seat: &str, party: &Party) -> String {
    let seat = short(seat);
    match party.two_factor {
        Some(false) => format!("{seat} without a second factor"),
        _ => seat.into_owned(),
    }
}

/// The seat of a person who is not in the member list any more: what it is, or else what it was.
fn last_seat(change: &Change) -> String {
    let old_seat = || {
        let seat = field_of(&change.fields, "seat")?;
        seat.old.as_ref()?.as_str()
    };
    match (&change.subject.seat, change.action) {
        (Some(seat), Action::Removed) => format!(" (was {})", short(seat)),
        (Some(seat), _) => format!(" (is {})", short(seat)),
        (None, _) => old_seat().map_or_else(String::new, |seat| format!(" (was {})", short(seat))),
    }
}

/// The seat, old → new, by its word or else by its number.
fn seat_change(fields: &[FieldChange]) -> String {
    match field_of(fields, "seat").or(fields.first()) {
        Some(change) => old_and_new(change),
        None => String::new(),
    }
}

fn field_of<'c>(fields: &'c [FieldChange], name: &str) -> Option<&'c FieldChange> {
    fields.iter().find(|change| change.field == name)
}

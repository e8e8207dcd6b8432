//! The report of `diff`, for people (console, Markdown) and for programs (JSON, NDJSON).

mod console;
mod decisions;
mod fields;
mod json;
mod markdown;
mod surroundings;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};

pub use decisions::write as write_decisions;
use fields::{fields_in_words, old_and_new, value_in_words};

use super::{Page, printable};
use crate::model::{
    Accepted, Action, Change, ChangeKind, ChangedObject, Comparison, FieldChange, Party, PartyKind,
    RowKind, Topic,
};

/// The formats of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffFormat {
    /// Text for a terminal.
    Console,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Ndjson,
    /// A comment for a pull request.
    Markdown {
        /// Size limit, in bytes.
        max_bytes: usize,
    },
}

/// How much to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Whether to print ids after names.
    pub ids: bool,
    /// Whether to print only the counts.
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
    let report = Report::of(comparison);
    match format {
        DiffFormat::Console => console::write(&report, detail, page, out),
        DiffFormat::Json => json::write_document(&report, detail, out),
        DiffFormat::Ndjson => json::write_events(&report, detail, out),
        DiffFormat::Markdown { max_bytes } => markdown::write(&report, detail, max_bytes, out),
    }
}

/// A comparison arranged for display: which changes get an entry of their own, and what is listed with each.
struct Report<'c> {
    comparison: &'c Comparison,
    /// Changes with an entry of their own. Grants of people who are new or gone are listed with the person, if the
    /// person has an entry.
    entries: Vec<&'c Change>,
    /// The resources that people who are new or gone have or had grants on, by the person's id. Includes accepted
    /// grants.
    grants_by_person: HashMap<&'c str, Vec<&'c Party>>,
    /// How many grants are new or gone with their role, by the role's id.
    of_role: HashMap<&'c str, usize>,
}

impl<'c> Report<'c> {
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
        let mut grants_by_person: HashMap<_, Vec<_>> = HashMap::new();
        let mut of_role: HashMap<_, usize> = HashMap::new();
        for change in all().filter(|change| change.is_of(RowKind::Grant)) {
            let Some(on) = &change.on else { continue };
            if is_with_person(change) {
                grants_by_person
                    .entry(change.subject.id.as_str())
                    .or_default()
                    .push(on);
            }
            if change.action != Action::Changed {
                *of_role.entry(on.id.as_str()).or_default() += 1;
            }
        }
        for resources in grants_by_person.values_mut() {
            resources.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
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
            grants_by_person,
            of_role,
        }
    }

    fn knows_members(&self) -> bool {
        self.comparison.knows_members
    }

    /// Summarizes the comparison in one line: "1 new owner, +2 members, −1 member, 1 seat raised", or "no differences".
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
        let admins = ("new admin", "new admins");
        part(has(ChangeKind::OwnerAdded), "", owners, "");
        part(has(ChangeKind::AdminAdded), "", admins, "");
        part(of(&[Topic::MemberAdded]), "+", members, "");
        part(of(&[Topic::UnlistedAdded]), "+", unlisted, "");
        part(of(&[Topic::MemberRemoved]), "−", members, "");
        part(of(&[Topic::UnlistedRemoved]), "−", unlisted, "");
        part(of(&[Topic::SeatRaised]), "", ("seat", "seats"), " raised");
        part(of(&[Topic::SeatLowered]), "", ("seat", "seats"), " lowered");
        part(
            of(&[Topic::TwoFactorDisabled]),
            "2FA switched off for ",
            ("person", "people"),
            "",
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
            0 => ("role membership", "role memberships"),
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
            count(&|change| change.topic == topic && change.is_of(RowKind::Resource))
        };
        let (added_resources, removed_resources) =
            (resources(Topic::OtherAdded), resources(Topic::OtherRemoved));
        part(added_resources, "", ("resource", "resources"), " added");
        part(removed_resources, "", ("resource", "resources"), " removed");
        let other = of(&[Topic::OtherAdded, Topic::OtherRemoved, Topic::OtherChanged]);
        part(
            other - added_resources - removed_resources,
            "",
            ("other change", "other changes"),
            "",
        );
        let enforcement = has(ChangeKind::TwoFactorEnforcementOff);
        let sso = has(ChangeKind::SsoEnforcementOff);
        let invited = has(ChangeKind::InvitationAdded);
        let rest = of(&[Topic::Surroundings]) - enforcement - sso - invited;
        let domains = ("domain", "domains");
        part(sso, "SSO no longer enforced for ", domains, "");
        part(invited, "", ("new invitation", "new invitations"), "");
        part(
            rest,
            "",
            ("change", "changes"),
            " to settings, domains or invitations",
        );
        if enforcement > 0 {
            parts.push("2FA no longer enforced".to_owned());
        }
        // A change may have been accepted field by field; it still counts once.
        let accepted = self
            .comparison
            .accepted
            .iter()
            .map(|Accepted { change, .. }| (change.object, &change.id, change.topic));
        let accepted = accepted.collect::<HashSet<_>>().len();
        match (parts.is_empty(), accepted) {
            (true, 0) if !self.comparison.scope.not_compared.is_empty() => {
                "no differences in what both snapshots read".to_owned()
            }
            (true, 0) => "no differences".to_owned(),
            (true, 1) => "no differences except 1 accepted change".to_owned(),
            (true, n) => format!("no differences except {n} accepted changes"),
            (false, 0) => parts.join(", "),
            (false, n) => format!("{}, {n} accepted", parts.join(", ")),
        }
    }

    /// Explains the exit code under `--fail-on` in one line, with the kinds that it does not cover; `None` without the
    /// option.
    fn verdict(&self) -> Option<String> {
        let verdict = self.passed_or_failed()?;
        Some(match not_judged(self.comparison) {
            Some(unjudged) => format!("{verdict} {unjudged}"),
            None => verdict,
        })
    }

    fn passed_or_failed(&self) -> Option<String> {
        /// How many kinds are named; further ones are counted.
        const KINDS: usize = 5;
        let failed = self.failed_on()?;
        if failed.is_empty() {
            return Some("Passed: no change is of a kind listed in `--fail-on`.".to_owned());
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
        Some(format!("Failed by `--fail-on`: {}.", kinds.join(", ")))
    }

    /// Counts the changes of each kind that `--fail-on` names, without kinds that do not occur; `None` without the
    /// option.
    fn failed_on(&self) -> Option<BTreeMap<ChangeKind, usize>> {
        let fail_on = self.comparison.fail_on.as_ref()?;
        let mut counts = self.counts();
        counts.retain(|kind, _| fail_on.contains(kind));
        Some(counts)
    }

    /// Counts the changes of each kind that occurs, without accepted changes.
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

    /// Describes a change, with the grants that are listed with it.
    fn what(&self, change: &Change) -> String {
        self.what_with(change, MAX_ROLE_NAMES)
    }

    /// Describes a change. At most `names` of the roles of a person are named; the others are counted.
    fn what_with(&self, change: &Change, names: usize) -> String {
        let mut text = what(change, self.knows_members());
        match change.topic {
            topic if is_of_person(topic) => text += &self.grants_of(change, names),
            Topic::RoleAdded | Topic::RoleRemoved => match self.of_role.get(change.id.as_str()) {
                None => {}
                Some(1) => text += ", with 1 grant",
                Some(n) => text += &format!(", with {n} grants"),
            },
            _ => {}
        }
        text
    }

    /// The roles and other resources that a new person has grants on, or a gone person had, with a comma before them.
    fn grants_of(&self, person: &Change, max_names: usize) -> String {
        let resources = self.grants_by_person.get(person.id.as_str());
        let resources = resources.map(Vec::as_slice).unwrap_or_default();
        let mut names: Vec<_> = resources
            .iter()
            .take(max_names)
            .map(|on| short(&on.name))
            .collect();
        if resources.len() > max_names {
            names.push(format!("and {} more", resources.len() - max_names).into());
        }
        let names = names.join(", ");
        let all_roles = resources.iter().all(|on| on.kind == PartyKind::Role);
        let is_added = matches!(person.topic, Topic::MemberAdded | Topic::UnlistedAdded);
        let held = if is_added { "" } else { "held " };
        let what = match (resources.len(), all_roles) {
            (1, true) => "role",
            (1, false) => "grant",
            (_, true) => "roles",
            (_, false) => "grants",
        };
        match resources.len() {
            0 if person.action == Action::Removed
                && self.knows_members()
                && self.comparison.scope.roles =>
            {
                ", held no roles".to_owned()
            }
            0 => String::new(),
            n if max_names == 0 => format!(", {held}{n} {what}"),
            n if n == 1 && !is_added && all_roles => format!(", held role {names}"),
            n if n == 1 && !is_added => format!(", held a grant on {names}"),
            _ if is_added && all_roles => format!(", {what}: {names}"),
            _ if is_added => format!(", {what} on: {names}"),
            n if all_roles => format!(", held {n} roles: {names}"),
            n => format!(", held {n} grants on: {names}"),
        }
    }
}

/// Summarizes a comparison in one line.
pub fn headline(comparison: &Comparison) -> String {
    Report::of(comparison).headline()
}

/// Counts the changes of each kind that occurs, without accepted changes.
pub fn counts(comparison: &Comparison) -> BTreeMap<ChangeKind, usize> {
    Report::of(comparison).counts()
}

/// The changes of a comparison as the console shows them, for reports that contain them.
pub(super) struct Sections<'c> {
    /// All of it in one line.
    pub(super) headline: String,
    /// In the order of importance.
    pub(super) sections: Vec<Section<'c>>,
}

/// Changes under one heading.
pub(super) struct Section<'c> {
    pub(super) heading: &'static str,
    pub(super) entries: Vec<Entry<'c>>,
}

/// One change.
pub(super) struct Entry<'c> {
    pub(super) sign: &'static str,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) id: &'c str,
}

/// Arranges a comparison under headings. Texts are not escaped.
pub(super) fn in_sections(comparison: &Comparison) -> Sections<'_> {
    let report = Report::of(comparison);
    let mut sections: Vec<Section<'_>> = Vec::new();
    for change in &report.entries {
        let heading = report.heading(change.topic);
        let entry = Entry {
            sign: sign(change),
            who: who(&change.subject),
            what: report.what(change),
            id: &change.id,
        };
        match sections.last_mut() {
            Some(section) if section.heading == heading => section.entries.push(entry),
            _ => sections.push(Section {
                heading,
                entries: vec![entry],
            }),
        }
    }
    Sections {
        headline: report.headline(),
        sections,
    }
}

/// Names the kinds in `--fail-on` that could not be checked, in one sentence; `None` if all could.
pub fn not_judged(comparison: &Comparison) -> Option<String> {
    let kinds = comparison.not_judged();
    let (of_parts, of_roles): (Vec<ChangeKind>, Vec<_>) =
        kinds.into_iter().partition(|kind| kind.part().is_some());
    let names = |kinds: &[ChangeKind]| {
        let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
        names.join(", ")
    };
    let mut groups = Vec::new();
    if !of_roles.is_empty() {
        groups.push(format!("{} (roles were not read)", names(&of_roles)));
    }
    if !of_parts.is_empty() {
        let why = "not both snapshots have what it is about";
        groups.push(format!("{} ({why})", names(&of_parts)));
    }
    (!groups.is_empty()).then(|| format!("Not checked by `--fail-on`: {}.", groups.join("; ")))
}

/// Whether a change says that a person is new or gone, or entered or left the member list.
fn is_of_person(topic: Topic) -> bool {
    matches!(
        topic,
        Topic::MemberAdded | Topic::UnlistedAdded | Topic::MemberRemoved | Topic::UnlistedRemoved
    )
}

/// Roles that are named after one person; further ones are counted.
const MAX_ROLE_NAMES: usize = 20;
/// Longest name or value in a report, in characters.
const SHOWN_CHARS: usize = 300;

/// Cuts a text that is too long to read.
fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// The heading of a topic. Topics that share a heading follow each other.
fn heading(topic: Topic) -> &'static str {
    match topic {
        Topic::SeatRaised => "Seats raised",
        Topic::SeatLowered => "Seats lowered",
        Topic::TwoFactorDisabled => "2FA switched off",
        Topic::MemberAdded => "New in the member list",
        Topic::UnlistedAdded => "New people who are not in the member list",
        Topic::GrantOfNewPerson => "Grants to new people",
        Topic::GrantAdded => "Grants added",
        Topic::GrantRevoked => "Grants revoked",
        Topic::MemberRemoved => "No longer in the member list",
        Topic::UnlistedRemoved => "People not in the member list who no longer appear",
        Topic::GrantOfGonePerson => "Grants of people who no longer appear",
        Topic::RoleAdded | Topic::RoleRemoved | Topic::RoleRenamed => "Roles",
        Topic::OtherAdded | Topic::OtherRemoved | Topic::OtherChanged => "Other changes",
        Topic::Surroundings => "Settings, domains and invitations",
    }
}

/// The reason and last day of an accepted change, in parentheses; empty if they only repeat the change.
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

/// Whether people may from now on log in with less than before.
fn ends_enforcement(change: &Change) -> bool {
    let kinds = [
        ChangeKind::TwoFactorEnforcementOff,
        ChangeKind::SsoEnforcementOff,
    ];
    kinds.iter().any(|kind| change.kinds.contains(kind))
}

/// A sign that goes before a change.
fn sign(change: &Change) -> &'static str {
    match (change.topic, change.action) {
        _ if ends_enforcement(change) => "!",
        (Topic::SeatRaised, _) => "↑",
        (Topic::TwoFactorDisabled, _) => "!",
        (Topic::SeatLowered, _) => "↓",
        (Topic::MemberAdded, _) | (_, Action::Added) => "+",
        (Topic::MemberRemoved, _) | (_, Action::Removed) => "−",
        (_, Action::Changed) => "~",
    }
}

/// Describes a change in one line, for comments and lists.
pub fn in_words(change: &Change, knows_members: bool) -> String {
    let line = format!("{}: {}", who(&change.subject), what(change, knows_members));
    printable(&line).into_owned()
}

/// Name and e-mail address.
fn who(party: &Party) -> String {
    name_and_email(&party.name, party.email.as_deref())
}

fn name_and_email(name: &str, email: Option<&str>) -> String {
    match email {
        Some(email) if email != name => format!("{} <{email}>", short(name)),
        _ => short(name).into_owned(),
    }
}

/// Describes a change without its subject. Without a member list, a report can only say that a user appears or not.
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
        (Topic::TwoFactorDisabled, _) => format!("2FA switched off{unlisted}"),
        (Topic::MemberAdded, _) if !knows_members && change.action == Action::Added => {
            let seat = change.subject.seat.as_deref().unwrap_or("new user");
            seat_and_2fa(seat, &change.subject)
        }
        (Topic::MemberAdded, _) => {
            let mut words = person_in_words(&change.subject);
            if change.action == Action::Changed {
                words.push_str(", was not in the member list before");
            }
            if change.invitation.is_some() {
                words.push_str(", was invited");
            }
            words
        }
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
            if is_title(slug) {
                format!("is now {slug} of {on}")
            } else {
                format!("now has {slug} on {on}")
            }
        }
        (Topic::GrantOfGonePerson | Topic::GrantRevoked, _) => {
            if is_title(slug) {
                format!("is no longer {slug} of {on}")
            } else {
                format!("no longer has {slug} on {on}")
            }
        }
        (Topic::RoleAdded, _) => "new role".to_owned(),
        (Topic::RoleRemoved, _) => "role removed".to_owned(),
        (Topic::RoleRenamed, _) => {
            let name = field_of(&change.fields, "display_name");
            format!(
                "renamed from {}",
                value_in_words("display_name", &name.and_then(|field| field.old.clone()))
            )
        }
        (Topic::OtherAdded, _) => format!("new {}", object_in_words(change)),
        (Topic::OtherRemoved, _) => format!("{} removed", object_in_words(change)),
        (Topic::Surroundings, _) => surroundings::what(change),
        (Topic::OtherChanged, ChangedObject::Row(RowKind::Grant)) => {
            format!("{slug} of {on}: {}", fields_in_words(&change.fields))
        }
        (Topic::OtherChanged, ChangedObject::Row(RowKind::Entitlement)) => {
            format!("entitlement on {on}: {}", fields_in_words(&change.fields))
        }
        (Topic::OtherChanged, _) => fields_in_words(&change.fields),
    }
}

/// Whether an entitlement is something that a person is ("is now owner of"), not something a person has.
fn is_title(slug: &str) -> bool {
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
        (ChangedObject::Row(RowKind::ResourceType), ..) => "resource type".to_owned(),
        (ChangedObject::Row(RowKind::Resource), _, Some((of_type, _))) => {
            format!("resource of type {}", short(of_type))
        }
        (ChangedObject::Row(RowKind::Resource), ..) => "resource".to_owned(),
        (ChangedObject::Row(RowKind::Entitlement), Some(on), _) => format!("entitlement on {on}"),
        (ChangedObject::Row(RowKind::Entitlement), ..) => "entitlement".to_owned(),
        (ChangedObject::Row(RowKind::Grant), ..) => "grant".to_owned(),
        (ChangedObject::Surrounding(part), ..) => part.words().to_owned(),
    }
}

/// The seat of a new person, and whether 2FA is known to be off.
fn person_in_words(party: &Party) -> String {
    seat_and_2fa(party.seat.as_deref().unwrap_or("seat unknown"), party)
}

fn seat_and_2fa(seat: &str, party: &Party) -> String {
    let seat = short(seat);
    match party.two_factor {
        Some(false) => format!("{seat} without 2FA"),
        _ => seat.into_owned(),
    }
}

/// The seat of a person who is no longer in the member list: the present one if known, else the last one.
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

/// The old and new seat, by name if known, else by number.
fn seat_change(fields: &[FieldChange]) -> String {
    match field_of(fields, "seat").or(fields.first()) {
        Some(change) => old_and_new(change),
        None => String::new(),
    }
}

fn field_of<'c>(fields: &'c [FieldChange], name: &str) -> Option<&'c FieldChange> {
    fields.iter().find(|change| change.field == name)
}

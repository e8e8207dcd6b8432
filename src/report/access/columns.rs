//! Cells, and the columns of people and roles. A column in which nothing is known is left out, so the snapshot of another
//! connector has no empty column for seats.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{AccessReport, PersonRow, RoleRow};
use crate::model::{FoundDocument, RuleCode, Severity, SubjectKind, Timestamp};
use crate::report::surroundings::{external_group, sent_text};

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'r> {
    /// Not known, or there is none.
    Empty,
    Text(Cow<'r, str>),
    Number(u64),
    /// In UTC.
    Time(Timestamp),
    /// The day of a time in UTC.
    Day(Timestamp),
    Flag(bool),
    Severity(Severity),
}

impl<'r> Cell<'r> {
    /// A text; empty if it is.
    pub(super) fn text(text: impl Into<Cow<'r, str>>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::Empty
        } else {
            Self::Text(text)
        }
    }

    pub(super) fn time(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Empty, Self::Time)
    }

    pub(super) fn flag(flag: Option<bool>) -> Self {
        flag.map_or(Self::Empty, Self::Flag)
    }

    /// A time as a server sent it, or that text if it is not one.
    pub(super) fn sent_time(text: &'r str) -> Self {
        match Timestamp::parse(text) {
            Ok(at) => Self::Time(at),
            Err(_) => Self::text(text),
        }
    }
}

/// The words of a flag.
pub(super) fn yes_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

/// A column.
pub(super) struct Column<R: 'static> {
    pub(super) head: &'static str,
    /// Its width in a workbook, in characters.
    pub(super) width: f64,
    /// Whether it is there even if nothing is known.
    is_always: bool,
    /// Whether only the workbook has it.
    pub(super) is_detail: bool,
    pub(super) cell: for<'r> fn(&'r Context<'r>, &'r R) -> Cell<'r>,
}

impl<R> Column<R> {
    const fn new(
        head: &'static str,
        width: f64,
        cell: for<'r> fn(&'r Context<'r>, &'r R) -> Cell<'r>,
    ) -> Self {
        Self {
            head,
            width,
            is_always: false,
            is_detail: false,
            cell,
        }
    }

    const fn always(self) -> Self {
        Self {
            is_always: true,
            ..self
        }
    }

    const fn detail(self) -> Self {
        Self {
            is_detail: true,
            ..self
        }
    }
}

/// What cells look up.
pub(super) struct Context<'a> {
    pub(super) report: &'a AccessReport,
    /// The ids of people and the codes of the findings about them that are not accepted, sorted by the id.
    findings: Vec<(&'a str, RuleCode)>,
    /// The groups of other systems that roles belong to, by the role's id.
    references: HashMap<&'a str, String>,
}

impl<'a> Context<'a> {
    pub(super) fn new(report: &'a AccessReport) -> Self {
        let open = report.audit.findings.iter().filter(|finding| {
            finding.accepted.is_none() && finding.subject.kind == SubjectKind::User
        });
        let mut findings: Vec<_> = open
            .map(|finding| (&*finding.subject.id, finding.code))
            .collect();
        findings.sort_by_key(|(id, _)| *id);
        let mut references = HashMap::<&str, String>::new();
        if let FoundDocument::Found(document) = &report.document {
            for reference in document.role_external_references.iter().flatten() {
                let group = match (sent_text(&reference.provider), external_group(reference)) {
                    ("", group) => group.to_owned(),
                    (provider, group) => format!("{provider}: {group}"),
                };
                let groups = references.entry(sent_text(&reference.role_id)).or_default();
                push_joined(groups, "; ", &group);
            }
        }
        Self {
            report,
            findings,
            references,
        }
    }

    /// The columns of which a report shows at least one cell, and those that it always shows.
    pub(super) fn known<R>(
        &self,
        columns: &'static [Column<R>],
        rows: &[R],
    ) -> Vec<&'static Column<R>> {
        let is_known = |column: &&Column<R>| {
            let mut rows = rows.iter();
            column.is_always || rows.any(|row| (column.cell)(self, row) != Cell::Empty)
        };
        columns.iter().filter(is_known).collect()
    }

    /// The codes of the findings about a person that are not accepted.
    pub(super) fn findings_about(&self, person: &PersonRow) -> String {
        let id = &*person.id.resource;
        let start = self.findings.partition_point(|(other, _)| *other < id);
        let mut codes = String::new();
        for (_, code) in self.findings[start..]
            .iter()
            .take_while(|(other, _)| *other == id)
        {
            push_joined(&mut codes, ", ", code.as_str());
        }
        codes
    }
}

/// Appends a text, after a separator unless it is the first.
fn push_joined(joined: &mut String, separator: &str, text: &str) {
    if !joined.is_empty() {
        joined.push_str(separator);
    }
    joined.push_str(text);
}

/// The columns of people.
pub(super) const PEOPLE: &[Column<PersonRow>] = &[
    Column::<PersonRow>::new("Name", 28.0, |_, row| Cell::text(&*row.name)).always(),
    Column::<PersonRow>::new("E-mail", 34.0, |_, row| Cell::text(&*row.email)),
    Column::<PersonRow>::new("Seat", 14.0, |_, row| Cell::text(&*row.seat_word)),
    Column::<PersonRow>::new("2FA", 8.0, |_, row| Cell::flag(row.two_factor)),
    Column::<PersonRow>::new("Last login (UTC)", 19.0, |_, row| {
        Cell::time(row.last_login)
    }),
    Column::<PersonRow>::new("Roles", 40.0, |context, row| {
        let roles = &context.report.roles;
        let mut names = String::new();
        for at in &row.roles {
            push_joined(&mut names, "; ", &roles[*at as usize].name);
        }
        Cell::text(names)
    })
    .always(),
    Column::<PersonRow>::new("Findings", 24.0, |context, row| {
        Cell::text(context.findings_about(row))
    }),
    Column::<PersonRow>::new("Joined (UTC)", 19.0, |_, row| Cell::time(row.joined_at)),
    Column::<PersonRow>::new("Linked login", 12.0, |_, row| Cell::flag(row.linked_login)),
    Column::<PersonRow>::new("Listed", 8.0, |context, row| {
        match context.report.evidence {
            Some(_) => Cell::Flag(row.is_listed),
            None => Cell::Empty,
        }
    }),
    Column::<PersonRow>::new("Status", 10.0, |_, row| Cell::text(row.status)),
    Column::<PersonRow>::new("Account type", 12.0, |_, row| Cell::text(row.account_type)),
    Column::<PersonRow>::new("First name", 16.0, |_, row| Cell::text(&*row.given_name)).detail(),
    Column::<PersonRow>::new("Last name", 18.0, |_, row| Cell::text(&*row.family_name)).detail(),
    Column::<PersonRow>::new("Job", 20.0, |_, row| Cell::text(&*row.job)),
    Column::<PersonRow>::new("E-mail verified", 14.0, |_, row| {
        Cell::flag(row.email_verified)
    }),
    Column::<PersonRow>::new("ID", 38.0, |_, row| Cell::text(&*row.id.resource)).always(),
];

/// The columns of roles.
pub(super) const ROLES: &[Column<RoleRow>] = &[
    Column::<RoleRow>::new("Name", 30.0, |_, row| Cell::text(&*row.name)).always(),
    Column::<RoleRow>::new("Type", 16.0, |context, row| {
        let plain = context.report.has_plain_roles();
        Cell::text(if plain { "" } else { &row.type_name })
    }),
    Column::<RoleRow>::new("Holders", 9.0, |context, row| {
        grants_if(context.report.has_plain_roles(), row)
    }),
    Column::<RoleRow>::new("Grants", 9.0, |context, row| {
        grants_if(!context.report.has_plain_roles(), row)
    }),
    Column::<RoleRow>::new("Default", 9.0, |_, row| Cell::flag(row.is_default)),
    Column::<RoleRow>::new("External reference", 34.0, |context, row| {
        let reference = context.references.get(&*row.id.resource);
        Cell::text(reference.map_or("", String::as_str))
    }),
    Column::<RoleRow>::new("Created (UTC)", 19.0, |_, row| Cell::time(row.created_at)),
    Column::<RoleRow>::new("Created by", 28.0, |_, row| Cell::text(&*row.created_by)),
    Column::<RoleRow>::new("ID", 38.0, |_, row| Cell::text(&*row.id.resource)).always(),
];

/// How many grants are on a role, under a head that fits; where the other one does, nothing.
fn grants_if<'r>(is_head: bool, role: &RoleRow) -> Cell<'r> {
    if is_head {
        Cell::Number(role.grants)
    } else {
        Cell::Empty
    }
}

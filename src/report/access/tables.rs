//! The tables that the page and the workbook both have.

use std::borrow::Cow;

use super::columns::{Cell, Column, Context, PEOPLE, ROLES, yes_no};
use super::{AccessReport, RoleRow};
use crate::model::{
    Domain, Finding, FoundDocument, Invitation, OrganizationDocument, RoleReference, RunFigures,
    Sent, Severity,
};
use crate::report::audit::{agreement, not_known, subject_name, what, why_unmatched};
use crate::report::diff;
use crate::report::surroundings::{
    external_group, invitation_state, sent_text, settings_in_words, sso_in_words,
};
use crate::report::{duration, size};

/// A table. Its rows are made one at a time.
pub(super) struct Table<'r> {
    pub(super) heads: Vec<Head>,
    /// How many rows there are.
    pub(super) count: usize,
    pub(super) rows: Box<dyn Iterator<Item = Row<'r>> + 'r>,
}

/// The head of a column.
pub(super) struct Head {
    pub(super) text: &'static str,
    /// Its width in a workbook, in characters.
    pub(super) width: f64,
}

pub(super) struct Row<'r> {
    /// What identifies the row in a link; `None` if it has no link.
    pub(super) anchor: Option<&'r str>,
    pub(super) cells: Vec<Cell<'r>>,
}

impl<'r> Table<'r> {
    fn new(heads: &[(&'static str, f64)], rows: Vec<Vec<Cell<'r>>>) -> Self {
        Self::lazy(heads, rows.len(), rows.into_iter())
    }

    fn lazy(
        heads: &[(&'static str, f64)],
        count: usize,
        rows: impl Iterator<Item = Vec<Cell<'r>>> + 'r,
    ) -> Self {
        Self {
            heads: heads
                .iter()
                .map(|(text, width)| Head {
                    text,
                    width: *width,
                })
                .collect(),
            count,
            rows: Box::new(rows.map(|cells| Row {
                anchor: None,
                cells,
            })),
        }
    }

    fn of_columns<R>(
        context: &'r Context<'r>,
        columns: Vec<&'static Column<R>>,
        rows: &'r [R],
        anchor: fn(&R) -> &str,
    ) -> Self {
        let heads = columns.iter().map(|column| Head {
            text: column.head,
            width: column.width,
        });
        Self {
            heads: heads.collect(),
            count: rows.len(),
            rows: Box::new(rows.iter().map(move |row| {
                Row {
                    anchor: Some(anchor(row)),
                    cells: columns
                        .iter()
                        .map(|column| (column.cell)(context, row))
                        .collect(),
                }
            })),
        }
    }
}

/// How much a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Without columns that repeat others.
    Page,
    /// Everything.
    Workbook,
}

pub(super) fn people<'r>(context: &'r Context<'r>, detail: Detail) -> Table<'r> {
    let rows = &context.report.people;
    let mut columns = context.known(PEOPLE, rows);
    columns.retain(|column| !column.is_detail || detail == Detail::Workbook);
    Table::of_columns(context, columns, rows, |row| &row.id.resource)
}

pub(super) fn roles<'r>(context: &'r Context<'r>) -> Table<'r> {
    let rows = &context.report.roles;
    Table::of_columns(context, context.known(ROLES, rows), rows, role_anchor)
}

pub(super) fn role_anchor(role: &RoleRow) -> &str {
    &role.id.resource
}

/// What identifies the snapshot and shows where it came from, in order.
pub(super) fn evidence(report: &AccessReport) -> Vec<(&'static str, Cell<'_>)> {
    let mut facts = Vec::new();
    let mut add = |label, cell| {
        if cell != Cell::Empty {
            facts.push((label, cell));
        }
    };
    let source = &report.source;
    add(
        "Organization",
        Cell::text(report.organization().unwrap_or_default()),
    );
    let id = report.audit.organization_id.as_deref();
    add("Organization ID", Cell::text(id.unwrap_or_default()));
    let evidence = report.evidence.as_ref();
    add("Source", Cell::text(evidence.map_or("", |e| &e.base_url)));
    add("Captured", Cell::text(source.captured_at.to_string()));
    add("Crawl started", Cell::text(source.started_at.to_string()));
    if let Some(key) = evidence.and_then(|evidence| evidence.key.as_ref()) {
        let label = key.label.as_deref().unwrap_or_default();
        add("Key", Cell::text(label));
        if let Some(owner) = &key.owner {
            let seat = owner.organization_role.as_deref();
            let seat = seat.map_or(String::new(), |seat| format!(", {seat}"));
            let who = match &owner.email {
                Some(email) if *email != owner.display_name => {
                    format!("{} <{email}>{seat}", owner.display_name)
                }
                _ => format!("{}{seat}", owner.display_name),
            };
            add("Owner of the key", Cell::text(who));
        }
        add("Scopes of the key", Cell::text(key.scopes.join(", ")));
    }
    if let Some(evidence) = evidence {
        let tool = &evidence.tool;
        add(
            "Read by",
            Cell::text(format!("{} {}", tool.name, tool.version)),
        );
        add("Requests", Cell::Number(evidence.requests));
        add("Took", Cell::text(took(report)));
    }
    add("Sync run", Cell::text(&*source.sync_id));
    add("File", Cell::text(&*source.file));
    add("Size", Cell::text(size(source.bytes)));
    add("SHA-256 of the file", Cell::text(&*source.sha256));
    add("Content digest", Cell::text(&*source.content_digest));
    facts
}

fn took(report: &AccessReport) -> String {
    let source = &report.source;
    let millis = source
        .captured_at
        .as_utc
        .millis_since(source.started_at.as_utc);
    duration(millis)
}

/// What is said where another program wrote the snapshot.
pub(super) const WITHOUT_EVIDENCE: &str = "Another program wrote the snapshot. It does not record which lists were read, or \
                                           whether they were complete.";
/// What is said where nothing is unproved.
pub(super) const ALL_PROVED: &str =
    "Nothing: every list was read to its end and matches what the server announced.";

/// How many rows each list of the API announced, and how many were kept.
pub(super) fn lists(report: &AccessReport) -> Option<Table<'_>> {
    let lists = &report.evidence.as_ref()?.lists;
    let number = |n: Option<u64>| n.map_or(Cell::Empty, Cell::Number);
    let rows = lists.iter().map(move |list| {
        vec![
            Cell::text(&*list.path),
            number(list.first_count),
            number(list.count),
            Cell::Number(list.received),
            Cell::Number(list.kept),
            Cell::Number(list.pages),
        ]
    });
    let heads = [
        ("List", 60.0),
        ("Announced first", 16.0),
        ("Announced last", 16.0),
        ("Received", 10.0),
        ("Kept", 10.0),
        ("Pages", 8.0),
    ];
    Some(Table::lazy(&heads, lists.len(), rows))
}

/// The rules with findings, and what to do about them.
pub(super) fn rules(report: &AccessReport) -> Table<'_> {
    let audit = &report.audit;
    let found = audit.rules.iter().filter(|rule| rule.findings > 0);
    let mut rules: Vec<_> = found.collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.severity));
    let rows = rules.into_iter().map(|rule| {
        let accepted = audit.findings.iter();
        let accepted = accepted.filter(|f| f.code == rule.code && f.accepted.is_some());
        vec![
            Cell::Severity(rule.severity),
            Cell::text(rule.code.as_str()),
            Cell::Number(rule.findings as u64),
            Cell::Number(accepted.count() as u64),
            Cell::text(rule.remedy),
        ]
    });
    let heads = [
        ("Severity", 10.0),
        ("Rule", 28.0),
        ("Findings", 10.0),
        ("Accepted", 10.0),
        ("What to do", 70.0),
    ];
    Table::new(&heads, rows.collect())
}

/// Which findings a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Those of a severity that are not accepted.
    Open(Severity),
    /// Those that are accepted.
    Accepted,
    All,
}

impl Which {
    fn has(self, finding: &Finding) -> bool {
        match self {
            Self::Open(severity) => finding.accepted.is_none() && finding.severity == severity,
            Self::Accepted => finding.accepted.is_some(),
            Self::All => true,
        }
    }
}

/// Findings: new ones first, then by severity and rule.
pub(super) fn findings(report: &AccessReport, which: Which) -> Table<'_> {
    let all = &report.audit.findings;
    let count = all.iter().filter(|finding| which.has(finding)).count();
    let has_new = report.audit.since.is_some();
    // Open findings of one severity have neither a column for it nor acceptances.
    let is_mixed = !matches!(which, Which::Open(_));
    let is_whole = which == Which::All;
    let mut heads = Vec::new();
    if is_mixed {
        heads.push(("Severity", 10.0));
    }
    heads.extend([
        ("Rule", 28.0),
        ("Who or what", 30.0),
        ("E-mail", 34.0),
        ("Finding", 60.0),
    ]);
    if has_new {
        heads.push(("New", 6.0));
    }
    if is_mixed {
        heads.push(("Accepted because", 40.0));
    }
    if is_whole {
        heads.push(("ID", 38.0));
    }
    let rows = all.iter().filter(move |finding| which.has(finding));
    let rows = rows.map(move |finding| {
        let subject = &finding.subject;
        let mut cells = Vec::new();
        if is_mixed {
            cells.push(Cell::Severity(finding.severity));
        }
        cells.extend([
            Cell::text(finding.code.as_str()),
            Cell::text(subject_name(subject)),
            Cell::text(subject.email.as_deref().unwrap_or_default()),
            Cell::text(what(finding)),
        ]);
        if has_new {
            cells.push(Cell::flag(finding.is_new));
        }
        if is_mixed {
            cells.push(Cell::text(agreement(finding)));
        }
        if is_whole {
            cells.push(Cell::text(&*subject.id));
        }
        cells
    });
    Table::lazy(&heads, count, rows)
}

/// What the audit could not judge, or not for everything.
pub(super) fn not_judged(report: &AccessReport) -> Table<'_> {
    let audit = &report.audit;
    let not_judged = audit.not_judged.iter().map(|rule| {
        vec![
            Cell::text(rule.code.as_str()),
            Cell::text(format!("not judged: {}", rule.reason)),
        ]
    });
    let partly = audit.rules.iter().filter(|rule| rule.unknown > 0);
    let partly =
        partly.map(|rule| vec![Cell::text(rule.code.as_str()), Cell::text(not_known(rule))]);
    let rows = not_judged.chain(partly).collect();
    Table::new(&[("Rule", 28.0), ("Why", 80.0)], rows)
}

/// Acceptances that accept nothing.
pub(super) fn unmatched(report: &AccessReport) -> Table<'_> {
    let rows = report.audit.unmatched_acceptances.iter().map(|unmatched| {
        vec![
            Cell::text(unmatched.code.as_str()),
            Cell::text(unmatched.subject.as_deref().unwrap_or_default()),
            Cell::text(why_unmatched(unmatched)),
            Cell::text(&*unmatched.acceptance.reason),
        ]
    });
    let heads = [
        ("Rule", 28.0),
        ("Subject", 38.0),
        ("Why", 40.0),
        ("Reason", 50.0),
    ];
    Table::new(&heads, rows.collect())
}

fn document(report: &AccessReport) -> Option<&OrganizationDocument> {
    report.document.document()
}

pub(super) fn invitations(report: &AccessReport) -> Option<Table<'_>> {
    let rows = document(report)?.invitations.as_ref()?.iter();
    let rows = rows.map(|row: &Invitation| {
        let inviter = row.created_by.as_ref().and_then(Option::as_ref);
        vec![
            Cell::text(row.email().unwrap_or(&row.id)),
            Cell::text(sent_text(&row.first_name)),
            Cell::text(sent_text(&row.seat)),
            Cell::text(invitation_state(row)),
            Cell::sent_time(sent_text(&row.created_at)),
            Cell::text(inviter.map_or("", |user| &user.display_name)),
            Cell::text(&*row.id),
        ]
    });
    let heads = [
        ("Invited", 34.0),
        ("First name", 16.0),
        ("Seat", 14.0),
        ("State", 10.0),
        ("Sent (UTC)", 19.0),
        ("By", 28.0),
        ("ID", 38.0),
    ];
    Some(Table::new(&heads, rows.collect()))
}

pub(super) fn domains(report: &AccessReport) -> Option<Table<'_>> {
    let rows = document(report)?.domains.as_ref()?.iter();
    let rows = rows.map(|row: &Domain| {
        vec![
            Cell::text(row.name().unwrap_or(&row.id)),
            sent_flag(row.is_verified),
            Cell::sent_time(sent_text(&row.verified_at)),
            Cell::text(sso_in_words(row)),
            sent_flag(row.jit_provisioning_enabled),
            sent_flag(row.has_saml),
            sent_flag(row.has_scim),
        ]
    });
    let heads = [
        ("Domain", 30.0),
        ("Verified", 10.0),
        ("Verified (UTC)", 19.0),
        ("SSO", 20.0),
        ("Auto-join", 10.0),
        ("SAML", 8.0),
        ("SCIM", 8.0),
    ];
    Some(Table::new(&heads, rows.collect()))
}

fn sent_flag(sent: Sent<bool>) -> Cell<'static> {
    Cell::flag(sent.flatten())
}

pub(super) fn settings(report: &AccessReport) -> Option<Table<'_>> {
    let settings = document(report)?.settings.as_ref()?;
    let mut rows: Vec<Vec<Cell<'_>>> = settings_in_words(settings)
        .into_iter()
        .map(|(what, value)| vec![Cell::text(sentence(what)), Cell::text(value)])
        .collect();
    if let Some(role) = &settings.default_role_id {
        let name = match role {
            None => Cow::Borrowed("none"),
            Some(id) => {
                let known = report.roles.iter().find(|role| *role.id.resource == **id);
                known.map_or(id.as_str().into(), |role| role.name.to_string().into())
            }
        };
        rows.push(vec![
            Cell::text("Role that new members get"),
            Cell::text(name),
        ]);
    }
    if let Some(features) = &settings.available_product_features {
        let names = match features {
            Some(names) if !names.is_empty() => names.join(", "),
            _ => "none".to_owned(),
        };
        rows.push(vec![Cell::text("Features of the plan"), Cell::text(names)]);
    }
    Some(Table::new(&[("Setting", 56.0), ("Value", 40.0)], rows))
}

/// The same words with a capital letter at the beginning.
pub(super) fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

pub(super) fn references(report: &AccessReport) -> Option<Table<'_>> {
    let rows = document(report)?.role_external_references.as_ref()?.iter();
    let rows = rows.map(|row: &RoleReference| {
        let id = sent_text(&row.role_id);
        let role = report.roles.iter().find(|role| *role.id.resource == *id);
        vec![
            Cell::text(role.map_or(id, |role| &role.name)),
            Cell::text(sent_text(&row.provider)),
            Cell::text(external_group(row)),
            Cell::text(sent_text(&row.provider_organization_id)),
            Cell::sent_time(sent_text(&row.created_at)),
        ]
    });
    let heads = [
        ("Role", 30.0),
        ("Provider", 16.0),
        ("External group", 30.0),
        ("External organization", 30.0),
        ("Since (UTC)", 19.0),
    ];
    Some(Table::new(&heads, rows.collect()))
}

/// Settings, domains and external references in one table; `None` if nothing is known of them.
pub(super) fn surroundings(report: &AccessReport) -> Option<Table<'_>> {
    let mut rows = Vec::new();
    if let Some(settings) = settings(report) {
        let of_organization = settings.rows.map(|mut row| {
            row.cells.insert(0, Cell::text("organization"));
            row.cells
        });
        rows.extend(of_organization);
    }
    for (kind, table) in [("domain", domains(report)), ("role", references(report))] {
        let Some(table) = table else { continue };
        let heads: Vec<&str> = table.heads.iter().map(|head| head.text).collect();
        for row in table.rows {
            let mut cells = row.cells.into_iter();
            let name = cells.next().map(|cell| words(&cell).into_owned());
            let about = format!("{kind} {}", name.unwrap_or_default());
            let known = heads[1..].iter().zip(cells);
            let known = known.filter(|(_, cell)| *cell != Cell::Empty);
            rows.extend(
                known.map(|(head, cell)| vec![Cell::text(about.clone()), Cell::text(*head), cell]),
            );
        }
    }
    let heads = [("About", 40.0), ("Setting", 56.0), ("Value", 40.0)];
    document(report).map(|_| Table::new(&heads, rows))
}

/// What about the organization was not read, and why.
pub(super) fn not_read(report: &AccessReport) -> Vec<(String, String)> {
    match &report.document {
        FoundDocument::Found(document) => document
            .not_read
            .iter()
            .map(|list| (list.words().to_owned(), list.reason.clone()))
            .collect(),
        FoundDocument::NotUnderstood(why) => {
            vec![("settings, domains and invitations".to_owned(), why.clone())]
        }
        FoundDocument::Absent => vec![(
            "settings, domains and invitations".to_owned(),
            report.why_no_document.to_owned(),
        )],
    }
}

/// Changes as rows; `None` without an older snapshot.
pub(super) fn changes(report: &AccessReport) -> Option<Table<'_>> {
    let sections = diff::in_sections(report.comparison.as_ref()?).sections;
    let count = sections.iter().map(|section| section.entries.len()).sum();
    let rows = sections.into_iter().flat_map(|section| {
        let heading = section.heading;
        section.entries.into_iter().map(move |entry| {
            vec![
                Cell::text(heading),
                Cell::text(entry.who),
                Cell::text(entry.what),
                Cell::text(entry.id),
            ]
        })
    });
    let heads = [
        ("Kind", 30.0),
        ("Who or what", 44.0),
        ("Change", 70.0),
        ("ID", 48.0),
    ];
    Some(Table::lazy(&heads, count, rows))
}

/// The organization over time as rows, oldest first; `None` without a history.
pub(super) fn history(report: &AccessReport) -> Option<Table<'_>> {
    let runs = &report.history.as_ref()?.runs;
    let rows = runs.iter().map(|run| {
        let figure = |figure: fn(&RunFigures) -> u64| {
            let n = run.figures.as_ref().map(figure);
            n.map_or(Cell::Empty, Cell::Number)
        };
        let changes = run.change.as_ref().map(|change| change.headline.as_str());
        vec![
            Cell::Time(run.captured_at.as_utc),
            figure(|of| of.members),
            figure(|of| of.privileged),
            figure(|of| of.findings),
            run.content.grants.map_or(Cell::Empty, Cell::Number),
            changes.map_or(Cell::Empty, Cell::text),
            Cell::text(run.file.as_str()),
        ]
    });
    let heads = [
        ("Captured (UTC)", 20.0),
        ("Members", 10.0),
        ("Owners and administrators", 14.0),
        ("Findings", 10.0),
        ("Grants", 10.0),
        ("Changes since the snapshot before", 70.0),
        ("File", 44.0),
    ];
    Some(Table::lazy(&heads, runs.len(), rows))
}

/// The text of a cell that is not a date or a number of a workbook.
pub(super) fn words<'r>(cell: &'r Cell<'r>) -> Cow<'r, str> {
    match cell {
        Cell::Empty => "".into(),
        Cell::Text(text) => (&**text).into(),
        Cell::Number(n) => n.to_string().into(),
        Cell::Time(at) => at.to_seconds().into(),
        Cell::Day(at) => at.to_day().into(),
        Cell::Flag(flag) => yes_no(*flag).into(),
        Cell::Severity(severity) => severity.as_str().into(),
    }
}

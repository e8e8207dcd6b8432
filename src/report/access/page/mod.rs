//! The access report as one self-contained HTML page, which needs nothing from anywhere else and works without its script.
//!
//! | file | contains |
//! |---|---|
//! | `page.html` | the template |
//! | `page.css`, `page.js` | the one style and the one script, both named by hash in the page's policy |
//! | `chart.rs` | charts |
//! | `escape.rs` | how text becomes part of the page |

mod chart;
mod escape;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::columns::{Cell, Context};
use super::tables::{self, Detail, Table, Which};
use super::{AccessReport, Holder, PersonRow, RoleRow, glance};
use crate::model::{Comparison, Gap, History, Severity};
use crate::report::audit::{headline, note_on_2fa};
use crate::report::{diff, shell_word};
use chart::{Chart, chart};
use escape::{anchor, css_string};

/// The most rows of a table on the page. Browsers get slow with more, and nobody reads them.
pub const MAX_ROWS: usize = 5_000;
/// The most rows of all tables of role holders together.
pub const MAX_HOLDERS: usize = 25_000;
/// The most cells of the matrix of people and roles.
const MAX_CELLS: usize = 60_000;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the page.
///
/// # Errors
/// When the output cannot be written.
pub fn write_page(report: &AccessReport, out: &mut dyn Write) -> io::Result<()> {
    let context = Context::new(report);
    Page::of(report, &context).write_into(out)
}

#[derive(Template)]
#[template(path = "page.html", config = "src/report/access/page/askama.toml")]
struct Page<'r> {
    version: &'static str,
    policy: String,
    style: String,
    script: &'static str,
    title: &'r str,
    organization: &'r str,
    captured: String,
    digest: &'r str,
    reviewer: Option<&'r str>,
    /// The anchors of the sections, and their titles.
    sections: Vec<(&'static str, &'static str)>,
    file: &'r str,
    file_word: String,
    sha256: &'r str,
    evidence: Vec<(&'static str, String)>,
    lists: Option<TableView<'r>>,
    without_evidence: Option<&'static str>,
    all_proved: &'static str,
    unproved: &'r [String],
    warnings: &'r [String],
    figures: Vec<glance::Figure>,
    charts: Vec<Chart>,
    roles_unknown: Option<&'r str>,
    findings_headline: String,
    judged_at: String,
    findings_since: Option<&'r str>,
    note_on_2fa: Option<&'static str>,
    rules: TableView<'r>,
    findings: Vec<(&'static str, TableView<'r>)>,
    accepted: TableView<'r>,
    unmatched: TableView<'r>,
    not_judged: TableView<'r>,
    people: TableView<'r>,
    roles: TableView<'r>,
    held: Vec<RoleView<'r>>,
    with_entitlements: bool,
    /// How many roles have holders that are not shown at all.
    roles_left_out: usize,
    holders_in: String,
    matrix: Result<Matrix<'r>, String>,
    matrix_in: String,
    not_read: Vec<(String, String)>,
    has_document: bool,
    invitations: Option<TableView<'r>>,
    domains: Option<TableView<'r>>,
    settings: Option<TableView<'r>>,
    references: Option<TableView<'r>>,
    changes: Option<Changes<'r>>,
    changes_in: String,
    history: Option<HistoryView<'r>>,
}

/// The organization over time.
struct HistoryView<'r> {
    charts: Vec<Chart>,
    gaps: Vec<String>,
    warnings: &'r [String],
    runs: TableView<'r>,
}

/// A table as the template writes it.
struct TableView<'r> {
    /// Its name in anchors and in the address.
    key: &'static str,
    caption: String,
    heads: Vec<HeadView>,
    rows: Vec<RowView<'r>>,
    /// How many rows are not shown.
    left_out: usize,
    /// What has all rows.
    all_in: String,
}

struct HeadView {
    text: &'static str,
    is_number: bool,
}

struct RowView<'r> {
    anchor: Option<Cow<'r, str>>,
    cells: Vec<CellView>,
}

struct CellView {
    text: String,
    is_number: bool,
    /// Its class, as an attribute.
    class: &'static str,
    severity: Option<&'static str>,
}

/// A role with its holders.
struct RoleView<'r> {
    anchor: Cow<'r, str>,
    name: &'r str,
    /// How many hold it, in words.
    grants: String,
    holders: Vec<HolderView<'r>>,
    left_out: u64,
}

struct HolderView<'r> {
    who: Cow<'r, str>,
    what: &'r str,
    since: String,
}

/// Who holds which role.
struct Matrix<'r> {
    roles: Vec<&'r str>,
    rows: Vec<MatrixRow<'r>>,
    left_out: usize,
}

struct MatrixRow<'r> {
    name: &'r str,
    held: Vec<bool>,
}

/// What changed since the older snapshot.
struct Changes<'r> {
    headline: String,
    old_file: &'r str,
    old_captured: String,
    old_digest: &'r str,
    warnings: Vec<String>,
    sections: Vec<diff::Section<'r>>,
    left_out: usize,
}

impl<'r> Page<'r> {
    fn of(report: &'r AccessReport, context: &'r Context<'r>) -> Self {
        let source = &report.source;
        let file_word = shell_word(&source.file);
        let all = Exports {
            file: file_word.clone(),
        };
        let organization = report.organization().unwrap_or(&source.file);
        let captured = source.captured_at.to_string();
        let style = style(&report.subject(), &captured, &source.content_digest);
        let evidence = report.evidence.as_ref();
        let audit = &report.audit;
        let view = |key, caption: &str, table| TableView::of(key, caption, table, all.workbook());
        let found = |key, caption: &str, table: Option<Table<'r>>| {
            table.map(|table| view(key, caption, table))
        };
        let findings = Severity::ALL.into_iter().map(|severity| {
            let table = tables::findings(report, Which::Open(severity));
            let key = severity.as_str();
            let caption = format!("{} ({})", tables::sentence(key), table.count);
            let all_in = all.of(&format!("audit -o csv {}", all.file));
            (
                severity.as_str(),
                TableView::of(key, &caption, table, all_in),
            )
        });
        let findings = findings.filter(|(_, table)| !table.rows.is_empty());
        let counted = |key, title: &str, table: Table<'r>| {
            let caption = format!("{title} ({})", table.count);
            view(key, &caption, table)
        };
        let (held, roles_left_out) = held(report);
        let charts = glance::series(report).into_iter().enumerate();
        let charts = charts.map(|(at, series)| chart(at, &series));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            policy: policy(&style),
            script: SCRIPT,
            title: report.title(),
            organization,
            digest: &source.content_digest,
            reviewer: report.reviewer.as_deref(),
            sections: [
                Some(("evidence", "Evidence")),
                Some(("glance", "At a glance")),
                Some(("findings", "Findings")),
                Some(("people", "People")),
                Some(("roles", "Roles")),
                Some(("matrix", "Matrix")),
                Some(("invitations", "Invitations, domains, settings")),
                Some(("changes", "Changes")),
                report.history.as_ref().map(|_| ("history", "History")),
                Some(("sign-off", "Sign-off")),
            ]
            .into_iter()
            .flatten()
            .collect(),
            file: &source.file,
            sha256: &source.sha256,
            evidence: tables::evidence(report)
                .into_iter()
                .map(|(label, cell)| (label, tables::words(&cell).into_owned()))
                .collect(),
            lists: found("lists", "Lists that were read", tables::lists(report)),
            without_evidence: match evidence {
                Some(_) => None,
                None => Some(tables::WITHOUT_EVIDENCE),
            },
            all_proved: tables::ALL_PROVED,
            unproved: evidence.map_or(&[], |evidence| &evidence.unproved),
            warnings: evidence.map_or(&[], |evidence| &evidence.warnings),
            figures: glance::figures(report),
            charts: charts.collect(),
            roles_unknown: report.roles_unknown.as_deref(),
            findings_headline: tables::sentence(&headline(audit)),
            judged_at: audit.judged_at.to_seconds(),
            findings_since: audit.since.as_ref().map(|older| older.file.as_str()),
            note_on_2fa: note_on_2fa(audit),
            rules: view("rules", "Rules with findings", tables::rules(report)),
            findings: findings.collect(),
            accepted: counted(
                "accepted",
                "Accepted",
                tables::findings(report, Which::Accepted),
            ),
            unmatched: counted(
                "unmatched",
                "Acceptances that accept nothing",
                tables::unmatched(report),
            ),
            not_judged: counted(
                "not-judged",
                "Not judged, or only in part",
                tables::not_judged(report),
            ),
            people: TableView::of(
                "people",
                "People",
                tables::people(context, Detail::Page),
                all.table("users"),
            ),
            roles: TableView::of("roles", "Roles", tables::roles(context), all.table("roles")),
            with_entitlements: !report.has_plain_roles(),
            held,
            roles_left_out,
            holders_in: all.table("grants"),
            matrix: matrix(report, &all),
            matrix_in: all.table("grants"),
            not_read: tables::not_read(report),
            has_document: report.document.document().is_some(),
            invitations: found("pending", "Invitations", tables::invitations(report)),
            domains: found("domains", "Domains", tables::domains(report)),
            settings: found("settings", "Settings", tables::settings(report)),
            references: found(
                "references",
                "External references of roles",
                tables::references(report),
            ),
            changes: report.comparison.as_ref().map(changes),
            changes_in: all.workbook(),
            history: report.history.as_ref().zip(tables::history(report)).map(
                |(history, table)| HistoryView {
                    charts: over_time(history),
                    gaps: history.gaps.iter().map(gap).collect(),
                    warnings: &history.warnings,
                    runs: view("runs", "Snapshots, oldest first", table),
                },
            ),
            file_word,
            captured,
            style,
        }
    }
}

/// The charts of a history. Their numbers follow those of the charts at a glance.
fn over_time(history: &History) -> Vec<Chart> {
    let series = glance::history_series(history).into_iter().enumerate();
    series
        .map(|(at, series)| chart(glance::MAX_SERIES + at, &series))
        .collect()
}

fn gap(gap: &Gap) -> String {
    format!(
        "No snapshot between {} and {} UTC",
        gap.after.to_seconds(),
        gap.by.to_seconds()
    )
}

/// What to run for rows that the page leaves out.
struct Exports {
    /// The snapshot, as a word of a command line.
    file: String,
}

impl Exports {
    fn of(&self, arguments: &str) -> String {
        format!("`posthog-c1z {arguments}` has all of them.")
    }

    fn workbook(&self) -> String {
        self.of(&format!("report --out access.xlsx {}", self.file))
    }

    fn table(&self, table: &str) -> String {
        format!(
            "`posthog-c1z export csv --table {table} {file}` and the workbook of `posthog-c1z report --out access.xlsx {file}` \
             have all of them.",
            file = self.file
        )
    }
}

/// The style, with the header of printed pages.
fn style(subject: &str, captured: &str, digest: &str) -> String {
    let left = css_string(&format!("{subject}, {captured}"));
    let right = css_string(digest);
    let font = "font: 7.5pt system-ui, sans-serif; color: #444;";
    format!(
        "{STYLE}@page {{ @top-left {{ content: {left}; {font} }} @top-right {{ content: {right}; {font} }} }}\n"
    )
}

/// The policy of the page: nothing is loaded from anywhere, and nothing but this style and this script runs.
fn policy(style: &str) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; form-action 'none'; base-uri 'none'",
        hash(style),
        hash(SCRIPT)
    )
}

impl<'r> TableView<'r> {
    fn of(key: &'static str, caption: &str, table: Table<'r>, all_in: String) -> Self {
        let rows: Vec<RowView<'r>> = table
            .rows
            .take(MAX_ROWS)
            .map(|row| RowView {
                anchor: row.anchor.map(anchor),
                cells: row.cells.iter().map(CellView::of).collect(),
            })
            .collect();
        // A column is one of numbers if everything known in it is.
        let is_number = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.cells.get(at));
            let mut known = cells.filter(|cell| !cell.text.is_empty()).peekable();
            known.peek().is_some() && known.all(|cell| cell.is_number)
        };
        let heads = table.heads.iter().enumerate();
        Self {
            key,
            caption: caption.to_owned(),
            heads: heads
                .map(|(at, head)| HeadView {
                    text: head.text,
                    is_number: is_number(at),
                })
                .collect(),
            left_out: table.count - rows.len(),
            rows,
            all_in,
        }
    }
}

impl CellView {
    fn of(cell: &Cell<'_>) -> Self {
        let text = tables::words(cell).into_owned();
        Self {
            is_number: matches!(cell, Cell::Number(_)),
            class: match cell {
                Cell::Number(_) => " class=n",
                Cell::Time(_) => " class=t",
                _ if has_long_word(&text) => " class=x",
                _ if text.len() > LONG_TEXT => " class=l",
                _ => "",
            },
            text,
            severity: match cell {
                Cell::Severity(severity) => Some(severity.as_str()),
                _ => None,
            },
        }
    }
}

/// From how many bytes on a printed column is wide.
const LONG_TEXT: usize = 40;

/// Whether a printed column cannot be as wide as the longest word.
fn has_long_word(text: &str) -> bool {
    const LONG: usize = 20;
    let mut words = text.split(' ');
    text.len() > LONG && words.any(|word| word.len() > LONG)
}

/// Roles with their holders, and the number of roles whose holders are not shown.
fn held(report: &AccessReport) -> (Vec<RoleView<'_>>, usize) {
    let namesakes = Namesakes::of(&report.people);
    let is_shown = |role: &&RoleRow| role.grants == 0 || !role.holders.is_empty();
    let shown = report.roles.iter().filter(is_shown).take(MAX_ROWS);
    let views: Vec<_> = shown
        .map(|role| RoleView {
            anchor: anchor(tables::role_anchor(role)),
            name: &role.name,
            grants: match (role.grants, report.has_plain_roles()) {
                (1, true) => "1 holder".to_owned(),
                (n, true) => format!("{n} holders"),
                (1, false) => format!("{}, 1 grant", role.type_name),
                (n, false) => format!("{}, {n} grants", role.type_name),
            },
            holders: role
                .holders
                .iter()
                .map(|holder| HolderView {
                    who: who(report, holder, &namesakes),
                    what: &holder.entitlement,
                    since: tables::words(&holder.since.map_or(Cell::Empty, Cell::Day)).into_owned(),
                })
                .collect(),
            left_out: role.grants - role.holders.len() as u64,
        })
        .collect();
    let left_out = report.roles.len() - views.len();
    (views, left_out)
}

/// The name of a holder, with what tells people of the same name apart.
fn who<'r>(
    report: &'r AccessReport,
    holder: &'r Holder,
    namesakes: &Namesakes<'_>,
) -> Cow<'r, str> {
    let name = report.holder_name(holder);
    let Some(person) = report.person(holder) else {
        return name.into();
    };
    let mut who = Cow::Borrowed(name);
    if let Some(mark) = namesakes.mark(person) {
        who = format!("{name} ({mark})").into();
    }
    if !person.is_listed {
        who = format!("{who} (not in the member list)").into();
    }
    who
}

/// The people of each name that several have.
struct Namesakes<'r>(HashMap<&'r str, Vec<&'r PersonRow>>);

impl<'r> Namesakes<'r> {
    fn of(people: &'r [PersonRow]) -> Self {
        let mut all = HashMap::<&str, Vec<&PersonRow>>::new();
        for person in people {
            all.entry(&*person.name).or_default().push(person);
        }
        all.retain(|_, people| people.len() > 1);
        Self(all)
    }

    /// What tells a person apart from others of the same name: the address before the `@` if that is enough, else the whole
    /// address, else the id. Names and addresses take most of a page.
    fn mark<'p>(&self, person: &'p PersonRow) -> Option<&'p str> {
        let others = self.0.get(&*person.name)?;
        let local = |email: &'p str| email.split('@').next().unwrap_or(email);
        let email = &*person.email;
        let is_alone = |differs: &dyn Fn(&str) -> bool| {
            let mut others = others.iter().filter(|other| other.id != person.id);
            !email.is_empty() && others.all(|other| differs(&other.email))
        };
        Some(
            if is_alone(&|other| {
                let other = other.split('@').next().unwrap_or(other);
                !other.eq_ignore_ascii_case(local(email))
            }) {
                local(email)
            } else if is_alone(&|other| other != email) {
                email
            } else {
                &person.id.resource
            },
        )
    }
}

/// Who holds which role, if that is not too much to read.
fn matrix<'r>(report: &'r AccessReport, all: &Exports) -> Result<Matrix<'r>, String> {
    if report.roles_unknown.is_some() {
        return Err("Roles and who holds them are not known.".to_owned());
    }
    if report.people.is_empty() || report.roles.is_empty() {
        return Err("There are no people or no roles.".to_owned());
    }
    let cells = report.people.len().saturating_mul(report.roles.len());
    if cells > MAX_CELLS {
        return Err(format!(
            "{} people and {} roles are more than a page can show. {}",
            report.people.len(),
            report.roles.len(),
            all.workbook()
        ));
    }
    let rows = report.people.iter().take(MAX_ROWS).map(|person| {
        let mut held = vec![false; report.roles.len()];
        for at in &person.roles {
            held[*at as usize] = true;
        }
        MatrixRow {
            name: &person.name,
            held,
        }
    });
    let rows: Vec<_> = rows.collect();
    Ok(Matrix {
        roles: report.roles.iter().map(|role| &*role.name).collect(),
        left_out: report.people.len() - rows.len(),
        rows,
    })
}

/// The first changes, and how many more there are.
fn changes(comparison: &Comparison) -> Changes<'_> {
    let diff::Sections { headline, sections } = diff::in_sections(comparison);
    let mut room = MAX_ROWS;
    let mut left_out = 0;
    let shown = sections.into_iter().filter_map(|mut section| {
        left_out += section.entries.len().saturating_sub(room);
        section.entries.truncate(room);
        room -= section.entries.len();
        (!section.entries.is_empty()).then_some(section)
    });
    let sections = shown.collect();
    Changes {
        headline: tables::sentence(&headline),
        old_file: &comparison.old.file,
        old_captured: comparison.old.captured_at.to_string(),
        old_digest: &comparison.old.content_digest,
        warnings: comparison.all_warnings().collect(),
        sections,
        left_out,
    }
}

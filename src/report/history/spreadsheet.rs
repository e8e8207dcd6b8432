//! The report of `history` as CSV for a spreadsheet, under the field names of the JSON document.

use std::io::{self, Write};

use super::{Detail, in_order};
use crate::model::{AsOf, History, HistoryAnswer, Interval, Leaver, SpanValue, Story, Timestamp};
use crate::report::Page;
use crate::report::sheet::{BYTE_ORDER_MARK, Formulas, Sheet};

pub(super) fn write(
    history: &History,
    detail: Detail,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    if !page.is_terminal {
        out.write_all(BYTE_ORDER_MARK)?;
    }
    match &history.answer {
        HistoryAnswer::Log => write_runs(history, detail, out),
        HistoryAnswer::Person(story) | HistoryAnswer::Role(story) => write_spans(story, out),
        HistoryAnswer::AsOf(as_of) => write_people(as_of, out),
        HistoryAnswer::Left(leavers) => write_leavers(leavers, out),
    }
}

fn write_runs(history: &History, detail: Detail, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [&str; 10] = [
        "captured_at",
        "file",
        "sync_id",
        "users",
        "roles",
        "grants",
        "content_digest",
        "headline",
        "not_compared",
        "gap_since",
    ];
    let mut sheet = Sheet::new(out, Formulas::Disarm, &COLUMNS)?;
    for (run, gap) in in_order(history, detail) {
        let change = run.change.as_ref();
        let not_compared = change.map(|change| change.not_compared.join(", "));
        sheet.push([
            run.captured_at.as_utc.to_string().as_str(),
            &run.file,
            &run.sync_id,
            &run.content.users.to_string(),
            &number(run.content.roles),
            &number(run.content.grants),
            &run.content.content_digest,
            change.map_or("", |change| &change.headline),
            &not_compared.unwrap_or_default(),
            &time(gap.map(|gap| gap.after)),
        ])?;
    }
    sheet.finish()
}

fn write_spans(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [&str; 8] = [
        "what",
        "value",
        "name",
        "email",
        "from_after",
        "from_by",
        "until_after",
        "until_by",
    ];
    let mut sheet = Sheet::new(out, Formulas::Disarm, &COLUMNS)?;
    for span in &story.spans {
        let value = match &span.value {
            None => "",
            Some(SpanValue::Text(text)) => text,
            Some(SpanValue::Flag(on)) => flag(Some(*on)),
        };
        let after = |interval: Option<Interval>| time(interval.and_then(|of| of.after));
        let by = |interval: Option<Interval>| time(interval.map(|of| of.by));
        sheet.push([
            span.of.as_str(),
            value,
            span.named.name.as_deref().unwrap_or_default(),
            span.named.email.as_deref().unwrap_or_default(),
            &after(Some(span.from)),
            &by(Some(span.from)),
            &after(span.until),
            &by(span.until),
        ])?;
    }
    sheet.finish()
}

/// One row for each role of a person; one without a role for a person who holds none.
fn write_people(as_of: &AsOf, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [&str; 11] = [
        "captured_at",
        "file",
        "id",
        "name",
        "email",
        "listed_as_member",
        "seat",
        "two_factor",
        "role_id",
        "role",
        "roles_read",
    ];
    let mut sheet = Sheet::new(out, Formulas::Disarm, &COLUMNS)?;
    let captured_at = as_of.captured_at.as_utc.to_string();
    let nothing = (String::new(), String::new());
    for person in &as_of.people {
        let roles = match person.roles.as_deref() {
            None | Some([]) => std::slice::from_ref(&nothing),
            Some(roles) => roles,
        };
        for (id, name) in roles {
            sheet.push([
                captured_at.as_str(),
                &as_of.file,
                &person.id,
                &person.name,
                person.email.as_deref().unwrap_or_default(),
                flag(Some(person.is_listed)),
                person.seat.as_deref().unwrap_or_default(),
                flag(person.two_factor),
                id,
                name,
                flag(Some(as_of.knows_roles)),
            ])?;
        }
    }
    sheet.finish()
}

fn write_leavers(leavers: &[Leaver], out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [&str; 9] = [
        "email",
        "left_at",
        "id",
        "last_with",
        "first_without",
        "at_least_seconds",
        "at_most_seconds",
        "back_at",
        "verdict",
    ];
    let mut sheet = Sheet::new(out, Formulas::Disarm, &COLUMNS)?;
    for leaver in leavers {
        sheet.push([
            leaver.email.as_str(),
            &time(leaver.left_at),
            leaver.id.as_deref().unwrap_or_default(),
            &time(leaver.last_with),
            &time(leaver.first_without),
            &number(leaver.at_least_seconds),
            &number(leaver.at_most_seconds),
            &time(leaver.back_at),
            leaver.verdict.map_or("", |verdict| verdict.as_str()),
        ])?;
    }
    sheet.finish()
}

fn flag(flag: Option<bool>) -> &'static str {
    match flag {
        None => "",
        Some(true) => "true",
        Some(false) => "false",
    }
}

fn number(n: Option<u64>) -> String {
    n.map(|n| n.to_string()).unwrap_or_default()
}

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

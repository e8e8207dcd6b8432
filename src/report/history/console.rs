//! The report of `history` as text for a terminal. A log has one entry for each run that changed something, the newest last, so
//! that it is at the end of the screen.

use std::io::{self, Write};

use super::{Detail, in_order};
use crate::model::{
    AsOf, Gap, History, HistoryAnswer, HistoryRun, Interval, Leaver, Punctuality, RunContent, Span,
    SpanOf, SpanValue, Story, Timestamp, on_off,
};
use crate::report::{Column, Page, Table, duration, labeled, printable, style, wrap};

pub(super) fn write(
    history: &History,
    detail: Detail,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    match &history.answer {
        HistoryAnswer::Log => write_log(history, detail, page, out),
        HistoryAnswer::Person(story) => write_person(story, page, out),
        HistoryAnswer::Role(story) => write_role(story, page, out),
        HistoryAnswer::AsOf(as_of) => write_as_of(as_of, page, out),
        HistoryAnswer::Left(leavers) => write_leavers(leavers, page, out),
    }
}

/// An entry of a log.
enum Entry<'h> {
    Run(&'h HistoryRun, Option<&'h RunContent>),
    /// Runs without changes, and the newest of them.
    Unchanged(usize, &'h HistoryRun),
    Gap(Gap),
}

/// Returns the entries, oldest first.
fn entries<'h>(history: &'h History, detail: Detail) -> Vec<Entry<'h>> {
    let mut entries: Vec<Entry<'h>> = Vec::new();
    let mut before: Option<&RunContent> = None;
    let mut not_compared: &[String] = &[];
    let oldest_first = Detail {
        newest_first: false,
        ..detail
    };
    for (run, gap) in in_order(history, oldest_first) {
        entries.extend(gap.map(Entry::Gap));
        // What a run did not read, and the next run did, is worth an entry.
        let is_unchanged = run.change.as_ref().is_some_and(|change| {
            change.is_empty()
                && (change.not_compared.is_empty() || change.not_compared == not_compared)
        });
        let same_parts = before.is_some_and(|of| of.roles.is_some() == run.content.roles.is_some());
        not_compared = run.change.as_ref().map_or(&[], |of| &of.not_compared);
        if is_unchanged && same_parts && !detail.every_run {
            match entries.last_mut() {
                Some(Entry::Unchanged(n, last)) => {
                    *n += 1;
                    *last = run;
                }
                _ => entries.push(Entry::Unchanged(1, run)),
            }
        } else {
            entries.push(Entry::Run(run, before));
        }
        before = Some(&run.content);
    }
    entries
}

fn write_log(history: &History, detail: Detail, page: Page, out: &mut dyn Write) -> io::Result<()> {
    let heading = style::wanted(style::HEADING, page.styled);
    let warning = style::wanted(style::WARNING, page.styled);
    let width = page.terminal_width();
    let mut entries = entries(history, detail);
    if detail.newest_first {
        entries.reverse();
    }
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        match entry {
            Entry::Run(run, before) => {
                let line = format!("{}  {}", run.captured_at, printable(&run.file));
                writeln!(out, "{heading}{}{heading:#}", wrap(&line, width, 4))?;
                let headline = match &run.change {
                    Some(change) => printable(&change.headline).into_owned(),
                    None => "the first snapshot".to_owned(),
                };
                writeln!(out, "{}", wrap(&format!("    {headline}"), width, 4))?;
                let counts = format!("    {}", counts(&run.content, *before));
                writeln!(out, "{}", wrap(&counts, width, 4))?;
                let not_compared = run.change.iter().flat_map(|of| &of.not_compared);
                let not_compared: Vec<&str> = not_compared.map(String::as_str).collect();
                if !not_compared.is_empty() {
                    let line = format!("    not compared: {}", not_compared.join(", "));
                    writeln!(out, "{}", wrap(&line, width, 4))?;
                }
            }
            Entry::Unchanged(n, last) => {
                let line = match n {
                    1 => format!("1 unchanged, captured {}", last.captured_at),
                    n => format!("{n} unchanged, the last captured {}", last.captured_at),
                };
                writeln!(out, "{}", wrap(&line, width, 4))?;
            }
            Entry::Gap(gap) => {
                let (after, by) = (gap.after.to_seconds(), gap.by.to_seconds());
                let line = format!("gap: no snapshot between {after} and {by} UTC");
                writeln!(out, "{warning}{}{warning:#}", wrap(&line, width, 4))?;
            }
        }
    }
    Ok(())
}

/// "45 users (+2), 8 roles, 80 grants (−1)"
fn counts(now: &RunContent, before: Option<&RunContent>) -> String {
    let part = |now: u64, before: Option<u64>, one: &str, many: &str| {
        let what = if now == 1 { one } else { many };
        let delta = match before {
            Some(before) if before < now => format!(" (+{})", now - before),
            Some(before) if before > now => format!(" (−{})", before - now),
            _ => String::new(),
        };
        format!("{now} {what}{delta}")
    };
    let users = part(now.users, before.map(|of| of.users), "user", "users");
    let (Some(roles), Some(grants)) = (now.roles, now.grants) else {
        return format!("{users}; roles were not read");
    };
    let roles = part(roles, before.and_then(|of| of.roles), "role", "roles");
    let grants = part(grants, before.and_then(|of| of.grants), "grant", "grants");
    format!("{users}, {roles}, {grants}")
}

fn write_person(story: &Story, page: Page, out: &mut dyn Write) -> io::Result<()> {
    let width = page.terminal_width();
    writeln!(out, "{}", labeled("name", &story.name, width))?;
    if let Some(email) = &story.email {
        writeln!(out, "{}", labeled("e-mail", email, width))?;
    }
    writeln!(out, "{}", labeled("id", &story.id, width))?;
    writeln!(out, "{}", labeled("times", "UTC", width))?;
    if story.spans.iter().all(|span| span.of != SpanOf::Member) {
        let note = "no snapshot has this person in its member list";
        writeln!(out, "{}", labeled("note", note, width))?;
    }
    for (of, head) in [
        (SpanOf::Member, "In the member list"),
        (SpanOf::Seat, "Seat"),
        (SpanOf::Role, "Roles"),
        (SpanOf::TwoFactor, "2FA"),
        (SpanOf::Email, "E-mail"),
        (SpanOf::Name, "Name"),
    ] {
        let spans = story.spans.iter().filter(|span| span.of == of);
        write_spans(head, spans, page, out)?;
    }
    Ok(())
}

fn write_role(story: &Story, page: Page, out: &mut dyn Write) -> io::Result<()> {
    let width = page.terminal_width();
    writeln!(out, "{}", labeled("role", &story.name, width))?;
    writeln!(out, "{}", labeled("id", &story.id, width))?;
    writeln!(out, "{}", labeled("times", "UTC", width))?;
    if story.spans.is_empty() {
        return writeln!(out, "\nno snapshot shows a holder");
    }
    let (ended, held): (Vec<_>, Vec<_>) = story.spans.iter().partition(|span| span.until.is_some());
    write_spans("Holders", held.into_iter(), page, out)?;
    write_spans("Former holders", ended.into_iter(), page, out)
}

fn write_spans<'s>(
    head: &str,
    spans: impl Iterator<Item = &'s Span>,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let style = style::wanted(style::HEADING, page.styled);
    for (at, span) in spans.enumerate() {
        if at == 0 {
            writeln!(out, "\n{style}{head}{style:#}")?;
        }
        let time = match span.until {
            Some(until) => format!("from {}, until {}", start(span.from), in_words(until)),
            None => format!("from {}", start(span.from)),
        };
        let line = match subject(span) {
            Some(subject) => format!("  {}: {time}", printable(&subject)),
            None => format!("  {time}"),
        };
        writeln!(out, "{}", wrap(&line, page.terminal_width(), 6))?;
    }
    Ok(())
}

/// What was true: nothing for being in the member list.
fn subject(span: &Span) -> Option<String> {
    let value = match (&span.value, span.of) {
        (_, SpanOf::Member) | (None, _) => return None,
        (Some(SpanValue::Flag(flag)), _) => on_off(Some(*flag)).to_owned(),
        (Some(SpanValue::Text(text)), _) => text.clone(),
    };
    let who = match (&span.named.name, &span.named.email) {
        (Some(name), Some(email)) if name != email => format!("{name} <{email}>"),
        (Some(name), _) => name.clone(),
        (None, _) => value,
    };
    Some(match span.named.is_listed {
        Some(false) => format!("{who} (not in the member list)"),
        _ => who,
    })
}

/// A start: "2026-06-01 02:00:07 or earlier" if the first capture already shows it.
fn start(from: Interval) -> String {
    match from.after {
        None => format!("{} or earlier", from.by.to_seconds()),
        Some(_) => in_words(from),
    }
}

/// "between 2026-06-15 02:00:07 and 2026-06-16 02:00:05", or the moment if it is known.
fn in_words(interval: Interval) -> String {
    let by = interval.by.to_seconds();
    match interval.after {
        Some(after) if !interval.is_exact() => format!("between {} and {by}", after.to_seconds()),
        _ => by,
    }
}

fn write_as_of(as_of: &AsOf, page: Page, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: &[Column] = &[
        Column::new("Name"),
        Column::new("E-mail"),
        Column::whole("Seat"),
        Column::whole("2FA"),
        Column::new("Roles"),
    ];
    let width = page.terminal_width();
    let asked = format!("{} UTC", as_of.asked.to_seconds());
    writeln!(out, "{}", labeled("as of", &asked, width))?;
    writeln!(
        out,
        "{}",
        labeled("captured", &as_of.captured_at.to_string(), width)
    )?;
    writeln!(out, "{}", labeled("file", &as_of.file, width))?;
    writeln!(out)?;
    if as_of.people.is_empty() {
        return writeln!(out, "nobody in this snapshot");
    }
    let mut table = Table::new(out, page, COLUMNS);
    for person in &as_of.people {
        let roles = match &person.roles {
            None => "not read".to_owned(),
            Some(roles) => {
                let names: Vec<&str> = roles.iter().map(|(_, name)| name.as_str()).collect();
                names.join(", ")
            }
        };
        let seat = person.seat.clone().unwrap_or_default();
        table.push(vec![
            person.name.to_string(),
            person.email.as_deref().unwrap_or_default().to_owned(),
            if person.is_listed {
                seat
            } else {
                "not listed".to_owned()
            },
            on_off(person.two_factor).to_owned(),
            roles,
        ])?;
    }
    table.finish()
}

fn write_leavers(leavers: &[Leaver], page: Page, out: &mut dyn Write) -> io::Result<()> {
    let width = page.terminal_width();
    if leavers.is_empty() {
        return writeln!(
            out,
            "nobody in the roster had left when the newest snapshot was captured"
        );
    }
    // People who share an address follow each other.
    let leavers = leavers
        .chunk_by(|a, b| a.email == b.email)
        .flat_map(|same| same.iter().map(|leaver| (leaver, same.len() > 1)));
    for (leaver, is_shared) in leavers {
        let left = match leaver.left_at {
            Some(at) => format!("left {}", at.to_seconds()),
            None => "left, without a date".to_owned(),
        };
        let verdict = leaver.verdict.map(|verdict| {
            let style = if verdict.fails() {
                style::WARNING
            } else {
                style::ADDED
            };
            (style::wanted(style, page.styled), verdict_in_words(verdict))
        });
        let email = printable(&leaver.email);
        let head = match &leaver.id {
            Some(id) if is_shared => format!("{email} ({left}, {})", printable(id)),
            _ => format!("{email} ({left})"),
        };
        match verdict {
            Some((style, words)) => writeln!(out, "{head}: {style}{words}{style:#}")?,
            None => writeln!(out, "{head}")?,
        }
        let line = format!("    {}", loss(leaver));
        writeln!(out, "{}", wrap(&line, width, 4))?;
        if let Some(back) = leaver.back_at {
            let line = format!(
                "    has access again in the capture of {}",
                back.to_seconds()
            );
            writeln!(out, "{}", wrap(&line, width, 4))?;
        }
    }
    Ok(())
}

fn verdict_in_words(verdict: Punctuality) -> &'static str {
    match verdict {
        Punctuality::InTime => "in time",
        Punctuality::Pending => "not due yet",
        Punctuality::Late => "too late",
        Punctuality::NotProved => "not proved",
    }
}

/// What the captures show of the loss of access.
fn loss(leaver: &Leaver) -> String {
    let at = |at: Timestamp| at.to_seconds();
    let long = |seconds: u64| duration(seconds.saturating_mul(1_000));
    match (leaver.last_with, leaver.first_without) {
        _ if leaver.id.is_none() => "no snapshot shows this address".to_owned(),
        (None, Some(without)) => format!("without access in the capture of {}", at(without)),
        (None, None) => "no snapshot shows access".to_owned(),
        (Some(with), None) => {
            let since = leaver.at_least_seconds.filter(|since| *since > 0).map(long);
            let since = since.map_or_else(String::new, |since| format!(", {since} after leaving"));
            format!(
                "has access in the capture of {}{since}, the last that shows it",
                at(with)
            )
        }
        (Some(with), Some(without)) => {
            let took = match (leaver.at_least_seconds, leaver.at_most_seconds) {
                (_, Some(0)) => ", before leaving".to_owned(),
                (Some(0), Some(most)) => format!(", at most {} after leaving", long(most)),
                (Some(least), Some(most)) => {
                    format!(", {} to {} after leaving", long(least), long(most))
                }
                _ => String::new(),
            };
            let (with, without) = (at(with), at(without));
            format!("lost access between {with} and {without}{took}")
        }
    }
}

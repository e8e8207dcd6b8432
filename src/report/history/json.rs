//! The report of `history` as JSON. `docs/history.md` describes the document. Its version is raised when a field is removed or
//! changes its meaning, not when one is added.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{Detail, in_order};
use crate::model::{
    AsOf, Gap, History, HistoryAnswer, HistoryRun, Interval, Leaver, NOT_READ_ROLES,
    OrganizationEvidence, PersonAsOf, Span, SpanValue, Story, Timestamp, Zone,
};

const SCHEMA: &str = "posthog-c1z.history";
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    schema_version: u32,
    organization: Option<&'a str>,
    organization_id: Option<&'a str>,
    runs: Vec<RunDocument<'a>>,
    gaps: Vec<GapDocument>,
    warnings: &'a [String],
    #[serde(flatten)]
    answer: Option<AnswerDocument<'a>>,
}

/// What was asked, under a name of its own.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum AnswerDocument<'a> {
    Person(StoryDocument<'a>),
    Role(StoryDocument<'a>),
    AsOf(AsOfDocument<'a>),
    Left(Vec<LeaverDocument<'a>>),
}

#[derive(Serialize)]
struct RunDocument<'a> {
    file: &'a str,
    sync_id: &'a str,
    captured_at: String,
    time_zone_known: bool,
    users: u64,
    /// `null` if they were not read.
    roles: Option<u64>,
    /// `null` if they were not read.
    grants: Option<u64>,
    content_digest: &'a str,
    /// The first line of `diff` against the run before; `null` for the first run.
    headline: Option<&'a str>,
    /// The number of changes of each kind; `null` for the first run.
    changes: Option<BTreeMap<&'static str, usize>>,
    /// What was not compared with the run before; `null` for the first run.
    not_compared: Option<&'a [String]>,
}

#[derive(Serialize)]
struct GapDocument {
    after: String,
    by: String,
}

#[derive(Serialize)]
struct IntervalDocument {
    after: Option<String>,
    by: String,
}

#[derive(Serialize)]
struct StoryDocument<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    spans: Vec<SpanDocument<'a>>,
}

#[derive(Serialize)]
struct SpanDocument<'a> {
    what: &'static str,
    value: Option<ValueDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    /// `false` for a holder who is not in the member list, absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    listed_as_member: Option<bool>,
    from: IntervalDocument,
    until: Option<IntervalDocument>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ValueDocument<'a> {
    Text(&'a str),
    Flag(bool),
}

#[derive(Serialize)]
struct AsOfDocument<'a> {
    asked: String,
    captured_at: String,
    time_zone_known: bool,
    file: &'a str,
    sync_id: &'a str,
    /// `roles` if they were not read.
    not_read: &'static [&'static str],
    people: Vec<PersonDocument<'a>>,
}

#[derive(Serialize)]
struct PersonDocument<'a> {
    id: &'a str,
    name: &'a str,
    email: Option<&'a str>,
    listed_as_member: bool,
    seat: Option<&'a str>,
    two_factor: Option<bool>,
    /// `null` if roles were not read.
    roles: Option<Vec<RoleDocument<'a>>>,
}

#[derive(Serialize)]
struct RoleDocument<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct LeaverDocument<'a> {
    email: &'a str,
    left_at: Option<String>,
    id: Option<&'a str>,
    last_with: Option<String>,
    first_without: Option<String>,
    at_least_seconds: Option<u64>,
    at_most_seconds: Option<u64>,
    back_at: Option<String>,
    /// Whether access was lost in time; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
}

/// A line of NDJSON.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Run(RunDocument<'a>),
    Gap(GapDocument),
    Span(SpanDocument<'a>),
    Person {
        captured_at: String,
        file: &'a str,
        #[serde(flatten)]
        person: PersonDocument<'a>,
    },
    Leaver(LeaverDocument<'a>),
    Warning {
        message: &'a str,
    },
}

pub(super) fn write_document(
    history: &History,
    detail: Detail,
    out: &mut dyn Write,
) -> io::Result<()> {
    let organization = history.organization.as_ref();
    let document = Document {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        organization: organization.map(OrganizationEvidence::shown_name),
        organization_id: organization.map(|of| of.id.as_str()),
        runs: in_order(history, detail).map(|(of, _)| run(of)).collect(),
        gaps: history.gaps.iter().copied().map(gap).collect(),
        warnings: &history.warnings,
        answer: match &history.answer {
            HistoryAnswer::Log => None,
            HistoryAnswer::Person(of) => Some(AnswerDocument::Person(story(of))),
            HistoryAnswer::Role(of) => Some(AnswerDocument::Role(story(of))),
            HistoryAnswer::AsOf(of) => Some(AnswerDocument::AsOf(as_of(of))),
            HistoryAnswer::Left(leavers) => {
                Some(AnswerDocument::Left(leavers.iter().map(leaver).collect()))
            }
        },
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

pub(super) fn write_lines(
    history: &History,
    detail: Detail,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = |line: Line<'_>| {
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    };
    for message in &history.warnings {
        line(Line::Warning { message })?;
    }
    match &history.answer {
        HistoryAnswer::Log => {
            for (of, before) in in_order(history, detail) {
                // A gap is between this run and the older one.
                let before = before.map(|between| Line::Gap(gap(between)));
                let lines = [before, Some(Line::Run(run(of)))];
                let mut lines: Vec<Line<'_>> = lines.into_iter().flatten().collect();
                if detail.newest_first {
                    lines.reverse();
                }
                lines.into_iter().try_for_each(&mut line)?;
            }
            Ok(())
        }
        HistoryAnswer::Person(of) | HistoryAnswer::Role(of) => {
            let mut spans = of.spans.iter().map(span);
            spans.try_for_each(|span| line(Line::Span(span)))
        }
        HistoryAnswer::AsOf(of) => {
            let mut people = of.people.iter().map(person);
            people.try_for_each(|person| {
                line(Line::Person {
                    captured_at: of.captured_at.as_utc.to_string(),
                    file: &of.file,
                    person,
                })
            })
        }
        HistoryAnswer::Left(leavers) => {
            let mut leavers = leavers.iter().map(leaver);
            leavers.try_for_each(|leaver| line(Line::Leaver(leaver)))
        }
    }
}

fn run(of: &HistoryRun) -> RunDocument<'_> {
    let change = of.change.as_ref();
    RunDocument {
        file: &of.file,
        sync_id: &of.sync_id,
        captured_at: of.captured_at.as_utc.to_string(),
        time_zone_known: of.captured_at.zone == Zone::Known,
        users: of.content.users,
        roles: of.content.roles,
        grants: of.content.grants,
        content_digest: &of.content.content_digest,
        headline: change.map(|change| change.headline.as_str()),
        changes: change.map(|change| {
            let summary = change.summary.iter();
            summary.map(|(kind, n)| (kind.as_str(), *n)).collect()
        }),
        not_compared: change.map(|change| change.not_compared.as_slice()),
    }
}

fn gap(of: Gap) -> GapDocument {
    GapDocument {
        after: of.after.to_string(),
        by: of.by.to_string(),
    }
}

fn interval(of: Interval) -> IntervalDocument {
    IntervalDocument {
        after: of.after.map(|after| after.to_string()),
        by: of.by.to_string(),
    }
}

fn story(of: &Story) -> StoryDocument<'_> {
    StoryDocument {
        id: &of.id,
        name: &of.name,
        email: of.email.as_deref(),
        spans: of.spans.iter().map(span).collect(),
    }
}

fn span(of: &Span) -> SpanDocument<'_> {
    SpanDocument {
        what: of.of.as_str(),
        value: of.value.as_ref().map(|value| match value {
            SpanValue::Text(text) => ValueDocument::Text(text),
            SpanValue::Flag(flag) => ValueDocument::Flag(*flag),
        }),
        name: of.named.name.as_deref(),
        email: of.named.email.as_deref(),
        listed_as_member: of.named.is_listed.filter(|is_listed| !is_listed),
        from: interval(of.from),
        until: of.until.map(interval),
    }
}

fn as_of(of: &AsOf) -> AsOfDocument<'_> {
    AsOfDocument {
        asked: of.asked.to_string(),
        captured_at: of.captured_at.as_utc.to_string(),
        time_zone_known: of.captured_at.zone == Zone::Known,
        file: &of.file,
        sync_id: &of.sync_id,
        not_read: if of.knows_roles {
            &[]
        } else {
            &[NOT_READ_ROLES]
        },
        people: of.people.iter().map(person).collect(),
    }
}

fn person(of: &PersonAsOf) -> PersonDocument<'_> {
    PersonDocument {
        id: &of.id,
        name: &of.name,
        email: of.email.as_deref(),
        listed_as_member: of.is_listed,
        seat: of.seat.as_deref(),
        two_factor: of.two_factor,
        roles: of.roles.as_ref().map(|roles| {
            let roles = roles.iter();
            roles.map(|(id, name)| RoleDocument { id, name }).collect()
        }),
    }
}

fn leaver(of: &Leaver) -> LeaverDocument<'_> {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    LeaverDocument {
        email: &of.email,
        left_at: time(of.left_at),
        id: of.id.as_deref(),
        last_with: time(of.last_with),
        first_without: time(of.first_without),
        at_least_seconds: of.at_least_seconds,
        at_most_seconds: of.at_most_seconds,
        back_at: time(of.back_at),
        verdict: of.verdict.map(|verdict| verdict.as_str()),
    }
}

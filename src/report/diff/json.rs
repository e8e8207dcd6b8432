//! The report of `diff` as JSON. `docs/json.md` describes the document. Its version is raised when a field is removed
//! or changes its meaning, not when one is added.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::{Detail, Report, not_judged};
use crate::model::{Accepted, Change, ChangeKind, FieldChange, Party, Side, Zone};

const SCHEMA: &str = "posthog-c1z.diff";
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    schema_version: u32,
    headline: String,
    old: SideDocument<'a>,
    new: SideDocument<'a>,
    /// What at least one of the crawls was told not to read.
    not_compared: &'a [String],
    warnings: Vec<String>,
    /// The kinds in `--fail-on` that occur; `null` without the option.
    failed_on: Option<Vec<&'static str>>,
    /// The kinds in `--fail-on` that could not be checked; `null` without the option.
    not_judged: Option<Vec<&'static str>>,
    /// The number of changes of each kind, without accepted changes.
    summary: BTreeMap<&'static str, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Event<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<Vec<Event<'a>>>,
}

#[derive(Serialize)]
struct SideDocument<'a> {
    file: &'a str,
    sync_id: &'a str,
    captured_at: String,
    time_zone_known: bool,
    organization: Option<&'a str>,
    content_digest: &'a str,
}

#[derive(Serialize)]
struct Event<'a> {
    action: String,
    kind: &'static str,
    /// The kinds of change, as `--fail-on` names them.
    means: Vec<&'static str>,
    id: &'a str,
    subject: PartyDocument<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<PartyDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entitlement: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captured_at: Option<&'a str>,
    /// `false` if the time zone of `captured_at` is not known, absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone_known: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
}

#[derive(Serialize)]
struct WarningEvent<'a> {
    action: &'static str,
    kind: &'static str,
    message: &'a str,
    captured_at: &'a str,
    /// `false` if the time zone of `captured_at` is not known, absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone_known: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
}

#[derive(Serialize)]
struct PartyDocument<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<&'a str>,
    /// Whether 2FA is on; absent if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    two_factor: Option<bool>,
    /// `false` for a role holder who is not in the member list, absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    listed_as_member: Option<bool>,
}

#[derive(Serialize)]
struct FieldDocument<'a> {
    field: &'a str,
    old: &'a Option<Value>,
    new: &'a Option<Value>,
}

pub(super) fn write_document(
    report: &Report<'_>,
    detail: Detail,
    out: &mut dyn Write,
) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(report, detail))?;
    out.write_all(b"\n")
}

fn document<'a>(report: &Report<'a>, detail: Detail) -> Document<'a> {
    let comparison = report.comparison;
    let all = !detail.counts_only;
    Document {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        headline: report.headline(),
        old: side(&comparison.old),
        new: side(&comparison.new),
        not_compared: &comparison.not_compared,
        warnings: comparison.all_warnings().collect(),
        failed_on: report
            .failed_on()
            .map(|counts| counts.keys().map(|kind| kind.as_str()).collect()),
        not_judged: comparison.fail_on.as_ref().map(|_| {
            let kinds = comparison.not_judged().into_iter();
            kinds.map(ChangeKind::as_str).collect()
        }),
        summary: summary(report),
        changes: all.then(|| comparison.changes.iter().map(event).collect()),
        accepted: all.then(|| comparison.accepted.iter().map(accepted_event).collect()),
    }
}

/// Writes one event per line, each with its organization and time, for a log collector. Warnings come first, as events
/// of their own.
pub(super) fn write_events(
    report: &Report<'_>,
    detail: Detail,
    out: &mut dyn Write,
) -> io::Result<()> {
    let comparison = report.comparison;
    if detail.counts_only {
        return write_line(out, &document(report, detail));
    }
    let time_zone_known = (!is_zone_known(&comparison.new)).then_some(false);
    let captured_at = comparison.new.captured_at.as_utc.to_string();
    let captured_at = captured_at.as_str();
    let organization = comparison.new.organization.as_deref();
    let warnings = comparison.all_warnings().chain(not_judged(comparison));
    for message in &warnings.collect::<Vec<_>>() {
        let event = WarningEvent {
            action: "warned",
            kind: "comparison",
            message,
            captured_at,
            time_zone_known,
            organization,
        };
        write_line(out, &event)?;
    }
    let changes = comparison
        .changes
        .iter()
        .map(|change| (event(change), false));
    let accepted = comparison.accepted.iter();
    let accepted = accepted.map(|accepted| (accepted_event(accepted), true));
    for (event, accepted) in changes.chain(accepted) {
        let event = Event {
            accepted: Some(accepted),
            captured_at: Some(captured_at),
            time_zone_known,
            organization,
            ..event
        };
        write_line(out, &event)?;
    }
    Ok(())
}

/// Counts the changes of every kind, including kinds that do not occur.
fn summary(report: &Report<'_>) -> BTreeMap<&'static str, usize> {
    let counts = report.counts();
    let count = |kind: &ChangeKind| counts.get(kind).copied().unwrap_or_default();
    let all = ChangeKind::ALL.iter();
    all.map(|kind| (kind.as_str(), count(kind))).collect()
}

fn write_line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn side(side: &Side) -> SideDocument<'_> {
    SideDocument {
        file: &side.file,
        sync_id: &side.sync_id,
        captured_at: side.captured_at.as_utc.to_string(),
        time_zone_known: is_zone_known(side),
        organization: side.organization.as_deref(),
        content_digest: &side.content_digest,
    }
}

fn is_zone_known(side: &Side) -> bool {
    side.captured_at.zone == Zone::Known
}

fn event(change: &Change) -> Event<'_> {
    Event {
        action: change.action.to_string(),
        kind: change.object.one(),
        means: change.kinds.iter().map(|kind| kind.as_str()).collect(),
        id: &change.id,
        subject: party(&change.subject),
        on: change.on.as_ref().map(party),
        entitlement: change.entitlement.as_deref(),
        fields: change.fields.iter().map(field).collect(),
        reason: None,
        until: None,
        accepted: None,
        captured_at: None,
        time_zone_known: None,
        organization: None,
    }
}

fn accepted_event(accepted: &Accepted) -> Event<'_> {
    Event {
        reason: accepted.reason.as_deref(),
        until: accepted.until.as_deref(),
        ..event(&accepted.change)
    }
}

fn party(party: &Party) -> PartyDocument<'_> {
    PartyDocument {
        id: &party.id,
        name: &party.name,
        email: party.email.as_deref(),
        seat: party.seat.as_deref(),
        two_factor: party.two_factor,
        listed_as_member: (!party.listed).then_some(false),
    }
}

fn field(change: &FieldChange) -> FieldDocument<'_> {
    FieldDocument {
        field: &change.field,
        old: &change.old,
        new: &change.new,
    }
}

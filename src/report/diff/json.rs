//! A comparison for programs. The document is described in the README; its version grows when a field changes its
//! meaning or goes, not when one is added.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::{Detail, headline};
use crate::model::{Change, ChangeKind, Comparison, FieldChange, Party, Side};

const SCHEMA: &str = "posthog-c1z.diff";
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    schema_version: u32,
    headline: String,
    old: SideDocument<'a>,
    new: SideDocument<'a>,
    warnings: &'a [String],
    /// How many changes of each kind, the accepted ones left out.
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
    captured_at: &'a str,
    organization: Option<&'a str>,
    content_digest: &'a str,
}

#[derive(Serialize)]
struct Event<'a> {
    action: String,
    kind: String,
    /// What it means, as `--fail-on` names it.
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
    accepted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captured_at: Option<&'a str>,
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
}

#[derive(Serialize)]
struct FieldDocument<'a> {
    field: &'a str,
    old: &'a Option<Value>,
    new: &'a Option<Value>,
}

pub(super) fn write_document(
    comparison: &Comparison,
    detail: Detail,
    out: &mut dyn Write,
) -> io::Result<()> {
    let all = !detail.counts_only;
    let document = Document {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        headline: headline(comparison),
        old: side(&comparison.old),
        new: side(&comparison.new),
        warnings: &comparison.warnings,
        summary: summary(&comparison.changes),
        changes: all.then(|| comparison.changes.iter().map(event).collect()),
        accepted: all.then(|| comparison.accepted.iter().map(event).collect()),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

/// One event a line, each with the time and organization it is about: for a log collector.
pub(super) fn write_events(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    let changes = comparison.changes.iter().map(|change| (change, false));
    let accepted = comparison.accepted.iter().map(|change| (change, true));
    for (change, accepted) in changes.chain(accepted) {
        let event = Event {
            accepted: Some(accepted),
            captured_at: Some(&comparison.new.captured_at),
            organization: comparison.new.organization.as_deref(),
            ..event(change)
        };
        serde_json::to_writer(&mut *out, &event)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn summary(changes: &[Change]) -> BTreeMap<&'static str, usize> {
    let mut summary: BTreeMap<_, _> = ChangeKind::ALL
        .iter()
        .map(|kind| (kind.as_str(), 0))
        .collect();
    for kind in changes.iter().flat_map(|change| &change.kinds) {
        *summary.entry(kind.as_str()).or_default() += 1;
    }
    summary
}

fn side(side: &Side) -> SideDocument<'_> {
    SideDocument {
        file: &side.file,
        sync_id: &side.sync_id,
        captured_at: &side.captured_at,
        organization: side.organization.as_deref(),
        content_digest: &side.content_digest,
    }
}

fn event(change: &Change) -> Event<'_> {
    Event {
        action: change.action.to_string(),
        kind: change.object.to_string(),
        means: change.kinds.iter().map(|kind| kind.as_str()).collect(),
        id: &change.id,
        subject: party(&change.subject),
        on: change.on.as_ref().map(party),
        entitlement: change.entitlement.as_deref(),
        fields: change.fields.iter().map(field).collect(),
        accepted: None,
        captured_at: None,
        organization: None,
    }
}

fn party(party: &Party) -> PartyDocument<'_> {
    PartyDocument {
        id: &party.id,
        name: &party.name,
        email: party.email.as_deref(),
        seat: party.seat.as_deref(),
    }
}

fn field(change: &FieldChange) -> FieldDocument<'_> {
    FieldDocument {
        field: &change.field,
        old: &change.old,
        new: &change.new,
    }
}

//! The report of `diff` as JSON. `docs/json.md` describes the document. Its version is raised when a field is removed
//! or changes its meaning, not when one is added.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::{Detail, Report, not_judged};
use crate::model::{Accepted, Change, ChangeKind, ChangedObject, FieldChange, Party, Side, Zone};

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
    organization_changes: Option<Vec<OrganizationEvent<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<Vec<AnyEvent<'a>>>,
}

/// A change in access or in what surrounds the roles.
#[derive(Serialize)]
#[serde(untagged)]
enum AnyEvent<'a> {
    Access(Event<'a>),
    Organization(OrganizationEvent<'a>),
}

/// A change in what surrounds the roles.
#[derive(Serialize)]
struct OrganizationEvent<'a> {
    action: String,
    /// The kind of change, as `--fail-on` names it.
    kind: &'static str,
    id: &'a str,
    subject: &'a str,
    /// The changed field; `null` for a row that is new or gone.
    field: Option<&'a str>,
    /// The old value; of a row that is gone, the fields that identify it.
    old: Option<Value>,
    /// The new value; of a new row, the fields that identify it.
    new: Option<Value>,
    #[serde(flatten)]
    context: Context<'a>,
}

/// What an event says besides the change itself.
#[derive(Clone, Copy, Default, Serialize)]
struct Context<'a> {
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
pub(super) struct SideDocument<'a> {
    file: &'a str,
    sync_id: &'a str,
    captured_at: String,
    time_zone_known: bool,
    organization: Option<&'a str>,
    organization_id: Option<&'a str>,
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
    /// The invitation that a new member accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<&'a str>,
    #[serde(flatten)]
    context: Context<'a>,
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
        not_compared: &comparison.scope.not_compared,
        warnings: comparison.all_warnings().collect(),
        failed_on: report
            .failed_on()
            .map(|counts| counts.keys().map(|kind| kind.as_str()).collect()),
        not_judged: comparison.fail_on.as_ref().map(|_| {
            let kinds = comparison.not_judged().into_iter();
            kinds.map(ChangeKind::as_str).collect()
        }),
        summary: summary(report),
        changes: all.then(|| {
            let changes = comparison.changes.iter();
            let access = changes.filter(|change| !is_of_organization(change));
            access
                .map(|change| event(change, Context::default()))
                .collect()
        }),
        organization_changes: all.then(|| {
            let changes = comparison.changes.iter();
            let surroundings = changes.filter(|change| is_of_organization(change));
            let event = |change| organization_event(change, Context::default());
            surroundings.map(event).collect()
        }),
        accepted: all.then(|| {
            let accepted = comparison.accepted.iter();
            let event = |accepted| accepted_event(accepted, Context::default());
            accepted.map(event).collect()
        }),
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
    let context = |accepted| Context {
        accepted: Some(accepted),
        captured_at: Some(captured_at),
        time_zone_known,
        organization,
        ..Context::default()
    };
    for change in &comparison.changes {
        write_line(out, &any_event(change, context(false)))?;
    }
    for accepted in &comparison.accepted {
        write_line(out, &accepted_event(accepted, context(true)))?;
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

pub(super) fn write_line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

pub(super) fn side(side: &Side) -> SideDocument<'_> {
    SideDocument {
        file: &side.file,
        sync_id: &side.sync_id,
        captured_at: side.captured_at.as_utc.to_string(),
        time_zone_known: is_zone_known(side),
        organization: side.organization.as_deref(),
        organization_id: side.organization_id.as_deref(),
        content_digest: &side.content_digest,
    }
}

fn is_zone_known(side: &Side) -> bool {
    side.captured_at.zone == Zone::Known
}

fn is_of_organization(change: &Change) -> bool {
    matches!(change.object, ChangedObject::Surrounding(_))
}

fn any_event<'a>(change: &'a Change, context: Context<'a>) -> AnyEvent<'a> {
    if is_of_organization(change) {
        AnyEvent::Organization(organization_event(change, context))
    } else {
        AnyEvent::Access(event(change, context))
    }
}

fn organization_event<'a>(change: &'a Change, context: Context<'a>) -> OrganizationEvent<'a> {
    let field = change.fields.first();
    let facts = |value: fn(&FieldChange) -> &Option<Value>| {
        let known = change.facts.iter().filter_map(|fact| {
            let value = value(fact).clone()?;
            Some((fact.field.clone(), value))
        });
        let known: serde_json::Map<_, _> = known.collect();
        (!known.is_empty()).then_some(Value::Object(known))
    };
    OrganizationEvent {
        action: change.action.to_string(),
        kind: change.kinds.first().map_or("", |kind| kind.as_str()),
        id: &change.id,
        subject: &change.subject.name,
        field: field.map(|field| field.field.as_str()),
        old: match field {
            Some(field) => field.old.clone(),
            None => facts(|fact| &fact.old),
        },
        new: match field {
            Some(field) => field.new.clone(),
            None => facts(|fact| &fact.new),
        },
        context,
    }
}

fn event<'a>(change: &'a Change, context: Context<'a>) -> Event<'a> {
    Event {
        action: change.action.to_string(),
        kind: match change.object {
            ChangedObject::Row(kind) => kind.one(),
            ChangedObject::Surrounding(part) => part.key(),
        },
        means: change.kinds.iter().map(|kind| kind.as_str()).collect(),
        id: &change.id,
        subject: party(&change.subject),
        on: change.on.as_ref().map(party),
        entitlement: change.entitlement.as_deref(),
        fields: change.fields.iter().map(field).collect(),
        invitation: change.invitation.as_deref(),
        context,
    }
}

fn accepted_event<'a>(accepted: &'a Accepted, context: Context<'a>) -> AnyEvent<'a> {
    let context = Context {
        reason: accepted.reason.as_deref(),
        until: accepted.until.as_deref(),
        ..context
    };
    any_event(&accepted.change, context)
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

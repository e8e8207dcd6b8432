//! `diff --decisions`: whether the decisions of an access review were carried out.

use std::path::Path;

use anyhow::{Result, bail};

use super::inputs::{Source, comparable, roles_compared};
use super::{DiffArgs, DiffOutput};
use crate::commands::given::{self, Given};
use crate::commands::{Outcome, World};
use crate::diff::{Observed, ReviewSheet, judge};
use crate::model::{DecisionReview, DecisionStatus};
use crate::progress::Event;
use crate::report::diff as report;
use crate::snapshot::ContentDigest;

/// Decisions to take away access that could not be judged.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be judged: {why}", decisions(*count))]
pub(crate) struct UnjudgedRevocations {
    count: usize,
    why: String,
}

fn decisions(n: usize) -> String {
    match n {
        1 => "1 decision to revoke".to_owned(),
        n => format!("{n} decisions to revoke"),
    }
}

pub(super) fn run(path: &Path, args: &DiffArgs, world: &mut World<'_>) -> Result<Outcome> {
    let bytes = given::read(Given::Decisions, path)?;
    let sheet = ReviewSheet::parse(&bytes)
        .or_else(|error| given::bad_place(Given::Decisions, path, &error))?;
    let (old, new) = Source::open(&args.inputs)?;
    let mut warnings = Vec::from_iter(roles_compared(&old, &new).1);
    warnings.extend(comparable(&old, &new, args.comparability)?);

    let mut before = Observed::old(&sheet, old.reach());
    let old_digest = observe(&old, &mut before)?;
    let mut now = Observed::new(&sheet, new.reach(), &before);
    let new_digest = observe(&new, &mut now)?;
    let rows = sheet.rows.iter();
    for message in &warnings {
        let message = message.clone();
        world.reporter.report(Event::Warned { message });
    }
    let mut review = DecisionReview {
        old: old.side(old_digest),
        new: new.side(new_digest),
        warnings,
        undecided: sheet.undecided,
        decisions: rows.map(|row| judge(row, &before, &now)).collect(),
    };
    for message in doubts(path, &review) {
        // Also if nothing is printed, since exit code 0 says nothing about these.
        world.reporter.report(Event::Limited {
            message: message.clone(),
        });
        review.warnings.push(message);
    }
    if let DiffOutput::Report(format, detail) = args.output {
        report::write_decisions(&review, format, detail, world.page, world.out)?;
    }
    let count = review.revocations(DecisionStatus::NotJudged).count();
    if count > 0 {
        let why = new.unread().or_else(|| old.unread()).unwrap_or_default();
        bail!(UnjudgedRevocations { count, why });
    }
    let is_held = review.revocations(DecisionStatus::NotDone).next().is_some();
    Ok(if is_held {
        Outcome::Found
    } else {
        Outcome::Done
    })
}

/// Looks for what the sheet names in one pass over a snapshot. Returns the content digest.
fn observe(source: &Source<'_>, observed: &mut Observed) -> Result<ContentDigest> {
    let mut catalog = source.catalog()?;
    std::thread::scope(|scope| {
        let mut rows = source.read_in_background(scope, None, None)?;
        for row in rows.resource_types.by_ref() {
            row?;
        }
        for row in rows.resources.by_ref() {
            let row = row?;
            if observed.wants_resource(&row.columns.id) {
                let resource = source.snapshot.decode(&row)?;
                let of_type = row.columns.id.resource_type.as_str();
                if resource.user.is_some() || catalog.is_user(of_type) {
                    observed.add_person(&resource);
                }
            }
        }
        for row in rows.entitlements.by_ref() {
            row?;
        }
        for row in rows.grants.by_ref() {
            let row = row?;
            let columns = &row.columns;
            if observed.wants_grant(&row.id, &columns.entitlement, &columns.principal) {
                let grant = source.snapshot.decode(&row)?;
                let holder = catalog.party(&grant.principal)?;
                let on = catalog.party(&columns.resource)?;
                let slug = catalog.entitlement_slug(&grant.entitlement)?;
                observed.add_grant(&grant, holder, on, slug);
            }
        }
        Ok(rows.digest())
    })
}

/// What may be a mistake in the sheet.
fn doubts(path: &Path, review: &DecisionReview) -> Vec<String> {
    let (path, old) = (path.display(), &review.old.file);
    let mut doubts = Vec::new();
    if review.decisions.is_empty() {
        doubts.push(format!("`{path}` has no decisions"));
    }
    match review.count(DecisionStatus::Unknown) {
        0 => {}
        1 => doubts.push(format!(
            "1 decision in `{path}` is about something that is not in `{old}`"
        )),
        n => doubts.push(format!(
            "{n} decisions in `{path}` are about something that is not in `{old}`"
        )),
    }
    doubts
}

//! `diff`: compares two snapshots, or two sync runs of one.

mod accept;
mod decisions;
mod inputs;
mod organizations;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::catalog::Catalog;
use super::{Outcome, World};
use crate::diff::{
    ComparedGrant, ComparedRow, Facts, FieldFilter, Names, RolesCompared, Walk, match_invitations,
};
use crate::model::{
    Change, ChangeKind, Comparison, Entitlement, EntitlementId, Grant, NOT_READ_ROLES, Party,
    Resource, ResourceId, ResourceType, Scope, Text,
};
use crate::progress::Event;
use crate::report::diff::{self as report, Detail, DiffFormat};
use crate::snapshot::{CommonRows, ContentDigest, Digester, Readable, Row, RowsOfKind, Snapshot};
use accept::{AcceptFile, Applied};
use inputs::{comparable, roles_compared};
use organizations::organizations;

pub(super) use decisions::UnjudgedRevocations;
pub use inputs::{Comparability, DiffInputs};
pub(super) use inputs::{NoSecondSync, NotComparable, Source, host};

/// Arguments of `diff`.
#[derive(Clone, Debug)]
pub struct DiffArgs {
    /// The two sides to compare.
    pub inputs: DiffInputs,
    /// Which fields to compare.
    pub fields: FieldFilter,
    /// Kinds of changes that lead to exit code 1; `None` for all, without a verdict in the report.
    pub fail_on: Option<BTreeSet<ChangeKind>>,
    /// A file of expected changes.
    pub accept: Option<PathBuf>,
    /// The Review sheet of an access review; whether it was carried out is then reported instead of the changes.
    pub decisions: Option<PathBuf>,
    /// Whether to compare snapshots that are not comparable.
    pub comparability: Comparability,
    /// The output.
    pub output: DiffOutput,
}

/// The output of `diff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffOutput {
    /// A report.
    Report(DiffFormat, Detail),
    /// The lines that would accept every change.
    AcceptLines,
    /// Nothing but the exit code.
    Nothing,
}

pub(super) fn run(args: &DiffArgs, world: &mut World<'_>) -> Result<Outcome> {
    if let Some(path) = &args.decisions {
        return decisions::run(path, args, world);
    }
    let comparison = compared(args)?;
    for message in comparison.all_warnings() {
        world.reporter.report(Event::Warned { message });
    }
    // Also if nothing is printed, since exit code 0 says nothing about these.
    if let Some(not_judged) = report::not_judged(&comparison) {
        let message = not_judged.trim_end_matches('.').to_owned();
        world.reporter.report(Event::Limited { message });
    }
    match args.output {
        DiffOutput::Report(format, detail) => {
            report::write(&comparison, format, detail, world.page, world.out)?;
        }
        DiffOutput::AcceptLines => accept::write_lines(&comparison, world.out)?,
        DiffOutput::Nothing => {}
    }
    let counts = |change: &Change| match &args.fail_on {
        None => true,
        Some(kinds) => change.kinds.iter().any(|kind| kinds.contains(kind)),
    };
    Ok(if comparison.changes.iter().any(counts) {
        Outcome::Found
    } else {
        Outcome::Done
    })
}

/// Compares two snapshots. What is printed and what fails is not looked at.
pub(super) fn compared(args: &DiffArgs) -> Result<Comparison> {
    let accept_file = match &args.accept {
        Some(path) => AcceptFile::read(path)?,
        None => AcceptFile::default(),
    };
    let (old, new) = Source::open(&args.inputs)?;
    check_fields(&args.fields, [&old, &new])?;
    let mut warnings = comparable(&old, &new, args.comparability)?;
    let comparison = differences(&old, &new, &args.fields, None)?;
    let Applied {
        accepted,
        changes,
        unused_lines,
    } = accept_file.apply(
        comparison.changes,
        new.captured_at().as_utc,
        comparison.knows_members,
        &comparison.scope,
    );
    warnings.extend(comparison.warnings);
    Ok(Comparison {
        fail_on: args.fail_on.clone(),
        warnings,
        unused_lines,
        changes,
        accepted,
        ..comparison
    })
}

/// Compares two sync runs that are comparable. Rows are not read if their digests are known and equal.
pub(super) fn differences(
    old: &Source<'_>,
    new: &Source<'_>,
    fields: &FieldFilter,
    digests: Option<[ContentDigest; 2]>,
) -> Result<Comparison> {
    let (roles, warning) = roles_compared(old, new);
    let organizations = organizations(old, new)?;
    let scope = Scope {
        roles: roles == RolesCompared::Yes,
        parts: organizations.parts,
        not_sent: organizations.not_sent,
        not_compared: match roles {
            RolesCompared::Yes => organizations.not_compared,
            RolesCompared::No => {
                let roles = NOT_READ_ROLES.to_owned();
                std::iter::once(roles)
                    .chain(organizations.not_compared)
                    .collect()
            }
        },
    };
    let known = || Some([old.known_digest()?, new.known_digest()?]);
    let (mut changes, [old_digest, new_digest]) = match digests.or_else(known) {
        Some(digests) if digests[0] == digests[1] && !fields.wants_noise() => (Vec::new(), digests),
        digests => compare_rows(old, new, fields, roles, digests)?,
    };
    let mut surroundings = organizations.changes;
    match_invitations(&mut changes, &mut surroundings);
    changes.extend(surroundings);
    Ok(Comparison {
        old: old.side(old_digest),
        new: new.side(new_digest),
        knows_members: old.knows_members() && new.knows_members(),
        fail_on: None,
        scope,
        warnings: warning.into_iter().chain(organizations.warnings).collect(),
        unused_lines: Vec::new(),
        changes,
        accepted: Vec::new(),
    })
}

/// Rejects names in `--ignore` that neither this program knows nor any row has, since a misspelled name would have no
/// effect.
fn check_fields(fields: &FieldFilter, sources: [&Source<'_>; 2]) -> Result<()> {
    let mut unknown = fields.unknown();
    for source in sources {
        source.drop_fields::<ResourceType>(&mut unknown)?;
        source.drop_fields::<Resource>(&mut unknown)?;
        source.drop_fields::<Entitlement>(&mut unknown)?;
        source.drop_fields::<Grant>(&mut unknown)?;
    }
    match unknown.first() {
        Some(name) => bail!(
            "`--ignore`: neither snapshot has a field `{}`",
            name.escape_debug()
        ),
        None => Ok(()),
    }
}

/// Compares the rows of both inputs in one pass. Returns the changes and both content digests, which are only computed if they
/// are not given.
fn compare_rows(
    old: &Source<'_>,
    new: &Source<'_>,
    fields: &FieldFilter,
    roles: RolesCompared,
    digests: Option<[ContentDigest; 2]>,
) -> Result<(Vec<Change>, [ContentDigest; 2])> {
    // Rows that differ in noise count as common.
    let common = if fields.wants_noise() {
        None
    } else {
        old.rows_in_common(new)
    };
    if let Some(common) = &common {
        let compared = walk_rows(old, new, fields, roles, digests.clone(), Some(common))?;
        // The digests differ, so some row does. If none was found and no field is ignored, everything is compared.
        if !compared.0.is_empty() || fields.ignores_any() {
            return Ok(compared);
        }
    }
    walk_rows(old, new, fields, roles, digests, None)
}

/// Compares the rows of both inputs without those in `common`.
fn walk_rows(
    old: &Source<'_>,
    new: &Source<'_>,
    fields: &FieldFilter,
    roles: RolesCompared,
    digests: Option<[ContentDigest; 2]>,
    common: Option<&CommonRows>,
) -> Result<(Vec<Change>, [ContentDigest; 2])> {
    let [old_digest, new_digest] = digests.map_or([None, None], |digests| digests.map(Some));
    let members = old.knows_members() && new.knows_members();
    let mut walk = Walk::new(old.catalog()?, new.catalog()?, fields, roles, members);
    let digests = std::thread::scope(|scope| {
        let mut old_rows = old.read_in_background(scope, old_digest, common)?;
        let mut new_rows = new.read_in_background(scope, new_digest, common)?;
        walk.resource_types(
            source_rows(old, &mut old_rows.resource_types),
            source_rows(new, &mut new_rows.resource_types),
        )?;
        walk.resources(
            source_rows(old, &mut old_rows.resources),
            source_rows(new, &mut new_rows.resources),
        )?;
        walk.entitlements(
            source_rows(old, &mut old_rows.entitlements),
            source_rows(new, &mut new_rows.entitlements),
        )?;
        walk.grants(
            source_rows(old, &mut old_rows.grants),
            source_rows(new, &mut new_rows.grants),
        )?;
        Ok::<_, anyhow::Error>([old_rows.digest(), new_rows.digest()])
    })?;
    Ok((walk.finish(), digests))
}

/// The rows of one kind, each with its snapshot.
fn source_rows<'s, K: Readable>(
    source: &'s Source<'_>,
    rows: &mut RowsOfKind<K>,
) -> impl Iterator<Item = Result<SourceRow<'s, K>>> {
    let snapshot = &*source.snapshot;
    rows.map(move |row| {
        Ok(SourceRow {
            row: row?,
            snapshot,
        })
    })
}

/// A row and its snapshot.
struct SourceRow<'s, K: Readable> {
    row: Row<'static, K>,
    snapshot: &'s Snapshot,
}

impl<K: Readable> PartialEq for SourceRow<'_, K> {
    fn eq(&self, other: &Self) -> bool {
        self.row == other.row
    }
}

impl<K: Readable> ComparedRow for SourceRow<'_, K> {
    type Model = K;
    type Error = anyhow::Error;

    fn id(&self) -> &str {
        &self.row.id
    }

    fn push_record(&self, out: &mut Vec<u8>) {
        self.row.record(out);
    }

    fn fingerprint(&self) -> String {
        let mut record = Vec::new();
        self.row.record(&mut record);
        let mut digester = Digester::new();
        digester.record(&record);
        digester.finish().to_string()
    }

    fn facts(&self) -> Facts {
        self.row.facts()
    }

    fn decode(&self) -> Result<K> {
        Ok(self.snapshot.decode(&self.row)?)
    }
}

impl ComparedGrant for SourceRow<'_, Grant> {
    fn resource(&self) -> &ResourceId {
        &self.row.columns.resource
    }
}

impl Names for Catalog<'_> {
    type Error = anyhow::Error;

    fn is_role(&self, resource: &ResourceId) -> bool {
        self.is_role(resource.resource_type.as_str())
    }

    fn party(&mut self, resource: &ResourceId) -> Result<Party> {
        self.party(resource)
    }

    fn entitlement(&mut self, entitlement: &EntitlementId) -> Result<Text> {
        self.entitlement_slug(entitlement)
    }
}

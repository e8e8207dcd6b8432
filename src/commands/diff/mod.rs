//! Who gained and lost what, between two snapshots or two sync runs of one.

mod expected;
mod inputs;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::catalog::Catalog;
use super::{Outcome, World};
use crate::diff::{ComparedGrant, ComparedRow, Facts, FieldFilter, Names, RolesCompared, Walk};
use crate::model::{
    Change, ChangeKind, Comparison, Entitlement, EntitlementId, Grant, NOT_READ_ROLES, Party,
    Resource, ResourceId, ResourceType, Text,
};
use crate::progress::Event;
use crate::report::diff::{self as report, Detail, DiffFormat};
use crate::snapshot::{ContentDigest, Digester, Readable, Row, RowsOfKind, Snapshot};
use expected::{Expected, Sorted};
use inputs::{Source, comparable, roles_compared};

pub use inputs::{Comparability, DiffInputs};
pub(super) use inputs::{NoSecondSync, NotComparable};

/// What to compare, and what to make of it.
#[derive(Clone, Debug)]
pub struct DiffArgs {
    /// The two inputs.
    pub inputs: DiffInputs,
    /// Which fields count.
    pub fields: FieldFilter,
    /// Kinds of changes that exit 1; `None` for all, without a verdict in the report.
    pub fail_on: Option<BTreeSet<ChangeKind>>,
    /// A file of expected changes.
    pub accept: Option<PathBuf>,
    /// Whether to compare what should not be compared.
    pub comparability: Comparability,
    /// What to print.
    pub output: DiffOutput,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffOutput {
    /// A report.
    Report(DiffFormat, Detail),
    /// The lines that would accept every change.
    AcceptLines,
    /// Nothing: the exit code says it.
    Nothing,
}

pub(super) fn run(args: &DiffArgs, world: &mut World<'_>) -> Result<Outcome> {
    let expected = match &args.accept {
        Some(path) => Expected::read(path)?,
        None => Expected::default(),
    };
    let (old, new) = Source::open(&args.inputs)?;
    check_fields(&args.fields, [&old, &new])?;
    let (roles, warning) = roles_compared(&old, &new);
    let mut warnings = Vec::from_iter(warning);
    warnings.extend(comparable(&old, &new, args.comparability)?);
    let knows_members = old.knows_members() && new.knows_members();
    let (changes, digests) = compare_sources(&old, &new, &args.fields, roles)?;
    let Sorted {
        accepted,
        changes,
        unused_lines,
    } = expected.sort(changes, new.captured_at().as_utc, knows_members, roles);
    let comparison = Comparison {
        old: old.side(digests.0),
        new: new.side(digests.1),
        knows_members,
        fail_on: args.fail_on.clone(),
        not_compared: match roles {
            RolesCompared::Yes => Vec::new(),
            RolesCompared::No => vec![NOT_READ_ROLES.to_owned()],
        },
        warnings,
        unused_lines,
        changes,
        accepted,
    };

    for message in comparison.all_warnings() {
        world.reporter.report(Event::Warned { message });
    }
    // Also where nothing is printed: an exit code of 0 is no answer for these.
    if let Some(unjudged) = report::not_judged(&comparison) {
        let message = unjudged.trim_end_matches('.').to_owned();
        world.reporter.report(Event::Limited { message });
    }
    match args.output {
        DiffOutput::Report(format, detail) => {
            report::write(&comparison, format, detail, world.page, world.out)?;
        }
        DiffOutput::AcceptLines => expected::write_lines(&comparison, world.out)?,
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

/// Refuses names of fields to ignore that neither this program knows nor any row has: a name that is misspelt would ignore
/// nothing.
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
            "--ignore: neither snapshot has a field `{}`",
            name.escape_debug()
        ),
        None => Ok(()),
    }
}

/// One pass over both inputs: the changes, and both content digests.
fn compare_sources(
    old: &Source<'_>,
    new: &Source<'_>,
    fields: &FieldFilter,
    roles: RolesCompared,
) -> Result<(Vec<Change>, (ContentDigest, ContentDigest))> {
    let members = old.knows_members() && new.knows_members();
    let mut walk = Walk::new(old.catalog()?, new.catalog()?, fields, roles, members);
    let digests = std::thread::scope(|scope| {
        let mut old_rows = old.read_in_background(scope)?;
        let mut new_rows = new.read_in_background(scope)?;
        walk.resource_types(
            accounts(old, &mut old_rows.resource_types),
            accounts(new, &mut new_rows.resource_types),
        )?;
        walk.resources(
            accounts(old, &mut old_rows.resources),
            accounts(new, &mut new_rows.resources),
        )?;
        walk.entitlements(
            accounts(old, &mut old_rows.entitlements),
            accounts(new, &mut new_rows.entitlements),
        )?;
        walk.grants(
            accounts(old, &mut old_rows.grants),
            accounts(new, &mut new_rows.grants),
        )?;
        Ok::<_, anyhow::Error>((old_rows.digest(), new_rows.digest()))
    })?;
    Ok((walk.finish(), digests))
}

/// The rows of one kind, each with the snapshot it is from.
fn accounts<'s, K: Readable>(
    source: &'s Source<'_>,
    rows: &mut RowsOfKind<K>,
) -> impl Iterator<Item = Result<Account<'s, K>>> {
    let snapshot = &*source.snapshot;
    rows.map(move |row| {
        Ok(Account {
            row: row?,
            snapshot,
        })
    })
}

/// What a snapshot says of one object.
struct Account<'s, K: Readable> {
    row: Row<'static, K>,
    snapshot: &'s Snapshot,
}

impl<K: Readable> PartialEq for Account<'_, K> {
    fn eq(&self, other: &Self) -> bool {
        self.row == other.row
    }
}

impl<K: Readable> ComparedRow for Account<'_, K> {
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

impl ComparedGrant for Account<'_, Grant> {
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

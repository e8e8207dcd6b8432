//! Who gained and lost what, between two snapshots or two sync runs of one.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::thread::Builder;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::catalog::Catalog;
use super::expected::{self, Expected, Sorted};
use super::input::{Input, LACKS_ROLES};
use super::{Outcome, World};
use crate::diff::{FieldFilter, GrantEnds, Judge, Step, compare, has_fact, merge};
use crate::model::{
    Action, Change, ChangeKind, Comparison, Entitlement, Evidence, FieldChange, Grant,
    NOT_READ_ROLES, Person, Resource, ResourceId, ResourceType, Side, SyncRun, SyncType, kept_text,
};
use crate::progress::Event;
use crate::report::diff::{self as report, Detail, DiffFormat};
use crate::snapshot::{ContentDigest, Digester, Filter, Readable, Row, RowsOfKind, Snapshot};

/// What to compare, and what to make of it.
#[derive(Clone, Debug)]
pub struct DiffArgs {
    /// The two inputs.
    pub inputs: DiffInputs,
    /// Which fields count.
    pub fields: FieldFilter,
    /// Kinds of changes that exit 1; `None` for any.
    pub fail_on: Option<BTreeSet<ChangeKind>>,
    /// A file of expected changes.
    pub accept: Option<PathBuf>,
    /// Whether to compare what should not be compared.
    pub comparability: Comparability,
    /// What to print.
    pub output: DiffOutput,
}

/// The two inputs.
#[derive(Clone, Debug)]
pub enum DiffInputs {
    /// Two files.
    Files {
        /// What was.
        old: Input,
        /// What is.
        new: Input,
    },
    /// Two sync runs of one file; those that are not named are its two newest finished full ones.
    SyncRuns {
        /// The file.
        file: Input,
        /// What was.
        old: Option<String>,
        /// What is.
        new: Option<String>,
    },
}

/// Whether two organizations, or sync runs that are not full, may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparability {
    /// No.
    Required,
    /// The user said so.
    Forced,
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

/// Two inputs that cannot be compared.
#[derive(Debug)]
pub struct NotComparable(String);

impl fmt::Display for NotComparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotComparable {}

/// One file that does not hold two sync runs to compare.
#[derive(Debug)]
pub struct NoSecondSync(String);

impl fmt::Display for NoSecondSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoSecondSync {}

pub(super) fn run(args: &DiffArgs, world: &mut World<'_>) -> Result<Outcome> {
    let expected = match &args.accept {
        Some(path) => Expected::read(path)?,
        None => Expected::default(),
    };
    let (old, new) = Source::open(&args.inputs)?;
    check_fields(&args.fields, [&old, &new])?;
    let roles = RolesCompared::of(&old, &new);
    let mut warnings = Vec::from_iter(RolesCompared::warning(&old, &new));
    warnings.extend(comparable(&old, &new, args.comparability)?);
    let (changes, digests) = compare_sources(&old, &new, &args.fields, roles)?;
    let captured_at = new.run.ended_at.unwrap_or(new.run.started_at);
    let Sorted {
        accepted,
        changes,
        warnings: about_lines,
    } = expected.sort(changes, captured_at);
    warnings.extend(about_lines);
    let comparison = Comparison {
        old: old.side(digests.0),
        new: new.side(digests.1),
        fail_on: args.fail_on.clone(),
        not_compared: match roles {
            RolesCompared::Yes => Vec::new(),
            RolesCompared::No => vec![NOT_READ_ROLES.to_owned()],
        },
        warnings,
        changes,
        accepted,
    };

    for message in &comparison.warnings {
        world.reporter.report(Event::Warned {
            message: message.clone(),
        });
    }
    match args.output {
        DiffOutput::Report(format, detail) => {
            report::write(&comparison, format, detail, world.page, world.out)?
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

/// One input, open.
struct Source<'s> {
    snapshot: std::rc::Rc<Snapshot>,
    input: &'s Input,
    run: SyncRun,
    evidence: Option<Evidence>,
}

impl<'s> Source<'s> {
    fn open(inputs: &'s DiffInputs) -> Result<(Self, Self)> {
        match inputs {
            DiffInputs::Files { old, new } => {
                // Unpacking is most of the work where little has changed.
                let (opened, other) = std::thread::scope(|scope| {
                    match Builder::new().spawn_scoped(scope, || new.open_sync()) {
                        Ok(other) => (old.open_sync(), other.join()),
                        // Without a further thread, one after the other.
                        Err(_) => (old.open_sync(), Ok(new.open_sync())),
                    }
                });
                let (snapshot, run) = opened?;
                let old = Self::new(snapshot.into(), old, run)?;
                let (snapshot, run) = match other {
                    Ok(opened) => opened?,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
                Ok((old, Self::new(snapshot.into(), new, run)?))
            }
            DiffInputs::SyncRuns { file, old, new } => {
                let snapshot = std::rc::Rc::new(file.open()?);
                let (old, new) = two_runs(&snapshot, file, old.as_deref(), new.as_deref())?;
                Ok((
                    Self::new(snapshot.clone(), file, old)?,
                    Self::new(snapshot, file, new)?,
                ))
            }
        }
    }

    fn new(snapshot: std::rc::Rc<Snapshot>, input: &'s Input, run: SyncRun) -> Result<Self> {
        let evidence = snapshot.evidence(&run.id)?;
        Ok(Self {
            snapshot,
            input,
            run,
            evidence,
        })
    }

    /// Drops the names that some row of a kind has a field of.
    fn drop_fields<K: Readable>(&self, names: &mut Vec<&str>) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let mut rows = self.snapshot.rows::<K>(&self.run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            let facts = row.facts();
            names.retain(|name| !has_fact(&facts, name));
        }
        Ok(())
    }

    fn catalog(&self) -> Result<Catalog<'_>> {
        Catalog::new(&self.snapshot, &self.run)
    }

    fn lacks_roles(&self) -> bool {
        self.evidence.as_ref().is_some_and(Evidence::lacks_roles)
    }

    fn side(&self, digest: ContentDigest) -> Side {
        let organization = self
            .evidence
            .as_ref()
            .map(|evidence| &evidence.organization);
        Side {
            file: self.input.path.display().to_string(),
            sync_id: self.run.id.to_string(),
            captured_at: self.run.ended_at.unwrap_or(self.run.started_at).to_string(),
            organization: organization.map(|of| of.name.clone().unwrap_or_else(|| of.id.clone())),
            content_digest: digest.to_string(),
        }
    }
}

/// The sync runs to compare in one file.
fn two_runs(
    snapshot: &Snapshot,
    file: &Input,
    old: Option<&str>,
    new: Option<&str>,
) -> Result<(SyncRun, SyncRun)> {
    let mut full: Vec<SyncRun> = snapshot
        .sync_runs()?
        .into_iter()
        .filter(|run| run.ended_at.is_some() && run.sync_type == SyncType::Full)
        .collect();
    full.sort_by(|a, b| (a.ended_at, &a.id).cmp(&(b.ended_at, &b.id)));
    let path = file.path.display();
    let no_second = |beside: &SyncRun| {
        NoSecondSync(format!(
            "`{path}` holds no second finished full sync run to compare with, only `{}`",
            beside.id
        ))
    };
    let named = |id: &str| snapshot.sync_run(Some(id));
    Ok(match (old, new) {
        (Some(old), Some(new)) => (named(old)?, named(new)?),
        // The newest one, unless that is the one to compare from.
        (Some(old), None) => {
            let old = named(old)?;
            let newest = full
                .pop()
                .filter(|run| run.id != old.id && run.ended_at >= old.ended_at);
            let new = newest.ok_or_else(|| {
                NoSecondSync(format!(
                    "`{path}` holds no finished full sync run newer than `{}`",
                    old.id
                ))
            })?;
            (old, new)
        }
        (None, new) => {
            let new = match new {
                Some(id) => named(id)?,
                None => match full.pop() {
                    Some(newest) => newest,
                    None => {
                        // Says so if there is no finished one at all.
                        let other = snapshot.sync_run(None)?;
                        bail!(NoSecondSync(format!(
                            "`{path}` holds no finished full sync run; its newest, `{}`, is `{}`",
                            other.id, other.sync_type
                        )));
                    }
                },
            };
            let before = |run: &SyncRun| (run.ended_at, &run.id) < (new.ended_at, &new.id);
            let old = full.into_iter().rev().find(before);
            (old.ok_or_else(|| no_second(&new))?, new)
        }
    })
}

/// Refuses what cannot be compared, and warns of what should not be trusted blindly.
fn comparable(
    old: &Source<'_>,
    new: &Source<'_>,
    comparability: Comparability,
) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let mut refuse = |problem: String| match comparability {
        Comparability::Forced => {
            warnings.push(problem);
            Ok(())
        }
        Comparability::Required => Err(NotComparable(problem)),
    };
    for source in [old, new] {
        if source.run.sync_type != SyncType::Full {
            refuse(format!(
                "sync run `{}` of `{}` is `{}`, not full: what it leaves out would look removed",
                source.run.id,
                source.input.path.display(),
                source.run.sync_type
            ))?;
        }
    }
    match (&old.evidence, &new.evidence) {
        (Some(a), Some(b)) if a.organization.id != b.organization.id => {
            let (a, b) = (organization(a), organization(b));
            refuse(format!(
                "the snapshots are of two organizations, {a} and {b}"
            ))?;
        }
        // A copy of an organization on another server keeps its id.
        (Some(a), Some(b)) if host(&a.base_url) != host(&b.base_url) => {
            refuse(format!(
                "the snapshots are of organization {} on two servers, `{}` and `{}`",
                organization(b),
                host(&a.base_url),
                host(&b.base_url)
            ))?;
        }
        (Some(told), None) => warnings.push(untold(new, told)),
        (None, Some(told)) => warnings.push(untold(old, told)),
        _ => {}
    }
    if old.run.ended_at > new.run.ended_at {
        warnings.push(
            "the old snapshot is younger than the new one: what was gained looks lost, and the other way round"
                .to_owned(),
        );
    }
    for source in [old, new] {
        for unproved in source
            .evidence
            .iter()
            .flat_map(|evidence| &evidence.unproved)
        {
            warnings.push(format!(
                "`{}` leaves something unproved: {unproved}",
                source.input.path.display()
            ));
        }
    }
    Ok(warnings)
}

/// An organization's name and id.
fn organization(evidence: &Evidence) -> String {
    let of = &evidence.organization;
    match &of.name {
        Some(name) => format!("`{name}` ({})", of.id),
        None => format!("`{}`", of.id),
    }
}

/// The server in an address. PostHog's US region goes by two names.
fn host(base_url: &str) -> &str {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    match rest.split(['/', '?']).next().unwrap_or(rest) {
        "app.posthog.com" => "us.posthog.com",
        host => host,
    }
}

fn untold(source: &Source<'_>, other: &Evidence) -> String {
    format!(
        "`{}` does not tell which organization it is of; the other snapshot is of {}",
        source.input.path.display(),
        organization(other)
    )
}

/// Whether roles are compared: what one side did not read may be there all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RolesCompared {
    Yes,
    No,
}

impl RolesCompared {
    fn of(old: &Source<'_>, new: &Source<'_>) -> Self {
        match old.lacks_roles() || new.lacks_roles() {
            true => Self::No,
            false => Self::Yes,
        }
    }

    /// What is not compared and why, in words.
    fn warning(old: &Source<'_>, new: &Source<'_>) -> Option<String> {
        let one = |source: &Source<'_>| format!("`{}` was", source.input.path.display());
        let without = match (old.lacks_roles(), new.lacks_roles()) {
            (true, true) => "both snapshots were".to_owned(),
            (true, false) => one(old),
            (false, true) => one(new),
            (false, false) => return None,
        };
        Some(format!(
            "{without} made without reading roles: {LACKS_ROLES} are not compared"
        ))
    }
}

/// What could not be done when a thread cannot be started.
const NO_THREAD: &str = "starting a thread that reads a snapshot";

/// One pass over both inputs: the changes, and both content digests. Two rows are the same when what the digest is made
/// of is the same, so that equal digests and "no differences" are one statement.
fn compare_sources(
    old: &Source<'_>,
    new: &Source<'_>,
    fields: &FieldFilter,
    roles: RolesCompared,
) -> Result<(Vec<Change>, (ContentDigest, ContentDigest))> {
    let mut walk = Walk {
        judge: Judge::default(),
        fields,
        roles,
        old: old.catalog()?,
        new: new.catalog()?,
        records: (Vec::new(), Vec::new()),
    };
    let digests = std::thread::scope(|scope| {
        let mut old_rows = old
            .snapshot
            .read_in_background(scope, &old.run.id)
            .context(NO_THREAD)?;
        let mut new_rows = new
            .snapshot
            .read_in_background(scope, &new.run.id)
            .context(NO_THREAD)?;
        walk.kind(&mut old_rows.resource_types, &mut new_rows.resource_types)?;
        walk.kind(&mut old_rows.resources, &mut new_rows.resources)?;
        walk.kind(&mut old_rows.entitlements, &mut new_rows.entitlements)?;
        walk.kind(&mut old_rows.grants, &mut new_rows.grants)?;
        Ok::<_, anyhow::Error>((old_rows.digest(), new_rows.digest()))
    })?;
    Ok((walk.judge.finish(), digests))
}

struct Walk<'s> {
    judge: Judge,
    fields: &'s FieldFilter,
    roles: RolesCompared,
    old: Catalog<'s>,
    new: Catalog<'s>,
    records: (Vec<u8>, Vec<u8>),
}

impl Walk<'_> {
    /// Compares all rows of one kind.
    fn kind<K: Compared>(
        &mut self,
        old: &mut RowsOfKind<K>,
        new: &mut RowsOfKind<K>,
    ) -> Result<()> {
        merge(
            old.map(|row| row.map_err(anyhow::Error::from)),
            new.map(|row| row.map_err(anyhow::Error::from)),
            |a, b| a.id.cmp(&b.id),
            |step| self.step(step),
        )
    }

    fn step<K: Compared>(&mut self, step: Step<Row<'_, K>>) -> Result<()> {
        match step {
            Step::Old(row) if self.is_unknown_elsewhere(&row, &self.old)? => Ok(()),
            Step::New(row) if self.is_unknown_elsewhere(&row, &self.new)? => Ok(()),
            Step::Old(row) => K::classify(self, Some(&row), None, Vec::new()),
            Step::New(row) => K::classify(self, None, Some(&row), Vec::new()),
            Step::Both(a, b) if a == b => Ok(()),
            Step::Both(a, b) => self.both(&a, &b),
        }
    }

    /// Whether the other side lacks a row only because it did not read roles: roles, what is on them, and people who are
    /// in a snapshot only as the holders of roles.
    fn is_unknown_elsewhere<K: Compared>(
        &self,
        row: &Row<'_, K>,
        side: &Catalog<'_>,
    ) -> Result<bool> {
        match self.roles {
            RolesCompared::Yes => Ok(false),
            RolesCompared::No => K::is_of_roles(row, self, side),
        }
    }

    fn is_role(&self, id: &ResourceId) -> bool {
        let resource_type = id.resource_type.as_str();
        self.old.is_role(resource_type) || self.new.is_role(resource_type)
    }

    /// Two accounts of one object that are not the same byte for byte.
    fn both<'r, K: Compared>(&mut self, a: &Row<'r, K>, b: &Row<'r, K>) -> Result<()> {
        self.records.0.clear();
        a.record(&mut self.records.0);
        self.records.1.clear();
        b.record(&mut self.records.1);
        let differs = self.records.0 != self.records.1;
        if !differs && !self.fields.wants_noise() {
            return Ok(());
        }
        let mut fields = compare(&a.facts(), &b.facts(), differs, self.fields);
        for other in fields
            .iter_mut()
            .filter(|change| change.field == FieldChange::OTHER_FIELDS)
        {
            other.old = Some(fingerprint(&self.records.0));
            other.new = Some(fingerprint(&self.records.1));
        }
        if fields.is_empty() {
            Ok(())
        } else {
            K::classify(self, Some(a), Some(b), fields)
        }
    }
}

/// A row in the words of the model, if it is there.
fn decoded<K: Readable>(catalog: &Catalog<'_>, row: Option<&Row<'_, K>>) -> Result<Option<K>> {
    row.map(|row| catalog.decode(row)).transpose()
}

/// A kind of rows that is compared.
trait Compared: Readable {
    /// Whether a row that only `side` has is one that the other would only have if it had read roles.
    fn is_of_roles(row: &Row<'_, Self>, walk: &Walk<'_>, side: &Catalog<'_>) -> Result<bool>;

    /// Makes changes of two accounts of one object, at least one of which is there.
    fn classify<'r>(
        walk: &mut Walk<'_>,
        old: Option<&Row<'r, Self>>,
        new: Option<&Row<'r, Self>>,
        fields: Vec<FieldChange>,
    ) -> Result<()>;
}

impl Compared for ResourceType {
    fn is_of_roles(_: &Row<'_, Self>, _: &Walk<'_>, _: &Catalog<'_>) -> Result<bool> {
        Ok(false)
    }

    fn classify<'r>(
        walk: &mut Walk<'_>,
        old: Option<&Row<'r, Self>>,
        new: Option<&Row<'r, Self>>,
        fields: Vec<FieldChange>,
    ) -> Result<()> {
        let (old, new) = (decoded(&walk.old, old)?, decoded(&walk.new, new)?);
        walk.judge.resource_type(old.as_ref(), new.as_ref(), fields);
        Ok(())
    }
}

impl Compared for Resource {
    fn is_of_roles(row: &Row<'_, Self>, walk: &Walk<'_>, side: &Catalog<'_>) -> Result<bool> {
        if walk.is_role(&row.columns.id) {
            return Ok(true);
        }
        let resource = side.decode(row)?;
        Ok(Person::of(&resource).is_some_and(|person| !person.is_listed()))
    }

    fn classify<'r>(
        walk: &mut Walk<'_>,
        old: Option<&Row<'r, Self>>,
        new: Option<&Row<'r, Self>>,
        fields: Vec<FieldChange>,
    ) -> Result<()> {
        let (old, new) = (decoded(&walk.old, old)?, decoded(&walk.new, new)?);
        let shown = new.as_ref().or(old.as_ref());
        let is_role = shown.is_some_and(|resource| walk.is_role(&resource.id));
        walk.judge
            .resource(old.as_ref(), new.as_ref(), is_role, fields);
        Ok(())
    }
}

impl Compared for Entitlement {
    fn is_of_roles(row: &Row<'_, Self>, walk: &Walk<'_>, _: &Catalog<'_>) -> Result<bool> {
        Ok(walk.is_role(&row.columns.resource))
    }

    fn classify<'r>(
        walk: &mut Walk<'_>,
        old: Option<&Row<'r, Self>>,
        new: Option<&Row<'r, Self>>,
        fields: Vec<FieldChange>,
    ) -> Result<()> {
        let (old, new) = (decoded(&walk.old, old)?, decoded(&walk.new, new)?);
        let on = match (&old, &new) {
            (_, Some(shown)) => walk.new.party(&shown.resource)?,
            (Some(shown), None) => walk.old.party(&shown.resource)?,
            (None, None) => return Ok(()),
        };
        walk.judge
            .entitlement(on, old.as_ref(), new.as_ref(), fields);
        Ok(())
    }
}

impl Compared for Grant {
    fn is_of_roles(row: &Row<'_, Self>, walk: &Walk<'_>, _: &Catalog<'_>) -> Result<bool> {
        Ok(walk.is_role(&row.columns.resource))
    }

    fn classify<'r>(
        walk: &mut Walk<'_>,
        old: Option<&Row<'r, Self>>,
        new: Option<&Row<'r, Self>>,
        fields: Vec<FieldChange>,
    ) -> Result<()> {
        let (action, row, catalog) = match (old, new) {
            (None, Some(row)) => (Action::Added, row, &mut walk.new),
            (Some(row), None) => (Action::Removed, row, &mut walk.old),
            (Some(_), Some(row)) => (Action::Changed, row, &mut walk.new),
            (None, None) => return Ok(()),
        };
        let grant = catalog.decode(row)?;
        let ends = GrantEnds {
            joined_at: grant.joined_at,
            membership_id: grant.membership_id,
            id: row.id.to_string(),
            principal: catalog.party(&grant.principal)?,
            on: catalog.party(&row.columns.resource)?,
            entitlement: kept_text(&catalog.entitlement_slug(&grant.entitlement)?),
        };
        walk.judge.grant(action, ends, fields);
        Ok(())
    }
}

/// What stands for a row whose difference no known field explains.
fn fingerprint(record: &[u8]) -> Value {
    let mut digester = Digester::new();
    digester.record(record);
    Value::from(digester.finish().to_string())
}

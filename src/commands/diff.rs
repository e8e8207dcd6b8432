//! Who gained and lost what, between two snapshots or two sync runs of one.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::thread::Builder;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::expected::{self, Expected, Sorted};
use super::input::{Catalog, Input, LACKS_ROLES};
use super::{Outcome, World};
use crate::diff::{FieldFilter, GrantEnds, Judge, Step, compare, has_field, merge};
use crate::model::{
    Action, Change, ChangeKind, Comparison, Evidence, FieldChange, NOT_READ_ROLES, Party, Person,
    ResourceId, Side, SyncRun, SyncType, kept_text,
};
use crate::progress::Event;
use crate::report::diff::{self as report, Detail, DiffFormat};
use crate::snapshot::{
    Columns, ContentDigest, Damage, Decoded, Digester, Error, Filter, Row, RowKind, Snapshot,
};

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
    let knows_members = knows_members(&old, &new);
    let captured_at = new.run.ended_at.unwrap_or(new.run.started_at);
    let Sorted {
        accepted,
        changes,
        unused_lines,
    } = expected.sort(changes, captured_at, knows_members, roles);
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

/// Whether both sides have a member list. Our own snapshots do; of others it is only known that they have users.
fn knows_members(old: &Source<'_>, new: &Source<'_>) -> bool {
    old.evidence.is_some() && new.evidence.is_some()
}

/// Refuses names of fields to ignore that neither this program knows nor any row has: a name that is misspelt would ignore
/// nothing.
fn check_fields(fields: &FieldFilter, sources: [&Source<'_>; 2]) -> Result<()> {
    let mut unknown = fields.unknown();
    for source in sources {
        for kind in RowKind::ALL {
            if unknown.is_empty() {
                return Ok(());
            }
            let mut rows = source
                .snapshot
                .rows(kind, &source.run.id, Filter::EVERYTHING)?;
            while let Some(row) = rows.next_row()? {
                let json = own_json(&row);
                unknown.retain(|name| !has_field(&json, name));
            }
        }
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
        (Some(known), None) => warnings.push(organization_unknown(new, known)),
        (None, Some(known)) => warnings.push(organization_unknown(old, known)),
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

fn organization_unknown(source: &Source<'_>, other: &Evidence) -> String {
    format!(
        "`{}` does not say which organization it is of; the other snapshot is of {}",
        source.input.path.display(),
        organization(other)
    )
}

/// What the rows of one source refer to. The first question builds the list of ids, so equal snapshots cost nothing here.
struct Finder<'s> {
    source: &'s Source<'s>,
    catalog: Catalog<'s>,
}

impl<'s> Finder<'s> {
    fn new(source: &'s Source<'_>) -> Result<Self> {
        Ok(Self {
            source,
            catalog: Catalog::new(&source.snapshot, &source.run)?,
        })
    }

    fn is_role(&self, id: &ResourceId) -> bool {
        self.catalog.is_role(id.resource_type.as_str())
    }

    fn party(&mut self, id: &ResourceId) -> Result<Party> {
        let found = self.catalog.resource(id)?;
        Ok(match found.map(|row| row.decode()) {
            Some(Ok(Decoded::Resource(resource))) => Party::of(&resource, self.is_role(id)),
            _ => Party::unknown(id),
        })
    }

    fn decode(&self, row: &Row<'_>) -> Result<Decoded, Error> {
        row.decode().map_err(|error| Error::Damaged {
            path: self.source.input.path.clone(),
            damage: Damage::Row {
                table: row.table,
                id: row.id.to_string(),
                problem: error.to_string(),
            },
        })
    }
}

/// Whether roles are compared: what one side did not read may be there all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RolesCompared {
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
/// of is the same, so that unfiltered inputs have no differences exactly where their digests are equal.
fn compare_sources(
    old: &Source<'_>,
    new: &Source<'_>,
    fields: &FieldFilter,
    roles: RolesCompared,
) -> Result<(Vec<Change>, (ContentDigest, ContentDigest))> {
    let mut walk = Walk {
        judge: Judge::new(knows_members(old, new)),
        fields,
        roles,
        old: Finder::new(old)?,
        new: Finder::new(new)?,
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
        merge(
            old_rows
                .by_ref()
                .map(|row| row.map_err(anyhow::Error::from)),
            new_rows
                .by_ref()
                .map(|row| row.map_err(anyhow::Error::from)),
            |a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)),
            |step| walk.step(step),
        )?;
        Ok::<_, anyhow::Error>((old_rows.digest(), new_rows.digest()))
    })?;
    Ok((walk.judge.finish(), digests))
}

struct Walk<'s> {
    judge: Judge,
    fields: &'s FieldFilter,
    roles: RolesCompared,
    old: Finder<'s>,
    new: Finder<'s>,
    records: (Vec<u8>, Vec<u8>),
}

impl Walk<'_> {
    fn step(&mut self, step: Step<Row<'_>>) -> Result<()> {
        match step {
            Step::Old(row) if self.is_unknown_elsewhere(&row, &self.old)? => Ok(()),
            Step::New(row) if self.is_unknown_elsewhere(&row, &self.new)? => Ok(()),
            Step::Old(row) => self.classify(Some(&row), None, Vec::new()),
            Step::New(row) => self.classify(None, Some(&row), Vec::new()),
            Step::Both(a, b) if a == b => Ok(()),
            Step::Both(a, b) => self.both(&a, &b),
        }
    }

    /// Whether the other side lacks a row only because it did not read roles: roles, what is on them, and people who are
    /// in a snapshot only as the holders of roles.
    fn is_unknown_elsewhere(&self, row: &Row<'_>, side: &Finder<'_>) -> Result<bool> {
        let is_role = |id: &ResourceId| self.old.is_role(id) || self.new.is_role(id);
        Ok(match (self.roles, &row.columns) {
            (RolesCompared::Yes, _) | (_, Columns::ResourceType) => false,
            (_, Columns::Entitlement { resource } | Columns::Grant { resource, .. }) => {
                is_role(resource)
            }
            (_, Columns::Resource { id, .. }) if is_role(id) => true,
            (_, Columns::Resource { .. }) => {
                let decoded = side.decode(row)?;
                matches!(&decoded, Decoded::Resource(resource)
                    if Person::of(resource).is_some_and(|person| !person.is_listed()))
            }
        })
    }

    /// Two accounts of one object that are not the same byte for byte.
    fn both(&mut self, a: &Row<'_>, b: &Row<'_>) -> Result<()> {
        for (row, record) in [(a, &mut self.records.0), (b, &mut self.records.1)] {
            record.clear();
            row.record(record);
        }
        let differs = self.records.0 != self.records.1;
        if !differs && !self.fields.wants_noise() {
            return Ok(());
        }
        let mut fields = compare(&own_json(a), &own_json(b), differs, self.fields);
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
            self.classify(Some(a), Some(b), fields)
        }
    }

    fn classify(
        &mut self,
        old: Option<&Row<'_>>,
        new: Option<&Row<'_>>,
        fields: Vec<FieldChange>,
    ) -> Result<()> {
        let (old_model, new_model) = (
            old.map(|row| self.old.decode(row)).transpose()?,
            new.map(|row| self.new.decode(row)).transpose()?,
        );
        let Some(shown) = new.or(old) else {
            return Ok(());
        };
        let finder = if new.is_some() {
            &mut self.new
        } else {
            &mut self.old
        };
        match (&shown.columns, &old_model, &new_model) {
            (Columns::ResourceType, old, new) => {
                let model = |decoded: &Option<Decoded>| match decoded {
                    Some(Decoded::ResourceType(model)) => Some(model.clone()),
                    _ => None,
                };
                self.judge
                    .resource_type(model(old).as_ref(), model(new).as_ref(), fields);
            }
            (Columns::Resource { id, .. }, old, new) => {
                let is_role = self.old.is_role(id) || self.new.is_role(id);
                let model = |decoded: &'_ Option<Decoded>| match decoded {
                    Some(Decoded::Resource(model)) => Some(model.clone()),
                    _ => None,
                };
                self.judge.resource(
                    model(old).as_deref(),
                    model(new).as_deref(),
                    is_role,
                    fields,
                );
            }
            (Columns::Entitlement { resource }, old, new) => {
                let on = finder.party(resource)?;
                let model = |decoded: &Option<Decoded>| match decoded {
                    Some(Decoded::Entitlement(model)) => Some(model.clone()),
                    _ => None,
                };
                self.judge
                    .entitlement(on, model(old).as_ref(), model(new).as_ref(), fields);
            }
            (
                Columns::Grant {
                    resource,
                    entitlement,
                    principal,
                    ..
                },
                ..,
            ) => {
                let action = match (old, new) {
                    (None, _) => Action::Added,
                    (_, None) => Action::Removed,
                    _ => Action::Changed,
                };
                let Some(Decoded::Grant(grant)) = new_model.or(old_model) else {
                    return Ok(());
                };
                let ends = GrantEnds {
                    joined_at: grant.joined_at,
                    membership_id: grant.membership_id,
                    id: shown.id.to_string(),
                    principal: finder.party(principal)?,
                    on: finder.party(resource)?,
                    entitlement: kept_text(&finder.catalog.entitlement_slug(entitlement)?),
                };
                self.judge.grant(action, ends, fields);
            }
        }
        Ok(())
    }
}

/// What represents a row whose difference no known field explains.
fn fingerprint(record: &[u8]) -> Value {
    let mut digester = Digester::new();
    digester.record(record);
    Value::from(digester.finish().to_string())
}

/// What a row says of its own object: its message without copies of other objects, and its columns.
fn own_json(row: &Row<'_>) -> Value {
    let mut json = Vec::new();
    row.push_json(&mut json);
    let mut value: Value = serde_json::from_slice(&json).unwrap_or_default();
    let Value::Object(members) = &mut value else {
        return value;
    };
    members.remove("id");
    match &row.columns {
        Columns::ResourceType | Columns::Resource { .. } => {}
        Columns::Entitlement { resource } => {
            members.insert("resource".to_owned(), resource.to_string().into());
            if let Some(Value::Array(types)) = members.get_mut("grantableTo") {
                types
                    .iter_mut()
                    .for_each(|of| *of = of.get("id").cloned().unwrap_or_default());
            }
        }
        Columns::Grant {
            entitlement,
            principal,
            expansion,
            ..
        } => {
            members.insert("entitlement".to_owned(), entitlement.to_string().into());
            members.insert("principal".to_owned(), principal.to_string().into());
            if let Some(expansion) = expansion {
                members.insert("expansion".to_owned(), expansion.to_vec().into());
            }
        }
    }
    value
}

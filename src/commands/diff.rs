//! Who gained and lost what, between two snapshots or two sync runs of one.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::input::Input;
use super::{Outcome, World};
use crate::diff::{FieldFilter, GrantEnds, Judge, Step, compare, merge};
use crate::model::{
    Action, Change, ChangeKind, Comparison, Evidence, FieldChange, Party, ResourceId, Side,
    SyncRun, SyncType, Trait,
};
use crate::progress::Event;
use crate::report::diff::{self as report, Detail, DiffFormat};
use crate::snapshot::{
    Columns, ContentDigest, Decoded, Digester, Error, Filter, Lookup, Row, RowKind, Snapshot,
};

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

pub(super) fn run(args: &DiffArgs, world: &mut World<'_>) -> Result<Outcome> {
    let expected = match &args.accept {
        Some(path) => Expected::read(path)?,
        None => Expected::default(),
    };
    let (old, new) = Source::open(&args.inputs)?;
    let mut warnings = comparable(&old, &new, args.comparability)?;
    let (changes, digests) = compare_sources(&old, &new, &args.fields)?;
    let (accepted, changes): (Vec<_>, Vec<_>) = changes
        .into_iter()
        .partition(|change| expected.covers(change));
    warnings.extend(expected.unmatched(&accepted));
    let comparison = Comparison {
        old: old.side(digests.0),
        new: new.side(digests.1),
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
        DiffOutput::AcceptLines => write_accept_lines(&comparison, world)?,
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
            DiffInputs::Files { old, new } => Ok((Self::of_file(old)?, Self::of_file(new)?)),
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

    fn of_file(input: &'s Input) -> Result<Self> {
        let (snapshot, run) = input.open_sync()?;
        Self::new(snapshot.into(), input, run)
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

    /// Which types are roles.
    fn role_types(&self) -> Result<BTreeSet<String>> {
        let mut roles = BTreeSet::new();
        for row in self
            .snapshot
            .query(RowKind::ResourceType, &Filter::default())?
            .rows(&self.run.id)?
        {
            let row = row?;
            if matches!(row.decode(), Ok(Decoded::ResourceType(decoded)) if decoded.traits.contains(&Trait::Role))
            {
                roles.insert(row.id);
            }
        }
        Ok(roles)
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
    let new = match new {
        Some(id) => snapshot.sync_run(Some(id))?,
        None => full.pop().ok_or(Error::NoFinishedSync {
            path: file.path.clone(),
            unfinished: 0,
        })?,
    };
    let old = match old {
        Some(id) => snapshot.sync_run(Some(id))?,
        None => full
            .into_iter()
            .rev()
            .find(|run| run.id != new.id && run.ended_at <= new.ended_at)
            .ok_or_else(|| {
                NotComparable(format!(
                    "`{}` holds no second finished full sync run to compare with",
                    file.path.display()
                ))
            })?,
    };
    Ok((old, new))
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
    if let (Some(a), Some(b)) = (&old.evidence, &new.evidence)
        && a.organization.id != b.organization.id
    {
        let name = |evidence: &Evidence| {
            evidence
                .organization
                .name
                .clone()
                .unwrap_or_else(|| evidence.organization.id.clone())
        };
        refuse(format!(
            "the snapshots are of two organizations, `{}` and `{}`",
            name(a),
            name(b)
        ))?;
    }
    if old.run.ended_at > new.run.ended_at {
        warnings.push(
            "the old snapshot is younger than the new one: gained and lost are turned round"
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

/// Finds rows of one source by id.
struct Finder<'s> {
    resources: Lookup<'s>,
    entitlements: Lookup<'s>,
    slugs: HashMap<String, String>,
    roles: BTreeSet<String>,
}

impl<'s> Finder<'s> {
    fn new(source: &'s Source<'_>) -> Result<Self> {
        Ok(Self {
            resources: source.snapshot.lookup(RowKind::Resource, &source.run.id)?,
            entitlements: source
                .snapshot
                .lookup(RowKind::Entitlement, &source.run.id)?,
            slugs: HashMap::new(),
            roles: source.role_types()?,
        })
    }

    fn party(&mut self, id: &ResourceId) -> Result<Party> {
        Ok(
            match self.resources.get(&id.to_string())?.map(|row| row.decode()) {
                Some(Ok(Decoded::Resource(resource))) => Party::of(&resource),
                _ => Party::unknown(id),
            },
        )
    }

    fn slug(&mut self, entitlement: &str) -> Result<String> {
        if let Some(slug) = self.slugs.get(entitlement) {
            return Ok(slug.clone());
        }
        let slug = match self.entitlements.get(entitlement)?.map(|row| row.decode()) {
            Some(Ok(Decoded::Entitlement(decoded))) if !decoded.slug.is_empty() => {
                decoded.slug.to_string()
            }
            _ => entitlement.to_owned(),
        };
        self.slugs.insert(entitlement.to_owned(), slug.clone());
        Ok(slug)
    }
}

/// One pass over both inputs: the changes, and both content digests. Two rows are the same when what the digest is made
/// of is the same, so that equal digests and "no differences" are one statement.
fn compare_sources(
    old: &Source<'_>,
    new: &Source<'_>,
    fields: &FieldFilter,
) -> Result<(Vec<Change>, (ContentDigest, ContentDigest))> {
    let mut walk = Walk {
        judge: Judge::default(),
        fields,
        old: Finder::new(old)?,
        new: Finder::new(new)?,
        digests: (Digester::new(), Digester::new()),
        records: (Vec::new(), Vec::new()),
    };
    for kind in RowKind::ALL {
        let mut old_query = old.snapshot.query(kind, &Filter::default())?;
        let mut new_query = new.snapshot.query(kind, &Filter::default())?;
        merge(
            old_query
                .rows(&old.run.id)?
                .map(|row| row.map_err(anyhow::Error::from)),
            new_query
                .rows(&new.run.id)?
                .map(|row| row.map_err(anyhow::Error::from)),
            |a, b| a.id.cmp(&b.id),
            |step| walk.step(step),
        )?;
    }
    Ok((
        walk.judge.finish(),
        (walk.digests.0.finish(), walk.digests.1.finish()),
    ))
}

struct Walk<'s> {
    judge: Judge,
    fields: &'s FieldFilter,
    old: Finder<'s>,
    new: Finder<'s>,
    digests: (Digester, Digester),
    records: (Vec<u8>, Vec<u8>),
}

impl Walk<'_> {
    fn step(&mut self, step: Step<Row>) -> Result<()> {
        match step {
            Step::Old(row) => {
                row.record(&mut self.records.0);
                self.digests.0.record(&self.records.0);
                self.tell(Some(&row), None, Vec::new())
            }
            Step::New(row) => {
                row.record(&mut self.records.1);
                self.digests.1.record(&self.records.1);
                self.tell(None, Some(&row), Vec::new())
            }
            Step::Both(a, b) => self.both(&a, &b),
        }
    }

    fn both(&mut self, a: &Row, b: &Row) -> Result<()> {
        a.record(&mut self.records.0);
        self.digests.0.record(&self.records.0);
        if a == b {
            self.digests.1.record(&self.records.0);
            return Ok(());
        }
        b.record(&mut self.records.1);
        self.digests.1.record(&self.records.1);
        let differs = self.records.0 != self.records.1;
        if !differs && !self.fields.wants_noise() {
            return Ok(());
        }
        let fields = compare(&own_json(a), &own_json(b), differs, self.fields);
        if fields.is_empty() {
            Ok(())
        } else {
            self.tell(Some(a), Some(b), fields)
        }
    }

    fn tell(
        &mut self,
        old: Option<&Row>,
        new: Option<&Row>,
        fields: Vec<FieldChange>,
    ) -> Result<()> {
        let (old_model, new_model) = (
            old.map(Row::decode).transpose()?,
            new.map(Row::decode).transpose()?,
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
                let is_role = finder.roles.contains(id.resource_type.as_str());
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
                let ends = GrantEnds {
                    id: shown.id.clone(),
                    principal: finder.party(principal)?,
                    on: finder.party(resource)?,
                    entitlement: finder.slug(entitlement.as_str())?,
                };
                self.judge.grant(action, ends, fields);
            }
        }
        Ok(())
    }
}

/// What a row says of its own object: its message without copies of other objects, and its columns.
fn own_json(row: &Row) -> Value {
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
                members.insert("expansion".to_owned(), expansion.clone().into());
            }
        }
    }
    value
}

/// Changes that were expected, as a file of lines `kind id # comment`.
#[derive(Default)]
struct Expected {
    lines: Vec<ExpectedLine>,
}

struct ExpectedLine {
    number: usize,
    kind: ChangeKind,
    id: String,
}

impl Expected {
    fn read(path: &std::path::Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading `{}`", path.display()))?;
        let mut lines = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let number = at + 1;
            let content = line.split(" #").next().unwrap_or_default().trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let place = || format!("line {number} of `{}`", path.display());
            let Some((kind, id)) = content.split_once(char::is_whitespace) else {
                bail!("{}: expected a kind and an id", place());
            };
            let kind = kind
                .parse()
                .map_err(anyhow::Error::msg)
                .with_context(place)?;
            lines.push(ExpectedLine {
                number,
                kind,
                id: id.trim().to_owned(),
            });
        }
        Ok(Self { lines })
    }

    /// Whether every meaning of the change was expected.
    fn covers(&self, change: &Change) -> bool {
        change.kinds.iter().all(|kind| {
            self.lines
                .iter()
                .any(|line| line.kind == *kind && line.id == change.id)
        })
    }

    /// Lines that no accepted change needed, in words.
    fn unmatched<'e>(&'e self, accepted: &'e [Change]) -> impl Iterator<Item = String> + 'e {
        let needed = |line: &ExpectedLine| {
            accepted
                .iter()
                .any(|change| change.id == line.id && change.kinds.contains(&line.kind))
        };
        self.lines
            .iter()
            .filter(move |line| !needed(line))
            .map(|line| {
                format!(
                    "line {} of the accepted changes matches nothing: {} {}",
                    line.number, line.kind, line.id
                )
            })
    }
}

fn write_accept_lines(comparison: &Comparison, world: &mut World<'_>) -> Result<()> {
    for change in comparison.changes.iter().chain(&comparison.accepted) {
        let comment = report::in_words(change);
        for kind in &change.kinds {
            writeln!(world.out, "{kind} {}  # {comment}", change.id)?;
        }
    }
    Ok(())
}

//! Reads everything in a snapshot and reports every defect under a stable code. `schema.rs` checks the declarations,
//! `storage.rs` pages, indexes and stored values, `row.rs` the rows; `origin.rs` decides what to expect of a sync run.
//! Nothing that any version of the official SDK writes is a defect.
//!
//! [`Snapshot::open`] decides whether a file can be read at all. The defects found here are those that readers would
//! show wrongly, refuse, or fail on later.

mod finding;
mod origin;
mod row;
mod schema;
mod storage;

use std::collections::HashMap;
use std::hash::RandomState;
use std::path::Path;
use std::sync::Arc;

use svix_ksuid::Ksuid;

use crate::model::{
    Entitlement, FoundDocument, Grant, RecordedTime, Resource, ResourceType, SyncRun,
};
use crate::snapshot::container::Keep;
use crate::snapshot::error::{Damage, Error, shortened};
use crate::snapshot::read::{Counts, Filter, Format, ReadOptions, Readable, Snapshot};
use crate::snapshot::table::{Digester, Row};
use origin::{Coverage, Origin};
use row::{Checked, RowCheck, fact};

pub use finding::Finding;

/// Calls `found` with every defect of the c1z at `path`. Memory holds the ids of the resources and entitlements of one
/// sync run, and eight bytes for each of its grants.
///
/// # Errors
/// When it cannot be opened, or is too damaged to check further.
pub fn verify(
    path: &Path,
    options: &ReadOptions,
    found: &mut dyn FnMut(Finding),
) -> Result<(), Error> {
    let snapshot = &Snapshot::open_with(path, options, Keep::Everything)?;
    let verified = Verifier { snapshot, found }.verify_contents();
    // Stored values and indexes are checked even if rows cannot be read: they may explain why. A v3 file has been checked
    // when it was opened.
    if snapshot.format == Format::V1 {
        for finding in storage::check(snapshot)? {
            found(finding);
        }
    }
    verified
}

struct Verifier<'a> {
    snapshot: &'a Snapshot,
    found: &'a mut dyn FnMut(Finding),
}

/// The state of checking the rows of one sync run.
struct RunChecks<'a> {
    check: RowCheck<'a>,
    counts: Counts,
    digester: Digester,
    /// Hashes of principal and entitlement of each grant.
    facts: Vec<u64>,
}

/// The tables that hold rows of a sync run.
const ROW_TABLES: [&str; 6] = [
    "v1_resource_types",
    "v1_resources",
    "v1_entitlements",
    "v1_grants",
    "v1_assets",
    "v1_connector_sessions",
];

impl Verifier<'_> {
    fn verify_contents(&mut self) -> Result<(), Error> {
        let runs = self.snapshot.sync_runs();
        if self.snapshot.format == Format::V1 {
            schema::check(self.snapshot, self.origin(&runs), self.found)?;
        }
        let runs = match runs {
            Ok(runs) => runs,
            Err(Error::Damaged {
                damage: damage @ Damage::Time { .. },
                ..
            }) => {
                self.report("time-text", damage.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.sync_runs(&runs)?;
        self.orphans();
        for run in &runs {
            self.rows(run)?;
        }
        Ok(())
    }

    /// The origin of the file: ours if any of its sync runs is.
    fn origin(&self, runs: &Result<Vec<SyncRun>, Error>) -> Origin {
        let is_ours = |run: &SyncRun| self.origin_of(run) == Origin::Ours;
        match runs {
            Ok(runs) if runs.iter().any(is_ours) => Origin::Ours,
            _ => Origin::Others,
        }
    }

    /// The origin of a sync run. If its evidence cannot be read, the stricter rules apply; the damage is reported with
    /// its rows.
    fn origin_of(&self, run: &SyncRun) -> Origin {
        match self.snapshot.evidence(&run.id) {
            Ok(evidence) => Origin::of(evidence.as_ref()),
            Err(_) => Origin::Ours,
        }
    }

    fn report(&mut self, code: &'static str, message: impl Into<String>) {
        (self.found)(Finding::new(code, message));
    }

    fn sync_runs(&mut self, runs: &[SyncRun]) -> Result<(), Error> {
        if !runs.iter().any(|run| run.ended_at.is_some()) {
            self.report(
                "no-finished-sync",
                "none of its sync runs is finished, so readers show nothing, or rows of an unfinished one",
            );
        }
        for run in runs {
            let id = shortened(run.id.as_str().as_bytes());
            let id = id.escape_debug();
            if run.id.as_str().len() != 27 || run.id.as_str().parse::<Ksuid>().is_err() {
                self.report(
                    "sync-id",
                    format!("the id of sync run `{id}` is not a KSUID"),
                );
            }
            match run.ended_at {
                None => self.report(
                    "unfinished-sync",
                    format!("sync run `{id}` started and never ended"),
                ),
                Some(ended_at) if ended_at < run.started_at => {
                    let zone = run.zone(self.snapshot.evidence(&run.id)?.as_ref());
                    let started_at = RecordedTime {
                        as_utc: run.started_at,
                        zone,
                    };
                    // A local clock may have been set back in between.
                    if started_at.is_certainly_after(run.captured_at(zone)) {
                        self.report(
                            "sync-times",
                            format!("sync run `{id}` ended before it started"),
                        );
                    }
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Reports rows that belong to no sync run, which no reader shows.
    fn orphans(&mut self) {
        for table in self.snapshot.survey.tables() {
            if ROW_TABLES.contains(&table.name) && table.orphans > 0 {
                let message = format!(
                    "{} rows of `{}` belong to no sync run",
                    table.orphans, table.name
                );
                self.report("orphan-rows", message);
            }
        }
    }

    fn rows(&mut self, run: &SyncRun) -> Result<(), Error> {
        let snapshot = self.snapshot;
        let evidence = snapshot.evidence(&run.id)?;
        let mut checks = RunChecks {
            check: RowCheck {
                snapshot,
                run: run.id.clone(),
                known: Arc::default(),
                origin: Origin::of(evidence.as_ref()),
                coverage: Coverage::of(run),
                hasher: RandomState::new(),
            },
            counts: Counts::default(),
            digester: Digester::new(),
            facts: Vec::new(),
        };
        let is_read = self.rows_of_kind::<ResourceType>(&mut checks)?
            && self.rows_of_kind::<Resource>(&mut checks)?
            && self.rows_of_kind::<Entitlement>(&mut checks)?
            && self.rows_of_kind::<Grant>(&mut checks)?;
        if !is_read {
            return Ok(());
        }
        let RunChecks {
            check,
            counts,
            digester,
            facts,
        } = checks;
        self.duplicate_grants(run, facts, &check.hasher)?;
        if let Some(problem) = snapshot
            .stats_column(&run.id)?
            .and_then(|stats| counts.differs_from(&stats, &run.sync_type, evidence.as_ref()))
        {
            self.report(
                "stats",
                format!(
                    "sync run `{}`: its stats column is wrong: {problem}",
                    run.id.as_str().escape_debug()
                ),
            );
        }
        self.organization(run)?;
        if let Some(why) = snapshot.evidence_flaw(&run.id)? {
            self.report(
                "evidence-digest",
                format!("its evidence cannot be compared with its rows: {why}"),
            );
        }
        if let Some(evidence) = evidence {
            let digest = digester.finish().to_string();
            if evidence.content_digest.as_deref() != Some(digest.as_str()) {
                self.report(
                    "evidence-digest",
                    format!(
                        "the content digest in its evidence does not match its rows, whose digest is {digest}"
                    ),
                );
            }
        }
        Ok(())
    }

    /// Checks the document about what surrounds the roles.
    fn organization(&mut self, run: &SyncRun) -> Result<(), Error> {
        let flaws = match self.snapshot.organization(&run.id)? {
            FoundDocument::Absent => Vec::new(),
            FoundDocument::NotUnderstood(why) => vec![why],
            FoundDocument::Found(document) => document.flaws(),
        };
        for flaw in flaws {
            self.report("organization", format!("its organization document: {flaw}"));
        }
        Ok(())
    }

    /// Checks all rows of one kind. Returns whether they could be read.
    fn rows_of_kind<K: Readable>(&mut self, checks: &mut RunChecks<'_>) -> Result<bool, Error> {
        let snapshot = self.snapshot;
        let RunChecks {
            check,
            counts,
            digester,
            facts,
        } = checks;
        let (mut ids, mut is_partial) = (Vec::new(), false);
        let each = check.clone();
        let read = snapshot.batches::<K, _, _>(
            &check.run,
            Filter::EVERYTHING,
            |_| {
                let check = each.clone();
                Ok(Box::new(move |rows| check.rows(rows)))
            },
            |checked: Checked| {
                checked.findings.into_iter().for_each(&mut *self.found);
                *counts += checked.counts;
                digester.record(&checked.records);
                ids.extend(checked.ids);
                is_partial |= checked.is_partial;
                facts.extend(checked.facts);
                counts.check().map_err(|damage| snapshot.damaged(damage))
            },
        );
        match read {
            Ok(()) => {}
            Err(Error::Damaged {
                damage: damage @ Damage::Row { .. },
                ..
            }) => {
                self.report("row", damage.to_string());
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        drop(each);
        Arc::make_mut(&mut check.known).extend(K::KIND, ids, is_partial);
        Ok(true)
    }

    /// Reports grants of one entitlement to one principal under different ids: v1 readers show all, a conversion to v3
    /// keeps one. `facts` are hashes of principal and entitlement.
    fn duplicate_grants(
        &mut self,
        run: &SyncRun,
        mut facts: Vec<u64>,
        hasher: &RandomState,
    ) -> Result<(), Error> {
        facts.sort_unstable();
        let mut repeated: Vec<u64> = facts
            .windows(2)
            .filter(|pair| pair[0] == pair[1])
            .map(|pair| pair[0])
            .collect();
        repeated.dedup();
        if repeated.is_empty() {
            return Ok(());
        }
        drop(facts);
        // Equal hashes are not proof, so compare the ids themselves.
        let mut counts: HashMap<(String, String), u64> = HashMap::new();
        let mut rows = self.snapshot.rows::<Grant>(&run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_unchecked()? {
            if let Ok(Row { columns, .. }) = row
                && repeated.binary_search(&fact(hasher, &columns)).is_ok()
            {
                let fact = (
                    columns.entitlement.to_string(),
                    columns.principal.to_string(),
                );
                *counts.entry(fact).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
        counts.sort_unstable();
        for ((entitlement, principal), count) in counts {
            self.report(
                "duplicate-grant",
                format!(
                    "`{}` is granted {count} times to `{}`",
                    shortened(entitlement.as_bytes()).escape_debug(),
                    shortened(principal.as_bytes()).escape_debug()
                ),
            );
        }
        Ok(())
    }
}

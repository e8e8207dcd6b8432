//! Reads everything in a snapshot and tells every defect, each under a code that stays the same.
//!
//! Whether a file can be read at all is decided by [`Snapshot::open`]; what is found here is what a reader would
//! show wrongly, or stumble over later.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use svix_ksuid::Ksuid;

use super::digest::{Digester, RowKind};
use super::query::{Counts, Filter};
use super::reader::Snapshot;
use super::row_check::{Checked, IdForm, Known, RowCheck};
use super::{Damage, Error, schema};
use crate::model::SyncRun;

/// One defect of a readable file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of defect; these texts never change.
    pub code: &'static str,
    /// What is wrong where, in words.
    pub message: String,
}

impl Error {
    /// The code of a file that cannot be read; these texts never change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::Building(_) => "unreadable",
            Self::NotC1z { .. } => "not-c1z",
            Self::Version3 { .. } => "format-v3",
            Self::TooLarge { .. } => "too-large",
            Self::NoFinishedSync { .. } | Self::NoSuchSync { .. } => "no-finished-sync",
            Self::Damaged { damage, .. } => match damage {
                Damage::Empty => "empty",
                Damage::Truncated => "truncated",
                Damage::Checksum => "checksum",
                Damage::NotZstd => "not-zstd",
                Damage::TrailingBytes => "trailing-bytes",
                Damage::Window => "window",
                Damage::Zstd(_) => "zstd",
                Damage::Sqlite(_) | Damage::Endless => "sqlite",
                Damage::Schema(_) => "schema",
                Damage::Time { .. } => "time-text",
                Damage::Row { .. } => "row",
            },
        }
    }
}

impl Snapshot {
    /// Tells `found` of every defect. Holds the ids of resources and entitlements of one sync run in memory, and
    /// nothing that grows with the grants.
    ///
    /// # Errors
    /// When so little is sound that looking on is pointless.
    ///
    /// # Panics
    /// While other threads read the snapshot.
    pub fn verify(&self, found: &mut dyn FnMut(Finding)) -> Result<(), Error> {
        std::thread::scope(|scope| {
            let snapshot = self
                .another()
                .expect("a snapshot that nobody reads has connections to spare");
            let integrity = scope.spawn(move || (integrity(&snapshot), snapshot));
            let mut verifier = Verifier {
                snapshot: self,
                integrity: Some(integrity),
                waiting: Vec::new(),
                broken: None,
                found,
            };
            let verified = verifier.verify();
            verifier.tell_waiting();
            verifier.broken.map_or(verified, Err)
        })
    }
}

impl Snapshot {
    /// Lets SQLite say whether one of its pages is referred to more than once, where that seems so.
    ///
    /// # Errors
    /// When it is, or when the file forbids to ask.
    pub(super) fn refuse_repeated_pages(&self) -> Result<(), Error> {
        for finding in integrity(self)? {
            if finding.message.contains("reference to page") {
                return Err(Error::damaged(&self.path, Damage::Endless));
            }
            if finding.code == FOREIGN_OBJECT {
                return Err(Error::damaged(&self.path, Damage::Schema(finding.message)));
            }
        }
        Ok(())
    }
}

/// Something in the schema that is not ours, and would be run.
const FOREIGN_OBJECT: &str = "foreign-object";

/// What SQLite itself finds wrong: pages, and indexes that do not fit their table. The check runs expressions that
/// stand in the schema, so a file that brings its own is not checked.
fn integrity(snapshot: &Snapshot) -> Result<Vec<Finding>, Error> {
    let expressions = texts(
        snapshot,
        "select i.name from sqlite_schema i, pragma_index_xinfo(i.name) c where i.type = 'index' and c.cid = -2",
    )?;
    let hidden = texts(
        snapshot,
        "select t.name || '.' || c.name from sqlite_schema t, pragma_table_xinfo(t.name) c \
         where t.type = 'table' and c.hidden <> 0",
    )?;
    let mut found = Vec::new();
    for name in expressions.iter().chain(&hidden) {
        found.push(Finding {
            code: FOREIGN_OBJECT,
            message: format!("it computes `{}`, which no c1z does", name.escape_debug()),
        });
    }
    if found.is_empty() {
        for problem in texts(snapshot, "pragma integrity_check(100)")? {
            if problem != "ok" {
                found.push(Finding {
                    code: "sqlite-integrity",
                    message: problem.replace('\n', " "),
                });
            }
        }
    }
    Ok(found)
}

/// What SQLite found, and the connection that it was asked through.
type Integrity = (Result<Vec<Finding>, Error>, Snapshot);

struct Verifier<'a, 'scope> {
    snapshot: &'a Snapshot,
    /// SQLite's own check, on another thread: it takes as long as all others together, and what it finds comes first.
    integrity: Option<ScopedJoinHandle<'scope, Integrity>>,
    /// What is found and not told yet.
    waiting: Vec<Finding>,
    /// Why SQLite's own check could not be made; nothing more is told then.
    broken: Option<Error>,
    found: &'a mut dyn FnMut(Finding),
}

/// Findings that wait for SQLite's own at the most.
const MAX_WAITING: usize = 1000;

/// The tables that hold rows of a sync run.
const ROW_TABLES: [&str; 6] = [
    "v1_resource_types",
    "v1_resources",
    "v1_entitlements",
    "v1_grants",
    "v1_assets",
    "v1_connector_sessions",
];

impl Verifier<'_, '_> {
    fn verify(&mut self) -> Result<(), Error> {
        self.schema()?;
        let bad_times = self.times()?;
        let runs = match self.snapshot.sync_runs() {
            Ok(runs) => runs,
            Err(Error::Damaged {
                damage: damage @ Damage::Time { .. },
                ..
            }) => {
                // One that only looks like a time, such as the 30th of February, is not told yet.
                if bad_times == 0 {
                    self.tell("time-text", damage.to_string());
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.sync_runs(&runs);
        self.orphans()?;
        for run in &runs {
            self.rows(run)?;
        }
        Ok(())
    }

    fn tell(&mut self, code: &'static str, message: impl Into<String>) {
        self.take(Finding {
            code,
            message: message.into(),
        });
    }

    fn take(&mut self, finding: Finding) {
        self.waiting.push(finding);
        if self.integrity.is_none() || self.waiting.len() == MAX_WAITING {
            self.tell_waiting();
        }
    }

    /// Tells what waits, behind what SQLite itself found.
    fn tell_waiting(&mut self) {
        let first = match self.integrity.take().map(ScopedJoinHandle::join) {
            None => Vec::new(),
            Some(Ok((checked, snapshot))) => {
                self.snapshot.give_back(snapshot);
                checked.unwrap_or_else(|error| {
                    self.broken = Some(error);
                    Vec::new()
                })
            }
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        };
        let waiting = std::mem::take(&mut self.waiting);
        if self.broken.is_none() {
            first.into_iter().chain(waiting).for_each(&mut *self.found);
        }
    }

    /// Tables, columns and indexes, by their names. What came after SDK v0.7.27 may be missing.
    fn schema(&mut self) -> Result<(), Error> {
        for table in &schema::TABLES {
            let columns: HashMap<String, String> = self.pairs(&format!(
                "select name, lower(type) from pragma_table_info('{}')",
                table.name
            ))?;
            if columns.is_empty() {
                self.tell(
                    "missing-table",
                    format!("table `{}` is missing", table.name),
                );
                continue;
            }
            for column in table.columns {
                let wanted = column.declared_type();
                match columns.get(column.name) {
                    None if column.since == schema::Since::Later => {}
                    None => {
                        self.tell(
                            "missing-column",
                            format!("`{}.{}` is missing", table.name, column.name),
                        );
                    }
                    Some(declared) if declared != wanted => self.tell(
                        "column-type",
                        format!(
                            "`{}.{}` is declared {declared}, not {wanted}",
                            table.name, column.name
                        ),
                    ),
                    Some(_) => {}
                }
            }
        }
        for view in
            self.texts("select name from sqlite_schema where type in ('view', 'trigger')")?
        {
            self.tell(
                FOREIGN_OBJECT,
                format!("it holds a view or trigger, `{view}`"),
            );
        }
        for index in &schema::INDEXES {
            self.index(index)?;
        }
        Ok(())
    }

    fn index(&mut self, index: &schema::Index) -> Result<(), Error> {
        let columns = self
            .texts(&format!(
                "select name from pragma_index_info('{}')",
                index.name
            ))?
            .join(", ");
        if columns.is_empty() {
            if index.since == schema::Since::Always {
                self.tell(
                    "missing-index",
                    format!("index `{}` is missing", index.name),
                );
            }
            return Ok(());
        }
        let unique = self.texts(&format!(
            "select \"unique\" || '' from pragma_index_list('{}') where name = '{}'",
            index.table, index.name
        ))?;
        let is_unique = unique == ["1"];
        if columns != index.columns || is_unique != index.unique {
            let kind = |unique| if unique { "unique" } else { "not unique" };
            self.tell(
                "index",
                format!(
                    "index `{}` is on ({columns}), {}; it must be on ({}), {}, or the SDK cannot append to the file",
                    index.name,
                    kind(is_unique),
                    index.columns,
                    kind(index.unique)
                ),
            );
        }
        Ok(())
    }

    /// Times that no reader can parse, by their shape. Returns in how many columns there are any.
    fn times(&mut self) -> Result<usize, Error> {
        let mut told = 0;
        // As the format has them; RFC 3339 is read too, but orders wrongly beside it.
        const TIME: &str =
            "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9]";
        for (table, column) in [
            ("v1_sync_runs", "started_at"),
            ("v1_sync_runs", "ended_at"),
            ("v1_resource_types", "discovered_at"),
            ("v1_resources", "discovered_at"),
            ("v1_entitlements", "discovered_at"),
            ("v1_grants", "discovered_at"),
            ("v1_assets", "discovered_at"),
        ] {
            if !self.snapshot.has_table(table)? {
                continue;
            }
            let bad = self.texts(&format!(
                "select '`{table}.{column}` holds what is no time of the form YYYY-MM-DD HH:MM:SS, ' || count(*) || ' in all, such as `' \
                 || substr(cast({column} as text), 1, 40) || '`' from {table} where {column} is not null \
                 and (typeof({column}) <> 'text' or substr({column}, 1, 19) not glob '{TIME}' \
                 or length({column}) > 19 and (substr({column}, 20, 1) <> '.' or substr({column}, 21) glob '*[^0-9]*')) having count(*) > 0"
            ))?;
            told += bad.len();
            bad.into_iter()
                .for_each(|message| self.tell("time-text", message));
        }
        Ok(told)
    }

    fn sync_runs(&mut self, runs: &[SyncRun]) {
        if !runs.iter().any(|run| run.ended_at.is_some()) {
            self.tell(
                "no-finished-sync",
                "no sync run in it is finished, so readers show nothing or too much",
            );
        }
        for run in runs {
            let id = run.id.as_str();
            if id.len() != 27 || id.parse::<Ksuid>().is_err() {
                self.tell(
                    "sync-id",
                    format!(
                        "sync run `{}` has an id that is no KSUID",
                        id.escape_debug()
                    ),
                );
            }
            match run.ended_at {
                None => self.tell(
                    "unfinished-sync",
                    format!("sync run `{id}` began and never ended"),
                ),
                Some(ended_at) if ended_at < run.started_at => {
                    self.tell(
                        "sync-times",
                        format!("sync run `{id}` ended before it began"),
                    );
                }
                Some(_) => {}
            }
        }
    }

    /// Rows that belong to no sync run: no reader ever shows them.
    fn orphans(&mut self) -> Result<(), Error> {
        for table in ROW_TABLES {
            if !self.snapshot.has_table(table)? {
                continue;
            }
            for message in self.texts(&format!(
                "select count(*) || ' rows of `{table}` belong to no sync run' from {table} \
                 where sync_id not in (select sync_id from v1_sync_runs) having count(*) > 0"
            ))? {
                self.tell("orphan-rows", message);
            }
        }
        Ok(())
    }

    fn rows(&mut self, run: &SyncRun) -> Result<(), Error> {
        let snapshot = self.snapshot;
        let evidence = snapshot.evidence(&run.id)?;
        let mut known = Arc::new(Known::default());
        let mut counts = Counts::default();
        let mut digester = Digester::new();
        for kind in RowKind::ALL {
            let mut ids = Vec::new();
            let check = RowCheck {
                known: known.clone(),
                form: match evidence {
                    Some(_) => IdForm::Ours,
                    None => IdForm::Any,
                },
            };
            let read = snapshot.batches(
                kind,
                &run.id,
                &Filter::default(),
                |_| {
                    let check = check.clone();
                    Ok(Box::new(move |rows| Ok(check.rows(rows))))
                },
                |checked: Checked| {
                    checked
                        .findings
                        .into_iter()
                        .for_each(|finding| self.take(finding));
                    counts += checked.counts;
                    digester.record(&checked.records);
                    ids.extend(checked.ids);
                    Ok(())
                },
            );
            match read {
                Ok(()) => {}
                Err(
                    error @ Error::Damaged {
                        damage: Damage::Row { .. },
                        ..
                    },
                ) => {
                    self.tell("row", error.to_string());
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            drop(check);
            Arc::make_mut(&mut known).extend(kind, ids);
        }
        self.duplicate_grants(run)?;
        if let Some(problem) = snapshot
            .stats_column(&run.id)?
            .and_then(|stats| counts.differs_from(&stats))
        {
            self.tell(
                "stats",
                format!(
                    "sync run `{}`: its stats column is wrong: {problem}",
                    run.id
                ),
            );
        }
        if let Some(evidence) = evidence {
            let digest = digester.finish().to_string();
            if evidence.content_digest.as_deref() != Some(digest.as_str()) {
                self.tell(
                    "evidence-digest",
                    format!(
                        "the evidence's content digest is not that of the rows, which is {digest}"
                    ),
                );
            }
        }
        Ok(())
    }

    /// Two grants for one fact: v1 readers show both, a conversion keeps one.
    fn duplicate_grants(&mut self, run: &SyncRun) -> Result<(), Error> {
        for message in self.texts(&format!(
            "select '`' || entitlement_id || '` is granted ' || count(*) || ' times to `' \
             || principal_resource_type_id || ':' || principal_resource_id || '`' from v1_grants \
             where sync_id = '{}' group by entitlement_id, principal_resource_type_id, principal_resource_id \
             having count(*) > 1",
            run.id.as_str().replace('\'', "''")
        ))? {
            self.tell("duplicate-grant", message);
        }
        Ok(())
    }

    fn texts(&self, sql: &str) -> Result<Vec<String>, Error> {
        texts(self.snapshot, sql)
    }

    fn pairs(&self, sql: &str) -> Result<HashMap<String, String>, Error> {
        let mut statement = self.snapshot.prepare(sql)?;
        let pairs = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(|e| self.snapshot.sqlite(e))?;
        pairs
            .collect::<Result<_, _>>()
            .map_err(|e| self.snapshot.sqlite(e))
    }
}

fn texts(snapshot: &Snapshot, sql: &str) -> Result<Vec<String>, Error> {
    let mut statement = snapshot.prepare(sql)?;
    let texts = statement
        .query_map([], |row| row.get(0))
        .map_err(|e| snapshot.sqlite(e))?;
    texts
        .collect::<Result<_, _>>()
        .map_err(|e| snapshot.sqlite(e))
}

//! Compares the schema of a file with that of a c1z: tables, columns and indexes by name, and everything that would be
//! run if SQLite opened the file.
//!
//! Files of other programs may lack what every official reader adds when it opens a file, so that old files remain
//! valid. Our own files have everything.

use super::finding::Finding;
use super::origin::Origin;
use crate::snapshot::container::declaration::{IndexDeclaration, Unusual};
use crate::snapshot::container::{SchemaObject, Walker, read_schema};
use crate::snapshot::error::{Error, shortened};
use crate::snapshot::read::{Snapshot, StoredTable};
use crate::snapshot::table::schema;

/// A schema object that is not part of a c1z and would be run.
pub(super) const FOREIGN_OBJECT: &str = "foreign-object";
/// Foreign objects that are reported one by one; further ones are counted.
const MAX_FOREIGN: usize = 100;
/// Additional tables and indexes that a file may have without a finding.
const MAX_UNKNOWN: usize = 1000;

/// Reports objects that are missing or declared differently.
pub(super) fn check(
    snapshot: &Snapshot,
    origin: Origin,
    found: &mut dyn FnMut(Finding),
) -> Result<(), Error> {
    for table in &schema::TABLES {
        match snapshot
            .survey
            .tables()
            .iter()
            .find(|own| own.name == table.name)
        {
            Some(stored) => columns(table, stored, origin, found),
            None if origin == Origin::Ours => found(Finding::new(
                "missing-table",
                format!("table `{}` is missing", table.name),
            )),
            None => {}
        }
    }
    let mut foreign = Foreign::default();
    let mut indexes = Vec::new();
    let mut walker = Walker::new(&snapshot.pages);
    read_schema(&snapshot.pages, &mut walker, &mut |object| {
        foreign.add(object);
        if let ("index", Some(own)) = (object.kind, schema::index(object.name)) {
            indexes.push((own.name, object.index()));
        }
        Ok(())
    })
    .map_err(|fault| snapshot.fault(fault))?;
    foreign.report(found);
    for index in &schema::INDEXES {
        match indexes.iter().find(|(name, _)| *name == index.name) {
            Some((_, declared)) => self::index(index, declared, found),
            None if origin == Origin::Ours => found(Finding::new(
                "missing-index",
                format!("index `{}` is missing", index.name),
            )),
            None => {}
        }
    }
    Ok(())
}

fn columns(
    table: &schema::Table,
    stored: &StoredTable,
    origin: Origin,
    found: &mut dyn FnMut(Finding),
) {
    for column in table.columns {
        let name = format!("`{}.{}`", table.name, column.name);
        let Some(own) = stored.columns.iter().find(|own| own.name == column.name) else {
            if origin == Origin::Ours || !column.is_added_by_readers {
                found(Finding::new("missing-column", format!("{name} is missing")));
            }
            continue;
        };
        let declared_type = own.declaration.split(' ').next().unwrap_or_default();
        let wanted = column.declared_type();
        if declared_type != wanted {
            found(Finding::new(
                "column-type",
                format!(
                    "{name} is declared {}, not {wanted}",
                    declared_type.escape_debug()
                ),
            ));
        } else if own.declaration != column.declaration {
            found(Finding::new(
                "declaration",
                format!(
                    "{name} is declared `{}`, not `{}`",
                    own.declaration.escape_debug(),
                    column.declaration
                ),
            ));
        }
    }
    for constraint in &stored.constraints {
        found(Finding::new(
            "declaration",
            format!(
                "table `{}` has the constraint `{}`, which a c1z does not have",
                table.name,
                constraint.escape_debug()
            ),
        ));
    }
}

fn index(
    wanted: &schema::Index,
    stored: &Result<IndexDeclaration, Unusual>,
    found: &mut dyn FnMut(Finding),
) {
    let describe = |table: &str, columns: &str, is_unique: bool, condition: Option<&str>| {
        let unique = if is_unique { "unique" } else { "not unique" };
        let condition = condition.map_or(String::new(), |text| format!(", where {text}"));
        format!("`{table}` ({columns}){condition}, {unique}")
    };
    let is = match stored {
        Ok(declared) => describe(
            &declared.table,
            &declared.columns.join(", "),
            declared.is_unique,
            declared.condition.as_deref(),
        ),
        Err(Unusual::Computes) => "expressions, or columns in another order".to_owned(),
        Err(_) => "something that cannot be read from its declaration".to_owned(),
    };
    let must_be = describe(
        wanted.table,
        wanted.columns,
        wanted.unique,
        wanted.condition,
    );
    if is != must_be {
        found(Finding::new(
            "index",
            format!(
                "index `{}` is on {}; it must be on {must_be}, or the SDK cannot append to the file",
                wanted.name,
                is.escape_debug()
            ),
        ));
    }
}

/// Schema objects that a c1z does not have.
#[derive(Default)]
struct Foreign {
    messages: Vec<String>,
    /// How many there are in addition to those in `messages`.
    more: u64,
    unknown: usize,
}

impl Foreign {
    fn add(&mut self, object: &SchemaObject<'_>) {
        let name = shortened(object.name.as_bytes());
        let name = name.escape_debug();
        let unusual = match (object.kind, object.sql) {
            ("table", _) => object.table().err(),
            // An index of a c1z is checked against its declaration.
            ("index", Some(_)) if schema::index(object.name).is_some() => None,
            ("index", Some(_)) => match object.index() {
                Ok(index) => index.condition.map(|_| Unusual::Computes),
                Err(unusual) => Some(unusual),
            },
            // SQLite creates an index for a table constraint, and the constraint itself is reported.
            ("index", None) => None,
            _ => Some(Unusual::NotPlain),
        };
        let problem = match (object.kind, unusual) {
            (kind @ ("view" | "trigger"), _) => {
                format!("it contains the {kind} `{name}`, and a c1z has no {kind}s")
            }
            ("table", Some(Unusual::Computes)) => {
                format!("table `{name}` has a computed column, which a c1z does not have")
            }
            ("index", Some(Unusual::Computes)) => {
                format!("index `{name}`, which a c1z does not have, is partial or uses expressions")
            }
            (kind @ ("table" | "index"), Some(Unusual::Unreadable)) => {
                format!("it contains the {kind} `{name}`, whose declaration cannot be parsed")
            }
            ("table", Some(Unusual::NotPlain)) => {
                format!("it contains the table `{name}`, which is not a plain table")
            }
            (_, Some(_)) => format!("it contains `{name}`, which is neither a table nor an index"),
            _ => {
                let is_known =
                    schema::table(object.name).is_some() || schema::index(object.name).is_some();
                self.unknown += usize::from(!is_known);
                return;
            }
        };
        if self.messages.len() < MAX_FOREIGN {
            self.messages.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn report(self, found: &mut dyn FnMut(Finding)) {
        for message in self.messages {
            found(Finding::new(FOREIGN_OBJECT, message));
        }
        if self.more > 0 {
            let message = format!("it contains {} more such objects", self.more);
            found(Finding::new(FOREIGN_OBJECT, message));
        }
        if self.unknown > MAX_UNKNOWN {
            let message = format!(
                "it contains {} tables and indexes that a c1z does not have",
                self.unknown
            );
            found(Finding::new(FOREIGN_OBJECT, message));
        }
    }
}

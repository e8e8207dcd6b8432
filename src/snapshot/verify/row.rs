//! Checks rows: the blob, its agreement with the columns, and references.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::finding::Finding;
use super::origin::{Coverage, Origin};
use crate::model::{EntitlementId, ResourceId, RowKind, SyncId};
use crate::snapshot::error::{Damage, Error, shortened};
use crate::snapshot::message::{Flaw, Oddity, OwnForm};
use crate::snapshot::read::{Batch, Counts, Readable, Snapshot, is_annotated, judge, omissions};
use crate::snapshot::table::{
    AnyColumns, EntitlementColumns, GrantColumns, Kind, ResourceColumns, Row,
};

/// Ids that rows may refer to.
#[derive(Clone, Default)]
pub(super) struct Known {
    types: Ids,
    resources: Ids,
    entitlements: Ids,
}

/// The ids of all rows of one kind.
#[derive(Clone, Default)]
struct Ids {
    ids: HashSet<String>,
    /// Whether some rows could not be read, so that ids may be missing here.
    is_partial: bool,
}

impl Ids {
    /// Whether there is certainly no row with this id.
    fn lacks(&self, id: &str) -> bool {
        !self.is_partial && !self.ids.contains(id)
    }
}

impl Known {
    /// Adds the ids of rows of a kind. Nothing refers to grants.
    pub(super) fn extend(&mut self, kind: RowKind, ids: Vec<String>, is_partial: bool) {
        let known = match kind {
            RowKind::ResourceType => &mut self.types,
            RowKind::Resource => &mut self.resources,
            RowKind::Entitlement => &mut self.entitlements,
            RowKind::Grant => return,
        };
        known.ids.extend(ids);
        known.is_partial |= is_partial;
    }
}

/// Annotations of a grant whose principal may have no row: it is matched with another connector's, or created from the
/// grant.
const MATCHED_ELSEWHERE: &[&str] = &[
    "ExternalResourceMatch",
    "ExternalResourceMatchAll",
    "ExternalResourceMatchID",
    "InsertResourceGrants",
];
/// Annotation of a grant whose entitlement may have no row: the sync engine creates its resource from the grant.
const INSERTS_RESOURCE: &[&str] = &["InsertResourceGrants"];

/// Checks rows one by one, given the ids of the kinds before theirs.
#[derive(Clone)]
pub(super) struct RowCheck<'s> {
    pub snapshot: &'s Snapshot,
    pub run: SyncId,
    pub known: Arc<Known>,
    pub origin: Origin,
    pub coverage: Coverage,
    pub hasher: RandomState,
}

/// The result of checking some rows.
#[derive(Default)]
pub(super) struct Checked {
    pub findings: Vec<Finding>,
    pub counts: Counts,
    /// Records for the content digest.
    pub records: Vec<u8>,
    /// Ids that later rows may refer to.
    pub ids: Vec<String>,
    /// Whether a row could not be read.
    pub is_partial: bool,
    /// Hashes of principal and entitlement of each grant.
    pub facts: Vec<u64>,
}

impl RowCheck<'_> {
    /// Checks some rows of one kind.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn rows<K: Readable>(&self, rows: &mut Batch<'_, '_, K>) -> Result<Checked, Error> {
        let mut checked = Checked::default();
        let mut output_bytes = 0;
        while let Some(row) = rows.next_unchecked(output_bytes) {
            let mut row = match row {
                Ok(row) => row,
                Err(Error::Damaged {
                    damage: damage @ Damage::Row { .. },
                    ..
                }) => {
                    checked
                        .findings
                        .push(Finding::new("row", damage.to_string()));
                    checked.is_partial = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            output_bytes += row.bytes();
            let mut report =
                |code, message: String| checked.findings.push(Finding { code, message });
            row.own_form = self.row(&row, &mut report)?;
            checked.counts.add(&row);
            row.record(&mut checked.records);
            match row.any_columns() {
                AnyColumns::Grant(columns) => checked.facts.push(fact(&self.hasher, columns)),
                _ => checked.ids.push(row.id.into_owned()),
            }
        }
        Ok(checked)
    }

    /// Checks a row. Returns what is known about its canonical form.
    fn row<K: Kind>(
        &self,
        row: &Row<'_, K>,
        report: &mut dyn FnMut(&'static str, String),
    ) -> Result<Option<OwnForm>, Error> {
        let name = || {
            let id = shortened(row.id.as_bytes());
            format!("`{}` in `{}`", id.escape_debug(), K::KIND.table())
        };
        let judged = judge(row, |entitlement| self.resource_of(entitlement))?;
        let own_form = judged.own_form;
        match judged.blob.map(|valid| valid.oddity) {
            Ok(None) => {}
            Ok(Some(Oddity::Number)) => report(
                "number",
                format!(
                    "{}: its blob contains a number that JSON cannot represent",
                    name()
                ),
            ),
            Ok(Some(Oddity::Time)) => report(
                "time",
                format!(
                    "{}: its blob contains a time outside the years 1 to 9999",
                    name()
                ),
            ),
            Err(flaw) => {
                let code = match flaw {
                    Flaw::Malformed | Flaw::TooLarge => "blob",
                    Flaw::Utf8 => "utf-8",
                };
                report(code, format!("{}: its blob {}", name(), flaw.predicate()));
            }
        }
        for contradiction in judged.contradictions {
            report("column", format!("{}: {contradiction}", name()));
        }
        for omission in omissions(row) {
            report(
                "column",
                format!("{}: its blob leaves out {omission}", name()),
            );
        }
        if let AnyColumns::Resource(ResourceColumns { id, .. }) = row.any_columns()
            && *row.id != *id.to_string()
        {
            report("column", format!("{}: its id should be `{id}`", name()));
        }
        self.references(row, &mut |code, what, id| {
            let id = shortened(id.as_bytes());
            let message = format!("{}: its {what} `{}` is missing", name(), id.escape_debug());
            report(code, message);
        });
        if self.origin == Origin::Ours {
            own_id(row, report);
        }
        Ok(own_form)
    }

    /// Calls `missing` with the code, kind and id of every reference that should lead to a row and does not.
    fn references<K: Kind>(
        &self,
        row: &Row<'_, K>,
        missing: &mut dyn FnMut(&'static str, &str, &str),
    ) {
        if self.coverage == Coverage::Part {
            return;
        }
        let is_whole = self.coverage == Coverage::Everything;
        match row.any_columns() {
            AnyColumns::ResourceType => {}
            AnyColumns::Resource(ResourceColumns { id, .. }) => {
                if self.known.types.lacks(id.resource_type.as_str()) {
                    missing("dangling-type", "resource type", id.resource_type.as_str());
                }
            }
            AnyColumns::Entitlement(EntitlementColumns { resource }) => {
                let resource = resource.to_string();
                if is_whole && self.known.resources.lacks(&resource) {
                    missing("dangling-resource", "resource", &resource);
                }
            }
            AnyColumns::Grant(columns) => {
                if is_whole {
                    self.grant_references(columns, &row.data, missing);
                }
            }
        }
    }

    fn grant_references(
        &self,
        columns: &GrantColumns<'_>,
        data: &[u8],
        missing: &mut dyn FnMut(&'static str, &str, &str),
    ) {
        let entitlement = columns.entitlement.as_str();
        if self.known.entitlements.lacks(entitlement) {
            if is_annotated(data, INSERTS_RESOURCE) {
                let resource = columns.resource.to_string();
                if self.known.resources.lacks(&resource) {
                    missing("dangling-resource", "resource", &resource);
                }
            } else {
                missing("dangling-entitlement", "entitlement", entitlement);
            }
        }
        let principal = columns.principal.to_string();
        if self.known.resources.lacks(&principal) && !is_annotated(data, MATCHED_ELSEWHERE) {
            missing("dangling-principal", "principal", &principal);
        }
    }

    /// Like [`Snapshot::resource_of`], but `None` if an entitlement is damaged, which is reported separately.
    fn resource_of(&self, entitlement: &EntitlementId) -> Result<Option<ResourceId>, Error> {
        match self.snapshot.resource_of(entitlement, &self.run) {
            Err(Error::Damaged { .. }) => Ok(None),
            found => found,
        }
    }
}

/// Checks that an id has the form that our own files use.
fn own_id<K: Kind>(row: &Row<'_, K>, report: &mut dyn FnMut(&'static str, String)) {
    let promised = match row.any_columns() {
        AnyColumns::ResourceType => return,
        AnyColumns::Resource(columns) => columns.id.to_string(),
        AnyColumns::Entitlement(columns) => format!("{}:member", columns.resource),
        AnyColumns::Grant(GrantColumns {
            entitlement,
            principal,
            ..
        }) => format!("{entitlement}:{principal}"),
    };
    if row.id != promised {
        let (id, promised) = (shortened(row.id.as_bytes()), shortened(promised.as_bytes()));
        let message = format!(
            "`{}` in `{}` should be `{}`",
            id.escape_debug(),
            K::KIND.table(),
            promised.escape_debug()
        );
        report("id-form", message);
    }
}

/// A hash of a grant's principal and entitlement.
pub(super) fn fact(hasher: &RandomState, columns: &GrantColumns<'_>) -> u64 {
    hasher.hash_one((&columns.entitlement, &columns.principal))
}

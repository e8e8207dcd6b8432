//! The rows of a sync run, counted by type, and their content digest: one pass over all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use super::columns::Readable;
use super::open::Snapshot;
use super::query::Filter;
use crate::model::{
    Entitlement, Evidence, Grant, Resource, ResourceId, ResourceType, RowKind, SyncId, SyncType,
};
use crate::snapshot::error::{Damage, Error};
use crate::snapshot::limits::MAX_TYPES;
use crate::snapshot::table::{AnyColumns, ContentDigest, Digester, Kind, Row};

impl Snapshot {
    /// The content digest of a sync run, from its rows.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn content_digest(&self, sync: &SyncId) -> Result<ContentDigest, Error> {
        Ok(self.counts_and_digest(sync)?.1)
    }

    /// How many rows of which type a sync run has, in one pass over all of them.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn counts(&self, sync: &SyncId) -> Result<Counts, Error> {
        self.count_rows(sync, None)
    }

    /// How many rows of which type a sync run has, and their content digest, in one pass over all of them.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn counts_and_digest(&self, sync: &SyncId) -> Result<(Counts, ContentDigest), Error> {
        let mut digester = Digester::new();
        let counts = self.count_rows(sync, Some(&mut digester))?;
        Ok((counts, digester.finish()))
    }

    /// Counts all rows of a sync run, and digests them if that is wanted.
    fn count_rows(
        &self,
        sync: &SyncId,
        mut digester: Option<&mut Digester>,
    ) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        self.count_kind::<ResourceType>(sync, &mut digester, &mut counts)?;
        self.count_kind::<Resource>(sync, &mut digester, &mut counts)?;
        self.count_kind::<Entitlement>(sync, &mut digester, &mut counts)?;
        self.count_kind::<Grant>(sync, &mut digester, &mut counts)?;
        Ok(counts)
    }

    fn count_kind<K: Readable>(
        &self,
        sync: &SyncId,
        digester: &mut Option<&mut Digester>,
        counts: &mut Counts,
    ) -> Result<(), Error> {
        let is_digested = digester.is_some();
        self.batches::<K, _, _>(
            sync,
            Filter::EVERYTHING,
            |_| {
                Ok(Box::new(move |rows| {
                    let mut counts = Counts::default();
                    let mut records = Vec::new();
                    while let Some(row) = rows.next_row(records.len()) {
                        counts.add(&row);
                        if is_digested {
                            row.record(&mut records);
                        }
                    }
                    Ok((counts, records))
                }))
            },
            |(some, records)| {
                *counts += some;
                if let Some(digester) = digester {
                    digester.record(&records);
                }
                counts.check().map_err(|damage| self.damaged(damage))
            },
        )
    }
}

/// Rows of a sync run, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ids of the resource types.
    pub resource_types: BTreeSet<String>,
    /// Resources, by type.
    pub resources: BTreeMap<String, u64>,
    /// Entitlements, by the type of their resource.
    pub entitlements: BTreeMap<String, u64>,
    /// Grants, by the type of their entitlement's resource.
    pub grants: BTreeMap<String, u64>,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.resource_types.extend(more.resource_types);
        for (counts, more) in [
            (&mut self.resources, more.resources),
            (&mut self.entitlements, more.entitlements),
            (&mut self.grants, more.grants),
        ] {
            for (resource_type, count) in more {
                *counts.entry(resource_type).or_default() += count;
            }
        }
    }
}

impl Counts {
    /// Counts one row.
    pub(in crate::snapshot) fn add<K: Kind>(&mut self, row: &Row<'_, K>) {
        let one = |counts: &mut BTreeMap<String, u64>, of: &ResourceId| match counts
            .get_mut(of.resource_type.as_str())
        {
            Some(count) => *count += 1,
            None => {
                counts.insert(of.resource_type.to_string(), 1);
            }
        };
        match row.any_columns() {
            AnyColumns::ResourceType => {
                self.resource_types.insert(row.id.to_string());
            }
            AnyColumns::Resource(columns) => one(&mut self.resources, &columns.id),
            AnyColumns::Entitlement(columns) => one(&mut self.entitlements, &columns.resource),
            AnyColumns::Grant(columns) => one(&mut self.grants, &columns.resource),
        }
    }

    /// Whether the rows are of a number of types that is read.
    ///
    /// # Errors
    /// When they are of more.
    pub(in crate::snapshot) fn check(&self) -> Result<(), Damage> {
        let types = [&self.resources, &self.entitlements, &self.grants];
        if types.iter().any(|counts| counts.len() > MAX_TYPES) {
            Err(Damage::Limit(format!(
                "its rows are of more than {MAX_TYPES} resource types"
            )))
        } else {
            Ok(())
        }
    }

    /// What the `stats` column of a sync run says that the rows do not, in words. `evidence` is that of the run.
    ///
    /// They are compared as the SDK counts: resources only of types that have a row in the sync run, and neither
    /// entitlements nor grants in a `resources_only` one. Two things are forgiven a file of another program. Compaction
    /// leaves the counts of the empty sync run that it begins with, and readers count anew where no resource type is
    /// stated. And up to SDK 0.15, entitlements were not counted by type.
    pub fn differs_from(
        &self,
        stats: &str,
        sync_type: &SyncType,
        evidence: Option<&Evidence>,
    ) -> Option<String> {
        let Ok(stats) = serde_json::from_str::<serde_json::Value>(stats) else {
            return Some("it is not JSON".to_owned());
        };
        let number = |value: &serde_json::Value| value.as_u64().unwrap_or_default();
        let types = RowKind::ResourceType.many();
        if evidence.is_none() && stats.is_object() && number(&stats[types]) == 0 {
            return None;
        }
        let compare = |name: &str, stated: &serde_json::Value, counted: u64| {
            let stated = number(stated);
            (stated != counted).then(|| format!("`{name}` is {stated}, but there are {counted}"))
        };
        let mut found = Vec::new();
        for (kind, by_type) in [
            (RowKind::Resource, &self.resources),
            (RowKind::Entitlement, &self.entitlements),
            (RowKind::Grant, &self.grants),
        ] {
            if kind != RowKind::Resource && *sync_type == SyncType::ResourcesOnly {
                continue;
            }
            let is_counted =
                |of: &String| kind != RowKind::Resource || self.resource_types.contains(of);
            let counted = by_type.iter().filter(|(of, _)| is_counted(of));
            let name = kind.many();
            let total = counted.clone().map(|(_, count)| count).sum();
            found.extend(compare(name, &stats[name], total));
            let stated = &stats[format!("{name}_by_resource_type")];
            if kind == RowKind::Entitlement && stated.is_null() && evidence.is_none() {
                continue;
            }
            for (resource_type, count) in counted {
                let name = format!("{name} of type {resource_type}");
                found.extend(compare(&name, &stated[resource_type], *count));
            }
        }
        found.extend(compare(
            types,
            &stats[types],
            self.resource_types.len() as u64,
        ));
        (!found.is_empty()).then(|| found.join("; "))
    }
}

//! The number of rows of a sync run by type, and its comparison with the file's own counts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use crate::model::{Evidence, ResourceId, RowKind, SyncType};
use crate::snapshot::error::Damage;
use crate::snapshot::limits::MAX_TYPES;
use crate::snapshot::table::{AnyColumns, Kind, Row};

/// The number of rows of a sync run, by type.
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

    /// Checks the limit on resource types.
    ///
    /// # Errors
    /// When the rows have more types.
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

    /// Describes how the `stats` column of a sync run differs from these counts; `None` if it does not. `evidence` is
    /// that of the run.
    ///
    /// Counts are compared as the SDK makes them: only resources whose type has a row in the sync run, and neither
    /// entitlements nor grants in a `resources_only` one. Two differences are accepted in files of other programs:
    /// compaction leaves the counts of the empty sync run that it starts with, and readers count again if no resource
    /// type is stated; and up to SDK 0.15, entitlements were not counted by type.
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

//! Those who hold something.

use std::collections::HashMap;

use anyhow::Result;

use crate::model::{Grant, ResourceId, SyncId};
use crate::snapshot::{Filter, GrantColumns, Snapshot};

/// Those who hold something, each once, in the order in which their first grants were written, as the `baton` CLI lists
/// them. Type and resource are those of the principal or of what is held: `-t user` and `-r role:ID` both have an answer.
pub(super) fn principals(
    snapshot: &Snapshot,
    sync: &SyncId,
    filter: &Filter,
) -> Result<Vec<ResourceId>> {
    let by_entitlement = Filter {
        entitlement: filter.entitlement.clone(),
        ..Filter::default()
    };
    let is_of_type = |id: &ResourceId| {
        let wanted = filter.resource_type.as_deref();
        wanted.is_none_or(|wanted| id.resource_type.as_str() == wanted)
    };
    let is_named = |id: &ResourceId| {
        let wanted = filter.resource.as_deref();
        wanted.is_none_or(|wanted| id.is_written_as(wanted))
    };
    let mut principals = FirstGrants::default();
    snapshot.batches::<Grant, _, anyhow::Error>(
        sync,
        &by_entitlement,
        |_| {
            Ok(Box::new(|rows| {
                let mut some = FirstGrants::default();
                while let Some(row) = rows.next_row(0) {
                    let GrantColumns {
                        principal,
                        resource,
                        ..
                    } = &row.columns;
                    if (is_of_type(principal) || is_of_type(resource))
                        && (is_named(principal) || is_named(resource))
                    {
                        some.add(principal, row.rowid);
                    }
                }
                Ok(some)
            }))
        },
        |some| {
            for (principal, rowid) in &some.0 {
                principals.add(principal, *rowid);
            }
            Ok(())
        },
    )?;
    Ok(principals.in_order())
}

/// Who holds something, each with the row id of the first of the grants.
#[derive(Default)]
struct FirstGrants(HashMap<ResourceId, i64>);

impl FirstGrants {
    fn add(&mut self, principal: &ResourceId, rowid: i64) {
        match self.0.get_mut(principal) {
            Some(first) => *first = rowid.min(*first),
            None => {
                self.0.insert(principal.clone(), rowid);
            }
        }
    }

    fn in_order(self) -> Vec<ResourceId> {
        let mut all: Vec<_> = self.0.into_iter().collect();
        all.sort_unstable_by_key(|(_, rowid)| *rowid);
        all.into_iter().map(|(principal, _)| principal).collect()
    }
}

//! Rows in the `baton` CLI's JSON.

use std::sync::Arc;

use anyhow::Result;

use super::List;
use crate::commands::World;
use crate::commands::cache::JsonCache;
use crate::commands::catalog::Catalog;
use crate::commands::missing::Missing;
use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, SyncRun,
};
use crate::report::{JsonItem, JsonSequence, Layout};
use crate::snapshot::{GrantColumns, Kind, Readable, Row, Snapshot};

impl List<'_> {
    pub(super) fn json<K: InJson>(&self, world: &mut World<'_>) -> Result<()> {
        let mut list = JsonSequence::list(world.out, K::KIND.many_in_list());
        let cache = self.cache();
        self.snapshot.batches::<K, _, anyhow::Error>(
            &self.run.id,
            self.filter,
            |snapshot| {
                let mut items = JsonItems::new(snapshot, self.run, cache.clone())?;
                // Batches have about the same length, so this capacity avoids reallocations.
                let mut longest = 0;
                Ok(Box::new(move |rows| {
                    let mut json = Vec::with_capacity(longest);
                    while let Some(row) = rows.next_row(json.len()) {
                        if self.shows(&row) {
                            items.push(&row, &mut json)?;
                        }
                    }
                    longest = longest.max(json.len());
                    Ok(json)
                }))
            },
            |json| Ok(list.push(&json)?),
        )?;
        Ok(list.finish()?)
    }

    fn cache(&self) -> Arc<JsonCache> {
        let dir = &self.args.input.options.temp_dir;
        Arc::new(JsonCache::new(dir.clone()))
    }

    pub(super) fn json_of_principals(&self, world: &mut World<'_>) -> Result<()> {
        let mut list = JsonSequence::list(world.out, Resource::KIND.many_in_list());
        let mut items = JsonItems::new(self.snapshot, self.run, self.cache())?;
        for principal in self.principals()? {
            let mut json = Vec::new();
            match items.catalog.resource(&principal)? {
                Some(row) => items.push(&row, &mut json)?,
                None => items.push_missing(&principal, &mut json)?,
            }
            list.push(&json)?;
        }
        Ok(list.finish()?)
    }
}

/// Makes rows into items of the `baton` CLI's lists.
pub(super) struct JsonItems<'s> {
    catalog: Catalog<'s>,
    cache: Arc<JsonCache>,
    /// Grants come in runs of one entitlement, whose JSON and resource's are made once a run.
    known: Option<KnownEntitlement>,
}

struct KnownEntitlement {
    id: EntitlementId,
    entitlement: Vec<u8>,
    resource: Vec<u8>,
}

impl<'s> JsonItems<'s> {
    fn new(snapshot: &'s Snapshot, run: &SyncRun, cache: Arc<JsonCache>) -> Result<Self> {
        Ok(Self {
            catalog: Catalog::new(snapshot, run)?,
            cache,
            known: None,
        })
    }

    fn push<K: InJson>(&mut self, row: &Row<'_, K>, out: &mut Vec<u8>) -> Result<()> {
        let mut item = JsonItem::new(Layout::LIST.next(out));
        K::push_json(row, self, &mut item)?;
        item.finish();
        Ok(())
    }

    /// A principal that is not in the file.
    fn push_missing(&self, id: &ResourceId, out: &mut Vec<u8>) -> Result<()> {
        let mut item = JsonItem::new(Layout::LIST.next(out));
        Missing::Resource(id).push_json(item.member("resource"))?;
        self.push_type(id, &mut item)?;
        item.finish();
        Ok(())
    }

    fn push_resource(
        &mut self,
        name: &str,
        id: &ResourceId,
        item: &mut JsonItem<'_>,
    ) -> Result<()> {
        self.catalog
            .push_resource_json(id, &self.cache, item.member(name))
    }

    /// The type of a resource.
    fn push_type(&self, id: &ResourceId, item: &mut JsonItem<'_>) -> Result<()> {
        let resource_type = id.resource_type.as_str();
        self.catalog
            .push_type_json(resource_type, item.member("resourceType"))
    }
}

/// A kind of rows that is listed in JSON.
pub(super) trait InJson: Readable {
    /// The members of an item of the `baton` CLI's list.
    fn push_json(
        row: &Row<'_, Self>,
        items: &mut JsonItems<'_>,
        item: &mut JsonItem<'_>,
    ) -> Result<()>;
}

impl InJson for ResourceType {
    fn push_json(
        row: &Row<'_, Self>,
        _: &mut JsonItems<'_>,
        item: &mut JsonItem<'_>,
    ) -> Result<()> {
        row.push_json(item.member("resourceType"));
        Ok(())
    }
}

impl InJson for Resource {
    fn push_json(
        row: &Row<'_, Self>,
        items: &mut JsonItems<'_>,
        item: &mut JsonItem<'_>,
    ) -> Result<()> {
        row.push_json(item.member("resource"));
        items.push_type(&row.columns.id, item)?;
        match &row.columns.parent {
            Some(parent) => items.push_resource("parent", parent, item),
            None => Ok(()),
        }
    }
}

impl InJson for Entitlement {
    fn push_json(
        row: &Row<'_, Self>,
        items: &mut JsonItems<'_>,
        item: &mut JsonItem<'_>,
    ) -> Result<()> {
        row.push_json(item.member("entitlement"));
        items.push_resource("resource", &row.columns.resource, item)?;
        items.push_type(&row.columns.resource, item)
    }
}

impl InJson for Grant {
    fn push_json(
        row: &Row<'_, Self>,
        items: &mut JsonItems<'_>,
        item: &mut JsonItem<'_>,
    ) -> Result<()> {
        let GrantColumns {
            resource,
            entitlement,
            principal,
            ..
        } = &row.columns;
        row.push_json(item.member("grant"));
        let known = match &mut items.known {
            Some(known) if known.id == *entitlement => known,
            known => {
                let mut json = Vec::new();
                items
                    .catalog
                    .push_resource_json(resource, &items.cache, &mut json)?;
                known.insert(KnownEntitlement {
                    id: entitlement.clone(),
                    entitlement: items.catalog.entitlement_json(entitlement.as_str())?,
                    resource: json,
                })
            }
        };
        item.member("entitlement").extend(&known.entitlement);
        item.member("resource").extend(&known.resource);
        items.push_type(resource, item)?;
        items.push_resource("principal", principal, item)
    }
}

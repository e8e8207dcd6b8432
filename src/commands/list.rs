//! The rows of one kind, as a table or in the `baton` CLI's JSON. Rows are written while they are read.

use std::sync::Arc;

use anyhow::{Result, bail};

use super::catalog::{Catalog, JsonCache, email};
use super::input::{Input, lacks_roles};
use super::missing::Missing;
use super::principals::principals;
use super::{Outcome, World};
use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, SyncRun, Trait,
};
use crate::progress::Event;
use crate::report::{Column, Format, JsonItem, JsonSequence, Layout, Table, day};
use crate::snapshot::{Filter, GrantColumns, Kind, Readable, Row, Snapshot};

/// What to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Resource types.
    ResourceTypes,
    /// Resources.
    Resources,
    /// Entitlements.
    Entitlements,
    /// Grants.
    Grants,
    /// Those who hold a grant, each once.
    Principals,
}

/// A filter that has no meaning for a list.
#[derive(Debug, thiserror::Error)]
#[error("`{option}` has no meaning for `{}`", listing.command())]
pub(super) struct MeaninglessFilter {
    option: &'static str,
    listing: Listing,
}

impl MeaninglessFilter {
    /// The lists for which the filter has a meaning, in words.
    pub(super) fn hint(&self) -> String {
        let lists = Listing::ALL
            .iter()
            .filter(|listing| listing.takes(self.option));
        let mut names: Vec<_> = lists
            .map(|listing| format!("`{}`", listing.command()))
            .collect();
        let last = names.pop().unwrap_or_default();
        format!("it filters {} and {last}", names.join(", "))
    }
}

const RESOURCE_TYPE: &str = "--resource-type";
const RESOURCE: &str = "--resource";
const ENTITLEMENT: &str = "--entitlement";

/// What to list, from where, in which form.
#[derive(Clone, Debug)]
pub struct ListArgs {
    /// What.
    pub listing: Listing,
    /// From where.
    pub input: Input,
    /// Which rows.
    pub filter: Filter,
    /// In which form.
    pub format: Format,
}

pub(super) fn run(args: &ListArgs, world: &mut World<'_>) -> Result<Outcome> {
    let Filter {
        resource_type,
        resource,
        entitlement,
        ..
    } = &args.filter;
    for (option, value) in [
        (RESOURCE_TYPE, resource_type),
        (RESOURCE, resource),
        (ENTITLEMENT, entitlement),
    ] {
        let listing = args.listing;
        if value.is_some() && !listing.takes(option) {
            bail!(MeaninglessFilter { option, listing });
        }
    }
    let (snapshot, run) = args.input.open_sync()?;
    if args.listing != Listing::ResourceTypes {
        lacks_roles(&args.input, &snapshot, &run, world.reporter)?;
    }
    let list = List {
        snapshot: &snapshot,
        run: &run,
        args,
    };
    match (args.listing, args.format) {
        (Listing::ResourceTypes, Format::Console) => list.table::<ResourceType>(world)?,
        (Listing::ResourceTypes, Format::Json) => list.json::<ResourceType>(world)?,
        (Listing::Resources, Format::Console) => list.table::<Resource>(world)?,
        (Listing::Resources, Format::Json) => list.json::<Resource>(world)?,
        (Listing::Entitlements, Format::Console) => list.table::<Entitlement>(world)?,
        (Listing::Entitlements, Format::Json) => list.json::<Entitlement>(world)?,
        (Listing::Grants, Format::Console) => list.table::<Grant>(world)?,
        (Listing::Grants, Format::Json) => list.json::<Grant>(world)?,
        (Listing::Principals, Format::Console) => list.table_of_principals(world)?,
        (Listing::Principals, Format::Json) => list.json_of_principals(world)?,
    }
    Ok(Outcome::Done)
}

struct List<'a> {
    snapshot: &'a Snapshot,
    run: &'a SyncRun,
    args: &'a ListArgs,
}

impl Listing {
    const ALL: [Self; 5] = [
        Self::ResourceTypes,
        Self::Resources,
        Self::Entitlements,
        Self::Grants,
        Self::Principals,
    ];

    /// The command that lists it.
    fn command(self) -> &'static str {
        match self {
            Self::ResourceTypes => "resource-types",
            Self::Resources => "resources",
            Self::Entitlements => "entitlements",
            Self::Grants => "grants",
            Self::Principals => "principals",
        }
    }

    /// Whether a filter has a meaning for it.
    fn takes(self, option: &str) -> bool {
        match self {
            Self::ResourceTypes => option == RESOURCE_TYPE,
            Self::Resources => option != ENTITLEMENT,
            Self::Entitlements | Self::Grants | Self::Principals => true,
        }
    }

    /// `of_users` where all rows are users, of whom people want another column.
    fn columns(self, of_users: bool) -> &'static [Column] {
        const NAME: Column = Column::new("Name");
        const RESOURCE_TYPE: Column = Column::new("Resource type");
        const EMAIL: Column = Column::new("E-mail");
        const RESOURCE: Column = Column::new("Resource");
        const ENTITLEMENT: Column = Column::new("Entitlement");
        const ID: Column = Column::id("ID");
        match self {
            Self::ResourceTypes => const { &[RESOURCE_TYPE, Column::new("Traits"), ID] },
            Self::Resources | Self::Principals if of_users => {
                const { &[NAME, EMAIL, RESOURCE_TYPE, ID] }
            }
            Self::Resources | Self::Principals => {
                const { &[NAME, RESOURCE_TYPE, Column::new("Parent"), ID] }
            }
            Self::Entitlements => {
                const {
                    &[
                        ENTITLEMENT,
                        RESOURCE,
                        RESOURCE_TYPE,
                        Column::new("Slug"),
                        ID,
                    ]
                }
            }
            Self::Grants => {
                const {
                    &[
                        Column::new("Principal"),
                        EMAIL,
                        RESOURCE,
                        ENTITLEMENT,
                        Column::whole("Since"),
                        ID,
                    ]
                }
            }
        }
    }
}

impl<'a> List<'a> {
    fn names(&self) -> Result<Names<'a>> {
        let catalog = Catalog::new(self.snapshot, self.run)?;
        let wanted = self.args.filter.resource_type.as_deref();
        let of_users =
            self.args.listing == Listing::Resources && wanted.is_some_and(|id| catalog.is_user(id));
        Ok(Names { catalog, of_users })
    }

    fn table<K: Listed>(&self, world: &mut World<'_>) -> Result<()> {
        let mut names = self.names()?;
        let columns = self.args.listing.columns(names.of_users);
        let mut table = Table::new(world.out, world.page, columns);
        let mut rows = self.snapshot.rows::<K>(&self.run.id, &self.args.filter)?;
        let mut is_empty = true;
        while let Some(row) = rows.next_row()? {
            is_empty = false;
            table.push(K::cells(&row, self.snapshot.decode(&row)?, &mut names)?)?;
        }
        table.finish()?;
        self.warn_if_empty(is_empty, world)
    }

    fn table_of_principals(&self, world: &mut World<'_>) -> Result<()> {
        let mut names = self.names()?;
        let columns = self.args.listing.columns(names.of_users);
        let mut table = Table::new(world.out, world.page, columns);
        let mut is_empty = true;
        for principal in self.principals()? {
            is_empty = false;
            table.push(match names.catalog.resource(&principal)? {
                Some(row) => Listed::cells(&row, self.snapshot.decode(&row)?, &mut names)?,
                None => vec![
                    Missing::Resource(&principal).to_string(),
                    names.of_type(&principal),
                    String::new(),
                    principal.resource.to_string(),
                ],
            })?;
        }
        table.finish()?;
        self.warn_if_empty(is_empty, world)
    }

    fn principals(&self) -> Result<Vec<ResourceId>> {
        principals(self.snapshot, &self.run.id, &self.args.filter)
    }

    /// Warns of a list that is empty because of its filter.
    fn warn_if_empty(&self, is_empty: bool, world: &mut World<'_>) -> Result<()> {
        if is_empty && self.args.filter != Filter::default() {
            world.out.flush()?;
            world.reporter.report(Event::Warned {
                message: "nothing matches what was asked for".to_owned(),
            });
        }
        Ok(())
    }

    fn json<K: Listed>(&self, world: &mut World<'_>) -> Result<()> {
        let mut list = JsonSequence::list(world.out, K::KIND.many_in_list());
        let cache = Arc::new(JsonCache::default());
        self.snapshot.batches::<K, _, anyhow::Error>(
            &self.run.id,
            &self.args.filter,
            |snapshot| {
                let mut items = JsonItems::new(snapshot, self.run, cache.clone())?;
                Ok(Box::new(move |rows| {
                    let mut json = Vec::new();
                    while let Some(row) = rows.next_row(json.len()) {
                        items.push(&row, &mut json)?;
                    }
                    Ok(json)
                }))
            },
            |json| Ok(list.push(&json)?),
        )?;
        Ok(list.finish()?)
    }

    fn json_of_principals(&self, world: &mut World<'_>) -> Result<()> {
        let mut list = JsonSequence::list(world.out, Resource::KIND.many_in_list());
        let mut items = JsonItems::new(self.snapshot, self.run, Arc::default())?;
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

/// What the cells of a table are called by.
struct Names<'s> {
    catalog: Catalog<'s>,
    /// Whether all rows are users.
    of_users: bool,
}

impl Names<'_> {
    fn of_type(&self, id: &ResourceId) -> String {
        let resource_type = id.resource_type.as_str();
        self.catalog.type_name(resource_type).into_owned()
    }

    fn of_resource(&mut self, id: &ResourceId) -> Result<String> {
        Ok(self.catalog.resource_name(id)?.to_string())
    }
}

/// Makes rows into items of the `baton` CLI's lists.
struct JsonItems<'s> {
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

    fn push<K: Listed>(&mut self, row: &Row<'_, K>, out: &mut Vec<u8>) -> Result<()> {
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

/// A kind of rows that is listed.
trait Listed: Readable {
    /// A line of a table, under the columns of [`Listing::columns`].
    fn cells(row: &Row<'_, Self>, decoded: Self, names: &mut Names<'_>) -> Result<Vec<String>>;

    /// The members of an item of the `baton` CLI's list.
    fn push_json(
        row: &Row<'_, Self>,
        items: &mut JsonItems<'_>,
        item: &mut JsonItem<'_>,
    ) -> Result<()>;
}

impl Listed for ResourceType {
    fn cells(row: &Row<'_, Self>, decoded: Self, _: &mut Names<'_>) -> Result<Vec<String>> {
        let traits: Vec<_> = decoded.traits.into_iter().map(trait_name).collect();
        Ok(vec![
            decoded.display_name.to_string(),
            traits.join(", "),
            row.id.to_string(),
        ])
    }

    fn push_json(
        row: &Row<'_, Self>,
        _: &mut JsonItems<'_>,
        item: &mut JsonItem<'_>,
    ) -> Result<()> {
        row.push_json(item.member("resourceType"));
        Ok(())
    }
}

impl Listed for Resource {
    fn cells(_: &Row<'_, Self>, decoded: Self, names: &mut Names<'_>) -> Result<Vec<String>> {
        let (name, id) = (decoded.display_name.to_string(), &decoded.id);
        let resource_type = names.of_type(id);
        if names.of_users {
            let bare = id.resource.to_string();
            return Ok(vec![name, email(&decoded), resource_type, bare]);
        }
        let parent = match &decoded.parent {
            Some(parent) => names.of_resource(parent)?,
            None => String::new(),
        };
        Ok(vec![name, resource_type, parent, id.resource.to_string()])
    }

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

impl Listed for Entitlement {
    fn cells(row: &Row<'_, Self>, decoded: Self, names: &mut Names<'_>) -> Result<Vec<String>> {
        Ok(vec![
            decoded.display_name.to_string(),
            names.of_resource(&decoded.resource)?,
            names.of_type(&decoded.resource),
            decoded.slug.to_string(),
            row.id.to_string(),
        ])
    }

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

impl Listed for Grant {
    fn cells(row: &Row<'_, Self>, decoded: Self, names: &mut Names<'_>) -> Result<Vec<String>> {
        let catalog = &mut names.catalog;
        Ok(vec![
            catalog.resource_name(&decoded.principal)?.to_string(),
            catalog.resource_email(&decoded.principal)?.to_string(),
            catalog.resource_name(&row.columns.resource)?.to_string(),
            catalog.entitlement_slug(&decoded.entitlement)?.to_string(),
            day(decoded.joined_at),
            row.id.to_string(),
        ])
    }

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

fn trait_name(kind: Trait) -> String {
    match kind {
        Trait::User => "user".to_owned(),
        Trait::Group => "group".to_owned(),
        Trait::Role => "role".to_owned(),
        Trait::App => "app".to_owned(),
        Trait::Secret => "secret".to_owned(),
        Trait::Other(number) => format!("trait {number}"),
    }
}

//! The rows of one kind, as a table or in the `baton` CLI's JSON. Rows are written while they are read.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use anyhow::{Result, bail};

use super::input::{Catalog, Input, JsonCache, day, email, lacks_roles};
use super::{Outcome, World};
use crate::model::{EntitlementId, ResourceId, SyncRun, Trait};
use crate::progress::Event;
use crate::report::{Column, Format, JsonItem, JsonList, Table};
use crate::snapshot::{Columns, Decoded, Filter, Row, RowKind, Snapshot};

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
#[derive(Debug)]
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

impl fmt::Display for MeaninglessFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = self.listing.command();
        write!(f, "`{}` has no meaning for `{command}`", self.option)
    }
}

impl std::error::Error for MeaninglessFilter {}

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
    match args.format {
        Format::Console => List {
            snapshot: &snapshot,
            run: &run,
            catalog: Catalog::new(&snapshot, &run)?,
            args,
        }
        .table(world)?,
        Format::Json => json(args, &snapshot, &run, world)?,
    }
    Ok(Outcome::Done)
}

struct List<'a> {
    snapshot: &'a Snapshot,
    run: &'a SyncRun,
    catalog: Catalog<'a>,
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

    fn row_kind(self) -> RowKind {
        match self {
            Self::ResourceTypes => RowKind::ResourceType,
            Self::Resources | Self::Principals => RowKind::Resource,
            Self::Entitlements => RowKind::Entitlement,
            Self::Grants => RowKind::Grant,
        }
    }

    fn json_name(self) -> &'static str {
        match self {
            Self::ResourceTypes => "resourceTypes",
            Self::Resources | Self::Principals => "resources",
            Self::Entitlements => "entitlements",
            Self::Grants => "grants",
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

impl List<'_> {
    /// Calls `each` for every row that is wanted, in the order of the ids.
    fn for_each(&mut self, mut each: impl FnMut(&mut Self, &Row<'_>) -> Result<()>) -> Result<()> {
        if self.args.listing == Listing::Principals {
            for principal in principals(self.snapshot, self.run, &self.args.filter)? {
                if let Some(row) = self.catalog.resource(&principal)? {
                    each(self, &row)?;
                }
            }
            return Ok(());
        }
        let snapshot = self.snapshot;
        let kind = self.args.listing.row_kind();
        let mut rows = snapshot.rows(kind, &self.run.id, &self.args.filter)?;
        while let Some(row) = rows.next_row()? {
            each(self, &row)?;
        }
        Ok(())
    }

    fn table(mut self, world: &mut World<'_>) -> Result<()> {
        let columns = self.args.listing.columns(self.of_users());
        let mut table = Table::new(world.out, world.page, columns);
        let mut is_empty = true;
        self.for_each(|list, row| {
            is_empty = false;
            Ok(table.push(list.cells(row)?)?)
        })?;
        table.finish()?;
        if is_empty && self.args.filter != Filter::default() {
            world.out.flush()?;
            world.reporter.report(Event::Warned {
                message: "nothing matches what was asked for".to_owned(),
            });
        }
        Ok(())
    }

    /// Whether the type that was asked for is one of users.
    fn of_users(&self) -> bool {
        let wanted = self.args.filter.resource_type.as_deref();
        self.args.listing == Listing::Resources && wanted.is_some_and(|id| self.catalog.is_user(id))
    }

    fn cells(&mut self, row: &Row<'_>) -> Result<Vec<String>> {
        let bare = |id: &ResourceId| id.resource.to_string();
        Ok(match self.snapshot.decode(row)? {
            Decoded::ResourceType(decoded) => {
                let traits: Vec<_> = decoded
                    .traits
                    .iter()
                    .map(|kind| trait_name(*kind))
                    .collect();
                vec![
                    decoded.display_name.to_string(),
                    traits.join(", "),
                    row.id.to_string(),
                ]
            }
            Decoded::Resource(decoded) if self.of_users() => vec![
                decoded.display_name.to_string(),
                email(&decoded),
                self.catalog
                    .type_name(decoded.id.resource_type.as_str())
                    .to_owned(),
                bare(&decoded.id),
            ],
            Decoded::Resource(decoded) => {
                let parent = match &decoded.parent {
                    Some(parent) => self.catalog.resource_name(parent)?.to_string(),
                    None => String::new(),
                };
                let resource_type = self
                    .catalog
                    .type_name(decoded.id.resource_type.as_str())
                    .to_owned();
                vec![
                    decoded.display_name.to_string(),
                    resource_type,
                    parent,
                    bare(&decoded.id),
                ]
            }
            Decoded::Entitlement(decoded) => vec![
                decoded.display_name.to_string(),
                self.catalog.resource_name(&decoded.resource)?.to_string(),
                self.catalog
                    .type_name(decoded.resource.resource_type.as_str())
                    .to_owned(),
                decoded.slug.to_string(),
                row.id.to_string(),
            ],
            Decoded::Grant(decoded) => {
                let Columns::Grant { resource, .. } = &row.columns else {
                    return Ok(Vec::new());
                };
                vec![
                    self.catalog.resource_name(&decoded.principal)?.to_string(),
                    self.catalog.resource_email(&decoded.principal)?.to_string(),
                    self.catalog.resource_name(resource)?.to_string(),
                    self.catalog
                        .entitlement_slug(&decoded.entitlement)?
                        .to_string(),
                    day(decoded.joined_at),
                    row.id.to_string(),
                ]
            }
        })
    }
}

/// Those who hold something, each once, ordered by the bytes of `<type>:<id>`. Type and resource are those of the principal
/// or of what is held: `-t user` and `-r role:ID` both have an answer.
fn principals(snapshot: &Snapshot, run: &SyncRun, filter: &Filter) -> Result<BTreeSet<ResourceId>> {
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
        wanted.is_none_or(|wanted| *id.resource == *wanted || id.to_string() == wanted)
    };
    let mut principals = BTreeSet::new();
    snapshot.batches(
        RowKind::Grant,
        &run.id,
        &by_entitlement,
        |_| {
            Ok(Box::new(|rows| {
                let mut some = BTreeSet::new();
                while let Some(row) = rows.next_row(0) {
                    if let Columns::Grant {
                        principal,
                        resource,
                        ..
                    } = &row.columns
                        && (is_of_type(principal) || is_of_type(resource))
                        && (is_named(principal) || is_named(resource))
                        && !some.contains(principal)
                    {
                        some.insert(principal.clone());
                    }
                }
                Ok(some)
            }))
        },
        |some| {
            principals.extend(some);
            Ok::<_, anyhow::Error>(())
        },
    )?;
    Ok(principals)
}

fn json(args: &ListArgs, snapshot: &Snapshot, run: &SyncRun, world: &mut World<'_>) -> Result<()> {
    let mut list = JsonList::new(world.out, args.listing.json_name())?;
    let cache = Arc::new(JsonCache::default());
    if args.listing == Listing::Principals {
        let mut items = JsonItems::new(snapshot, run, cache)?;
        for principal in principals(snapshot, run, &args.filter)? {
            if let Some(row) = items.catalog.resource(&principal)? {
                let mut json = Vec::new();
                items.push(&row, &mut json)?;
                list.push(&json)?;
            }
        }
    } else {
        snapshot.batches(
            args.listing.row_kind(),
            &run.id,
            &args.filter,
            |snapshot| {
                let mut items = JsonItems::new(snapshot, run, cache.clone())?;
                Ok(Box::new(move |rows| {
                    let mut json = Vec::new();
                    while let Some(row) = rows.next_row(json.len()) {
                        items.push(&row, &mut json)?;
                    }
                    Ok(json)
                }))
            },
            |json: Vec<u8>| Ok::<_, anyhow::Error>(list.push(&json)?),
        )?;
    }
    Ok(list.finish()?)
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

    fn push(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut item = JsonItem::new(out);
        match &row.columns {
            Columns::ResourceType => row.push_json(item.member("resourceType")),
            Columns::Resource { id, .. } => {
                row.push_json(item.member("resource"));
                self.push_type(id, &mut item);
            }
            Columns::Entitlement { resource } => {
                row.push_json(item.member("entitlement"));
                self.push_resource("resource", resource, &mut item)?;
                self.push_type(resource, &mut item);
            }
            Columns::Grant {
                resource,
                entitlement,
                principal,
                ..
            } => {
                row.push_json(item.member("grant"));
                let known = match &mut self.known {
                    Some(known) if known.id == *entitlement => known,
                    _ => {
                        let mut json = Vec::new();
                        self.catalog
                            .push_resource_json(resource, &self.cache, &mut json)?;
                        self.known.insert(KnownEntitlement {
                            id: entitlement.clone(),
                            entitlement: self.catalog.entitlement_json(entitlement.as_str())?,
                            resource: json,
                        })
                    }
                };
                item.member("entitlement").extend(&known.entitlement);
                item.member("resource").extend(&known.resource);
                self.push_type(resource, &mut item);
                self.push_resource("principal", principal, &mut item)?;
            }
        }
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
    fn push_type(&self, id: &ResourceId, item: &mut JsonItem<'_>) {
        let json = self.catalog.type_json(id.resource_type.as_str());
        item.member("resourceType").extend(json);
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

//! Rows as a table for people.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::{List, Listing};
use crate::commands::World;
use crate::commands::catalog::{Catalog, email};
use crate::commands::missing::Missing;
use crate::commands::numbers::Numbers;
use crate::commands::short_ids::ShortIds;
use crate::model::{
    Entitlement, Grant, Person, Resource, ResourceId, ResourceType, SyncRun, Trait, on_off,
};
use crate::progress::Event;
use crate::report::{Column, Page, Table, day, printable};
use crate::snapshot::{Filter, GrantColumns, Readable, Row, Snapshot};

impl Listing {
    /// The columns of a table whose rows are all `of` one kind.
    fn columns(self, of: RowsOf, wide: bool) -> &'static [Column] {
        const NAME: Column = Column::new("Name");
        const RESOURCE_TYPE: Column = Column::new("Resource type");
        const EMAIL: Column = Column::new("E-mail");
        const RESOURCE: Column = Column::new("Resource");
        const ENTITLEMENT: Column = Column::new("Entitlement");
        const PRINCIPAL: Column = Column::new("Principal");
        const SINCE: Column = Column::whole("Since");
        // Short, or else in a table that is not cut.
        const ID: Column = Column::whole("ID");
        match (self, of) {
            (Self::ResourceTypes, _) => const { &[RESOURCE_TYPE, Column::new("Traits"), ID] },
            (Self::Resources | Self::Principals, RowsOf::Users) => {
                const {
                    &[
                        NAME,
                        EMAIL,
                        Column::new("Seat"),
                        Column::whole("2FA"),
                        Column::whole("Last login"),
                        Column::whole("Roles"),
                        ID,
                    ]
                }
            }
            (Self::Resources | Self::Principals, RowsOf::Roles) => {
                const { &[NAME, Column::whole("Holders"), ID] }
            }
            (Self::Resources | Self::Principals, RowsOf::Any) => {
                const { &[NAME, RESOURCE_TYPE, Column::new("Parent"), ID] }
            }
            (Self::Entitlements, _) => {
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
            // Nothing takes the id of a grant, which is long.
            (Self::Grants, _) if wide => {
                const { &[PRINCIPAL, EMAIL, RESOURCE, ENTITLEMENT, SINCE, ID] }
            }
            (Self::Grants, _) => const { &[PRINCIPAL, EMAIL, RESOURCE, ENTITLEMENT, SINCE] },
        }
    }
}

/// What all resources of a table are, so that it can show more of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowsOf {
    Users,
    Roles,
    Any,
}

impl<'a> List<'a> {
    /// What all rows of the list are.
    pub(super) fn rows_of(&self, catalog: &Catalog<'_>) -> RowsOf {
        let is_of_resources = self.args.listing == Listing::Resources;
        match self.filter.resource_type.as_deref() {
            Some(id) if is_of_resources && catalog.is_user(id) => RowsOf::Users,
            Some(id) if is_of_resources && catalog.is_role(id) => RowsOf::Roles,
            _ => RowsOf::Any,
        }
    }

    fn names(&self) -> Result<Names<'a>> {
        let catalog = Catalog::new(self.snapshot, self.run)?;
        let listing = self.args.listing;
        let of = self.rows_of(&catalog);
        let held = match of {
            RowsOf::Users | RowsOf::Roles if !self.lacks_roles => {
                Some(Held::count(self.snapshot, self.run, of, &catalog)?)
            }
            _ => None,
        };
        let ids = if self.args.wide {
            None
        } else {
            match listing {
                Listing::ResourceTypes | Listing::Grants => None,
                Listing::Resources | Listing::Principals => {
                    Some(self.short_ids::<Resource>(|row| (&*row.columns.id.resource).into())?)
                }
                Listing::Entitlements => {
                    Some(self.short_ids::<Entitlement>(|row| (&*row.id).into())?)
                }
            }
        };
        Ok(Names {
            catalog,
            of,
            held,
            ids,
            wide: self.args.wide,
        })
    }

    /// What the cells of a CSV table are made from, with whole ids.
    pub(super) fn whole_names(&self) -> Result<Names<'a>> {
        let catalog = Catalog::new(self.snapshot, self.run)?;
        Ok(Names {
            catalog,
            of: RowsOf::Any,
            held: None,
            ids: None,
            wide: true,
        })
    }

    /// The column names of a CSV table.
    pub(super) fn heads(&self) -> Vec<&'static str> {
        let columns = self.args.listing.columns(RowsOf::Any, true);
        columns.iter().map(Column::head).collect()
    }

    /// All ids of a kind, of whatever the filter leaves out too: a short one must belong to one row of the file.
    fn short_ids<K: Readable>(&self, id: impl Fn(&Row<'_, K>) -> Box<str>) -> Result<ShortIds> {
        let mut ids = Vec::new();
        let mut rows = self.snapshot.rows::<K>(&self.run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            ids.push(id(&row));
        }
        Ok(ShortIds::of(ids))
    }

    fn new_table<'w>(&self, names: &Names<'_>, world: &'w mut World<'_>) -> Table<'w> {
        let page = Page {
            wide: self.args.wide,
            ..world.page
        };
        let columns = self.args.listing.columns(names.of, self.args.wide);
        Table::new(world.out, page, columns)
    }

    pub(super) fn table<K: InTable>(&self, world: &mut World<'_>) -> Result<()> {
        let mut names = self.names()?;
        let mut table = self.new_table(&names, world);
        let is_empty = self
            .each_shown::<K>(|row, decoded| Ok(table.push(K::cells(row, decoded, &mut names)?)?))?;
        table.finish()?;
        self.warn_if_empty(is_empty, world)
    }

    pub(super) fn table_of_principals(&self, world: &mut World<'_>) -> Result<()> {
        let mut names = self.names()?;
        let mut table = self.new_table(&names, world);
        let mut is_empty = true;
        for principal in self.principals()? {
            is_empty = false;
            table.push(self.cells_of_principal(&principal, &mut names)?)?;
        }
        table.finish()?;
        self.warn_if_empty(is_empty, world)
    }

    pub(super) fn cells_of_principal(
        &self,
        principal: &ResourceId,
        names: &mut Names<'_>,
    ) -> Result<Vec<String>> {
        match names.catalog.resource(principal)? {
            Some(row) => InTable::cells(&row, self.snapshot.decode(&row)?, names),
            None => Ok(vec![
                Missing::Resource(principal).to_string(),
                names.of_type(principal),
                String::new(),
                names.short_resource(principal),
            ]),
        }
    }

    /// Warns that a list is empty because of its filter.
    pub(super) fn warn_if_empty(&self, is_empty: bool, world: &mut World<'_>) -> Result<()> {
        // Nothing is known of what was not read.
        let is_odd = is_empty && self.is_known && !self.lacks_roles;
        if is_odd && *self.filter != Filter::default() {
            world.out.flush()?;
            let is_narrowed = self
                .narrowed
                .as_ref()
                .is_some_and(|narrowed| narrowed.judged > 0);
            let message = match self.filter {
                Filter {
                    resource_type: Some(of_type),
                    ..
                } if is_narrowed => format!("no {} matches these filters", printable(of_type)),
                Filter {
                    resource_type: Some(of_type),
                    resource: None,
                    entitlement: None,
                    ..
                } => format!("there is nothing of type `{}`", printable(of_type)),
                _ => "nothing matches these filters".to_owned(),
            };
            world.reporter.report(Event::Unmatched { message });
        }
        Ok(())
    }
}

/// What the cells of a table are made from.
pub(super) struct Names<'s> {
    catalog: Catalog<'s>,
    of: RowsOf,
    /// `None` where roles were not read.
    held: Option<Held>,
    /// `None` for whole ids.
    ids: Option<ShortIds>,
    wide: bool,
}

/// How many roles each user holds, or how many principals hold each role.
struct Held(HashMap<ResourceId, u32>);

impl Held {
    fn count(
        snapshot: &Snapshot,
        run: &SyncRun,
        of: RowsOf,
        catalog: &Catalog<'_>,
    ) -> Result<Self> {
        // One role may have several entitlements.
        let mut numbers = Numbers::default();
        let mut pairs = HashSet::new();
        let mut counts = HashMap::new();
        let mut rows = snapshot.rows::<Grant>(&run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            let GrantColumns {
                principal,
                resource,
                ..
            } = row.columns;
            let is_role = catalog.is_role(resource.resource_type.as_str());
            if is_role && pairs.insert((numbers.of(&principal), numbers.of(&resource))) {
                let counted = match of {
                    RowsOf::Users => principal,
                    RowsOf::Roles | RowsOf::Any => resource,
                };
                *counts.entry(counted).or_default() += 1;
            }
        }
        Ok(Self(counts))
    }

    fn of(&self, id: &ResourceId) -> u32 {
        self.0.get(id).copied().unwrap_or_default()
    }
}

impl Names<'_> {
    fn of_type(&self, id: &ResourceId) -> String {
        let resource_type = id.resource_type.as_str();
        self.catalog.type_name(resource_type).into_owned()
    }

    /// An id, as short as can be unless whole ids are wanted.
    fn short<'i>(&self, id: &'i str) -> &'i str {
        match &self.ids {
            Some(ids) => ids.shorten(id),
            None => id,
        }
    }

    /// The id of a resource, with its type where another resource has the same.
    fn short_resource(&self, id: &ResourceId) -> String {
        match &self.ids {
            Some(ids) if ids.is_repeated(&id.resource) => id.to_string(),
            _ => self.short(&id.resource).to_owned(),
        }
    }

    /// How much is held; empty if that was not read.
    fn count(&self, id: &ResourceId) -> String {
        match &self.held {
            Some(held) => held.of(id).to_string(),
            None => String::new(),
        }
    }

    fn of_resource(&mut self, id: &ResourceId) -> Result<String> {
        Ok(self.catalog.resource_name(id)?.to_string())
    }
}

/// A kind of rows that a table lists.
pub(super) trait InTable: Readable {
    /// A line of a table, under the columns of [`Listing::columns`].
    fn cells(row: &Row<'_, Self>, decoded: Self, names: &mut Names<'_>) -> Result<Vec<String>>;
}

impl InTable for ResourceType {
    fn cells(row: &Row<'_, Self>, decoded: Self, _: &mut Names<'_>) -> Result<Vec<String>> {
        let traits: Vec<_> = decoded.traits.into_iter().map(trait_name).collect();
        Ok(vec![
            decoded.display_name.to_string(),
            traits.join(", "),
            row.id.to_string(),
        ])
    }
}

impl InTable for Resource {
    fn cells(_: &Row<'_, Self>, decoded: Self, names: &mut Names<'_>) -> Result<Vec<String>> {
        let (name, id) = (decoded.display_name.to_string(), &decoded.id);
        let short = names.short_resource(id);
        Ok(match names.of {
            RowsOf::Users => {
                let person = Person { resource: &decoded };
                vec![
                    name,
                    email(&decoded),
                    person.seat_word().unwrap_or_default().into_owned(),
                    on_off(person.mfa_enabled()).to_owned(),
                    day(person.last_login()),
                    names.count(id),
                    short,
                ]
            }
            RowsOf::Roles => vec![name, names.count(id), short],
            RowsOf::Any => {
                let parent = match &decoded.parent {
                    Some(parent) => names.of_resource(parent)?,
                    None => String::new(),
                };
                vec![name, names.of_type(id), parent, short]
            }
        })
    }
}

impl InTable for Entitlement {
    fn cells(row: &Row<'_, Self>, decoded: Self, names: &mut Names<'_>) -> Result<Vec<String>> {
        Ok(vec![
            decoded.display_name.to_string(),
            names.of_resource(&decoded.resource)?,
            names.of_type(&decoded.resource),
            decoded.slug.to_string(),
            names.short(&row.id).to_owned(),
        ])
    }
}

impl InTable for Grant {
    fn cells(row: &Row<'_, Self>, decoded: Self, names: &mut Names<'_>) -> Result<Vec<String>> {
        let catalog = &mut names.catalog;
        let mut cells = vec![
            catalog.resource_name(&decoded.principal)?.to_string(),
            catalog.resource_email(&decoded.principal)?.to_string(),
            catalog.resource_name(&row.columns.resource)?.to_string(),
            catalog.entitlement_slug(&decoded.entitlement)?.to_string(),
            day(decoded.joined_at),
        ];
        if names.wide {
            cells.push(row.id.to_string());
        }
        Ok(cells)
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

//! The rows of one kind, as a table, as CSV or in the `baton` CLI's JSON. Rows are written while they are read.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | which rows: the filters by columns, and what they mean |
//! | `narrow.rs` | the filters of people and roles by what is known about them |
//! | `table.rs` | rows as a table for people |
//! | `spreadsheet.rs` | rows as CSV for spreadsheets |
//! | `json.rs` | rows in the `baton` CLI's JSON |

mod json;
mod narrow;
mod spreadsheet;
mod table;

use std::collections::HashSet;

use anyhow::{Result, bail};

use json::InJson;
use narrow::{Narrowed, narrow};
use spreadsheet::InCsv;
use table::InTable;

use super::input::{Input, lacks_roles};
use super::principals::principals;
use super::search::{self, Found, did_you_mean};
use super::{Outcome, World};
use crate::model::{Entitlement, Grant, Resource, ResourceId, ResourceType, SyncRun};
use crate::progress::Event;
use crate::report::{Format, Medium, Page, printable};
use crate::snapshot::{Filter, Readable, Row, Snapshot};

pub use narrow::{Condition, SeatName};

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
    /// Which rows, by their columns.
    pub filter: Filter,
    /// Which of these, by what is known about a person or a role; all of these must be true.
    pub conditions: Vec<Condition>,
    /// In which form.
    pub format: ListFormat,
    /// Whether tables show whole ids and leave every cell whole.
    pub wide: bool,
}

impl ListArgs {
    /// Whether this lists every grant. Grants are by far the most rows of a snapshot.
    fn is_of_all_grants(&self) -> bool {
        let Self {
            listing,
            filter,
            conditions,
            ..
        } = self;
        *listing == Listing::Grants && filter == Filter::EVERYTHING && conditions.is_empty()
    }
}

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// A table, for people.
    Console,
    /// The `baton` CLI's JSON, for programs.
    Json,
    /// CSV, for spreadsheets.
    Csv,
}

impl From<Format> for ListFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Console => Self::Console,
            Format::Json => Self::Json,
        }
    }
}

impl ListFormat {
    /// The medium of a list on standard output. CSV in a file or a pipe keeps every text, except for what is done against
    /// formulas.
    pub(super) fn medium(self, page: Page) -> Medium {
        match self {
            Self::Console => Medium::Text {
                styled: page.styled,
            },
            Self::Json => Medium::Json,
            Self::Csv if page.is_terminal => Medium::Csv,
            Self::Csv => Medium::Raw,
        }
    }
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
    let (snapshot, run) = if args.is_of_all_grants() {
        args.input.open_checked()?
    } else {
        args.input.open_sync()?
    };
    let lacks_roles = args.listing != Listing::ResourceTypes
        && lacks_roles(&args.input, &snapshot, &run, world.reporter)?;
    let (filter, is_known) = resolved(args, &snapshot, &run, world)?;
    let narrowed = narrow(&args.conditions, &filter, &snapshot, &run)?;
    if let Some(narrowed) = &narrowed {
        narrowed.report(&args.conditions, world.reporter);
    }
    let list = List {
        snapshot: &snapshot,
        run: &run,
        args,
        filter: &filter,
        narrowed,
        is_known,
        lacks_roles,
    };
    match args.listing {
        Listing::ResourceTypes => list.write::<ResourceType>(world)?,
        Listing::Resources => list.write::<Resource>(world)?,
        Listing::Entitlements => list.write::<Entitlement>(world)?,
        Listing::Grants => list.write::<Grant>(world)?,
        Listing::Principals => list.write_principals(world)?,
    }
    Ok(Outcome::Done)
}

/// The filter with the ids of what it names by less: a name, or the beginning of one. What is found by less than its whole
/// name is reported, and so is what is not found. Also whether all was found.
fn resolved(
    args: &ListArgs,
    snapshot: &Snapshot,
    run: &SyncRun,
    world: &World<'_>,
) -> Result<(Filter, bool)> {
    let mut filter = args.filter.clone();
    let mut is_known = true;
    let mut on = None;
    if let Some(wanted) = &mut filter.resource {
        // Principals are of one type and what they hold is of another.
        let of_type = filter
            .resource_type
            .as_deref()
            .filter(|_| args.listing != Listing::Principals);
        // Only what has entitlements can be granted: nobody looks for a person there by name.
        let preferred = match args.listing {
            Listing::Entitlements | Listing::Grants => Some(with_entitlements(snapshot, run)?),
            Listing::ResourceTypes | Listing::Resources | Listing::Principals => None,
        };
        let found = search::resource(wanted, of_type, preferred.as_ref(), snapshot, run)?;
        match reported(found, "resource", wanted, world) {
            Some(id) => {
                *wanted = id.to_string();
                // For principals it may be the holder.
                on = preferred.is_some().then_some(id);
            }
            None => is_known = false,
        }
    }
    if let Some(wanted) = &mut filter.entitlement {
        let found = search::entitlement(wanted, on.as_ref(), snapshot, run)?;
        match reported(found, "entitlement", wanted, world) {
            Some(id) => *wanted = id,
            None => is_known = false,
        }
    }
    Ok((filter, is_known))
}

/// What was found, reported if it was named by less than its whole name; warns if nothing was.
fn reported<T>(found: Found<T>, what: &str, wanted: &str, world: &World<'_>) -> Option<T> {
    match found {
        Found::One(hit) => Some(hit.reported(world.reporter)),
        Found::Nothing(nearest) => {
            let mut message = format!("no {what} matches `{}`", printable(wanted));
            if let Some(suggestion) = did_you_mean(&nearest) {
                message.push_str(&format!("; {suggestion}"));
            }
            world.reporter.report(Event::Unmatched { message });
            None
        }
    }
}

/// The resources that something can be granted on.
fn with_entitlements(snapshot: &Snapshot, run: &SyncRun) -> Result<HashSet<ResourceId>> {
    let mut resources = HashSet::new();
    let mut rows = snapshot.rows::<Entitlement>(&run.id, Filter::EVERYTHING)?;
    while let Some(row) = rows.next_row()? {
        resources.insert(row.columns.resource);
    }
    Ok(resources)
}

struct List<'a> {
    snapshot: &'a Snapshot,
    run: &'a SyncRun,
    args: &'a ListArgs,
    filter: &'a Filter,
    /// The rows that meet all conditions; `None` without conditions.
    narrowed: Option<Narrowed>,
    /// Whether the file has what the filter names; if not, that is reported already.
    is_known: bool,
    lacks_roles: bool,
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
}

impl List<'_> {
    /// Writes rows that are stored as such.
    fn write<K: InTable + InJson + InCsv>(&self, world: &mut World<'_>) -> Result<()> {
        match self.args.format {
            ListFormat::Console => self.table::<K>(world),
            ListFormat::Json => self.json::<K>(world),
            ListFormat::Csv => K::csv(self, world),
        }
    }

    /// Whether a row that matches the filter meets all conditions.
    fn shows<K: Readable>(&self, row: &Row<'_, K>) -> bool {
        let narrowed = self.narrowed.as_ref();
        narrowed.is_none_or(|narrowed| narrowed.has(row.rowid))
    }

    /// Passes each row that is shown to `take`. Returns whether there was none.
    fn each_shown<K: Readable>(
        &self,
        mut take: impl FnMut(&Row<'_, K>, K) -> Result<()>,
    ) -> Result<bool> {
        let mut rows = self.snapshot.rows::<K>(&self.run.id, self.filter)?;
        let mut is_empty = true;
        while let Some(row) = rows.next_row()? {
            if self.shows(&row) {
                is_empty = false;
                take(&row, self.snapshot.decode(&row)?)?;
            }
        }
        Ok(is_empty)
    }

    fn write_principals(&self, world: &mut World<'_>) -> Result<()> {
        match self.args.format {
            ListFormat::Console => self.table_of_principals(world),
            ListFormat::Json => self.json_of_principals(world),
            ListFormat::Csv => self.csv_of_principals(world),
        }
    }

    fn principals(&self) -> Result<Vec<ResourceId>> {
        principals(self.snapshot, &self.run.id, self.filter)
    }
}

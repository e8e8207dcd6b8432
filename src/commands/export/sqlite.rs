//! Exports a flat SQLite database, for people who ask in SQL.

use std::collections::{HashMap, HashSet};
use std::io::{self, Seek, Write};

use anyhow::{Context, Result};

use super::Export;
use crate::commands::catalog::Catalog;
use crate::files::Temporary;
use crate::model::{Evidence, Grant, Person, Resource, ResourceId, Zone};
use crate::progress::Event;
use crate::report::flat::{FlatDatabase, Origin};
use crate::snapshot::Error;

/// Ids as the tables have them: without their types, unless another row of the table has the same.
#[derive(Default)]
struct Ids {
    forms: HashMap<ResourceId, String>,
    used: HashSet<String>,
}

impl Ids {
    /// Adds an id and returns its form.
    fn add(&mut self, id: &ResourceId) -> &str {
        let mut form = id.resource.to_string();
        if self.used.contains(&form) {
            form = id.to_string();
        }
        while !self.used.insert(form.clone()) {
            form.push('\'');
        }
        self.forms.entry(id.clone()).or_insert(form)
    }

    /// Returns the form of an id; `None` if it is not in the table.
    fn known(&self, id: &ResourceId) -> Option<&str> {
        self.forms.get(id).map(String::as_str)
    }
}

impl Export<'_> {
    /// Builds the database in an unnamed file, and copies it to `out`. Reports how many grants have no row because they are
    /// not of a person on a role.
    pub(super) fn sqlite(&self, out: &mut dyn Write) -> Result<()> {
        let dir = self.temp_dir;
        let failed = Error::building(dir);
        let temporary = Temporary::create_in(dir)
            .with_context(|| format!("creating a file in `{}`", dir.display()))?;
        let database = FlatDatabase::create(temporary.path()).map_err(&failed)?;
        let mut file = temporary.into_unnamed();
        let evidence = self.snapshot.evidence(&self.run.id)?;
        let zone = self.run.zone(evidence.as_ref());
        let content_digest = self.snapshot.content_digest(&self.run.id)?.to_string();
        let origin = Origin {
            sync_id: self.run.id.as_str(),
            captured_at: self.run.captured_at(zone),
            is_zone_known: zone == Zone::Known,
            content_digest: &content_digest,
        };
        database
            .evidence(&origin, evidence.as_ref())
            .map_err(&failed)?;
        let catalog = Catalog::new(self.snapshot, self.run)?;
        let has_roles = !evidence.as_ref().is_some_and(Evidence::lacks_roles);
        if has_roles {
            database.begin_roles().map_err(&failed)?;
        }
        let (mut people, mut roles) = (Ids::default(), Ids::default());
        self.for_each::<Resource>(|row| {
            let resource = self.snapshot.decode(&row)?;
            if Person::of(&resource).is_some() {
                let id = people.add(&resource.id);
                database
                    .person(id, &resource, evidence.is_some(), origin.captured_at.as_utc)
                    .map_err(&failed)?;
            }
            if has_roles && catalog.is_role(resource.id.resource_type.as_str()) {
                let id = roles.add(&resource.id);
                database.role(id, &resource).map_err(&failed)?;
            }
            Ok(())
        })?;
        let mut left_out: u64 = 0;
        if has_roles {
            self.for_each::<Grant>(|row| {
                let role = roles.known(&row.columns.resource);
                let person = people.known(&row.columns.principal);
                match (role, person) {
                    (Some(role), Some(person)) => {
                        let grant = self.snapshot.decode(&row)?;
                        database.membership(role, person, &grant).map_err(&failed)?;
                    }
                    _ => left_out += 1,
                }
                Ok(())
            })?;
            database.end_roles().map_err(&failed)?;
        }
        if let Some(document) = self.snapshot.organization(&self.run.id)?.document() {
            database.surroundings(document).map_err(&failed)?;
        }
        database.finish().map_err(&failed)?;
        file.rewind()?;
        io::copy(&mut file, out)?;
        let grants = match left_out {
            0 => return Ok(()),
            1 => "1 grant is".to_owned(),
            n => format!("{n} grants are"),
        };
        self.reporter.report(Event::Limited {
            message: format!("{grants} not of a person on a role and left out"),
        });
        Ok(())
    }
}

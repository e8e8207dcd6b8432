//! Looks up what rows refer to: the names, e-mail addresses and JSON of resource types, resources and entitlements.
//! Lists, exports and `diff` share it, so that they all use the same names.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::cache::{Cache, JsonCache};
use super::missing::Missing;
use crate::model::{
    Entitlement, EntitlementId, Party, Person, Resource, ResourceId, ResourceType, SyncId, SyncRun,
    Text, Trait,
};
use crate::snapshot::{Filter, Lookup, Readable, Row, Snapshot};

/// Looks up resource types, resources and entitlements by id.
pub(super) struct Catalog<'s> {
    snapshot: &'s Snapshot,
    sync: SyncId,
    types: HashMap<String, TypeEntry>,
    /// Created on the first lookup, since it holds an id for every row.
    resources: Option<Lookup<'s, Resource>>,
    entitlements: Option<Lookup<'s, Entitlement>>,
    names: Cache<ResourceId, NameAndEmail>,
    /// Grants come in runs of one entitlement.
    last_entitlement: Option<(EntitlementId, Text)>,
}

/// The name and e-mail address of a resource.
#[derive(Clone)]
struct NameAndEmail {
    name: Text,
    /// Empty if there is none.
    email: Text,
}

struct TypeEntry {
    display_name: Text,
    traits: Vec<Trait>,
    json: Vec<u8>,
}

impl<'s> Catalog<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, run: &SyncRun) -> Result<Self> {
        let mut types = HashMap::new();
        for row in snapshot.rows::<ResourceType>(&run.id, Filter::EVERYTHING)? {
            let row = row?;
            let mut json = Vec::new();
            row.push_json(&mut json);
            let (display_name, traits) = match row.decode() {
                Ok(decoded) => (decoded.display_name, decoded.traits),
                Err(_) => ((&*row.id).into(), Vec::new()),
            };
            types.insert(
                row.id.into_owned(),
                TypeEntry {
                    display_name,
                    traits,
                    json,
                },
            );
        }
        Ok(Self {
            snapshot,
            sync: run.id.clone(),
            types,
            resources: None,
            entitlements: None,
            names: Cache::default(),
            last_entitlement: None,
        })
    }

    /// A type's display name: its id if it has none, the text of [`Missing`] if the type is missing.
    pub(super) fn type_name<'a>(&'a self, id: &'a str) -> Cow<'a, str> {
        match self.types.get(id) {
            Some(entry) if !entry.display_name.is_empty() => Cow::Borrowed(&entry.display_name),
            Some(_) => Cow::Borrowed(id),
            None => Missing::ResourceType(id).to_string().into(),
        }
    }

    /// Whether resources of a type are roles.
    pub(super) fn is_role(&self, id: &str) -> bool {
        self.types
            .get(id)
            .is_some_and(|entry| entry.traits.contains(&Trait::Role))
    }

    /// The types whose resources are roles.
    pub(super) fn role_types(&self) -> HashSet<String> {
        let roles = self.types.keys().filter(|id| self.is_role(id));
        roles.cloned().collect()
    }

    /// Whether resources of a type are users.
    pub(super) fn is_user(&self, id: &str) -> bool {
        self.types
            .get(id)
            .is_some_and(|entry| entry.traits.contains(&Trait::User))
    }

    /// Appends a type's JSON, or a placeholder.
    pub(super) fn push_type_json(&self, id: &str, out: &mut Vec<u8>) -> Result<()> {
        match self.types.get(id) {
            Some(entry) => out.extend_from_slice(&entry.json),
            None => Missing::ResourceType(id).push_json(out)?,
        }
        Ok(())
    }

    pub(super) fn resource(&mut self, id: &ResourceId) -> Result<Option<Row<'static, Resource>>> {
        find(
            &mut self.resources,
            self.snapshot,
            &self.sync,
            &id.to_string(),
        )
    }

    pub(super) fn entitlement(&mut self, id: &str) -> Result<Option<Row<'static, Entitlement>>> {
        find(&mut self.entitlements, self.snapshot, &self.sync, id)
    }

    /// A resource's display name: its id if it has none, the text of [`Missing`] if the resource is missing.
    pub(super) fn resource_name(&mut self, id: &ResourceId) -> Result<Text> {
        Ok(self.name_and_email(id)?.name)
    }

    /// A user's primary e-mail address; empty if there is none.
    pub(super) fn resource_email(&mut self, id: &ResourceId) -> Result<Text> {
        Ok(self.name_and_email(id)?.email)
    }

    /// A resource as the party of a change; only its id if it is missing or cannot be read.
    pub(super) fn party(&mut self, id: &ResourceId) -> Result<Party> {
        let found = self.resource(id)?;
        Ok(match found.and_then(|row| row.decode().ok()) {
            Some(resource) => Party::of(&resource, self.is_role(id.resource_type.as_str())),
            None => Party::unknown(id),
        })
    }

    fn name_and_email(&mut self, id: &ResourceId) -> Result<NameAndEmail> {
        if let Some(cached) = self.names.get(id) {
            return Ok(cached.clone());
        }
        let found = match self.resource(id)?.map(|row| row.decode()) {
            Some(Ok(decoded)) => NameAndEmail {
                email: email(&decoded).into(),
                name: if decoded.display_name.is_empty() {
                    id.resource.clone()
                } else {
                    decoded.display_name
                },
            },
            Some(Err(_)) => NameAndEmail {
                name: id.resource.clone(),
                email: "".into(),
            },
            None => NameAndEmail {
                name: Missing::Resource(id).to_string().into(),
                email: "".into(),
            },
        };
        let bytes = id.resource.len() + found.name.len() + found.email.len();
        self.names.keep(id.clone(), found.clone(), bytes);
        Ok(found)
    }

    /// The decoded entitlement; `None` if it is missing or its blob is invalid.
    pub(super) fn entitlement_model(&mut self, id: &str) -> Result<Option<Entitlement>> {
        let row = self.entitlement(id)?;
        Ok(row.and_then(|row| row.decode().ok()))
    }

    /// An entitlement's short name on its resource: its slug, else its name, else its id; the text of [`Missing`] if
    /// the entitlement is missing.
    pub(super) fn entitlement_slug(&mut self, id: &EntitlementId) -> Result<Text> {
        if let Some((known, slug)) = &self.last_entitlement
            && known == id
        {
            return Ok(slug.clone());
        }
        let slug = match self.entitlement_model(id.as_str())? {
            Some(Entitlement { slug, .. }) if !slug.is_empty() => slug,
            Some(Entitlement { display_name, .. }) if !display_name.is_empty() => display_name,
            Some(_) => id.as_str().into(),
            None => Missing::Entitlement(id.as_str()).to_string().into(),
        };
        self.last_entitlement = Some((id.clone(), slug.clone()));
        Ok(slug)
    }

    /// Appends a resource's JSON, or a placeholder.
    pub(super) fn push_resource_json(
        &mut self,
        id: &ResourceId,
        cache: &JsonCache,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if cache.push(id, out) {
            return Ok(());
        }
        let start = out.len();
        match self.resource(id)? {
            Some(row) => row.push_json(out),
            None => Missing::Resource(id).push_json(out)?,
        }
        cache.keep(id, &out[start..]);
        Ok(())
    }

    /// An entitlement's JSON, or a placeholder.
    pub(super) fn entitlement_json(&mut self, id: &str) -> Result<Vec<u8>> {
        let mut json = Vec::new();
        match self.entitlement(id)? {
            Some(row) => row.push_json(&mut json),
            None => Missing::Entitlement(id).push_json(&mut json)?,
        }
        Ok(json)
    }
}

/// Looks up a row by id. Creates the list of ids on the first lookup.
fn find<'s, K: Readable>(
    lookup: &mut Option<Lookup<'s, K>>,
    snapshot: &'s Snapshot,
    sync: &SyncId,
    id: &str,
) -> Result<Option<Row<'static, K>>> {
    let lookup = match lookup {
        Some(lookup) => lookup,
        None => lookup.insert(snapshot.lookup(sync)?),
    };
    Ok(lookup.get(id)?)
}

/// A user's primary e-mail address; empty if there is none or the resource is not a user.
pub(super) fn email(resource: &Resource) -> String {
    Person::of(resource)
        .and_then(|person| person.email())
        .unwrap_or_default()
        .to_owned()
}

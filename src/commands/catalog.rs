//! What rows refer to: the names, addresses and JSON of resource types, resources and entitlements. One lookup for lists,
//! exports and `diff`, so that all of them call a thing by the same name.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use anyhow::Result;

use super::missing::Missing;
use crate::model::{
    Entitlement, EntitlementId, Party, Person, Resource, ResourceId, ResourceType, SyncId, SyncRun,
    Text, Trait,
};
use crate::snapshot::{Filter, Lookup, Readable, Row, Snapshot};

/// Bytes that a cache of what rows refer to may hold.
const CACHE_BYTES: usize = 96 << 20;
/// What an entry takes besides its texts, about.
const ENTRY_BYTES: usize = 128;

/// What rows referred to before. Once it is full it stays as it is: emptied, every role would fill it anew with the same
/// people.
pub(super) struct Cache<K, V> {
    entries: HashMap<K, V>,
    bytes: usize,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
        }
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key)
    }

    /// Keeps a value unless the cache is full. `bytes` is the length of the texts of key and value.
    pub(super) fn keep(&mut self, key: K, value: V, bytes: usize) {
        if self.bytes < CACHE_BYTES && self.entries.insert(key, value).is_none() {
            self.bytes += ENTRY_BYTES + bytes;
        }
    }
}

/// The JSON of resources that rows referred to before, for all threads that read a snapshot.
#[derive(Default)]
pub(super) struct JsonCache(RwLock<Cache<ResourceId, Box<[u8]>>>);

impl JsonCache {
    /// Appends the resource's JSON, if it is there.
    fn push(&self, id: &ResourceId, out: &mut Vec<u8>) -> bool {
        let json = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match json.get(id) {
            Some(json) => {
                out.extend_from_slice(json);
                true
            }
            None => false,
        }
    }

    fn keep(&self, id: &ResourceId, json: &[u8]) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let bytes = id.resource.len() + json.len();
        all.keep(id.clone(), json.into(), bytes);
    }
}

/// What rows refer to: resource types, resources and entitlements, by id.
pub(super) struct Catalog<'s> {
    snapshot: &'s Snapshot,
    sync: SyncId,
    types: HashMap<String, TypeEntry>,
    /// Made when first something is looked up: it holds an id for every row.
    resources: Option<Lookup<'s, Resource>>,
    entitlements: Option<Lookup<'s, Entitlement>>,
    names: Cache<ResourceId, Called>,
    /// Grants come in runs of one entitlement.
    last_entitlement: Option<(EntitlementId, Text)>,
}

/// What people know a resource by.
#[derive(Clone)]
struct Called {
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

    /// A type's name for people: its id if it has none, [`Missing`]'s words if it is not there.
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

    /// Whether resources of a type are users.
    pub(super) fn is_user(&self, id: &str) -> bool {
        self.types
            .get(id)
            .is_some_and(|entry| entry.traits.contains(&Trait::User))
    }

    /// Appends a type's JSON, or what stands in for it.
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

    /// A resource's name for people: its id if it has none, [`Missing`]'s words if it is not there.
    pub(super) fn resource_name(&mut self, id: &ResourceId) -> Result<Text> {
        Ok(self.called(id)?.name)
    }

    /// A user's primary address; empty if there is none.
    pub(super) fn resource_email(&mut self, id: &ResourceId) -> Result<Text> {
        Ok(self.called(id)?.email)
    }

    /// A resource as a change is about it; of one that is missing or cannot be read, only the id is known.
    pub(super) fn party(&mut self, id: &ResourceId) -> Result<Party> {
        let found = self.resource(id)?;
        Ok(match found.and_then(|row| row.decode().ok()) {
            Some(resource) => Party::of(&resource, self.is_role(id.resource_type.as_str())),
            None => Party::unknown(id),
        })
    }

    fn called(&mut self, id: &ResourceId) -> Result<Called> {
        if let Some(called) = self.names.get(id) {
            return Ok(called.clone());
        }
        let called = match self.resource(id)?.map(|row| row.decode()) {
            Some(Ok(decoded)) => Called {
                email: email(&decoded).into(),
                name: if decoded.display_name.is_empty() {
                    id.resource.clone()
                } else {
                    decoded.display_name
                },
            },
            Some(Err(_)) => Called {
                name: id.resource.clone(),
                email: "".into(),
            },
            None => Called {
                name: Missing::Resource(id).to_string().into(),
                email: "".into(),
            },
        };
        let bytes = id.resource.len() + called.name.len() + called.email.len();
        self.names.keep(id.clone(), called.clone(), bytes);
        Ok(called)
    }

    /// An entitlement as the model has it; `None` if it is missing or its blob is not a message.
    pub(super) fn entitlement_model(&mut self, id: &str) -> Result<Option<Entitlement>> {
        let row = self.entitlement(id)?;
        Ok(row.and_then(|row| row.decode().ok()))
    }

    /// An entitlement's short name on its resource: its slug, else its name, else its id; [`Missing`]'s words if it is
    /// not there.
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

    /// Appends a resource's JSON, or what stands in for it.
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

    /// An entitlement's JSON, or that of what stands in for it.
    pub(super) fn entitlement_json(&mut self, id: &str) -> Result<Vec<u8>> {
        let mut json = Vec::new();
        match self.entitlement(id)? {
            Some(row) => row.push_json(&mut json),
            None => Missing::Entitlement(id).push_json(&mut json)?,
        }
        Ok(json)
    }
}

/// The row of an id. The list of ids is made when first something is looked up.
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

/// A user's primary address; empty if there is none, or it is not a user.
pub(super) fn email(resource: &Resource) -> String {
    Person::of(resource)
        .and_then(|person| person.email())
        .unwrap_or_default()
        .to_owned()
}

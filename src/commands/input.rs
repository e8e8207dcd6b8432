//! The snapshot that a command reads, and what its rows refer to.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use anyhow::Result;

use crate::model::{
    Entitlement, EntitlementId, Person, Resource, ResourceId, ResourceType, SyncId, SyncRun, Text,
    Timestamp, Trait,
};
use crate::progress::{Event, Reporter};
use crate::snapshot::{Filter, Lookup, ReadOptions, Readable, Row, Snapshot};

/// Which snapshot, and which sync run of it.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// The sync run; the newest finished full one if none is named.
    pub sync_id: Option<String>,
    /// Limits on reading.
    pub options: ReadOptions,
}

impl Input {
    /// Opens the file.
    pub(super) fn open(&self) -> Result<Snapshot> {
        Ok(Snapshot::open(&self.path, &self.options)?)
    }

    /// Opens the file and chooses the sync run.
    pub(super) fn open_sync(&self) -> Result<(Snapshot, SyncRun)> {
        let snapshot = self.open()?;
        let run = snapshot.sync_run(self.sync_id.as_deref())?;
        Ok((snapshot, run))
    }
}

/// What a snapshot that was made without reading roles does not know.
pub(super) const LACKS_ROLES: &str =
    "roles, who holds them, and people who are not in the member list";

/// Whether a sync run was made without reading roles; if so, reports what the answer does not know.
pub(super) fn lacks_roles(
    input: &Input,
    snapshot: &Snapshot,
    run: &SyncRun,
    reporter: &dyn Reporter,
) -> Result<bool> {
    let lacks = snapshot
        .evidence(&run.id)?
        .is_some_and(|evidence| evidence.lacks_roles());
    if lacks {
        reporter.report(Event::Limited {
            message: format!(
                "`{}` was made without reading roles: {LACKS_ROLES} are unknown",
                input.path.display()
            ),
        });
    }
    Ok(lacks)
}

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
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key)
    }

    /// Keeps a value unless the cache is full. `bytes` is the length of the texts of key and value.
    pub fn keep(&mut self, key: K, value: V, bytes: usize) {
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
    pub fn new(snapshot: &'s Snapshot, run: &SyncRun) -> Result<Self> {
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

    /// A type's name for people, else its id.
    pub fn type_name<'a>(&'a self, id: &'a str) -> &'a str {
        match self.types.get(id) {
            Some(entry) if !entry.display_name.is_empty() => &entry.display_name,
            _ => id,
        }
    }

    /// Whether resources of a type are roles.
    pub fn is_role(&self, id: &str) -> bool {
        self.types
            .get(id)
            .is_some_and(|entry| entry.traits.contains(&Trait::Role))
    }

    /// Whether resources of a type are users.
    pub fn is_user(&self, id: &str) -> bool {
        self.types
            .get(id)
            .is_some_and(|entry| entry.traits.contains(&Trait::User))
    }

    /// A type's JSON; `null` if it is missing.
    pub fn type_json(&self, id: &str) -> &[u8] {
        self.types.get(id).map_or(b"null", |entry| &entry.json)
    }

    pub fn resource(&mut self, id: &ResourceId) -> Result<Option<Row<'static, Resource>>> {
        find(
            &mut self.resources,
            self.snapshot,
            &self.sync,
            &id.to_string(),
        )
    }

    pub fn entitlement(&mut self, id: &str) -> Result<Option<Row<'static, Entitlement>>> {
        find(&mut self.entitlements, self.snapshot, &self.sync, id)
    }

    /// A resource's name for people: `(missing)` if it is not there, its id if it has none.
    pub fn resource_name(&mut self, id: &ResourceId) -> Result<Text> {
        Ok(self.called(id)?.name)
    }

    /// A user's primary address; empty if there is none.
    pub fn resource_email(&mut self, id: &ResourceId) -> Result<Text> {
        Ok(self.called(id)?.email)
    }

    fn called(&mut self, id: &ResourceId) -> Result<Called> {
        if let Some(called) = self.names.get(id) {
            return Ok(called.clone());
        }
        let called = match self.resource(id)?.map(|row| row.decode()) {
            Some(Ok(decoded)) => Called {
                email: email(&decoded).into(),
                name: match decoded.display_name.is_empty() {
                    true => id.resource.clone(),
                    false => decoded.display_name,
                },
            },
            Some(Err(_)) => Called {
                name: id.resource.clone(),
                email: "".into(),
            },
            None => Called {
                name: "(missing)".into(),
                email: "".into(),
            },
        };
        let bytes = id.resource.len() + called.name.len() + called.email.len();
        self.names.keep(id.clone(), called.clone(), bytes);
        Ok(called)
    }

    /// An entitlement as the model has it; `None` if it is missing or its blob is not a message.
    pub fn entitlement_model(&mut self, id: &str) -> Result<Option<Entitlement>> {
        let row = self.entitlement(id)?;
        Ok(row.and_then(|row| row.decode().ok()))
    }

    /// An entitlement's short name on its resource: its slug, else its name, else its id; `(missing)` if it is not
    /// there.
    pub fn entitlement_slug(&mut self, id: &EntitlementId) -> Result<Text> {
        if let Some((known, slug)) = &self.last_entitlement
            && known == id
        {
            return Ok(slug.clone());
        }
        let slug = match self.entitlement_model(id.as_str())? {
            Some(Entitlement { slug, .. }) if !slug.is_empty() => slug,
            Some(Entitlement { display_name, .. }) if !display_name.is_empty() => display_name,
            Some(_) => id.as_str().into(),
            None => "(missing)".into(),
        };
        self.last_entitlement = Some((id.clone(), slug.clone()));
        Ok(slug)
    }

    /// Appends a resource's JSON; `null` if it is missing.
    pub fn push_resource_json(
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
            None => out.extend_from_slice(b"null"),
        }
        cache.keep(id, &out[start..]);
        Ok(())
    }

    /// An entitlement's JSON; `null` if it is missing.
    pub fn entitlement_json(&mut self, id: &str) -> Result<Vec<u8>> {
        let mut json = Vec::new();
        match self.entitlement(id)? {
            Some(row) => row.push_json(&mut json),
            None => json.extend_from_slice(b"null"),
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

/// A user's primary address; empty if there is none, or it is no user.
pub(super) fn email(resource: &Resource) -> String {
    Person::of(resource)
        .and_then(|person| person.email())
        .unwrap_or_default()
        .to_owned()
}

/// A moment for people, to the second; empty if there is none.
pub(super) fn moment(at: Option<Timestamp>) -> String {
    at.map(Timestamp::to_seconds).unwrap_or_default()
}

/// The day of a moment, in UTC; empty if there is none.
pub(super) fn day(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_seconds().chars().take(10).collect())
        .unwrap_or_default()
}

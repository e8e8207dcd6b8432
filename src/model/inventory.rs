//! [`Inventory`]: everything that one sync run learned, sorted and with each row once. The crawl builds it, and writing a
//! snapshot reads it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;

use super::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, ResourceTypeId, Text,
};

/// Resource types, resources, entitlements and grants, sorted by the bytes of their ids, each id once. All references are
/// valid: only [`InventoryBuilder::finish`] creates an inventory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    resource_types: Vec<ResourceType>,
    resources: Vec<Resource>,
    entitlements: Vec<Entitlement>,
    grants: Vec<Grant>,
}

impl Inventory {
    /// Returns resource types, sorted by id.
    pub fn resource_types(&self) -> &[ResourceType] {
        &self.resource_types
    }

    /// Returns resources, sorted by `<type>:<id>`.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Returns entitlements, sorted by id.
    pub fn entitlements(&self) -> &[Entitlement] {
        &self.entitlements
    }

    /// Returns grants, sorted by id.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Returns the resource with this id.
    pub fn resource(&self, id: &ResourceId) -> Option<&Resource> {
        let at = self.resources.binary_search_by(|r| r.id.cmp(id)).ok()?;
        Some(&self.resources[at])
    }

    /// Returns the number of resources of type `id`.
    pub fn count_of_type(&self, id: &str) -> usize {
        self.resources
            .iter()
            .filter(|r| r.id.resource_type.as_str() == id)
            .count()
    }
}

/// A fault that a snapshot must not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A resource of a missing type.
    MissingResourceType {
        /// The resource.
        resource: ResourceId,
    },
    /// An entitlement on a missing resource.
    MissingResource {
        /// The entitlement.
        entitlement: EntitlementId,
        /// Its resource.
        resource: ResourceId,
    },
    /// A grant of a missing entitlement.
    MissingEntitlement {
        /// The grant.
        grant: String,
        /// Its entitlement.
        entitlement: EntitlementId,
    },
    /// A grant to a missing principal.
    MissingPrincipal {
        /// The grant.
        grant: String,
        /// Its principal.
        principal: ResourceId,
    },
    /// An id that is empty or over 1,024 bytes.
    IdLength {
        /// The id, or its beginning.
        id: String,
    },
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingResourceType { resource } => {
                write!(f, "the type of resource `{resource}` is missing")
            }
            Self::MissingResource {
                entitlement,
                resource,
            } => {
                write!(
                    f,
                    "entitlement `{entitlement}` is on resource `{resource}`, which is missing"
                )
            }
            Self::MissingEntitlement { grant, entitlement } => {
                write!(
                    f,
                    "grant `{grant}` gives entitlement `{entitlement}`, which is missing"
                )
            }
            Self::MissingPrincipal { grant, principal } => {
                write!(
                    f,
                    "grant `{grant}` is held by `{principal}`, which is missing"
                )
            }
            Self::IdLength { id } => {
                write!(f, "id `{id}` is empty or longer than {MAX_ID_BYTES} bytes")
            }
        }
    }
}

/// The longest id that the SDK's servers accept, in bytes (FORMAT.md, limits).
pub const MAX_ID_BYTES: usize = 1024;

/// Collects rows in any order, with repeats. [`finish`](Self::finish) sorts them and removes repeats.
#[derive(Debug, Default)]
pub struct InventoryBuilder {
    resource_types: Vec<ResourceType>,
    resources: Vec<Resource>,
    /// Indexes of the resources of each type.
    position: HashMap<ResourceTypeId, HashMap<Text, usize>>,
    entitlements: Vec<Entitlement>,
    grants: Vec<Grant>,
}

impl InventoryBuilder {
    /// Adds a resource type.
    pub fn add_resource_type(&mut self, resource_type: ResourceType) {
        self.resource_types.push(resource_type);
    }

    /// Adds a resource, or replaces an earlier one with the same id. Returns whether it is new.
    pub fn add_resource(&mut self, resource: Resource) -> bool {
        let ResourceId {
            resource_type,
            resource: id,
        } = resource.id.clone();
        match self.position.entry(resource_type).or_default().entry(id) {
            Entry::Occupied(known) => {
                self.resources[*known.get()] = resource;
                false
            }
            Entry::Vacant(new) => {
                new.insert(self.resources.len());
                self.resources.push(resource);
                true
            }
        }
    }

    /// Returns the resource with this id, if it was added.
    pub fn resource(&self, id: &ResourceId) -> Option<&Resource> {
        let at = *self.position.get(&id.resource_type)?.get(&id.resource)?;
        Some(&self.resources[at])
    }

    /// Returns the shared text of a resource's id, if that was added.
    pub fn known_id(&self, resource_type: &ResourceTypeId, id: &str) -> Option<&Text> {
        let (known, _) = self.position.get(resource_type)?.get_key_value(id)?;
        Some(known)
    }

    /// Returns the resources added so far, in their order.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Adds an entitlement. Of several with the same id, the last one is kept.
    pub fn add_entitlement(&mut self, entitlement: Entitlement) {
        self.entitlements.push(entitlement);
    }

    /// Adds a grant. Of several with the same id, one is kept.
    pub fn add_grant(&mut self, grant: Grant) {
        self.grants.push(grant);
    }

    /// Sorts, removes repeats and checks all ids and references.
    ///
    /// # Errors
    /// All defects.
    pub fn finish(mut self) -> Result<Inventory, Vec<Defect>> {
        drop(std::mem::take(&mut self.position));
        self.resource_types.sort_by(|a, b| a.id.cmp(&b.id));
        self.resources.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        self.entitlements.sort_by(|a, b| a.id.cmp(&b.id));
        // Unstable sorting needs no second copy; the tie-break makes the choice among repeats deterministic.
        self.grants.sort_unstable_by(|a, b| {
            a.cmp_id(b)
                .then_with(|| a.joined_at.cmp(&b.joined_at))
                .then_with(|| a.membership_id.cmp(&b.membership_id))
        });
        keep_last(&mut self.resource_types, |a, b| a.id == b.id);
        keep_last(&mut self.entitlements, |a, b| a.id == b.id);
        keep_last(&mut self.grants, |a, b| a.cmp_id(b).is_eq());

        let inventory = Inventory {
            resource_types: self.resource_types,
            resources: self.resources,
            entitlements: self.entitlements,
            grants: self.grants,
        };
        let defects = inventory.defects();
        if defects.is_empty() {
            Ok(inventory)
        } else {
            Err(defects)
        }
    }
}

/// Keeps the last of several equal neighbors.
fn keep_last<T>(rows: &mut Vec<T>, same: impl Fn(&T, &T) -> bool) {
    rows.dedup_by(|later, kept| {
        let repeat = same(later, kept);
        if repeat {
            std::mem::swap(later, kept);
        }
        repeat
    });
}

impl Inventory {
    fn defects(&self) -> Vec<Defect> {
        let has_type = |id: &ResourceTypeId| {
            self.resource_types
                .binary_search_by(|t| t.id.cmp(id))
                .is_ok()
        };
        // Looked up for every grant in no particular order, where hashing is several times as fast as searching. Clones
        // instead of references: a `Text` equals its clone by its pointer, without a look at the resource.
        let resources: HashSet<ResourceId> = self.resources.iter().map(|r| r.id.clone()).collect();
        let has_resource = |id: &ResourceId| resources.contains(id);
        let has_entitlement =
            |id: &EntitlementId| self.entitlements.binary_search_by(|e| e.id.cmp(id)).is_ok();
        let mut defects = Vec::new();
        let mut check_id = |length: usize, whole: &dyn Fn() -> String| {
            if length == 0 || length > MAX_ID_BYTES {
                defects.push(Defect::IdLength {
                    id: whole().chars().take(80).collect(),
                });
            }
        };
        for resource in &self.resources {
            check_id(resource.id.resource.len(), &|| resource.id.to_string());
        }
        for entitlement in &self.entitlements {
            check_id(entitlement.id.as_str().len(), &|| {
                entitlement.id.to_string()
            });
        }
        for grant in &self.grants {
            check_id(grant.id_length(), &|| grant.id().into_owned());
        }
        for resource in self
            .resources
            .iter()
            .filter(|r| !has_type(&r.id.resource_type))
        {
            defects.push(Defect::MissingResourceType {
                resource: resource.id.clone(),
            });
        }
        for entitlement in self
            .entitlements
            .iter()
            .filter(|e| !has_resource(&e.resource))
        {
            defects.push(Defect::MissingResource {
                entitlement: entitlement.id.clone(),
                resource: entitlement.resource.clone(),
            });
        }
        // Grants of one entitlement are adjacent, so one lookup serves all of them.
        let mut known: Option<&EntitlementId> = None;
        for grant in &self.grants {
            if known != Some(&grant.entitlement) {
                if has_entitlement(&grant.entitlement) {
                    known = Some(&grant.entitlement);
                } else {
                    defects.push(Defect::MissingEntitlement {
                        grant: grant.id().into_owned(),
                        entitlement: grant.entitlement.clone(),
                    });
                }
            }
            if !has_resource(&grant.principal) {
                defects.push(Defect::MissingPrincipal {
                    grant: grant.id().into_owned(),
                    principal: grant.principal.clone(),
                });
            }
        }
        defects
    }
}

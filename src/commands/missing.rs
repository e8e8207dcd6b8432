//! Placeholders for rows that others refer to but that are not in the file, with the words and the JSON of the `baton`
//! CLI, so that no list leaves out what refers to them.

use std::fmt::{self, Display, Formatter};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::ResourceId;

/// A row that is not in the file, by its id.
#[derive(Clone, Copy, Debug)]
pub(super) enum Missing<'a> {
    Resource(&'a ResourceId),
    ResourceType(&'a str),
    Entitlement(&'a str),
}

impl Missing<'_> {
    /// Appends its JSON.
    pub(super) fn push_json(self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, &self)
    }
}

/// Its display name.
impl Display for Missing<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(id) => write!(out, "MISSING RESOURCE ({id})"),
            Self::ResourceType(id) => write!(out, "MISSING RESOURCE TYPE ({id})"),
            Self::Entitlement(id) => write!(out, "MISSING ENTITLEMENT ({id})"),
        }
    }
}

impl Serialize for Missing<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        match self {
            Self::Resource(id) => map.serialize_entry("id", &BareId(id))?,
            Self::ResourceType(id) | Self::Entitlement(id) => entry(&mut map, "id", id)?,
        }
        map.serialize_entry("displayName", &self.to_string())?;
        map.end()
    }
}

/// The id of a resource as a message of its own.
struct BareId<'a>(&'a ResourceId);

impl Serialize for BareId<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        entry(&mut map, "resourceType", self.0.resource_type.as_str())?;
        entry(&mut map, "resource", &self.0.resource)?;
        map.end()
    }
}

/// Adds a text unless it is empty, which protobuf's JSON leaves out.
fn entry<M: SerializeMap>(map: &mut M, name: &str, text: &str) -> Result<(), M::Error> {
    if text.is_empty() {
        return Ok(());
    }
    map.serialize_entry(name, text)
}

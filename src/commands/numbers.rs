//! Ids as small numbers, for sets with as many members as there are grants.

use std::collections::HashMap;

use crate::model::ResourceId;

/// Numbers ids from 0, in the order in which they are first asked for.
#[derive(Default)]
pub(super) struct Numbers(HashMap<ResourceId, u32>);

impl Numbers {
    /// The number of an id.
    pub(super) fn of(&mut self, id: &ResourceId) -> u32 {
        let next = self.0.len() as u32;
        match self.0.get(id) {
            Some(number) => *number,
            None => *self.0.entry(id.clone()).or_insert(next),
        }
    }
}

//! What changes without anybody changing it, and is left out of every canonical form.

use super::descriptors::{self, Descriptor};
use crate::model::keys;

/// `UserTrait.last_login`, which is noise like the profile key of that name.
const NOISE_USER_FIELD: u32 = 9;

/// Whether a field is left out of every canonical form.
pub(super) fn is_noise_field(descriptor: &'static Descriptor, number: u32) -> bool {
    number == NOISE_USER_FIELD && std::ptr::eq(descriptor, &descriptors::USER_TRAIT)
}

/// Whether the value of a key is left out of a profile.
pub(super) fn is_noise_key(key: &[u8]) -> bool {
    keys::NOISE.iter().any(|noise| noise.as_bytes() == key)
}

//! The validity check that all readers share: whether a row's blob is a message of its kind and agrees with its
//! columns.

use super::references::{Comparison, Mismatch, compare};
use crate::model::{EntitlementId, ResourceId};
use crate::snapshot::error::{Error, shortened};
use crate::snapshot::message::{Flaw, OwnForm, REFERENCE_VALUES, Valid, Weight, validate};
use crate::snapshot::table::{
    AnyColumns, GrantColumns, Kind, Row, column_fields, descriptor, expansion,
};

/// The result of checking a row. Readers refuse a row with a problem; `verify` reports everything.
pub(in crate::snapshot) struct Judgement {
    /// Whether its blob is a message of its kind.
    pub blob: Result<Valid, Flaw>,
    /// What is known about the canonical form of its blob.
    pub own_form: Option<OwnForm>,
    /// Contradictions between blob and columns, or with another row.
    pub contradictions: Vec<String>,
}

impl Judgement {
    /// Why the row is damaged, if it is.
    pub(crate) fn problem(&self) -> Option<String> {
        match self.blob {
            Err(flaw) => Some(format!("its blob {}", flaw.predicate())),
            Ok(_) => self.contradictions.first().cloned(),
        }
    }
}

/// Checks a row: its blob must be a message of its kind and must not contradict its columns. `resource_of` looks up the
/// resource of an entitlement in the entitlement's own row; it is called only for grants whose blob omits the resource.
///
/// # Errors
/// Those of `resource_of`.
pub(in crate::snapshot) fn judge<K: Kind>(
    row: &Row<'_, K>,
    resource_of: impl FnOnce(&EntitlementId) -> Result<Option<ResourceId>, Error>,
) -> Result<Judgement, Error> {
    let after_references = row.after_references(&row.data);
    let Comparison {
        mismatches,
        omits_resource,
    } = match after_references {
        Some(_) => Comparison::default(),
        None => compare(row),
    };
    let mut contradictions: Vec<_> = mismatches.iter().map(Mismatch::sentence).collect();
    if let AnyColumns::Grant(GrantColumns {
        resource,
        entitlement,
        ..
    }) = row.any_columns()
        && omits_resource
        && let Some(expected) = resource_of(entitlement)?
        && expected != *resource
    {
        contradictions.push(other_resource(resource, &expected));
    }
    if let AnyColumns::Grant(GrantColumns { expansion, .. }) = row.any_columns()
        && expansion
            .as_deref()
            .is_some_and(|bytes| !expansion::is_valid(bytes))
    {
        contradictions.push("its expansion is not a valid message".to_owned());
    }
    let rest = after_references.unwrap_or(&row.data);
    let before = row.data.len() - rest.len();
    let already = match after_references {
        Some(_) => Weight {
            values: REFERENCE_VALUES,
            bytes: before,
        },
        None => Weight::default(),
    };
    let blob = validate(descriptor(K::KIND), rest, column_fields(K::KIND), already);
    let own_form = blob.ok().and_then(|valid| valid.own_form);
    Ok(Judgement {
        blob,
        own_form: own_form.map(|own_form| OwnForm {
            start: before + own_form.start,
            ..own_form
        }),
        contradictions,
    })
}

/// Describes a grant whose resource column differs from its entitlement's row.
fn other_resource(resource: &ResourceId, expected: &ResourceId) -> String {
    format!(
        "its resource is `{}` in the columns, but its entitlement is on `{}`",
        shortened(resource.to_string().as_bytes()).escape_debug(),
        shortened(expected.to_string().as_bytes()).escape_debug()
    )
}

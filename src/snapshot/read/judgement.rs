//! The judgement that every reader shares: whether a row's blob is a message of its kind and agrees with the columns.

use super::references::{Comparison, Mismatch, compare};
use crate::model::{EntitlementId, ResourceId};
use crate::snapshot::error::{Error, shortened};
use crate::snapshot::message::{Flaw, Oddity, validate};
use crate::snapshot::table::{AnyColumns, GrantColumns, Kind, Row, descriptor, expansion};

/// What is to be said of a row. Readers refuse one with a problem; `verify` reports everything.
pub(in crate::snapshot) struct Judgement {
    /// Whether its blob is a message of its kind, and what in it JSON has no form for.
    pub blob: Result<Option<Oddity>, Flaw>,
    /// What blob and columns, or the row and another, say differently.
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

/// The judgement that every reader shares: a row's blob must be a message of its kind and must not contradict the
/// columns. `resource_of` says which resource an entitlement is on, by the entitlement's own row; it is only asked about
/// grants whose blob does not say.
///
/// # Errors
/// Those of `resource_of`.
pub(in crate::snapshot) fn judge<K: Kind>(
    row: &Row<'_, K>,
    resource_of: impl FnOnce(&EntitlementId) -> Result<Option<ResourceId>, Error>,
) -> Result<Judgement, Error> {
    let Comparison {
        mismatches,
        omits_resource,
    } = compare(row);
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
    Ok(Judgement {
        blob: validate(descriptor(K::KIND), &row.data),
        contradictions,
    })
}

/// What is wrong with a grant whose column names another resource than its entitlement's row does.
fn other_resource(resource: &ResourceId, expected: &ResourceId) -> String {
    format!(
        "its resource is `{}` in the columns, but its entitlement is on `{}`",
        shortened(resource.to_string().as_bytes()).escape_debug(),
        shortened(expected.to_string().as_bytes()).escape_debug()
    )
}

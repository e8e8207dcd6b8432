//! What is wrong with a row: in its blob, between blob and columns, and in what it refers to.

use std::collections::HashSet;
use std::sync::Arc;

use prost::Message;

use super::batches::Batch;
use super::digest::RowKind;
use super::proto;
use super::query::Counts;
use super::rows::{Columns, Row};
use super::validate::{Flaw, validate};
use super::verify::Finding;

/// Ids that references may name.
#[derive(Clone, Default)]
pub(super) struct Known {
    types: HashSet<String>,
    resources: HashSet<String>,
    entitlements: HashSet<String>,
}

impl Known {
    /// Takes ids of rows of a kind. Nothing refers to grants.
    pub fn extend(&mut self, kind: RowKind, ids: Vec<String>) {
        match kind {
            RowKind::ResourceType => self.types.extend(ids),
            RowKind::Resource => self.resources.extend(ids),
            RowKind::Entitlement => self.entitlements.extend(ids),
            RowKind::Grant => {}
        }
    }
}

/// Which form the ids of rows must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdForm {
    /// Whichever another connector chose.
    Any,
    /// What our own files promise; ConductorOne keys configuration on it.
    Ours,
}

/// Checks rows one by one, knowing those of the kinds before theirs.
#[derive(Clone)]
pub(super) struct RowCheck {
    pub known: Arc<Known>,
    pub form: IdForm,
}

/// What came of some rows.
#[derive(Default)]
pub(super) struct Checked {
    pub findings: Vec<Finding>,
    pub counts: Counts,
    /// What the content digest is made of.
    pub records: Vec<u8>,
    /// Ids that later rows may refer to.
    pub ids: Vec<String>,
}

impl RowCheck {
    /// Checks some rows of one kind.
    pub fn rows(&self, rows: &mut Batch<'_, '_>) -> Checked {
        let mut checked = Checked::default();
        while let Some(row) = rows.next_row() {
            let mut tell = |code, message| checked.findings.push(Finding { code, message });
            self.row(&row, &mut tell);
            checked.counts.add(&row);
            row.record(&mut checked.records);
            if row.kind != RowKind::Grant {
                checked.ids.push(row.id.into_owned());
            }
        }
        checked
    }

    fn row(&self, row: &Row<'_>, tell: &mut dyn FnMut(&'static str, String)) {
        let name = || format!("`{}` in `{}`", row.id.escape_debug(), row.table);
        match validate(row.kind.descriptor(), &row.data) {
            Ok(()) => {}
            Err(Flaw::Malformed) => tell("blob", format!("{}: its blob is no message", name())),
            Err(Flaw::Utf8) => tell(
                "utf-8",
                format!("{}: its blob holds text that is not UTF-8", name()),
            ),
            Err(Flaw::Number) => {
                tell(
                    "number",
                    format!(
                        "{}: its blob holds a number that JSON has no form for",
                        name()
                    ),
                );
            }
            Err(Flaw::Time) => {
                tell(
                    "time",
                    format!(
                        "{}: its blob holds a time outside the years 1 to 9999",
                        name()
                    ),
                );
            }
        }
        for mismatch in mismatches(row) {
            tell("column", format!("{}: {mismatch}", name()));
        }
        match &row.columns {
            Columns::ResourceType => {}
            Columns::Resource { id, .. } => {
                if !self.known.types.contains(id.resource_type.as_str()) {
                    tell(
                        "dangling-type",
                        format!("{}: its resource type is missing", name()),
                    );
                }
            }
            Columns::Entitlement { resource } => {
                if !self.known.resources.contains(&resource.to_string()) {
                    tell(
                        "dangling-resource",
                        format!("{}: its resource `{resource}` is missing", name()),
                    );
                }
            }
            Columns::Grant {
                entitlement,
                principal,
                ..
            } => {
                if !self.known.entitlements.contains(entitlement.as_str()) {
                    let message = format!("{}: its entitlement `{entitlement}` is missing", name());
                    tell("dangling-entitlement", message);
                }
                if !self.known.resources.contains(&principal.to_string()) {
                    let message = format!("{}: its principal `{principal}` is missing", name());
                    tell("dangling-principal", message);
                }
            }
        }
        if self.form == IdForm::Ours {
            own_id(row, tell);
        }
    }
}

/// Whether an id has the form that our own files promise.
fn own_id(row: &Row<'_>, tell: &mut dyn FnMut(&'static str, String)) {
    let promised = match &row.columns {
        Columns::ResourceType => return,
        Columns::Resource { id, .. } => id.to_string(),
        Columns::Entitlement { resource } => format!("{resource}:member"),
        Columns::Grant {
            entitlement,
            principal,
            ..
        } => format!("{entitlement}:{principal}"),
    };
    if row.id != promised {
        let message = format!(
            "`{}` in `{}` should be `{promised}`",
            row.id.escape_debug(),
            row.table
        );
        tell("id-form", message);
    }
}

/// Where a row's blob says something else than its columns. Blobs may leave references out; then there is nothing
/// to compare.
fn mismatches(row: &Row<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, in_blob: &str, in_column: &str| {
        if in_blob != in_column {
            let (blob, column) = (in_blob.escape_debug(), in_column.escape_debug());
            found.push(format!(
                "{what} is `{blob}` in the blob and `{column}` in the columns"
            ));
        }
    };
    let text = |id: Option<proto::ResourceId>| {
        id.map(|id| format!("{}:{}", id.resource_type, id.resource))
            .unwrap_or_default()
    };
    match &row.columns {
        Columns::ResourceType => {
            if let Ok(message) = proto::ResourceType::decode(&*row.data) {
                compare("its id", &message.id, &row.id);
            }
        }
        Columns::Resource { id, parent } => {
            if let Ok(message) = proto::Resource::decode(&*row.data) {
                let resource_type = message
                    .id
                    .as_ref()
                    .map(|id| id.resource_type.clone())
                    .unwrap_or_default();
                compare("its type", &resource_type, id.resource_type.as_str());
                compare("its id", &text(message.id), &row.id);
                let parent = parent.as_ref().map(ToString::to_string).unwrap_or_default();
                compare("its parent", &text(message.parent_resource_id), &parent);
            }
        }
        Columns::Entitlement { resource } => {
            if let Ok(message) = proto::Entitlement::decode(&*row.data) {
                compare("its id", &message.id, &row.id);
                let in_blob = message.resource.and_then(|resource| resource.id);
                if in_blob.is_some() {
                    compare("its resource", &text(in_blob), &resource.to_string());
                }
            }
        }
        Columns::Grant {
            resource,
            entitlement,
            principal,
            ..
        } => {
            if let Ok(message) = proto::Grant::decode(&*row.data) {
                compare("its id", &message.id, &row.id);
                if let Some(in_blob) = message.entitlement {
                    compare("its entitlement", &in_blob.id, entitlement.as_str());
                    if let Some(id) = in_blob.resource.and_then(|resource| resource.id) {
                        compare(
                            "its entitlement's resource",
                            &text(Some(id)),
                            &resource.to_string(),
                        );
                    }
                }
                if let Some(id) = message.principal.and_then(|principal| principal.id) {
                    compare("its principal", &text(Some(id)), &principal.to_string());
                }
            }
        }
    }
    found
}

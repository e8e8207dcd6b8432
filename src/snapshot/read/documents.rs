//! Reads the documents that a crawl stores among the assets: its evidence, and what surrounds the roles.

use serde::Deserialize;

use super::columns::{Places, columns_at};
use super::open::Snapshot;
use crate::model::{Evidence, FoundDocument, OrganizationDocument, SyncId};
use crate::snapshot::container::Value;
use crate::snapshot::error::{Damage, Error, shortened};
use crate::snapshot::limits::{MAX_DOCUMENT_VALUES, MAX_EVIDENCE_SENTENCES};
use crate::snapshot::table::schema::{EVIDENCE_ASSET, ORGANIZATION_ASSET};

impl Snapshot {
    /// The evidence document, which only our own files have. A document that cannot be parsed is `None`.
    ///
    /// # Errors
    /// When the row cannot be read or exceeds the limits.
    pub fn evidence(&self, sync: &SyncId) -> Result<Option<Evidence>, Error> {
        let parse = |data: &[u8]| {
            let evidence = serde_json::from_slice(data)
                .ok()
                .filter(Evidence::is_understood);
            match &evidence {
                Some(Evidence {
                    unproved, warnings, ..
                }) if unproved.len().max(warnings.len()) > MAX_EVIDENCE_SENTENCES => {
                    Err(self.too_large("evidence"))
                }
                _ => Ok(evidence),
            }
        };
        Ok(self
            .document(sync, EVIDENCE_ASSET, "evidence", parse)?
            .flatten())
    }

    /// Describes what is wrong with an evidence document that cannot be understood.
    ///
    /// # Errors
    /// When the row cannot be read or exceeds the limits.
    pub(in crate::snapshot) fn evidence_flaw(
        &self,
        sync: &SyncId,
    ) -> Result<Option<String>, Error> {
        let parse = |data: &[u8]| {
            let parsed = serde_json::from_slice::<Evidence>(data);
            Ok(match (serde_json::from_slice::<Head>(data), parsed) {
                // It is not ours.
                (Ok(head), _) if head.schema.as_deref() != Some(Evidence::SCHEMA) => None,
                (Ok(head), _) if head.is_newer(Evidence::SCHEMA_VERSION) => {
                    Some(head.newer_than(Evidence::SCHEMA_VERSION))
                }
                (_, Ok(_)) => None,
                (_, Err(error)) => Some(malformed(&error)),
            })
        };
        Ok(self
            .document(sync, EVIDENCE_ASSET, "evidence", parse)?
            .flatten())
    }

    /// What surrounds the roles, which only our own files have.
    ///
    /// # Errors
    /// When the row cannot be read or exceeds the limits.
    pub fn organization(&self, sync: &SyncId) -> Result<FoundDocument, Error> {
        let parse = |data: &[u8]| Ok(organization(data));
        let found = self.document(sync, ORGANIZATION_ASSET, "organization", parse)?;
        Ok(found.unwrap_or(FoundDocument::Absent))
    }

    /// Parses the asset `id` of a sync run; `None` if there is none.
    fn document<T>(
        &self,
        sync: &SyncId,
        id: &str,
        name: &str,
        parse: impl Fn(&[u8]) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(table) = self.find_table("v1_assets")? else {
            return Ok(None);
        };
        let places =
            Places::named(table, &["external_id", "data"], &[]).map_err(|d| self.damaged(d))?;
        let mut reader = table.reader(&self.pages);
        for chunk in table.chunks(self.survey.run(sync.as_str())) {
            let mut positions = table.positions(*chunk);
            while let Some(position) = positions
                .next(table, &mut reader)
                .map_err(|fault| self.fault(fault))?
            {
                let columns = columns_at(&self.path, position, table, &places, &mut reader)?;
                if columns.value(0) != Value::Text(id.as_bytes()) {
                    continue;
                }
                let Value::Blob(data) = columns.value(1) else {
                    return Err(columns.wrong(1, "does not hold a blob"));
                };
                // Each comma may separate two values, each of which takes much more memory than its text.
                if data.iter().filter(|byte| **byte == b',').count() > MAX_DOCUMENT_VALUES {
                    return Err(self.too_large(name));
                }
                return parse(data).map(Some);
            }
        }
        Ok(None)
    }

    fn too_large(&self, name: &str) -> Error {
        self.damaged(Damage::Limit(format!(
            "its {name} document exceeds the limits"
        )))
    }
}

/// What identifies a document: in a newer version, only these fields are sure to have the same types.
#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
    schema_version: Option<u32>,
}

impl Head {
    fn is_newer(&self, known: u32) -> bool {
        self.schema_version.is_some_and(|version| version > known)
    }

    fn newer_than(&self, known: u32) -> String {
        let version = self.schema_version.unwrap_or_default();
        format!("it has version {version}, and this program only knows version {known}")
    }
}

fn organization(data: &[u8]) -> FoundDocument {
    let parsed = serde_json::from_slice::<OrganizationDocument>(data);
    let flaw = match (serde_json::from_slice::<Head>(data), parsed) {
        (
            Ok(Head {
                schema: Some(schema),
                ..
            }),
            _,
        ) if schema != OrganizationDocument::SCHEMA => format!(
            "its `schema` is `{}` and not `{}`",
            shortened(schema.as_bytes()),
            OrganizationDocument::SCHEMA
        ),
        (Ok(head), _) if head.is_newer(OrganizationDocument::SCHEMA_VERSION) => {
            head.newer_than(OrganizationDocument::SCHEMA_VERSION)
        }
        (_, Ok(document)) => return FoundDocument::Found(Box::new(document)),
        (_, Err(error)) => malformed(&error),
    };
    FoundDocument::NotUnderstood(flaw)
}

fn malformed(error: &serde_json::Error) -> String {
    format!(
        "it is malformed: {}",
        shortened(error.to_string().as_bytes())
    )
}

//! Reads the documents that a crawl stores among the assets: its evidence, and what surrounds the roles.

use super::columns::Places;
use super::open::Snapshot;
use crate::model::{Evidence, FoundDocument, OrganizationDocument, SyncId};
use crate::snapshot::container::Value;
use crate::snapshot::error::{Damage, Error};
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
                let columns = self.columns_at(position, table, &places, &mut reader)?;
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

fn organization(data: &[u8]) -> FoundDocument {
    match serde_json::from_slice::<OrganizationDocument>(data) {
        Ok(document) if document.is_understood() => FoundDocument::Found(Box::new(document)),
        Ok(document) => FoundDocument::NotUnderstood(format!(
            "it has version {} of `{}`, and this program knows version {}",
            document.schema_version,
            document.schema.chars().take(80).collect::<String>(),
            OrganizationDocument::SCHEMA_VERSION
        )),
        Err(error) => FoundDocument::NotUnderstood(format!("it is not as it should be: {error}")),
    }
}

//! Reads the evidence document, which a crawl stores among the assets.

use super::columns::Places;
use super::open::Snapshot;
use crate::model::{Evidence, SyncId};
use crate::snapshot::container::Value;
use crate::snapshot::error::{Damage, Error};
use crate::snapshot::limits::{MAX_EVIDENCE_SENTENCES, MAX_EVIDENCE_VALUES};
use crate::snapshot::table::schema::EVIDENCE_ASSET;

impl Snapshot {
    /// The evidence document, which only our own files have. A document that cannot be parsed is `None`.
    ///
    /// # Errors
    /// When the row cannot be read or exceeds the limits.
    pub fn evidence(&self, sync: &SyncId) -> Result<Option<Evidence>, Error> {
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
                if columns.value(0) == Value::Text(EVIDENCE_ASSET.as_bytes()) {
                    let Value::Blob(data) = columns.value(1) else {
                        return Err(columns.wrong(1, "does not hold a blob"));
                    };
                    return self.parse_evidence(data);
                }
            }
        }
        Ok(None)
    }

    fn parse_evidence(&self, data: &[u8]) -> Result<Option<Evidence>, Error> {
        let too_large = || {
            let problem = "its evidence document exceeds the limits".to_owned();
            self.damaged(Damage::Limit(problem))
        };
        // Each comma may separate two values, each of which takes much more memory than its text.
        if data.iter().filter(|byte| **byte == b',').count() > MAX_EVIDENCE_VALUES {
            return Err(too_large());
        }
        let evidence = serde_json::from_slice(data)
            .ok()
            .filter(Evidence::is_understood);
        match &evidence {
            Some(Evidence {
                unproved, warnings, ..
            }) if unproved.len().max(warnings.len()) > MAX_EVIDENCE_SENTENCES => Err(too_large()),
            _ => Ok(evidence),
        }
    }
}

//! Exports the whole snapshot as one JSON document, or as NDJSON with one object per line.

use std::io::Write;

use anyhow::Result;

use super::Export;
use crate::commands::stats::SyncRunDocument;
use crate::model::{Entitlement, Grant, Resource, ResourceType};
use crate::report::{JsonDocument, JsonItem, JsonSequence};
use crate::snapshot::Readable;

impl Export<'_> {
    /// Writes one document with one object per line, so that two documents can be compared line by line.
    pub(super) fn json(&self, out: &mut dyn Write) -> Result<()> {
        let content_digest = self.snapshot.content_digest(&self.run.id)?.to_string();
        let evidence = self.snapshot.evidence(&self.run.id)?;
        let mut document = JsonDocument::new(out)?;
        document.member("schema", &"posthog-c1z.snapshot")?;
        document.member("schema_version", &1)?;
        let zone = self.run.zone(evidence.as_ref());
        document.member("sync_run", &SyncRunDocument::of(self.run, zone))?;
        document.member("content_digest", &content_digest)?;
        document.member("evidence", &evidence)?;
        let organization = self.snapshot.organization(&self.run.id)?;
        document.member("organization_document", &organization.document())?;
        self.list_rows::<ResourceType>(&mut document)?;
        self.list_rows::<Resource>(&mut document)?;
        self.list_rows::<Entitlement>(&mut document)?;
        self.list_rows::<Grant>(&mut document)?;
        Ok(document.finish()?)
    }

    fn list_rows<K: Readable>(&self, document: &mut JsonDocument<'_>) -> Result<()> {
        let mut list = document.list(K::KIND.many())?;
        let layout = list.layout();
        self.encode_rows::<K>(
            |_| {
                Ok(Box::new(move |rows, json| {
                    while let Some(row) = rows.next_row(json.len()) {
                        row.push_whole_json(layout.next(json));
                    }
                    Ok(())
                }))
            },
            |json| Ok(list.push(json)?),
        )?;
        Ok(list.finish()?)
    }

    /// Writes one object per line: the sync run, what surrounds the roles if that was read, then every row.
    pub(super) fn ndjson(&self, out: &mut dyn Write) -> Result<()> {
        let mut lines = JsonSequence::lines(out);
        let mut json = Vec::new();
        let mut line = JsonItem::new(&mut json);
        line.member("kind").extend(b"\"sync_run\"");
        let zone = self
            .run
            .zone(self.snapshot.evidence(&self.run.id)?.as_ref());
        serde_json::to_writer(line.member("data"), &SyncRunDocument::of(self.run, zone))?;
        line.finish();
        lines.push(&json)?;
        if let Some(document) = self.snapshot.organization(&self.run.id)?.document() {
            json.clear();
            let mut line = JsonItem::new(&mut json);
            line.member("kind").extend(b"\"organization_document\"");
            serde_json::to_writer(line.member("data"), document)?;
            line.finish();
            lines.push(&json)?;
        }
        self.line_rows::<ResourceType>(&mut lines)?;
        self.line_rows::<Resource>(&mut lines)?;
        self.line_rows::<Entitlement>(&mut lines)?;
        self.line_rows::<Grant>(&mut lines)?;
        Ok(lines.finish()?)
    }

    fn line_rows<K: Readable>(&self, lines: &mut JsonSequence<'_>) -> Result<()> {
        let layout = lines.layout();
        self.encode_rows::<K>(
            |_| {
                Ok(Box::new(move |rows, json| {
                    while let Some(row) = rows.next_row(json.len()) {
                        let mut line = JsonItem::new(layout.next(json));
                        serde_json::to_writer(line.member("kind"), K::KIND.one())?;
                        serde_json::to_writer(line.member("id"), &row.id)?;
                        row.push_whole_json(line.member("data"));
                        line.finish();
                    }
                    Ok(())
                }))
            },
            |json| Ok(lines.push(json)?),
        )
    }
}

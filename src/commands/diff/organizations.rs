//! What surrounds the roles in both snapshots: which parts can be compared, and how they differ.

use anyhow::Result;

use super::inputs::Source;
use crate::commands::organization::why_absent;
use crate::diff::compare_organizations;
use crate::model::{
    Change, FoundDocument, NOT_READ_ORGANIZATION, OrganizationDocument, OrganizationPart,
};

/// The comparison of two organization documents.
#[derive(Default)]
pub(super) struct Organizations {
    pub(super) changes: Vec<Change>,
    /// The parts that both have.
    pub(super) parts: Vec<OrganizationPart>,
    /// What only one side has.
    pub(super) not_compared: Vec<String>,
    /// Why something was not compared that one side has.
    pub(super) warnings: Vec<String>,
}

/// Compares what surrounds the roles, as far as both snapshots have it.
pub(super) fn organizations(old: &Source<'_>, new: &Source<'_>) -> Result<Organizations> {
    let (old_found, new_found) = (old.organization()?, new.organization()?);
    let mut found = Organizations::default();
    match (old_found.document(), new_found.document()) {
        (Some(old_document), Some(new_document)) => {
            let sides = [(old, old_document), (new, new_document)];
            for part in OrganizationPart::ALL {
                found.part(part, sides);
            }
            let evidence = new.evidence().or(old.evidence());
            let organization = evidence.map(|evidence| &evidence.organization);
            let id = organization.map_or("", |organization| &organization.id);
            let name = organization.and_then(|organization| organization.name.as_deref());
            let of = (id, name.unwrap_or(id));
            found.changes = compare_organizations(old_document, new_document, of);
        }
        (None, None) => {}
        (Some(_), None) => found.missing(new, &new_found),
        (None, Some(_)) => found.missing(old, &old_found),
    }
    Ok(found)
}

impl Organizations {
    /// Notes that one side has no document.
    fn missing(&mut self, source: &Source<'_>, found: &FoundDocument) {
        let why = match found {
            FoundDocument::NotUnderstood(why) => why.as_str(),
            _ => why_absent(source.evidence()),
        };
        self.not_compared.push(NOT_READ_ORGANIZATION.to_owned());
        self.warnings.push(format!(
            "settings, domains, invitations and external references of roles are not compared: `{}` has no \
             organization document that can be read ({why})",
            source.path()
        ));
    }

    /// Notes whether a part is compared.
    fn part(&mut self, part: OrganizationPart, sides: [(&Source<'_>, &OrganizationDocument); 2]) {
        let lacking: Vec<_> = sides
            .iter()
            .filter(|(_, document)| !document.has(part))
            .collect();
        match lacking[..] {
            [] => self.parts.push(part),
            [(source, document)] => {
                let reason = document.reason(part);
                let reason = reason.map_or("for an unknown reason", |not_read| &not_read.reason);
                self.not_compared.push(part.key().to_owned());
                self.warnings.push(format!(
                    "{} are not compared: they were not read for `{}` ({reason})",
                    part.words(),
                    source.path()
                ));
            }
            _ => {}
        }
    }
}

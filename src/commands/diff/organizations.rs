//! What surrounds the roles in both snapshots: which parts can be compared, and how they differ.

use anyhow::Result;

use super::inputs::Source;
use crate::commands::organization::why_absent;
use crate::diff::compare_organizations;
use crate::model::{
    Change, ChangeKind, Domain, FoundDocument, NOT_READ_ORGANIZATION, OrganizationDocument,
    OrganizationPart,
};

/// The comparison of two organization documents.
#[derive(Default)]
pub(super) struct Organizations {
    pub(super) changes: Vec<Change>,
    /// The parts that both have.
    pub(super) parts: Vec<OrganizationPart>,
    /// Kinds of change whose field one side did not send.
    pub(super) not_sent: Vec<ChangeKind>,
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
            found.not_sent = not_sent(old_document, new_document);
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

/// Returns the kinds of change that could not be found everywhere, since one side did not send the field they are about.
fn not_sent(old: &OrganizationDocument, new: &OrganizationDocument) -> Vec<ChangeKind> {
    let mut kinds = Vec::new();
    if let (Some(old), Some(new)) = (&old.settings, &new.settings)
        && (old.enforce_2fa.is_none() || new.enforce_2fa.is_none())
    {
        kinds.push(ChangeKind::TwoFactorEnforcementOff);
    }
    if let (Some(old), Some(new)) = (&old.domains, &new.domains) {
        let is_sent = |domain: &Domain| domain.sso_enforcement.is_some();
        let mut both = old
            .iter()
            .filter_map(|old| Some((old, new.iter().find(|new| new.id == old.id)?)));
        if both.any(|(old, new)| !is_sent(old) || !is_sent(new)) {
            kinds.push(ChangeKind::SsoEnforcementOff);
        }
    }
    kinds
}

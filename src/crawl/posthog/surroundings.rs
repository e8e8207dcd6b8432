//! What surrounds the roles: settings, domains, invitations and external references of roles. They are read after everything
//! else and as far as the server allows: none of it can fail the crawl, and what could not be read is recorded with the
//! reason.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::api::{Envelope, ExternalReference, Invite, SurroundingRow};
use super::list::{self, ListRead, ListSource};
use super::map::display_name;
use super::{Crawl, Surroundings};
use crate::crawl::error::{Error, Problem};
use crate::crawl::json::JsonStream;
use crate::model::{
    Domain, Invitation, Inviter, NotRead, OrganizationDocument, OrganizationPart,
    OrganizationSettings, RoleReference, Sent, seat_word,
};
use crate::progress::{Event, Phase};

/// If reading these lists takes longer than this, a warning says so.
const SLOW: Duration = Duration::from_secs(60);
/// The largest list that is kept, as JSON in bytes, and the most values in it: readers refuse much larger documents.
const MAX_LIST_BYTES: usize = 12 << 20;
const MAX_LIST_VALUES: usize = 400_000;

impl Crawl<'_> {
    /// Reads what surrounds the roles; `None` if that is not wanted.
    pub(super) fn surroundings(&mut self) -> Option<OrganizationDocument> {
        if self.config.surroundings == Surroundings::LeaveOut {
            return None;
        }
        let begun = Instant::now();
        let phase = Phase::Surroundings;
        self.reporter.report(Event::Started { phase, of: None });
        let mut document = OrganizationDocument::new();
        let not_read = &mut document.not_read;
        document.settings = self.settings(not_read);
        document.domains = self.rows_of(not_read);
        document.invitations = self.rows_of(not_read);
        document.role_external_references = self.rows_of(not_read);
        self.warn_of_unread(&document.not_read);
        if begun.elapsed() > SLOW {
            let minutes = begun.elapsed().as_secs().div_ceil(60);
            self.evidence.warnings.push(format!(
                "reading domains, invitations and external references of roles took {minutes} minutes; \
                 --without-organization leaves them out"
            ));
        }
        self.reporter.report(Event::Finished { phase });
        Some(document)
    }

    /// Returns the settings, which the organization's own entry had.
    fn settings(&self, not_read: &mut Vec<NotRead>) -> Option<OrganizationSettings> {
        match &self.settings {
            Ok(settings) => {
                let redact = |text: &str| self.http.redact(text);
                let features = settings.available_product_features.clone();
                Some(OrganizationSettings {
                    default_role_id: redacted(settings.default_role_id.clone(), &redact),
                    available_product_features: features.map(|features| {
                        features.map(|features| features.iter().map(|name| redact(name)).collect())
                    }),
                    ..settings.clone()
                })
            }
            Err(why) => {
                not_read.push(why.clone());
                None
            }
        }
    }

    /// Reads one list and returns its rows by id. If it cannot be read completely, that is recorded in `not_read`.
    fn rows_of<T: Surrounding>(&mut self, not_read: &mut Vec<NotRead>) -> Option<Vec<T>> {
        match self.list_of::<T>() {
            Ok(list) => {
                let rows = list.rows.into_iter().map(|row| row.row);
                let mut rows: Vec<T> = rows.collect();
                rows.sort_unstable_by(|a, b| a.id().cmp(b.id()));
                if fits(&rows) {
                    self.keep(list.evidence);
                    return Some(rows);
                }
                not_read.push(NotRead {
                    list: T::PART.key().to_owned(),
                    status: Some(200),
                    reason: format!(
                        "it is too large to keep: {} rows of more than {} MiB, or of more than {MAX_LIST_VALUES} values",
                        rows.len(),
                        MAX_LIST_BYTES >> 20,
                    ),
                });
            }
            Err(error) => not_read.push(why_not(T::PART, &error.problem)),
        }
        None
    }

    fn list_of<T: Surrounding>(&self) -> Result<ListRead<SurroundingRow<T>>, Error> {
        let base_path = self.base.path();
        let source = ListSource {
            envelope: Envelope::Optional,
            ..self.list(T::PART.words(), None, &base_path, T::PATH.to_owned())
        };
        let redact = |text: &str| self.http.redact(text);
        let row = |json: &mut JsonStream<'_>| {
            SurroundingRow::read(json, |wire| T::of(wire, &redact), T::id)
        };
        list::read_unordered(&source, &row)?.proved(&source)
    }

    /// Warns once about everything that was not read, except where an old server does not have it.
    fn warn_of_unread(&mut self, not_read: &[NotRead]) {
        const OLD_SERVER: [u16; 3] = [404, 405, 501];
        let is_of_old_server = |list: &NotRead| {
            list.status
                .is_some_and(|status| OLD_SERVER.contains(&status))
        };
        let missed: Vec<_> = OrganizationPart::ALL
            .into_iter()
            .filter_map(|part| {
                let list = not_read.iter().find(|list| list.list == part.key())?;
                (!is_of_old_server(list)).then(|| format!("{} ({})", part.words(), list.reason))
            })
            .collect();
        if !missed.is_empty() {
            self.evidence.warnings.push(format!(
                "the organization's {} could not be read; --without-organization leaves this part out",
                missed.join(", ")
            ));
        }
    }
}

/// Describes why a part was not read.
pub(super) fn why_not(part: OrganizationPart, problem: &Problem) -> NotRead {
    NotRead {
        list: part.key().to_owned(),
        status: problem.status(),
        reason: problem.to_string(),
    }
}

/// Whether readers will accept a document with this list.
fn fits<T: Serialize>(rows: &[T]) -> bool {
    serde_json::to_vec(rows).is_ok_and(|json| {
        let values = json.iter().filter(|byte| **byte == b',').count();
        json.len() <= MAX_LIST_BYTES && values <= MAX_LIST_VALUES
    })
}

/// Masks the key in a text.
type Redact<'a> = dyn Fn(&str) -> String + 'a;

fn redacted(text: Sent<String>, redact: &Redact<'_>) -> Sent<String> {
    text.map(|text| text.map(|text| redact(&text)))
}

/// A row of one of the lists.
trait Surrounding: Serialize {
    /// The row as PostHog sends it.
    type Wire: DeserializeOwned;
    const PART: OrganizationPart;
    /// The list's path below the organization's.
    const PATH: &str;

    fn of(wire: Self::Wire, redact: &Redact<'_>) -> Self;

    fn id(&self) -> &str;
}

/// The document has PostHog's own fields, except those about certificates and challenges.
impl Surrounding for Domain {
    type Wire = Self;
    const PART: OrganizationPart = OrganizationPart::Domains;
    const PATH: &str = "domains/";

    fn of(wire: Self, redact: &Redact<'_>) -> Self {
        Self {
            id: redact(&wire.id),
            domain: redacted(wire.domain, redact),
            verified_at: redacted(wire.verified_at, redact),
            sso_enforcement: redacted(wire.sso_enforcement, redact),
            ..wire
        }
    }

    fn id(&self) -> &str {
        &self.id
    }
}

impl Surrounding for Invitation {
    type Wire = Invite;
    const PART: OrganizationPart = OrganizationPart::Invitations;
    const PATH: &str = "invites/";

    fn of(wire: Invite, redact: &Redact<'_>) -> Self {
        Self {
            id: redact(&wire.id),
            target_email: redacted(wire.target_email, redact),
            first_name: redacted(wire.first_name, redact),
            level: wire.level,
            seat: wire.level.flatten().map(|level| Some(seat_word(level))),
            is_expired: wire.is_expired,
            created_at: redacted(wire.created_at, redact),
            created_by: wire.created_by.map(|user| {
                user.map(|user| {
                    let names = [user.first_name.as_ref(), user.last_name.as_ref()];
                    let email = user.email.as_ref().and_then(Option::as_ref);
                    Inviter {
                        user_id: redact(&user.uuid),
                        display_name: redact(&display_name(names, email, &user.uuid)),
                        email: user.email.map(|email| email.map(|email| redact(&email))),
                    }
                })
            }),
        }
    }

    fn id(&self) -> &str {
        &self.id
    }
}

impl Surrounding for RoleReference {
    type Wire = ExternalReference;
    const PART: OrganizationPart = OrganizationPart::RoleExternalReferences;
    const PATH: &str = "role_external_references/";

    fn of(wire: ExternalReference, redact: &Redact<'_>) -> Self {
        let text = |text| redacted(text, redact);
        Self {
            id: redact(&wire.id),
            role_id: text(wire.role),
            provider: text(wire.provider),
            provider_organization_id: text(wire.provider_organization_id),
            provider_role_id: text(wire.provider_role_id),
            provider_role_slug: text(wire.provider_role_slug),
            provider_role_name: text(wire.provider_role_name),
            created_at: text(wire.created_at),
        }
    }

    fn id(&self) -> &str {
        &self.id
    }
}

//! What surrounds the roles of an organization: its settings, domains, pending invitations, and the external groups that
//! roles belong to. Stored in the file as one JSON document beside the rows, whose fields are described in
//! `snapshot/FORMAT.md`. It is not part of the content digest.

use serde::{Deserialize, Deserializer, Serialize};

use super::Seat;

/// A field as the server sent it: `None` if it was not sent, `Some(None)` for null.
pub type Sent<T> = Option<Option<T>>;

/// Reads a field that is there: null is `Some(None)`. Together with `default`, a field that is not there is `None`.
fn sent<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Sent<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Defines a struct: first the fields that are always there, then those that the server may not have sent.
macro_rules! sent_fields {
    ($(#[$docs:meta])* $name:ident { $($(#[$own_docs:meta])* $own:ident: $own_type:ty,)*; $($(#[$field_docs:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$docs])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$own_docs])* pub $own: $own_type,)*
            $($(#[$field_docs])*
            #[serde(default, deserialize_with = "sent", skip_serializing_if = "Option::is_none")]
            pub $field: Sent<$type>,)*
        }
    };
}

/// The organization document. A list that was not read is `None`, and named in [`Self::not_read`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationDocument {
    /// Always [`Self::SCHEMA`].
    pub schema: String,
    /// Grows when the meaning of a field changes or a field is removed, but not when a field is added.
    pub schema_version: u32,
    /// The organization's own settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<OrganizationSettings>,
    /// Domains, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<Domain>>,
    /// Invitations that nobody has accepted, by id. Expired ones stay in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitations: Option<Vec<Invitation>>,
    /// Which role belongs to which group of another system, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_external_references: Option<Vec<RoleReference>>,
    /// What could not be read, and why.
    pub not_read: Vec<NotRead>,
}

sent_fields! {
    /// The organization's settings, under PostHog's names.
    OrganizationSettings {
        ;
        /// Whether every member must have a second factor; null if that was never set.
        enforce_2fa: bool,
        /// Whether members below administrator may invite people.
        members_can_invite: bool,
        /// Whether members below administrator may use personal API keys.
        members_can_use_personal_api_keys: bool,
        /// Whether members below administrator see the list of members.
        members_can_see_org_members: bool,
        /// Whether anything may be shared with the public.
        allow_publicly_shared_resources: bool,
        /// Whether members get an e-mail when a new member joins.
        is_member_join_email_enabled: bool,
        /// The role that new members get.
        default_role_id: String,
        /// The features of the organization's plan, by name.
        available_product_features: Vec<String>,
    }
}

sent_fields! {
    /// A domain that the organization has claimed.
    Domain {
        /// Its id in PostHog.
        id: String,
        ;
        /// Its name, such as `example.com`.
        domain: String,
        /// Whether the organization has proved that the domain is its own.
        is_verified: bool,
        /// When it did.
        verified_at: String,
        /// The login that people of the domain have to use; empty if any will do.
        sso_enforcement: String,
        /// Whether people of the domain become members without an invitation.
        jit_provisioning_enabled: bool,
        /// Whether SAML is set up.
        has_saml: bool,
        /// Whether SCIM is set up.
        has_scim: bool,
    }
}

sent_fields! {
    /// A pending or expired invitation.
    Invitation {
        /// Its id in PostHog.
        id: String,
        ;
        /// The address that it was sent to.
        target_email: String,
        /// The first name that the inviter entered.
        first_name: String,
        /// The level of the seat that it gives.
        level: i64,
        /// The name of that seat.
        seat: String,
        /// Whether it can no longer be accepted.
        is_expired: bool,
        /// When it was sent.
        created_at: String,
        /// Who sent it.
        created_by: Inviter,
    }
}

sent_fields! {
    /// The user who sent an invitation.
    Inviter {
        /// The user's uuid.
        user_id: String,
        /// The name, or the e-mail address without one.
        display_name: String,
        ;
        /// The e-mail address.
        email: String,
    }
}

sent_fields! {
    /// A role that belongs to a group in another system.
    RoleReference {
        /// Its id in PostHog.
        id: String,
        ;
        /// The role's id.
        role_id: String,
        /// The other system.
        provider: String,
        /// The id of the organization there.
        provider_organization_id: String,
        /// The id of the group there.
        provider_role_id: String,
        /// The group's short name there.
        provider_role_slug: String,
        /// The group's name there.
        provider_role_name: String,
        /// When the reference was created.
        created_at: String,
    }
}

/// A list that was not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotRead {
    /// Its name in the document.
    pub list: String,
    /// The HTTP status; `None` if no answer came.
    pub status: Option<u16>,
    /// Why, in words.
    pub reason: String,
}

impl NotRead {
    /// Returns the list's name in a sentence.
    pub fn words(&self) -> &str {
        let mut parts = OrganizationPart::ALL.into_iter();
        match parts.find(|part| part.key() == self.list) {
            Some(part) => part.words(),
            None => &self.list,
        }
    }
}

/// A part of the document that is read, or not, as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrganizationPart {
    /// The settings.
    Settings,
    /// The domains.
    Domains,
    /// The invitations.
    Invitations,
    /// The external references of roles.
    RoleExternalReferences,
}

impl OrganizationPart {
    /// All of them, in the order of the document.
    pub const ALL: [Self; 4] = [
        Self::Settings,
        Self::Domains,
        Self::Invitations,
        Self::RoleExternalReferences,
    ];

    /// Returns its name in the document.
    pub fn key(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Domains => "domains",
            Self::Invitations => "invitations",
            Self::RoleExternalReferences => "role_external_references",
        }
    }

    /// Returns its name in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::RoleExternalReferences => "external references of roles",
            other => other.key(),
        }
    }
}

impl OrganizationDocument {
    /// The value of the document's `schema` field.
    pub const SCHEMA: &str = "posthog-c1z.organization";
    /// The version that this program writes.
    pub const SCHEMA_VERSION: u32 = 1;

    /// Creates a document in which nothing was read yet.
    pub fn new() -> Self {
        Self {
            schema: Self::SCHEMA.to_owned(),
            schema_version: Self::SCHEMA_VERSION,
            settings: None,
            domains: None,
            invitations: None,
            role_external_references: None,
            not_read: Vec::new(),
        }
    }

    /// Whether a part was read.
    pub fn has(&self, part: OrganizationPart) -> bool {
        match part {
            OrganizationPart::Settings => self.settings.is_some(),
            OrganizationPart::Domains => self.domains.is_some(),
            OrganizationPart::Invitations => self.invitations.is_some(),
            OrganizationPart::RoleExternalReferences => self.role_external_references.is_some(),
        }
    }

    /// Returns why a part was not read.
    pub fn reason(&self, part: OrganizationPart) -> Option<&NotRead> {
        self.not_read.iter().find(|list| list.list == part.key())
    }

    /// Describes what is wrong with the document beyond the types of its fields: each part must be either there or in
    /// `not_read`, and lists sorted by id, each id once.
    pub fn flaws(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        for part in OrganizationPart::ALL {
            let key = part.key();
            match (self.has(part), self.reason(part).is_some()) {
                (true, true) => flaws.push(format!("`{key}` is there and in `not_read`")),
                (false, false) => flaws.push(format!("`{key}` is neither there nor in `not_read`")),
                _ => {}
            }
        }
        let is_known = |list: &NotRead| OrganizationPart::ALL.iter().any(|p| p.key() == list.list);
        if !self.not_read.iter().all(is_known) {
            flaws.push("`not_read` names something that is not part of the document".to_owned());
        }
        let lists = [
            (OrganizationPart::Domains, ids(&self.domains, |row| &row.id)),
            (
                OrganizationPart::Invitations,
                ids(&self.invitations, |row| &row.id),
            ),
            (
                OrganizationPart::RoleExternalReferences,
                ids(&self.role_external_references, |row| &row.id),
            ),
        ];
        for (part, ids) in lists {
            if !ids.is_sorted_by(|a, b| a < b) {
                flaws.push(format!("`{}` is not sorted by id, each once", part.key()));
            }
        }
        let features = self
            .settings
            .as_ref()
            .and_then(|settings| settings.available_product_features.as_ref()?.as_ref());
        if features.is_some_and(|features| !features.is_sorted_by(|a, b| a < b)) {
            flaws.push("`available_product_features` is not sorted by name, each once".to_owned());
        }
        for invitation in self.invitations.iter().flatten() {
            let seat = invitation.level.flatten().map(seat_word);
            if invitation.seat.clone().flatten() != seat {
                flaws.push(format!(
                    "the `seat` of invitation `{}` does not fit its `level`",
                    invitation.id.escape_debug()
                ));
            }
        }
        flaws
    }
}

impl Default for OrganizationDocument {
    fn default() -> Self {
        Self::new()
    }
}

/// The organization document of a sync run, as far as it can be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundDocument {
    /// The file has none: another program wrote it, an older version, or the crawl was told to leave it out.
    Absent,
    /// There is one that this program does not understand. Holds what is wrong with it.
    NotUnderstood(String),
    /// The document.
    Found(Box<OrganizationDocument>),
}

impl FoundDocument {
    /// Returns the document if it can be understood.
    pub fn document(&self) -> Option<&OrganizationDocument> {
        match self {
            Self::Found(document) => Some(document),
            Self::Absent | Self::NotUnderstood(_) => None,
        }
    }
}

impl Invitation {
    /// Returns the seat that it gives, if known.
    pub fn seat(&self) -> Option<Seat> {
        self.level.flatten().map(Seat::from_level)
    }

    /// Returns the address, if known.
    pub fn email(&self) -> Option<&str> {
        self.target_email.as_ref()?.as_deref()
    }
}

impl Domain {
    /// Returns the name, if known.
    pub fn name(&self) -> Option<&str> {
        self.domain.as_ref()?.as_deref()
    }

    /// Returns whether people of the domain have to log in in one way; `None` if unknown.
    pub fn enforces_sso(&self) -> Option<bool> {
        let login = self.sso_enforcement.as_ref()?;
        Some(login.as_ref().is_some_and(|login| !login.is_empty()))
    }
}

/// Returns the name of the seat of a level.
pub fn seat_word(level: i64) -> String {
    Seat::from_level(level).to_string()
}

fn ids<T>(list: &Option<Vec<T>>, id: impl Fn(&T) -> &String) -> Vec<&str> {
    let rows = list.iter().flatten();
    rows.map(|row| id(row).as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_null_stay_apart() {
        for text in [
            r#"{"id":"a"}"#,
            r#"{"id":"a","domain":null}"#,
            r#"{"id":"a","domain":"example.com","is_verified":false}"#,
        ] {
            let domain: Domain = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&domain).unwrap(), text);
        }
    }
}

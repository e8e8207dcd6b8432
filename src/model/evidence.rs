//! What a crawl can prove about itself: what it read, when, with whose key, and how many rows each list announced and
//! returned. Stored in the file as one JSON document, whose fields are described in `snapshot/FORMAT.md`.

use serde::{Deserialize, Serialize};

/// The evidence document. Unknown values are absent or `null`, never zero or false.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Always `posthog-c1z.evidence`.
    pub schema: String,
    /// Grows when the meaning of a field changes or a field is removed, but not when a field is added.
    pub schema_version: u32,
    /// The program that wrote the file.
    pub tool: ToolEvidence,
    /// The address that was read, without anything secret.
    pub base_url: String,
    /// The organization, as far as its details are known.
    pub organization: OrganizationEvidence,
    /// When the crawl began, RFC 3339.
    pub started_at: String,
    /// When its last response was read, RFC 3339.
    pub ended_at: String,
    /// The key's own entry, if the API returned it.
    pub key: Option<CrawlKey>,
    /// The number of HTTP requests sent.
    pub requests: u64,
    /// The number of responses that contained a page of a list.
    pub pages: u64,
    /// Every list that was read, in the order of reading.
    pub lists: Vec<ListEvidence>,
    /// The number of role holders who are not in the list of members: deactivated, bots, just joined or gone.
    pub unlisted_principals: u64,
    /// Sentences about what this crawl could not prove.
    pub unproved: Vec<String>,
    /// What this crawl was told not to read: `roles`, `organization`, or nothing. Older documents lack it.
    #[serde(default)]
    pub not_read: Vec<String>,
    /// Warnings about the crawl.
    pub warnings: Vec<String>,
    /// SHA-256 over the canonical form of the rows; the writer fills it in.
    pub content_digest: Option<String>,
}

/// The name of roles in [`Evidence::not_read`].
pub const NOT_READ_ROLES: &str = "roles";
/// The name of what surrounds the roles, in [`Evidence::not_read`].
pub const NOT_READ_ORGANIZATION: &str = "organization";

/// The beginning and the middle of the sentence about a list that may be incomplete. Documents have no other sign of it.
const DOUBT: &str = "whether ";
const OF_DOUBT: &str = " is complete: ";

impl Evidence {
    /// The value of the document's `schema` field.
    pub const SCHEMA: &str = "posthog-c1z.evidence";
    /// The version that this program writes.
    pub const SCHEMA_VERSION: u32 = 1;

    /// Creates the document of a crawl that has not read anything yet.
    pub fn new(base_url: String, organization_id: String) -> Self {
        Self {
            schema: Self::SCHEMA.to_owned(),
            schema_version: Self::SCHEMA_VERSION,
            tool: ToolEvidence {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            base_url,
            organization: OrganizationEvidence {
                id: organization_id,
                ..Default::default()
            },
            started_at: String::new(),
            ended_at: String::new(),
            key: None,
            requests: 0,
            pages: 0,
            lists: Vec::new(),
            unlisted_principals: 0,
            unproved: Vec::new(),
            not_read: Vec::new(),
            warnings: Vec::new(),
            content_digest: None,
        }
    }

    /// Whether this program wrote the file.
    pub fn is_own(&self) -> bool {
        self.tool.name == env!("CARGO_PKG_NAME")
    }

    /// Whether roles were not read, so that the snapshot has no roles, role memberships, or people who are not in the member
    /// list. Documents from before `not_read` show that by their lists.
    pub fn lacks_roles(&self) -> bool {
        let is_listed = self.lists.iter().any(|list| list.path == "roles/");
        self.not_read.iter().any(|name| name == NOT_READ_ROLES) || self.is_own() && !is_listed
    }

    /// Whether this crawl was told to leave out what surrounds the roles.
    pub fn lacks_organization(&self) -> bool {
        self.not_read
            .iter()
            .any(|name| name == NOT_READ_ORGANIZATION)
    }

    /// Records that a list may be incomplete, and why. Returns the sentence.
    pub fn doubt(&mut self, list: &str, why: &str) -> String {
        let doubt = format!("{DOUBT}{list}{OF_DOUBT}{why}");
        self.unproved.push(doubt.clone());
        doubt
    }

    /// Whether some list may be incomplete, so that what it does not show may still be there.
    pub fn is_doubtful(&self) -> bool {
        let mut unproved = self.unproved.iter();
        unproved.any(|sentence| sentence.starts_with(DOUBT) && sentence.contains(OF_DOUBT))
    }

    /// Whether the document has the schema of evidence, in a version that this program understands.
    pub fn is_understood(&self) -> bool {
        self.schema == Self::SCHEMA && self.schema_version <= Self::SCHEMA_VERSION
    }
}

/// The program that wrote the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolEvidence {
    /// `posthog-c1z`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The organization, with PostHog's field names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationEvidence {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its name in URLs.
    pub slug: Option<String>,
    /// How many members it counted after its list of members was read.
    pub member_count: Option<u64>,
    /// How many members it counted before its list of members was read.
    #[serde(default)]
    pub member_count_before: Option<u64>,
    /// The seat of the key's owner: 1, 8, 15 or another number.
    pub membership_level: Option<i64>,
    /// Whether members below administrator see the whole list of members.
    pub members_can_see_org_members: Option<bool>,
}

impl OrganizationEvidence {
    /// Returns its name, or its id if it has none.
    pub fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// The key's entry in PostHog. Never contains the key itself or its mask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrawlKey {
    /// Its label in PostHog.
    pub label: Option<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The organizations it is limited to; empty without a limit.
    pub scoped_organizations: Vec<String>,
    /// The owner of the key, if that person is in the list of members.
    pub owner: Option<KeyOwner>,
}

impl CrawlKey {
    /// Returns the scopes that allow writing.
    pub fn writing_scopes(&self) -> Vec<&str> {
        let scopes = self.scopes.iter().map(String::as_str);
        scopes
            .filter(|scope| *scope == "*" || scope.ends_with(":write"))
            .collect()
    }
}

/// The owner of the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOwner {
    /// The user's uuid.
    pub user_id: String,
    /// The name, or the e-mail address without one.
    pub display_name: String,
    /// The e-mail address, if there is one.
    pub email: Option<String>,
    /// The seat: `member`, `administrator`, `owner` or `unknown (N)`.
    pub organization_role: Option<String>,
}

/// One list, and how many rows it announced and returned.
///
/// Files from before a field was introduced lack it; it is then unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEvidence {
    /// The path below the base URL.
    pub path: String,
    /// The number of responses, in all readings.
    pub pages: u64,
    /// How often the list, or the end of it, was read.
    #[serde(default)]
    pub readings: Option<u64>,
    /// The number of rows that the first response announced.
    #[serde(default)]
    pub first_count: Option<u64>,
    /// The number of rows that the last response announced.
    pub count: Option<u64>,
    /// The number of rows received, including repeats.
    pub received: u64,
    /// The number of rows that were received before: overlaps, and rows that were read again.
    #[serde(default)]
    pub repeated: Option<u64>,
    /// By how many rows later pages moved toward the front because people left the list. Unknown for unordered lists.
    #[serde(default)]
    pub shifted: Option<u64>,
    /// The number of rows kept, each once.
    pub kept: u64,
}

impl ListEvidence {
    /// Creates the evidence of a list that was not read yet.
    pub fn new(path: String) -> Self {
        Self {
            path,
            pages: 0,
            readings: None,
            first_count: None,
            count: None,
            received: 0,
            repeated: None,
            shifted: None,
            kept: 0,
        }
    }
}

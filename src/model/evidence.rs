//! What a crawl can prove about itself: where it read, when, with whose key, how many rows each list promised and
//! gave. Stored in the file as one JSON document; its fields are described in `snapshot/FORMAT.md`.

use serde::{Deserialize, Serialize};

/// Name of the document's form, its first field.
const SCHEMA: &str = "posthog-c1z.evidence";

/// The document. What was not told is absent or `null`, never zero or false.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Always `posthog-c1z.evidence`.
    pub schema: String,
    /// Grows when a field changes its meaning or goes; new fields alone do not raise it.
    pub schema_version: u32,
    /// What made the file.
    pub tool: ToolEvidence,
    /// The address that was read, without anything secret.
    pub base_url: String,
    /// The organization, as far as it told about itself.
    pub organization: OrganizationEvidence,
    /// When the crawl began, RFC 3339.
    pub started_at: String,
    /// When its last answer was read, RFC 3339.
    pub ended_at: String,
    /// The key's own entry, if the API tells it.
    pub key: Option<CrawlKey>,
    /// HTTP requests sent.
    pub requests: u64,
    /// Answers that held a page of a list.
    pub pages: u64,
    /// Every list that was read, in the order of reading.
    pub lists: Vec<ListEvidence>,
    /// Role holders that the list of members does not name: deactivated, bots, just joined or gone.
    pub unlisted_principals: u64,
    /// What this crawl could not prove, in words; empty when there is nothing.
    pub unproved: Vec<String>,
    /// What this crawl was asked not to read: `roles`, or nothing. Older documents lack it.
    #[serde(default)]
    pub not_read: Vec<String>,
    /// What a person should know about the crawl, in words; empty when there is nothing.
    pub warnings: Vec<String>,
    /// SHA-256 over the canonical form of the rows; the writer fills it in.
    pub content_digest: Option<String>,
}

/// The name of roles in [`Evidence::not_read`].
pub const NOT_READ_ROLES: &str = "roles";

impl Evidence {
    /// The form this program writes.
    pub const SCHEMA_VERSION: u32 = 1;

    /// A document about `base_url`, with nothing read yet.
    pub fn new(base_url: String, organization_id: String) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
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

    /// Whether roles were left out, so that the snapshot says nothing about them, about who holds them, and about people
    /// who are not in the member list. A document from before `not_read` shows it by its lists.
    pub fn lacks_roles(&self) -> bool {
        let is_listed = self.lists.iter().any(|list| list.path == "roles/");
        self.not_read.iter().any(|name| name == NOT_READ_ROLES) || self.is_own() && !is_listed
    }

    /// Whether a JSON document says of itself that it is one of these, in a form that this program understands.
    pub fn is_understood(&self) -> bool {
        self.schema == SCHEMA && self.schema_version <= Self::SCHEMA_VERSION
    }
}

/// What made the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolEvidence {
    /// `posthog-c1z`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The organization, in PostHog's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationEvidence {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its name in addresses.
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

/// The key that was used. Never the key itself, nor its mask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrawlKey {
    /// Its label in PostHog.
    pub label: Option<String>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Organizations it is bound to; empty when it is not bound.
    pub scoped_organizations: Vec<String>,
    /// Whose key it is, if that person is among the members.
    pub owner: Option<KeyOwner>,
}

/// The member whose key was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOwner {
    /// The user's uuid.
    pub user_id: String,
    /// Name, else the e-mail.
    pub display_name: String,
    /// E-mail, if there is one.
    pub email: Option<String>,
    /// The seat: `member`, `administrator`, `owner` or `unknown (N)`.
    pub organization_role: Option<String>,
}

/// One list, and what became of its rows.
///
/// Files written before a field was introduced lack it; it is then not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEvidence {
    /// Its path below the base URL.
    pub path: String,
    /// Answers it came in, those of every reading.
    pub pages: u64,
    /// Times that the list, or the end of it, was read.
    #[serde(default)]
    pub readings: Option<u64>,
    /// Rows its first answer announced.
    #[serde(default)]
    pub first_count: Option<u64>,
    /// Rows its last answer announced.
    pub count: Option<u64>,
    /// Rows that came, repeats included.
    pub received: u64,
    /// Rows that came and had come before: overlaps, and what was read again.
    #[serde(default)]
    pub repeated: Option<u64>,
    /// Rows by which later pages had moved towards the front because others had left the list. Not known of a list without
    /// an order.
    #[serde(default)]
    pub shifted: Option<u64>,
    /// Rows kept, each once.
    pub kept: u64,
}

impl ListEvidence {
    /// A list at `path` that was not read yet.
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

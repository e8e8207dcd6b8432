//! `report` and `export xlsx`: the page and the workbook, through the command line. What only a browser can see is checked by
//! `scripts/browser.sh`.

mod content;
mod files;
mod history;
mod hostile;
mod workbook;

use std::fs;

use posthog_c1z::model::Timestamp;
use serde_json::{Value, json};

use crate::diff::Organization;
use crate::support::{Run, Shelf};

/// The anchors of the sections, in their order.
pub const ANCHORS: [&str; 9] = [
    "evidence",
    "glance",
    "findings",
    "people",
    "roles",
    "matrix",
    "invitations",
    "changes",
    "sign-off",
];

/// Snapshots on a shelf, and the reports on them.
struct Reported {
    shelf: Shelf,
}

impl Reported {
    #[track_caller]
    fn of(organization: &Organization) -> Self {
        let shelf = Shelf::new();
        organization.write(&shelf.path("sync.c1z"));
        Self { shelf }
    }

    #[track_caller]
    fn after(change: impl FnOnce(&mut Organization)) -> Self {
        let mut organization = known();
        change(&mut organization);
        Self::of(&organization)
    }

    fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.shelf.path(name), text).unwrap();
        self
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Run {
        self.shelf.run(&[&["report", "sync.c1z"], args].concat())
    }

    /// The page.
    #[track_caller]
    fn page(&self, args: &[&str]) -> String {
        self.run(&[&["--out", "page.html"], args].concat())
            .succeeds();
        fs::read_to_string(self.shelf.path("page.html")).unwrap()
    }
}

/// An organization about which everything is known.
fn known() -> Organization {
    let mut o = Organization::new();
    o.document = json!({
        "schema": "posthog-c1z.organization",
        "schema_version": 1,
        "settings": {"enforce_2fa": false, "default_role_id": "sup", "available_product_features": ["sso"]},
        "domains": [{"id": "d1", "domain": "example.com", "is_verified": true, "sso_enforcement": "saml"}],
        "invitations": [{
            "id": "i1", "target_email": "fay@example.com", "first_name": "Fay", "level": 8, "seat": "administrator",
            "is_expired": false, "created_at": "2026-09-06T10:00:00Z",
            "created_by": {"user_id": "cem", "display_name": "Cem Archer", "email": "cem@example.com"},
        }],
        "role_external_references": [{
            "id": "x1", "role_id": "eng", "provider": "vercel", "provider_role_name": "Developers",
            "created_at": "2026-01-02T03:04:05Z",
        }],
        "not_read": [],
    });
    o.user("Bob").last_login = Timestamp::parse("2026-01-02T03:04:05Z").ok();
    o
}

/// The section of a page under an anchor, without markup and with one blank between texts.
#[track_caller]
fn section(page: &str, anchor: &str) -> String {
    let start = page
        .find(&format!("<section id=\"{anchor}\""))
        .unwrap_or_else(|| panic!("no section {anchor}"));
    let rest = &page[start..];
    let end = rest.find("</section>").unwrap();
    texts(&rest[..end])
}

fn texts(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<').skip(1) {
        let (_, after) = part.split_once('>').unwrap_or_default();
        text += " ";
        text += after;
    }
    let text = text
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What `audit -o json` says of the same snapshot.
#[track_caller]
fn audited(shelf: &Shelf, args: &[&str]) -> Value {
    let all = ["audit", "sync.c1z", "--fail-on", "none", "-o", "json"];
    shelf.json(&[&all[..], args].concat())
}

//! A built-in sample PostHog organization for `sync --demo`: invented people in `organization.json`, served over real HTTP
//! on a loopback port during the run.
//!
//! The crawl does not know about this: it gets an address and a key as always. The server answers like PostHog's API, and
//! limits pages of members and role memberships to 15 rows, so that even forty people take several pages. The names, e-mail
//! addresses and ids in the sample are as awkward as real ones.
//!
//! | file | has |
//! |---|---|
//! | `organization.json` | the people and roles, and who holds which role |
//! | `organization.rs` | that file as types |
//! | `week.rs` | what changes in the sample's second week |
//! | `api.rs`, `page.rs` | PostHog's response to a request; pure |
//! | `http.rs`, `server.rs` | parsing of requests; sockets and threads |

mod api;
mod http;
mod organization;
mod page;
mod server;
#[cfg(test)]
mod tests;
mod week;

use std::io;

use organization::Organization;
use server::Server;

/// The id of the sample organization. Not a valid UUID of RFC 9562, like most of PostHog's own.
pub const ORGANIZATION_ID: &str = "018e0895-af04-0000-2fe5-fd15fd963b34";

/// The address to record in the evidence instead of the loopback address, whose port differs in each run.
pub const PUBLIC_BASE_URL: &str =
    "https://demo.posthog.example/api/organizations/018e0895-af04-0000-2fe5-fd15fd963b34";

/// The key that the server accepts. Not a secret: it only gives access to the sample.
pub const API_KEY: &str = "phx_demoKey0fTheSample";

/// The week of the sample organization to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Week {
    /// The organization as `organization.json` has it, early on 7 September 2026.
    First,
    /// The same organization seven days later, with changes in access and the usual noise.
    Later,
}

/// A running loopback server. It stops when dropped, even if connections are still open.
pub struct Demo {
    server: Server,
}

impl Demo {
    /// Binds a free port of 127.0.0.1 and serves.
    ///
    /// # Errors
    ///
    /// When a port cannot be bound or a thread cannot be started.
    pub fn serve(week: Week) -> io::Result<Self> {
        let organization = match week {
            Week::First => Organization::first_week(),
            Week::Later => week::a_week_later(Organization::first_week()),
        };
        let server = Server::start(move |request| api::answer(&organization, request))?;
        Ok(Self { server })
    }

    /// Returns the address to crawl: `http://127.0.0.1:<port>/api/organizations/<id>`.
    pub fn base_url(&self) -> String {
        format!(
            "http://{}/api/organizations/{ORGANIZATION_ID}",
            self.server.address()
        )
    }
}

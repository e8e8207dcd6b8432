//! A sample PostHog organization that the binary carries in itself, for `sync --demo`: invented people in
//! `organization.json`, served over real HTTP on a loopback port for the length of the run.
//!
//! The crawl knows nothing of this: it is given an address and a key, as always. The server answers as
//! PostHog's API does, and cuts members and role memberships into pages of at most 15 rows, so that even
//! forty people are read over several pages. The names, e-mail addresses and ids in the sample are as awkward
//! as real ones get.
//!
//! | file | holds |
//! |---|---|
//! | `organization.json` | the people, each told once, and who holds which role |
//! | `organization.rs` | that file as types |
//! | `week.rs` | what changes in the sample's second week |
//! | `api.rs`, `page.rs` | a request into PostHog's answer; pure |
//! | `http.rs`, `server.rs` | bytes into requests; sockets and threads |

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

/// The id of the sample organization. Not a version of RFC 9562, as most of PostHog's own are not.
pub const ORGANIZATION_ID: &str = "018e0895-af04-0000-2fe5-fd15fd963b34";

/// The address that evidence names in place of the loopback one, whose port is another in each run.
pub const PUBLIC_BASE_URL: &str =
    "https://demo.posthog.example/api/organizations/018e0895-af04-0000-2fe5-fd15fd963b34";

/// The key the server accepts. No secret: it opens nothing but the sample.
pub const API_KEY: &str = "phx_demoKey0fTheSample";

/// Which week of the sample organization is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Week {
    /// The organization as `organization.json` has it, early on 7 September 2026.
    First,
    /// The same organization seven days on: some access has changed, and so has the usual noise.
    Later,
}

/// A running loopback server; it stops when dropped, whatever connections are still open.
pub struct Demo {
    server: Server,
}

impl Demo {
    /// Binds a free port of 127.0.0.1 and serves.
    ///
    /// # Errors
    ///
    /// When no port can be bound or no thread be started.
    pub fn serve(week: Week) -> io::Result<Self> {
        let organization = match week {
            Week::First => Organization::first_week(),
            Week::Later => week::a_week_later(Organization::first_week()),
        };
        let server = Server::start(move |request| api::answer(&organization, request))?;
        Ok(Self { server })
    }

    /// The address to crawl: `http://127.0.0.1:<port>/api/organizations/<id>`.
    pub fn base_url(&self) -> String {
        format!(
            "http://{}/api/organizations/{ORGANIZATION_ID}",
            self.server.address()
        )
    }
}

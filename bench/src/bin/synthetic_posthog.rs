//! A server with PostHog's API for a synthetic organization, for benchmarks. Its size is configurable, the same seed
//! gives the same bytes, and it is fast, so that the client is what is measured.
//!
//! ```text
//! cargo run --release -p posthog-c1z-bench --bin synthetic_posthog -- --people 1000 --roles 100 --grants 10000 --seed 1
//!     [--changed] [--port-file PATH] [--delay-ms 20]
//! ```
//!
//! `--delay-ms` is a delay before each response, like the round trip of a network. Prints its base URL, and writes it
//! to the port file once it listens; runs until its standard input ends. Everything that responses repeat is built
//! once: a row is a few pieces that are copied one after the other.
//!
//! In addition to PostHog's endpoints there are `/__stats` (number of requests, bytes of responses), `/__paths` (the
//! requested paths, line by line) and `/__reset`. These three are not counted.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, thread};

use posthog_c1z_bench::organization::{Organization, Person};
use posthog_c1z_bench::process;
use posthog_c1z_bench::shape::Shape;

/// Default page size. PostHog has no maximum.
const DEFAULT_LIMIT: usize = 100;

fn main() -> ExitCode {
    process::exit_code(run())
}

fn run() -> Result<(), String> {
    let (shape, others) = Shape::parse(env::args().skip(1))?;
    let mut port_file = None;
    let mut delay = Duration::ZERO;
    for option in others.chunks(2) {
        match option {
            [name, path] if name == "--port-file" => port_file = Some(path),
            [name, number] if name == "--delay-ms" => {
                let number = number
                    .parse()
                    .map_err(|_| format!("`{number}` is not a number"))?;
                delay = Duration::from_millis(number);
            }
            unknown => return Err(format!("what is `{}`?", unknown.join(" "))),
        }
    }
    let server = Arc::new(Server::new(&shape, delay));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let url = format!(
        "http://{address}/api/organizations/{}",
        server.organization.id
    );
    println!("{url}");
    if let Some(path) = port_file {
        // Renamed into place, so that a waiting script never sees a partial file.
        let unfinished = format!("{path}.new");
        fs::write(&unfinished, format!("{url}\n"))
            .and_then(|()| fs::rename(&unfinished, path))
            .map_err(|e| format!("{path}: {e}"))?;
    }
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let server = Arc::clone(&server);
            // An error on one connection ends only that connection.
            thread::spawn(move || server.serve(&connection).ok());
        }
    });
    let _ = io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}

struct Server {
    organization: Organization,
    /// `/api/organizations/<id>/`
    base: String,
    people: Vec<RenderedPerson>,
    /// For each role: the text before its memberships, and the middle part of each membership.
    roles: Vec<RenderedRole>,
    /// The delay before each response.
    delay: Duration,
    requests: AtomicU64,
    bytes: AtomicU64,
    paths: Mutex<String>,
}

struct RenderedPerson {
    /// The row in `members/`.
    member: String,
    /// The text of a membership from its member to its time.
    inside: String,
}

struct RenderedRole {
    before: String,
    middle: String,
    after: String,
}

/// A response.
enum Body {
    Text(String),
    Members { page: Page, newest_first: bool },
    Roles(Page),
    Role(usize),
    Memberships { role: usize, page: Page },
}

struct Page {
    /// The JSON before the first row.
    head: String,
    rows: Range<usize>,
}

impl Server {
    fn new(shape: &Shape, delay: Duration) -> Self {
        let organization = Organization::new(shape);
        let people = organization
            .people
            .iter()
            .map(RenderedPerson::new)
            .collect();
        let roles = organization
            .roles
            .iter()
            .map(|role| RenderedRole {
                before: format!(
                    r#"{{"id":"{}","name":"{}","created_at":"{}","created_by":null,"members":["#,
                    role.id, role.name, role.created_at
                ),
                middle: format!(r#"","role_id":"{}","organization_member":"#, role.id),
                after: format!(r#"],"is_default":{}}}"#, role.is_default),
            })
            .collect();
        Self {
            base: format!("/api/organizations/{}/", organization.id),
            organization,
            people,
            roles,
            delay,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            paths: Mutex::default(),
        }
    }

    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut input = BufReader::new(connection);
        let mut out = BufWriter::with_capacity(256 << 10, connection);
        while let Some(request) = Request::read(&mut input)? {
            let counts = !request.target.starts_with("/__");
            let (status, body) = self.answer(&request);
            if counts {
                thread::sleep(self.delay);
            }
            let mut length = Counter(0);
            self.write(&body, &mut length)?;
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Vary: Accept, Cookie\r\nAllow: GET, HEAD, OPTIONS\r\n\r\n",
                length.0
            );
            out.write_all(head.as_bytes())?;
            self.write(&body, &mut out)?;
            if counts {
                self.requests.fetch_add(1, Ordering::Relaxed);
                self.bytes
                    .fetch_add(head.len() as u64 + length.0, Ordering::Relaxed);
                if let Ok(mut paths) = self.paths.lock() {
                    paths.push_str(&request.target);
                    paths.push('\n');
                }
            }
            out.flush()?;
        }
        Ok(())
    }

    fn answer(&self, request: &Request) -> (&'static str, Body) {
        if let Some(own) = self.about_itself(&request.target) {
            return ("200 OK", Body::Text(own));
        }
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        let path = path.replace("%40", "@");
        let path = path.strip_suffix('/').unwrap_or(&path);
        let is_current_key = path == "/api/personal_api_keys/@current";
        let inside = format!("{path}/");
        let inside = inside.strip_prefix(&self.base);
        if !request.has_key {
            return refusal(
                "401 Unauthorized",
                "authentication_error",
                "not_authenticated",
                "Authentication credentials were not provided.",
            );
        }
        if request.method != "GET" {
            return refusal(
                "405 Method Not Allowed",
                "invalid_request",
                "method_not_allowed",
                "Method not allowed.",
            );
        }
        let words: Vec<&str> = inside
            .unwrap_or_default()
            .split('/')
            .filter(|word| !word.is_empty())
            .collect();
        let page = |count| Page::cut(count, query, &request.host, path);
        let body = match (inside, words.as_slice()) {
            (None, _) if is_current_key => Body::Text(self.current_key()),
            (Some(_), []) => Body::Text(self.itself()),
            (Some(_), ["members"]) => Body::Members {
                page: page(self.people.len()),
                newest_first: parameter(query, "order") != Some("joined_at"),
            },
            (Some(_), ["roles"]) => Body::Roles(page(self.roles.len())),
            (Some(_), ["roles", id]) => match self.role(id) {
                Some(role) => Body::Role(role),
                None => return not_found("Not found."),
            },
            (Some(_), ["roles", id, "role_memberships"]) => match self.role(id) {
                Some(role) => Body::Memberships {
                    role,
                    page: page(self.organization.roles[role].memberships.len()),
                },
                // As PostHog does for a role it does not know.
                None => Body::Text(page(0).head + "]}"),
            },
            (Some(_), ["domains" | "invites" | "role_external_references"]) => {
                Body::Text(page(0).head + "]}")
            }
            _ => return not_found("Endpoint not found."),
        };
        ("200 OK", body)
    }

    fn role(&self, id: &str) -> Option<usize> {
        self.organization
            .roles
            .iter()
            .position(|role| role.id == id)
    }

    fn about_itself(&self, target: &str) -> Option<String> {
        match target {
            "/__stats" => Some(format!(
                "requests={}\nbytes={}\n",
                self.requests.load(Ordering::Relaxed),
                self.bytes.load(Ordering::Relaxed)
            )),
            "/__paths" => Some(
                self.paths
                    .lock()
                    .map(|paths| paths.clone())
                    .unwrap_or_default(),
            ),
            "/__reset" => {
                self.requests.store(0, Ordering::Relaxed);
                self.bytes.store(0, Ordering::Relaxed);
                if let Ok(mut paths) = self.paths.lock() {
                    paths.clear();
                }
                Some(String::new())
            }
            _ => None,
        }
    }

    fn current_key(&self) -> String {
        let owner = self
            .organization
            .people
            .iter()
            .find(|person| person.level == 15);
        let owner = owner.unwrap_or(&self.organization.people[0]);
        format!(
            r#"{{"id":"1","label":"Benchmark","value":null,"mask_value":"phx_...mark","created_at":"{0}","last_used_at":"{0}","user_id":{1},"scopes":["organization:read","organization_member:read"],"scoped_teams":[],"scoped_organizations":[]}}"#,
            owner.joined_at, owner.number
        )
    }

    fn itself(&self) -> String {
        let default = self.organization.roles.iter().find(|role| role.is_default);
        format!(
            r#"{{"id":"{}","name":"Synthetic","slug":"synthetic","created_at":"2020-01-01T00:00:00Z","updated_at":"2020-01-01T00:00:00Z","membership_level":15,"member_count":{},"members_can_see_org_members":true,"members_can_invite":true,"members_can_use_personal_api_keys":true,"allow_publicly_shared_resources":true,"enforce_2fa":null,"default_role_id":"{}","available_product_features":[{{"key":"access_control","name":"Access control"}},{{"key":"role_based_access","name":"Role-based access"}}],"is_active":true,"is_not_active_reason":null}}"#,
            self.organization.id,
            self.people.len(),
            default.map_or("", |role| &role.id)
        )
    }

    fn write(&self, body: &Body, out: &mut impl Write) -> io::Result<()> {
        match body {
            Body::Text(text) => out.write_all(text.as_bytes()),
            Body::Members { page, newest_first } => list(out, page, |out, at| {
                let at = if *newest_first {
                    self.people.len() - 1 - at
                } else {
                    at
                };
                out.write_all(self.people[at].member.as_bytes())
            }),
            Body::Roles(page) => list(out, page, |out, role| self.write_role(role, out)),
            Body::Role(role) => self.write_role(*role, out),
            Body::Memberships { role, page } => {
                list(out, page, |out, at| self.write_membership(*role, at, out))
            }
        }
    }

    fn write_role(&self, role: usize, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.roles[role].before.as_bytes())?;
        for at in 0..self.organization.roles[role].memberships.len() {
            if at > 0 {
                out.write_all(b",")?;
            }
            self.write_membership(role, at, out)?;
        }
        out.write_all(self.roles[role].after.as_bytes())
    }

    fn write_membership(&self, role: usize, at: usize, out: &mut impl Write) -> io::Result<()> {
        let held = &self.organization.roles[role].memberships[at];
        out.write_all(br#"{"id":""#)?;
        out.write_all(held.id().as_bytes())?;
        out.write_all(self.roles[role].middle.as_bytes())?;
        out.write_all(self.people[held.person as usize].inside.as_bytes())?;
        out.write_all(held.joined_at().as_bytes())?;
        out.write_all(br#"","updated_at":""#)?;
        out.write_all(held.joined_at().as_bytes())?;
        out.write_all(br#""}"#)
    }
}

fn list<W: Write>(
    out: &mut W,
    page: &Page,
    mut row: impl FnMut(&mut W, usize) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(page.head.as_bytes())?;
    for at in page.rows.clone() {
        if at > page.rows.start {
            out.write_all(b",")?;
        }
        row(out, at)?;
    }
    out.write_all(b"]}")
}

impl RenderedPerson {
    fn new(person: &Person) -> Self {
        let user = format!(
            r#"{{"id":{},"uuid":"{}","distinct_id":"{}","first_name":"{}","last_name":"{}","email":"{}","is_email_verified":{},"hedgehog_config":null,"role_at_organization":{}}}"#,
            person.number,
            person.uuid,
            person.distinct_id,
            person.first_name,
            person.last_name,
            person.email,
            person
                .is_email_verified
                .map_or("null", |yes| if yes { "true" } else { "false" }),
            quoted(person.job),
        );
        let seat = format!(
            r#"{{"id":"{}","user":{user},"level":{},"joined_at":"{}","updated_at":"{}","is_2fa_enabled":{},"has_social_auth":{}"#,
            person.member_id,
            person.level,
            person.joined_at,
            person.updated_at,
            person.is_2fa_enabled,
            person.has_social_auth,
        );
        let last_login = quoted(person.last_login.as_deref());
        Self {
            // Only the member list includes the last login.
            member: format!(r#"{seat},"last_login":{last_login}}}"#),
            inside: format!(r#"{seat}}},"user":{user},"joined_at":""#),
        }
    }
}

fn quoted(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), |text| format!("\"{text}\""))
}

fn not_found(detail: &str) -> (&'static str, Body) {
    refusal("404 Not Found", "invalid_request", "not_found", detail)
}

fn refusal(status: &'static str, kind: &str, code: &str, detail: &str) -> (&'static str, Body) {
    let text = format!(r#"{{"type":"{kind}","code":"{code}","detail":"{detail}","attr":null}}"#);
    (status, Body::Text(text))
}

impl Page {
    /// A page with its links, as in Django REST framework's `LimitOffsetPagination`.
    fn cut(count: usize, query: &str, host: &str, path: &str) -> Self {
        let number = |name| parameter(query, name)?.parse::<usize>().ok();
        let limit = number("limit")
            .filter(|limit| *limit > 0)
            .unwrap_or(DEFAULT_LIMIT);
        let offset = number("offset").unwrap_or(0);
        let end = offset.saturating_add(limit);
        let link = |offset: usize| {
            let mut pairs: Vec<(&str, String)> = query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .filter(|(name, _)| !["limit", "offset"].contains(name))
                .map(|(name, value)| (name, value.to_owned()))
                .collect();
            pairs.push(("limit", limit.to_string()));
            if offset > 0 {
                pairs.push(("offset", offset.to_string()));
            }
            pairs.sort();
            let mut link = format!("\"http://{host}{path}/");
            for (at, (name, value)) in pairs.iter().enumerate() {
                let separator = if at == 0 { '?' } else { '&' };
                let _ = write!(link, "{separator}{name}={value}");
            }
            link + "\""
        };
        let null = || "null".to_owned();
        let next = if end < count { link(end) } else { null() };
        let previous = if offset > 0 {
            link(offset.saturating_sub(limit))
        } else {
            null()
        };
        Self {
            head: format!(r#"{{"count":{count},"next":{next},"previous":{previous},"results":["#),
            rows: offset.min(count)..end.min(count),
        }
    }
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .rfind(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

struct Request {
    method: String,
    target: String,
    host: String,
    has_key: bool,
}

impl Request {
    /// The next request on a connection; `None` at its end.
    fn read(input: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default().to_owned();
        let mut request = Self {
            method: word(),
            target: word(),
            host: String::new(),
            has_key: false,
        };
        loop {
            line.clear();
            if input.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
                return Ok(Some(request));
            }
            if let Some((name, value)) = line.split_once(':') {
                match name.to_ascii_lowercase().as_str() {
                    "host" => request.host = value.trim().to_owned(),
                    "authorization" => request.has_key = value.trim().starts_with("Bearer phx_"),
                    _ => {}
                }
            }
        }
    }
}

/// A writer that only counts bytes.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

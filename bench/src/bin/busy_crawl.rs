//! Crawls a large organization whose members change in real time while it is read, and compares each snapshot with the
//! changes that the server made.
//!
//! ```text
//! cargo run --release -p posthog-c1z-bench --bin busy_crawl -- [--program target/release/posthog-c1z]
//!     [--members 5000] [--page-ms 1000] [--changes-per-second 1] [--traffic joins|leaves|turns]
//!     [--memberships endpoint|embedded] [--crawls 20] [--at-once 10]
//! ```
//!
//! Every response with a page of a list takes `--page-ms`, and shows the organization as it is at the end of that time.
//! First comes one crawl without changes, then `--crawls` crawls, `--at-once` of them at the same time. Prints one row
//! of a Markdown table, and on standard error the evidence of the first crawl. Fails if a snapshot lacks a fact that
//! never changed, or has one that never existed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const ORGANIZATION: &str = "018d4b1e-7c2a-0000-8a9d-3f2b1c0d9e8f";
/// Every role is held by one in this many members.
const HOLDERS: [usize; 3] = [10, 25, 100];

fn main() -> ExitCode {
    let result = Options::parse().and_then(|options| run(&options));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    program: PathBuf,
    members: usize,
    page: Duration,
    changes_per_second: f64,
    traffic: String,
    memberships: String,
    crawls: usize,
    at_once: usize,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut options = Self {
            program: PathBuf::from("target/release/posthog-c1z"),
            members: 5_000,
            page: Duration::from_secs(1),
            changes_per_second: 1.0,
            traffic: "turns".to_owned(),
            memberships: "endpoint".to_owned(),
            crawls: 20,
            at_once: 10,
        };
        let mut words = std::env::args().skip(1);
        while let Some(name) = words.next() {
            let value = words.next().ok_or(format!("`{name}` lacks a value"))?;
            let number = || {
                value
                    .parse::<f64>()
                    .map_err(|error| format!("`{value}`: {error}"))
            };
            match name.as_str() {
                "--program" => options.program = value.into(),
                "--members" => options.members = number()? as usize,
                "--page-ms" => options.page = Duration::from_secs_f64(number()? / 1e3),
                "--changes-per-second" => options.changes_per_second = number()?,
                "--traffic" => options.traffic = value,
                "--memberships" => options.memberships = value,
                "--crawls" => options.crawls = number()? as usize,
                "--at-once" => options.at_once = number()? as usize,
                unknown => return Err(format!("unknown option `{unknown}`")),
            }
        }
        Ok(options)
    }
}

/// The result of one crawl.
struct Outcome {
    code: i32,
    took: Duration,
    requests: usize,
    message: String,
    /// If there is a snapshot: the evidence of its member list, and the problems with its rows.
    members: Option<Value>,
    wrong: Vec<String>,
}

fn run(options: &Options) -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("busy-crawl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let result = measure(options, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    result
}

fn measure(options: &Options, folder: &Path) -> Result<(), String> {
    let calm = crawl(options, 0.0, &folder.join("calm.c1z"))?;
    if calm.code != 0 {
        return Err(calm.message);
    }
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..options.at_once {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= options.crawls {
                        break;
                    }
                    let path = folder.join(format!("{n}.c1z"));
                    let outcome = crawl(options, options.changes_per_second, &path);
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes.push(outcome);
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().map_err(|error| error.to_string())?;
    let outcomes: Vec<Outcome> = outcomes.into_iter().collect::<Result<_, _>>()?;

    let made: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| outcome.code == 0)
        .collect();
    let in_time = made
        .iter()
        .filter(|outcome| outcome.took <= 2 * calm.took)
        .count();
    let mut codes = String::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.code != 0) {
        let _ = write!(codes, " {}", outcome.code);
        eprintln!("{}", outcome.message.trim_end());
    }
    let span = |numbers: Vec<u64>| match (numbers.iter().min(), numbers.iter().max()) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        _ => "–".to_owned(),
    };
    let of_members = |field: &str| {
        let members = made.iter().filter_map(|outcome| outcome.members.as_ref());
        span(
            members
                .filter_map(|members| members[field].as_u64())
                .collect(),
        )
    };
    let longest = made
        .iter()
        .map(|outcome| outcome.took)
        .max()
        .unwrap_or_default();
    println!(
        "| {} s | {}/s | {} | {} | {} of {} | {in_time} |{codes} | {:.1} s | {:.1} s | {} ({}) | {} | {} |",
        options.page.as_secs_f64(),
        options.changes_per_second,
        options.traffic,
        options.memberships,
        made.len(),
        outcomes.len(),
        calm.took.as_secs_f64(),
        longest.as_secs_f64(),
        span(made.iter().map(|outcome| outcome.requests as u64).collect()),
        calm.requests,
        of_members("shifted"),
        of_members("repeated"),
    );
    if let Some(members) = made.first().and_then(|outcome| outcome.members.as_ref()) {
        eprintln!("{members}");
    }
    let wrong: Vec<&String> = outcomes.iter().flat_map(|outcome| &outcome.wrong).collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{wrong:?}"))
    }
}

fn crawl(options: &Options, changes_per_second: f64, path: &Path) -> Result<Outcome, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let server = Arc::new(Server {
        page: options.page,
        state: Mutex::new(State::new(options, changes_per_second)),
        requests: AtomicUsize::new(0),
    });
    let serving = Arc::clone(&server);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let serving = Arc::clone(&serving);
            thread::spawn(move || serving.serve(&connection));
        }
    });

    let base_url = format!("http://{address}/api/organizations/{ORGANIZATION}");
    let begun = Instant::now();
    let output = Command::new(&options.program)
        .args(["sync", "--memberships", &options.memberships, "-f"])
        .arg(path)
        .env("BATON_BASE_URL", base_url)
        .env(
            "BATON_API_TOKEN",
            "phx_BusyCrawlKeyThatOpensNothing0123456789",
        )
        .output()
        .map_err(|error| format!("{}: {error}", options.program.display()))?;
    let took = begun.elapsed();
    let mut outcome = Outcome {
        code: output.status.code().unwrap_or(-1),
        took,
        requests: server.requests.load(Ordering::Relaxed),
        message: String::from_utf8_lossy(&output.stderr).into_owned(),
        members: None,
        wrong: Vec::new(),
    };
    if outcome.code == 0 {
        let state = server.state.lock().map_err(|error| error.to_string())?;
        let read = |words: &[&str]| -> Result<Value, String> {
            let output = Command::new(&options.program)
                .args(words)
                .args(["-o", "json"])
                .arg(path)
                .output()
                .map_err(|error| error.to_string())?;
            serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
        };
        let evidence = read(&["stats"])?["evidence"].clone();
        let pages = evidence["pages"].as_u64();
        if pages != Some(state.pages) {
            outcome
                .wrong
                .push(format!("{pages:?} pages of {}", state.pages));
        }
        if evidence["requests"].as_u64() != Some(outcome.requests as u64) {
            outcome
                .wrong
                .push(format!("{} requests", evidence["requests"]));
        }
        let mut members = evidence["lists"][0].clone();
        members["member_count_before"] = evidence["organization"]["member_count_before"].clone();
        members["member_count"] = evidence["organization"]["member_count"].clone();
        outcome.members = Some(members);
        state.judge(
            &read(&["resources", "-t", "user"])?,
            &read(&["grants"])?,
            &mut outcome.wrong,
        );
    }
    Ok(outcome)
}

/// The organization and its changes.
struct State {
    begun: Instant,
    changes_per_second: f64,
    traffic: String,
    /// In the order in which they joined.
    members: Vec<usize>,
    next: usize,
    changes: usize,
    always: BTreeSet<usize>,
    pages: u64,
}

impl State {
    fn new(options: &Options, changes_per_second: f64) -> Self {
        Self {
            begun: Instant::now(),
            changes_per_second,
            traffic: options.traffic.clone(),
            members: (0..options.members).collect(),
            next: options.members,
            changes: 0,
            always: (0..options.members).collect(),
            pages: 0,
        }
    }

    /// Applies all changes that are due.
    fn catch_up(&mut self) {
        let due = self.begun.elapsed().as_secs_f64() * self.changes_per_second;
        while (self.changes as f64) < due.floor() {
            self.changes += 1;
            let joins = match self.traffic.as_str() {
                "joins" => true,
                "leaves" => false,
                _ => self.changes.is_multiple_of(2),
            };
            if joins {
                self.members.push(self.next);
                self.next += 1;
            } else if !self.members.is_empty() {
                // Spread over the whole list.
                let at = self.changes.wrapping_mul(2_654_435_761) % self.members.len();
                let gone = self.members.remove(at);
                self.always.remove(&gone);
            }
        }
    }

    fn judge(&self, users: &Value, grants: &Value, wrong: &mut Vec<String>) {
        let ids = |rows: &Value, pointer: &str| -> Vec<String> {
            let rows = rows.as_array().into_iter().flatten();
            let texts = rows.filter_map(|row| row.pointer(pointer)?.as_str());
            texts.map(str::to_owned).collect()
        };
        let found: BTreeSet<String> = ids(&users["resources"], "/resource/id/resource")
            .into_iter()
            .collect();
        for n in &self.always {
            if !found.contains(&uuid(*n)) {
                wrong.push(format!("member {n} is missing"));
            }
        }
        let ever: BTreeSet<String> = (0..self.next).map(uuid).collect();
        wrong.extend(
            found
                .difference(&ever)
                .map(|id| format!("{id} is invented")),
        );
        let held: BTreeSet<String> = ids(&grants["grants"], "/grant/id").into_iter().collect();
        let grant =
            |role: usize, n: usize| format!("role:{}:member:user:{}", role_id(role), uuid(n));
        let mut possible = BTreeSet::new();
        for (role, one_in) in HOLDERS.into_iter().enumerate() {
            for n in (0..self.next).filter(|n| n % one_in == 0) {
                if self.always.contains(&n) && !held.contains(&grant(role, n)) {
                    wrong.push(format!("{n} does not hold role {role}"));
                }
                possible.insert(grant(role, n));
            }
        }
        wrong.extend(
            held.difference(&possible)
                .map(|id| format!("{id} is invented")),
        );
    }
}

fn uuid(n: usize) -> String {
    format!("018e0895-af04-0000-{:04x}-{:012x}", n >> 16, n & 0xffff)
}

fn role_id(role: usize) -> String {
    format!("01920c5a-11d0-0000-0000-{role:012x}")
}

fn member(n: usize) -> Value {
    let (days, seconds) = (n / 86_400, n % 86_400);
    json!({
        "id": format!("018f3d21-0000-0000-0000-{n:012x}"),
        "user": {
            "id": n, "uuid": uuid(n), "distinct_id": format!("d{n}"), "first_name": format!("First{n}"),
            "last_name": "Last", "email": format!("user{n}@example.com"), "is_email_verified": true,
            "hedgehog_config": null, "role_at_organization": "engineering",
        },
        "level": if n == 0 { 15 } else { 1 },
        "joined_at": format!(
            "2024-05-{:02}T{:02}:{:02}:{:02}.000001Z",
            1 + days, seconds / 3600, seconds / 60 % 60, seconds % 60
        ),
        "updated_at": "2025-01-02T03:04:05.000001Z",
        "is_2fa_enabled": true, "has_social_auth": false, "last_login": "2026-11-01T10:11:12.131415Z",
    })
}

struct Server {
    page: Duration,
    state: Mutex<State>,
    requests: AtomicUsize,
}

impl Server {
    fn serve(&self, connection: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(connection).lines();
        let line = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        self.requests.fetch_add(1, Ordering::Relaxed);
        let target = line.split(' ').nth(1)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let number = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name)?.1.parse::<usize>().ok()
        };
        let base = format!("/api/organizations/{ORGANIZATION}/");
        let words: Vec<&str> = path
            .strip_prefix(&base)
            .unwrap_or("key")
            .split('/')
            .filter(|word| !word.is_empty())
            .collect();
        if matches!(
            words[..],
            ["members"] | ["roles"] | ["roles", _, "role_memberships"]
        ) {
            thread::sleep(self.page);
        }
        let body = {
            let mut state = self.state.lock().ok()?;
            state.catch_up();
            let holders = |role: usize| -> Vec<Value> {
                let members = state.members.iter().filter(|n| *n % HOLDERS[role] == 0);
                members.map(|n| membership(role, *n)).collect()
            };
            let role = |role: usize| {
                json!({
                    "id": role_id(role), "name": format!("Role {role}"), "created_at": "2023-02-03T04:05:06Z",
                    "created_by": null, "is_default": false, "members": holders(role),
                })
            };
            let number_of = |id: &str| (0..HOLDERS.len()).find(|role| role_id(*role) == id);
            let rows = match words[..] {
                ["members"] if query.contains("order=joined_at") => {
                    let offset = number("offset").unwrap_or(0);
                    let limit = number("limit").unwrap_or(100);
                    let rows = state.members.iter().skip(offset).take(limit);
                    let rows: Vec<Value> = rows.map(|n| member(*n)).collect();
                    Some((rows, offset, state.members.len()))
                }
                ["roles"] => Some(((0..HOLDERS.len()).map(role).collect(), 0, HOLDERS.len())),
                ["roles", id, "role_memberships"] => {
                    let all = holders(number_of(id)?);
                    let count = all.len();
                    let offset = number("offset").unwrap_or(0);
                    let limit = number("limit").unwrap_or(100);
                    let rows = all.into_iter().skip(offset).take(limit).collect();
                    Some((rows, offset, count))
                }
                _ => None,
            };
            match (rows, &words[..]) {
                (Some((rows, offset, count)), _) => {
                    state.pages += 1;
                    let more = offset + rows.len() < count;
                    let next = more.then(|| format!("http://x/?offset={}", offset + rows.len()));
                    json!({"count": count, "next": next, "previous": null, "results": rows})
                }
                (None, ["roles", id]) => role(number_of(id)?),
                (None, ["key"]) => json!({"user_id": 0, "label": "busy", "scopes": ["*"]}),
                (None, _) => json!({
                    "id": ORGANIZATION, "name": "Busy", "slug": "busy", "member_count": state.members.len(),
                    "membership_level": 15, "members_can_see_org_members": true,
                }),
            }
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut connection = connection;
        connection.write_all(head.as_bytes()).ok()?;
        connection.write_all(body.as_bytes()).ok()
    }
}

fn membership(role: usize, n: usize) -> Value {
    let member = member(n);
    json!({
        "id": format!("01a1{role:04x}-0000-0000-0000-{n:012x}"), "role_id": role_id(role),
        "organization_member": member, "user": member["user"],
        "joined_at": member["joined_at"], "updated_at": member["joined_at"],
    })
}

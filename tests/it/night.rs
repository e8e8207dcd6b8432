//! What can go wrong while an organization is crawled at night, and that it ends well all the same: nothing lost,
//! nothing invented, the old snapshot as it was, a message, a hint and an exit code of its own.
//!
//! With `FAULT_TABLE=file` each fault leaves a line of a Markdown table there.

mod busy;
mod clocks;
mod cron;
mod failures;
mod guards;
mod hostile;
mod key;
mod members;
mod metrics;
mod ours;
mod pace;
mod preflight;
mod proxy;
mod retention;
mod roles;

use std::fs;
use std::io::Write;
use std::sync::OnceLock;

use posthog_c1z::model::Inventory;

use crate::support::{
    Asked, Night, Organization, Reply, Run, Sandbox, Written, member, membership, role,
};

/// The path of the key's own entry, the first that is asked for.
const KEY_ENTRY: &str = "/api/personal_api_keys/@current/";

/// Requests that a crawl of [`calm`] takes, as [`Night::asked`] counts them: the key's entry, the organization, three pages
/// of members, the organization again, its roles, and who holds each of two.
const CALM_REQUESTS: usize = 9;

/// Seven members on three pages, two roles, three grants.
fn calm() -> Organization {
    Organization::new()
        .members((1..=7).map(member))
        .role(
            role(1),
            [membership(1, &member(5)), membership(1, &member(2))],
        )
        .role(role(2), [membership(2, &member(2))])
        .pages_of(3)
}

/// What a crawl of [`calm`] must find.
fn calm_inventory() -> &'static Inventory {
    static FOUND: OnceLock<Inventory> = OnceLock::new();
    FOUND.get_or_init(|| Sandbox::new().sync(&calm().serve()).inventory)
}

/// A script that answers as usual.
fn as_usual(_: &mut Organization, _: &Asked<'_>) -> Reply {
    Reply::AsUsual
}

/// A script that gives `reply` for the first `times` requests of a path, and then answers as usual.
fn at<F: FnMut() -> Reply>(
    path: &str,
    times: usize,
    mut reply: F,
) -> impl FnMut(&mut Organization, &Asked<'_>) -> Reply + use<F> {
    let path = path.to_owned();
    move |_, asked| {
        if asked.path == path && asked.before < times {
            reply()
        } else {
            Reply::AsUsual
        }
    }
}

/// For ever.
const ALWAYS: usize = usize::MAX;

/// A fault, and what must come of it.
struct Fault<'a> {
    what: &'a str,
    args: &'a [&'a str],
    code: i32,
    /// What the message must say.
    says: &'a [&'a str],
    /// What the hint must say.
    hints: &'a str,
    /// How many requests it takes.
    requests: usize,
}

/// What stands at the target before a crawl that fails.
const YESTERDAY: &[u8] = b"yesterday's snapshot, whatever it was";

impl Fault<'_> {
    /// Crawls, over the file of yesterday.
    #[track_caller]
    fn happens_at(&self, night: &Night) -> Run {
        let run = self.happens(&night.base_url());
        let asked = night.asked();
        assert_eq!(asked.len(), self.requests, "{}: {asked:#?}", self.what);
        self.tell(asked.len());
        run
    }

    /// The same at an address that no server of ours answers.
    #[track_caller]
    fn happens_nowhere(&self, base_url: &str) -> Run {
        let run = self.happens(base_url);
        self.tell(0);
        run
    }

    #[track_caller]
    fn happens(&self, base_url: &str) -> Run {
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("sync.c1z"), YESTERDAY).unwrap();
        let run = sandbox.crawl_at(base_url, self.args).run();
        run.assert_keeps_the_key();
        let run = run.fails(self.code, self.says);
        assert!(
            run.hint().contains(self.hints),
            "{}: {}",
            self.what,
            run.stderr
        );
        assert_eq!(fs::read(sandbox.path("sync.c1z")).unwrap(), YESTERDAY);
        assert_eq!(sandbox.files(), ["sync.c1z"], "{}", self.what);
        sandbox.assert_no_litter();
        run
    }

    fn tell(&self, requests: usize) {
        let result = format!(
            "no snapshot, the old one stands; says: {}",
            self.says.join(" … ")
        );
        tell(self.what, &result, self.code, requests);
    }
}

/// Crawls [`calm`] through a fault that passes: all must be found, in so many requests.
#[track_caller]
fn recovers(what: &str, night: &Night, args: &[&str], requests: usize) -> Written {
    let sandbox = Sandbox::new();
    sandbox
        .crawl_at(&night.base_url(), args)
        .run()
        .succeeds_silently();
    let written = Written::open(&sandbox.path("sync.c1z"));
    assert_eq!(sandbox.files(), ["sync.c1z"]);
    sandbox.assert_no_litter();
    assert_eq!(&written.inventory, calm_inventory(), "{what}");
    let asked = night.asked();
    assert_eq!(asked.len(), requests, "{what}: {asked:#?}");
    let everything = night.asked_for_everything().len();
    assert_eq!(written.evidence.requests, everything as u64, "{what}");
    tell(what, "whole snapshot, nothing lost", 0, requests);
    written
}

/// Crawls an organization on its own, and what it wrote.
#[track_caller]
fn crawls(what: &str, night: &Night, args: &[&str]) -> Written {
    let sandbox = Sandbox::new();
    sandbox
        .crawl_at(&night.base_url(), args)
        .run()
        .succeeds_silently();
    assert_eq!(sandbox.files(), ["sync.c1z"]);
    sandbox.assert_no_litter();
    tell(what, "whole snapshot, nothing lost", 0, night.asked().len());
    Written::open(&sandbox.path("sync.c1z"))
}

/// The numbers of the users in a snapshot.
fn users(written: &Written) -> Vec<u16> {
    let rows = written.inventory.resources().iter();
    let ids = rows.filter(|row| row.user.is_some());
    ids.map(|row| number(&row.id.to_string())).collect()
}

/// The numbers of the roles in a snapshot.
fn roles(written: &Written) -> Vec<u16> {
    let rows = written.inventory.resources().iter();
    let ids = rows.filter(|row| row.user.is_none());
    ids.map(|row| number(&row.id.to_string())).collect()
}

/// Role and user of each grant in a snapshot.
fn grants(written: &Written) -> Vec<(u16, u16)> {
    let rows = written.inventory.grants().iter();
    rows.map(|row| {
        (
            number(&row.entitlement.to_string()),
            number(&row.principal.to_string()),
        )
    })
    .collect()
}

/// The number that stands in an id that was made for a test.
fn number(id: &str) -> u16 {
    u16::from_str_radix(id.split('-').nth(3).unwrap(), 16).unwrap()
}

/// A line of the fault table, if one is wanted.
fn tell(what: &str, result: &str, code: i32, requests: usize) {
    let Some(path) = std::env::var_os("FAULT_TABLE") else {
        return;
    };
    let mut table = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    let line = format!("| {what} | {result} | {code} | {requests} |\n");
    table.write_all(line.as_bytes()).unwrap();
}

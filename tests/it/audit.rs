//! `audit`: rules about people, roles, invitations and settings, through the command line.

mod accept;
mod gates;
mod harm;
mod others;
mod outputs;
mod people;
mod roster;
mod rules;

use std::collections::BTreeMap;
use std::fs;

use posthog_c1z::model::{CrawlKey, Timestamp};
use posthog_c1z::progress::Event;
use serde_json::{Value, json};

use crate::diff::Organization;
use crate::support::{Answered, Run, Shelf, answer, answer_at};

/// The id of the sync run.
const SYNC_ID: &str = "0ujsszwN8NRY24YaXiTIE2VWDTS";

/// An organization without a finding, captured at 2026-09-07 02:00: Bob and Cem are owners, Eve an administrator, Ann and
/// Dee members. Everybody has a second factor, logged in the day before and is at `example.com`.
fn tidy() -> Organization {
    let mut o = Organization::new();
    o.seat("Bob", 15);
    o.join("Eve", 8);
    o.evidence.as_mut().unwrap().key = Some(CrawlKey {
        label: Some("nightly".to_owned()),
        scopes: vec!["organization:read".to_owned()],
        scoped_organizations: Vec::new(),
        owner: None,
    });
    o.document = json!({
        "schema": "posthog-c1z.organization",
        "schema_version": 1,
        "settings": {"enforce_2fa": true, "members_can_invite": false},
        "domains": [{"id": "d1", "domain": "example.com", "is_verified": true, "sso_enforcement": "saml"}],
        "invitations": [],
        "role_external_references": [],
        "not_read": [],
    });
    o
}

/// The day and time of `days` before the capture, and `seconds` before that.
fn before(days: i64, seconds: i64) -> Timestamp {
    let captured = Timestamp::parse("2026-09-07T02:00:00Z").unwrap();
    let at = captured.unix_seconds() - days * 86_400 - seconds;
    Timestamp::from_unix(at, 0).unwrap()
}

fn login(o: &mut Organization, name: &str, at: Option<Timestamp>) {
    o.user(name).last_login = at;
}

/// Puts a row into a list of the organization document.
fn add(o: &mut Organization, list: &str, row: Value) {
    o.document[list].as_array_mut().unwrap().push(row);
}

fn unread(o: &mut Organization, part: &str) {
    o.document.as_object_mut().unwrap().remove(part);
    let why = json!({"list": part, "status": 403, "reason": "the key may not read it"});
    add(o, "not_read", why);
}

fn invitation(id: &str, level: i64, created_at: &str, is_expired: bool) -> Value {
    let seat = match level {
        1 => "member".to_owned(),
        8 => "administrator".to_owned(),
        15 => "owner".to_owned(),
        n => format!("unknown ({n})"),
    };
    json!({
        "id": id, "target_email": format!("{id}@example.com"), "first_name": "", "level": level, "seat": seat,
        "is_expired": is_expired, "created_at": created_at,
        "created_by": {"user_id": "cem", "display_name": "Cem Archer", "email": "cem@example.com"},
    })
}

/// `sync.c1z` and what else an audit is given.
struct Audited {
    shelf: Shelf,
}

impl Audited {
    #[track_caller]
    fn after(change: impl FnOnce(&mut Organization)) -> Self {
        let mut organization = tidy();
        change(&mut organization);
        Self::of(&organization)
    }

    #[track_caller]
    fn of(organization: &Organization) -> Self {
        let shelf = Shelf::new();
        organization.write(&shelf.path("sync.c1z"));
        Self { shelf }
    }

    fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.shelf.path(name), text).unwrap();
        self
    }

    /// Runs the program itself.
    #[track_caller]
    fn run(&self, args: &[&str]) -> Run {
        self.shelf.run(&[&["audit", "sync.c1z"], args].concat())
    }

    /// Runs inside the test. Files are named with `./` before them.
    fn answer(&self, args: &[&str]) -> Answered {
        let words = self.words(args);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        answer(&self.shelf.sandbox.temp_dir(), &words)
    }

    fn answer_at(&self, now: &str, args: &[&str]) -> Answered {
        let words = self.words(args);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let now = Timestamp::parse(now).unwrap();
        answer_at(now, &self.shelf.sandbox.temp_dir(), &words)
    }

    fn words(&self, args: &[&str]) -> Vec<String> {
        let place = |word: &&str| match word.strip_prefix("./") {
            Some(name) => self.shelf.path(name).to_str().unwrap().to_owned(),
            None => (*word).to_owned(),
        };
        ["audit", "./sync.c1z"]
            .iter()
            .chain(args)
            .map(place)
            .collect()
    }

    /// The JSON document.
    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let answered = self.answer(&[args, &["-o", "json"]].concat());
        assert!(answered.code <= 1, "{}", answered.message);
        serde_json::from_slice(&answered.stdout).unwrap()
    }

    /// Standard output in another format.
    #[track_caller]
    fn text(&self, args: &[&str]) -> String {
        let answered = self.answer(args);
        assert!(answered.code <= 1, "{}", answered.message);
        String::from_utf8(answered.stdout).unwrap()
    }

    /// Every finding as `code kind:id`, in the order of the document.
    #[track_caller]
    fn found(&self, args: &[&str]) -> Vec<String> {
        found(&self.json(args))
    }
}

fn found(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let subject = &finding["subject"];
            let (kind, id) = (text(&subject["kind"]), text(&subject["id"]));
            format!("{} {kind}:{id}", text(&finding["code"]))
        })
        .collect()
}

/// The rules that were not judged, and why.
fn not_judged(document: &Value) -> BTreeMap<String, String> {
    let rules = document["not_judged"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules
        .map(|rule| (text(&rule["code"]), text(&rule["reason"])))
        .collect()
}

/// For how many the fact of a rule is not known.
#[track_caller]
fn unknown(document: &Value, code: &str) -> u64 {
    let mut rules = document["rules"].as_array().unwrap().iter();
    rules.find(|rule| rule["code"] == code).unwrap()["unknown"]
        .as_u64()
        .unwrap()
}

/// What was reported besides the answer.
fn reported(answered: &Answered) -> String {
    let events = answered.events.iter();
    let messages = events.filter_map(|event| match event {
        Event::Warned { message } | Event::Limited { message } => Some(message.as_str()),
        _ => None,
    });
    messages.collect::<Vec<_>>().join("\n")
}

//! `diff --decisions`: whether what an access review decided was done.

use std::fs;

use posthog_c1z::model::{ReviewColumn, Status, SyncType};
use serde_json::{Value, json};

use super::organization::time;
use super::{Organization, Pair};
use crate::support::{Run, assert_harmless_markdown, assert_no_harm};

const ANN_ENG: &str = "role:eng:member:user:ann";
const DEE_ENG: &str = "role:eng:member:user:dee";
const DEE_SUP: &str = "role:sup:member:user:dee";

const HELD: &str = "held since 2026-01-05 08:00:00 UTC";

impl Pair {
    /// Reads this file back.
    #[track_caller]
    fn decided(&self, sheet: impl AsRef<[u8]>, args: &[&str]) -> Run {
        fs::write(self.shelf.path("review.csv"), sheet).unwrap();
        self.diff(&[&["--decisions", "review.csv"], args].concat())
    }

    /// Reads back one decision about each id, and returns each as "status: found", with the exit code.
    #[track_caller]
    fn judged(&self, decisions: &[(&str, &str)], args: &[&str]) -> (Vec<String>, i32) {
        let rows = decisions
            .iter()
            .map(|(decision, id)| format!("{id},{decision}\n"));
        let sheet = "ID,Decision\n".to_owned() + &rows.collect::<String>();
        let run = self.decided(sheet, &[&["-o", "json"], args].concat());
        let document: Value = serde_json::from_slice(&run.stdout).expect(&run.stderr);
        let judged = document["decisions"].as_array().unwrap().iter();
        let judged = judged.map(|judged| {
            let text = |key: &str| judged[key].as_str().unwrap();
            format!("{}: {}", text("status"), text("found"))
        });
        (judged.collect(), run.code)
    }

    /// Reads back one decision.
    #[track_caller]
    fn judge(&self, decision: &str, id: &str) -> (String, i32) {
        let (mut judged, code) = self.judged(&[(decision, id)], &["--force"]);
        (judged.remove(0), code)
    }
}

/// Gives Ann the role of engineer again.
fn give_again(o: &mut Organization) {
    let grant = o.grant("eng", "Ann");
    grant.membership_id = Some("eng-Ann-2".into());
    grant.joined_at = time("2026-09-10T12:00:00Z");
}

type Change = fn(&mut Organization);

#[test]
fn a_decision_about_a_person_is_judged_by_the_seat_and_what_is_held() {
    let cases: [(&str, Change, &str, &str, i32); 20] = [
        (
            "Revoke",
            |_| {},
            "user:ann",
            "not-done: still in the member list as member, holds 1 grant",
            1,
        ),
        (
            "Revoke",
            |_| {},
            "user:dee",
            "not-done: still in the member list as member, holds 2 grants",
            1,
        ),
        (
            "Revoke",
            |_| {},
            "user:bob",
            "not-done: still in the member list as administrator",
            1,
        ),
        (
            "Revoke",
            |o| o.leave("Ann"),
            "user:ann",
            "done: not in the member list, holds nothing",
            0,
        ),
        (
            "Revoke",
            |o| o.unlist("Bob"),
            "user:bob",
            "done: not in the member list, holds nothing",
            0,
        ),
        (
            "Revoke",
            |o| o.unlist("Ann"),
            "user:ann",
            "not-done: not in the member list, but still holds 1 grant",
            1,
        ),
        (
            "Revoke",
            |o| {
                o.revoke("eng", "Ann");
                o.unlist("Ann");
            },
            "user:ann",
            "done: not in the member list, holds nothing",
            0,
        ),
        (
            "Revoke",
            |o| o.join("Eve", 8),
            "user:eve",
            "not-done: still in the member list as administrator",
            1,
        ),
        (
            "Keep",
            |_| {},
            "user:ann",
            "done: still in the member list as member",
            0,
        ),
        (
            "Keep",
            |o| o.revoke("eng", "Ann"),
            "user:ann",
            "done: still in the member list as member",
            0,
        ),
        (
            "Keep",
            |o| o.leave("Ann"),
            "user:ann",
            "changed-otherwise: no longer there",
            0,
        ),
        (
            "Keep",
            |o| o.unlist("Ann"),
            "user:ann",
            "changed-otherwise: not in the member list",
            0,
        ),
        (
            "Keep",
            |o| o.seat("Ann", 8),
            "user:ann",
            "changed-otherwise: seat: member → administrator",
            0,
        ),
        (
            "Change",
            |_| {},
            "user:bob",
            "not-done: still in the member list as administrator",
            0,
        ),
        (
            "Change",
            |o| o.seat("Bob", 1),
            "user:bob",
            "done: seat: administrator → member",
            0,
        ),
        (
            "Change",
            |o| o.seat("Bob", 7),
            "user:bob",
            "done: seat: administrator → unknown (7)",
            0,
        ),
        (
            "Change",
            |o| o.leave("Bob"),
            "user:bob",
            "changed-otherwise: no longer there",
            0,
        ),
        (
            "Change",
            |o| o.unlist("Bob"),
            "user:bob",
            "changed-otherwise: not in the member list",
            0,
        ),
        (
            "Keep",
            |o| o.join("Eve", 8),
            "user:eve",
            "unknown: only in the new snapshot",
            0,
        ),
        (
            "Revoke",
            |_| {},
            "user:eve",
            "unknown: there is no such person or grant in either snapshot",
            0,
        ),
    ];
    for (decision, change, id, judged, code) in cases {
        let found = Pair::after(change).judge(decision, id);
        assert_eq!(found, (judged.to_owned(), code), "{decision} {id}");
    }
    // Who was not in the member list before is not gone from it.
    let mut old = Organization::new();
    old.unlist("Ann");
    for (decision, change, judged) in [
        (
            "Keep",
            (|_| {}) as Change,
            "done: still not in the member list",
        ),
        (
            "Keep",
            |o| o.set("Ann", "listed_as_member", None),
            "changed-otherwise: now in the member list as member",
        ),
    ] {
        let mut new = old.a_week_later();
        change(&mut new);
        let found = Pair::of(&old, &new).judge(decision, "user:ann");
        assert_eq!(found, (judged.to_owned(), 0));
    }
}

#[test]
fn a_decision_about_a_grant_is_judged_by_who_holds_what() {
    let still = format!("still {HELD}");
    let again = "held again since 2026-09-10 12:00:00 UTC";
    let cases: [(&str, Change, &str, String, i32); 12] = [
        ("Revoke", |_| {}, ANN_ENG, format!("not-done: {still}"), 1),
        (
            "Revoke",
            |o| o.revoke("eng", "Ann"),
            ANN_ENG,
            "done: no longer held".to_owned(),
            0,
        ),
        (
            "Revoke",
            |o| o.leave("Ann"),
            ANN_ENG,
            "done: no longer held".to_owned(),
            0,
        ),
        (
            "Revoke",
            |o| o.remove_role("eng"),
            ANN_ENG,
            "done: no longer held".to_owned(),
            0,
        ),
        (
            "Revoke",
            give_again,
            ANN_ENG,
            format!("not-done: {again}"),
            1,
        ),
        (
            "Revoke",
            |o| o.give("sup", "Bob"),
            "role:sup:member:user:bob",
            format!("not-done: {HELD}, though not in the old snapshot"),
            1,
        ),
        ("Keep", |_| {}, ANN_ENG, format!("done: {still}"), 0),
        (
            "Keep",
            |o| o.revoke("eng", "Ann"),
            ANN_ENG,
            "changed-otherwise: no longer held".to_owned(),
            0,
        ),
        (
            "Keep",
            give_again,
            ANN_ENG,
            format!("changed-otherwise: {again}"),
            0,
        ),
        ("Change", |_| {}, ANN_ENG, format!("not-done: {still}"), 0),
        (
            "Change",
            |o| o.revoke("eng", "Ann"),
            ANN_ENG,
            "done: no longer held".to_owned(),
            0,
        ),
        (
            "Change",
            give_again,
            ANN_ENG,
            format!("changed-otherwise: {again}"),
            0,
        ),
    ];
    for (decision, change, id, judged, code) in cases {
        let found = Pair::after(change).judge(decision, id);
        assert_eq!(found, (judged, code), "{decision} {id}");
    }
}

#[test]
fn access_under_another_id_is_still_held() {
    let old = Organization::new();
    let with_id = |id: &str, joined_at: &str, membership: Option<&str>| {
        let mut new = old.a_week_later();
        let grant = new.grant("eng", "Ann");
        *grant = grant.clone().with_id(id);
        grant.joined_at = time(joined_at);
        grant.membership_id = membership.map(Into::into);
        Pair::of(&old, &new)
    };
    let joined = "2026-01-05T08:00:00Z";
    let pair = with_id("grant-77", joined, Some("eng-Ann"));
    let as_another = format!("still {HELD}, as another grant");
    for (decision, status, code) in [
        ("Revoke", "not-done", 1),
        ("Keep", "done", 0),
        ("Change", "not-done", 0),
    ] {
        let judged = (format!("{status}: {as_another}"), code);
        assert_eq!(pair.judge(decision, ANN_ENG), judged);
    }
    let given_again = with_id("grant-77", "2026-09-10T12:00:00Z", Some("m-2"));
    let again = "changed-otherwise: held again since 2026-09-10 12:00:00 UTC";
    assert_eq!(given_again.judge("Keep", ANN_ENG), (again.to_owned(), 0));
    // Without memberships, the time tells.
    let later = with_id(ANN_ENG, "2026-09-10T12:00:00Z", None);
    assert_eq!(later.judge("Keep", ANN_ENG), (again.to_owned(), 0));
    // It may have been there before, beside the one in the sheet.
    let before = with_id("grant-77", "2026-01-01T08:00:00Z", Some("m-0"));
    let judged = "not-done: still held since 2026-01-01 08:00:00 UTC, as another grant";
    assert_eq!(before.judge("Revoke", ANN_ENG), (judged.to_owned(), 1));
}

/// The organization as another connector's file.
fn of_another_connector() -> Organization {
    let mut o = Organization::new();
    o.evidence = None;
    for name in ["Ann", "Bob", "Cem", "Dee"] {
        o.set(name, "organization_level", None);
        o.set(name, "organization_role", None);
    }
    o
}

#[test]
fn users_of_other_connectors_are_gone_if_disabled_and_seats_are_judged_only_if_known() {
    let not_judged =
        "not-judged: neither snapshot has a seat, and nothing else says what was to change";
    let one_seat = "not-judged: the seat is known in one snapshot only";
    let cases: [(&str, Change, &str, &str, i32); 13] = [
        (
            "Revoke",
            |_| {},
            "user:ann",
            "not-done: still an active user, holds 1 grant",
            1,
        ),
        (
            "Revoke",
            |o| o.person("Bob").status = None,
            "user:bob",
            "not-done: still an active user",
            1,
        ),
        (
            "Revoke",
            |o| o.person("Bob").status = Some(Status::Disabled),
            "user:bob",
            "done: disabled, holds nothing",
            0,
        ),
        (
            "Revoke",
            |o| o.person("Bob").status = Some(Status::Deleted),
            "user:bob",
            "done: deleted, holds nothing",
            0,
        ),
        (
            "Revoke",
            |o| o.person("Ann").status = Some(Status::Disabled),
            "user:ann",
            "not-done: disabled, but still holds 1 grant",
            1,
        ),
        (
            "Revoke",
            |o| o.leave("Bob"),
            "user:bob",
            "done: not a user, holds nothing",
            0,
        ),
        ("Keep", |_| {}, "user:bob", "done: still an active user", 0),
        (
            "Keep",
            |o| o.leave("Bob"),
            "user:bob",
            "changed-otherwise: no longer there",
            0,
        ),
        (
            "Keep",
            |o| o.person("Bob").status = Some(Status::Disabled),
            "user:bob",
            "changed-otherwise: disabled",
            0,
        ),
        ("Change", |_| {}, "user:bob", not_judged, 0),
        ("Change", |o| o.seat("Bob", 8), "user:bob", one_seat, 0),
        (
            "Change",
            |o| o.leave("Bob"),
            "user:bob",
            "changed-otherwise: no longer there",
            0,
        ),
        (
            "Revoke",
            |o| o.revoke("eng", "Ann"),
            ANN_ENG,
            "done: no longer held",
            0,
        ),
    ];
    let old = of_another_connector();
    for (decision, change, id, judged, code) in cases {
        let mut new = old.a_week_later();
        change(&mut new);
        let found = Pair::of(&old, &new).judge(decision, id);
        assert_eq!(found, (judged.to_owned(), code), "{decision} {id}");
    }
}

/// Takes away what a crawl without roles does not read.
fn without_roles(o: &mut Organization) {
    for role in ["eng", "sup"] {
        o.remove_role(role);
    }
    o.evidence.as_mut().unwrap().not_read = vec!["roles".to_owned()];
}

#[test]
fn what_was_not_read_is_not_judged_and_a_revocation_does_not_pass() {
    const NEW: &str = "the new snapshot was made without reading roles";
    const OLD: &str = "the old snapshot was made without reading roles";
    let decisions = |pair: &Pair| {
        let all = [
            ("Keep", "user:ann"),
            ("Change", "user:bob"),
            ("Keep", ANN_ENG),
            ("Change", DEE_ENG),
            ("Keep", "user:dee"),
        ];
        let (judged, code) = pair.judged(&all, &[]);
        // Without a Revoke, nothing can pass that should not.
        assert_eq!(code, 0);
        judged
    };
    let pair = Pair::after(|o| {
        without_roles(o);
        o.leave("Dee");
    });
    let stays = "done: still in the member list as member".to_owned();
    let same_seat = "not-done: still in the member list as administrator".to_owned();
    let no_roles = |why: &str| format!("not-judged: {why}");
    assert_eq!(
        decisions(&pair),
        [
            stays.clone(),
            same_seat.clone(),
            no_roles(NEW),
            no_roles(NEW),
            "changed-otherwise: no longer there".to_owned(),
        ]
    );
    let gone = format!("not-judged: not in the member list, but {NEW}");
    for (id, judged, code) in [
        (
            "user:ann",
            "not-done: still in the member list as member".to_owned(),
            1,
        ),
        ("user:dee", gone, 2),
        (DEE_SUP, no_roles(NEW), 2),
        ("role:x:member:user:y", no_roles(NEW), 2),
    ] {
        assert_eq!(pair.judge("Revoke", id), (judged, code), "{id}");
    }
    let run = pair.decided(
        format!("ID,Decision\n{DEE_SUP},Revoke\nuser:ann,Revoke\n"),
        &[],
    );
    let text = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.code, 2);
    assert!(
        text.starts_with(
            "2 decisions: 1 not done, 1 not judged\nNot passed: 1 decision to revoke could not be judged; not done: 1.\n"
        ),
        "{text}"
    );
    assert_eq!(
        run.stderr,
        "error: 1 decision to revoke could not be judged: `new.c1z` was made without reading roles\n\
         hint: compare full snapshots with roles: access that was not read may still be held\n"
    );

    // Somebody who was not in the member list is not read without roles.
    let mut old = Organization::new();
    old.unlist("Dee");
    let mut new = old.a_week_later();
    without_roles(&mut new);
    new.leave("Dee");
    let pair = Pair::of(&old, &new);
    assert_eq!(pair.judge("Keep", "user:dee"), (no_roles(NEW), 0));

    // The old snapshot lacks them.
    let mut old = Organization::new();
    let new = old.a_week_later();
    without_roles(&mut old);
    let pair = Pair::of(&old, &new);
    for (decision, id, judged, code) in [
        ("Keep", ANN_ENG, no_roles(OLD), 0),
        ("Revoke", ANN_ENG, format!("not-done: {HELD}"), 1),
        ("Revoke", "role:x:member:user:y", no_roles(OLD), 2),
    ] {
        assert_eq!(pair.judge(decision, id), (judged, code), "{decision} {id}");
    }
}

#[test]
fn inputs_that_cannot_be_compared_are_refused_unless_forced() {
    let old = Organization::new();
    let mut other = old.a_week_later();
    other.evidence.as_mut().unwrap().organization.id = "another".to_owned();
    let mut partial = old.a_week_later();
    partial.sync_run.sync_type = SyncType::Partial;
    partial.leave("Ann");
    let sheet = "ID,Decision\nuser:ann,Keep\n";
    for (new, problem) in [
        (&other, "different organizations"),
        (&partial, "not `full`"),
    ] {
        let pair = Pair::of(&old, new);
        fs::write(pair.shelf.path("review.csv"), sheet).unwrap();
        let args = [
            "diff",
            "old.c1z",
            "new.c1z",
            "--decisions",
            "review.csv",
            "--new-sync",
        ];
        let run = pair
            .shelf
            .run(&[&args[..], &[&new.sync_run.id.to_string()]].concat());
        run.fails(2, &[problem]);
    }
    let pair = Pair::of(&old, &partial);
    let id = partial.sync_run.id.to_string();
    let args = ["--force", "--new-sync", &id];
    let decisions = [("Keep", "user:ann"), ("Revoke", ANN_ENG)];
    let why = "not-judged: the sync run of the new snapshot is not a full one";
    assert_eq!(
        pair.judged(&decisions, &args),
        (vec![why.to_owned(), why.to_owned()], 2)
    );
}

/// A sheet with all columns, and a row for each of Ann, her grant and Bob.
fn sheet() -> String {
    let heads: Vec<_> = ReviewColumn::ALL
        .iter()
        .map(|column| column.head())
        .collect();
    let ann =
        "person,Ann Archer,ann@example.com,member,,,2026-01-05,,,Keep,R. Ames,2026-09-08,,user:ann";
    let eng = format!(
        "grant,Ann Archer,ann@example.com,member,Engineering,member,2026-01-05,,,Revoke,R. Ames,2026-09-08,\"moved, to sales\",{ANN_ENG}"
    );
    let bob = "person,Bob Archer,bob@example.com,administrator,,,2026-01-05,,,,,,,user:bob";
    format!("{}\n{ann}\n{eng}\n{bob}\n", heads.join(","))
}

#[test]
fn the_sheet_is_read_as_spreadsheets_save_it() {
    let pair = Pair::after(|_| {});
    let with_separator = |separator: &str| {
        let marked = sheet().replace("\"moved, to sales\"", "moved to sales");
        marked.replace(',', separator)
    };
    let sheets = [
        sheet(),
        format!("\u{feff}{}", sheet()),
        sheet().replace('\n', "\r\n"),
        with_separator(";"),
        with_separator("\t"),
        format!("\u{feff}{}", with_separator(";").replace('\n', "\r\n")),
        sheet()
            .replace("Keep", " keep ")
            .replace("Revoke", "REVOKE"),
        sheet()
            .replacen("ID\n", " id \n", 1)
            .replacen("Decision", "DECISION", 1),
        sheet().replacen("Kind", "Sort", 1),
        sheet().replacen("E-mail", "email", 1),
        sheet()
            .replace("person,", "Person,")
            .replace("grant,", "GRANT,"),
        sheet().replace(",user:ann\n", ", user:ann \n\n\n"),
        format!("{}\n,,,,,,,,,,,,checked by hand,\n", sheet()),
        // A decision may be given twice.
        sheet() + "person,,,,,,,,,,,,,user:ann\n",
    ];
    for (at, sheet) in sheets.iter().enumerate() {
        let run = pair.decided(sheet, &[]);
        let text = String::from_utf8(run.stdout).unwrap();
        assert_eq!((run.code, &*run.stderr), (1, ""), "{sheet}");
        let undecided = if at == sheets.len() - 1 {
            "2 rows"
        } else {
            "1 row"
        };
        let head = format!(
            "2 decisions: 1 done, 1 not done; {undecided} undecided\nFailed: 1 decision to revoke is not done.\n"
        );
        assert!(text.starts_with(&head), "{sheet}\n{text}");
        let row = "  Revoke Ann Archer <ann@example.com>, member of Engineering: still held since";
        assert!(text.contains(row), "{sheet}\n{text}");
    }
}

#[test]
fn a_sheet_that_cannot_be_used_is_refused_with_its_place() {
    let pair = Pair::after(|_| {});
    let utf16: Vec<u8> = "\u{feff}ID,Decision\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: [(&[u8], &str); 13] = [
        (b"", "line 1, column 1: the file is empty"),
        (
            b"ID,Name\n",
            "line 1, column 1: none of the 2 columns is headed `Decision`",
        ),
        (
            b"Decision\n",
            "line 1, column 1: none of the 1 columns is headed `ID`",
        ),
        (
            b"ID,Decision,decision\n",
            "line 1, column 3: another column is headed `Decision`",
        ),
        (
            b"ID,Decision\nuser:ann,Keep\n\nuser:bob,Remove\n",
            "line 4, column 2: the decision is neither `Keep`, `Revoke` nor `Change`",
        ),
        (
            b"ID,Decision\nuser:ann,yes\n",
            "line 2, column 2: the decision is neither",
        ),
        (
            b"ID,Decision,Kind\nuser:ann,Keep,role\n",
            "line 2, column 3: the kind is neither `person` nor `grant`",
        ),
        (
            b"Decision,ID\nRevoke,\n",
            "line 2, column 2: a row with a decision needs an ID",
        ),
        (
            b"ID,Decision\nuser:ann,Keep\nuser:bob,Keep\n user:ann,Revoke\n",
            "line 4, column 2: the decision is Revoke, but Keep in line 2 about the same ID",
        ),
        (
            b"ID;Name;Decision\nuser:ann;J\xf6rg;Keep\n",
            "line 2, column 2: the text is not UTF-8",
        ),
        (
            &utf16,
            "line 1, column 1: the file is UTF-16; save it as CSV in UTF-8",
        ),
        (
            b"ID,Decision\nuser:ann,\"Keep\nuser:bob,Keep\n",
            "line 2, column 2: the decision is neither",
        ),
        (
            b"ID,Decision,Comment\nuser:ann,Keep,\"x\nuser:bob,Keep,\n",
            "line 2, column 1: a quotation mark is not closed",
        ),
    ];
    for (sheet, problem) in cases {
        let run = pair.decided(sheet, &["-o", "json"]);
        let run = run.fails(3, &["the decisions file `review.csv`: ", problem]);
        assert!(run.hint().contains("`CSV UTF-8`"), "{}", run.stderr);
        assert!(!run.stderr.contains("ann"), "{}", run.stderr);
    }
    for name in ["missing.csv", "."] {
        let run = pair.diff(&["--decisions", name]);
        run.fails(3, &["the decisions file"]);
    }
}

#[test]
fn a_sheet_without_decisions_passes_with_a_note() {
    let pair = Pair::after(|_| {});
    for args in [&[][..], &["-q"], &["-o", "ndjson"]] {
        let run = pair.decided("ID,Decision\nuser:ann,\nuser:bob,\n", args);
        assert_eq!(
            (run.code, &*run.stderr),
            (0, "note: `review.csv` has no decisions\n")
        );
        let head = "no decisions; 2 rows undecided\nPassed: nothing that was to be revoked is still held.\n";
        let text = String::from_utf8(run.stdout).unwrap();
        assert_eq!(text.starts_with(head), args.is_empty(), "{text}");
    }
    let run = pair.decided("ID,Decision\nuser:eve,Revoke\n", &["-q"]);
    let note = "note: 1 decision in `review.csv` is about something that is not in `old.c1z`\n";
    assert_eq!((run.code, &*run.stderr, &*run.stdout), (0, note, &b""[..]));
}

#[test]
fn the_report_begins_with_what_is_not_done_and_lists_the_rest_with_ids() {
    let pair = Pair::after(|o| {
        o.revoke("eng", "Dee");
        o.seat("Bob", 15);
    });
    let rows = [
        format!("{DEE_ENG},Revoke,R. Ames,2026-09-08,left the team"),
        "user:cem,Change,,,".to_owned(),
        format!("{ANN_ENG},Revoke,,2026-09-08,"),
        "user:bob,Keep,R. Ames,,".to_owned(),
        "user:eve,Keep,,,".to_owned(),
    ];
    let sheet = format!("ID,Decision,Reviewer,Date,Comment\n{}\n", rows.join("\n"));
    let entries = |args: &[&str]| {
        let run = pair.decided(&sheet, args);
        assert_eq!(run.code, 1);
        let text = String::from_utf8(run.stdout).unwrap();
        let start = text.find("\nNot done").unwrap();
        text[start..].to_owned()
    };
    assert_eq!(
        entries(&[]),
        "\nNot done (2)\
         \n  Revoke Ann Archer <ann@example.com>, member of Engineering: still held since 2026-01-05 08:00:00 UTC (2026-09-08)\
         \n  Change Cem Archer <cem@example.com>: still in the member list as owner\
         \n\nChanged otherwise (1)\
         \n  Keep Bob Archer <bob@example.com>: seat: administrator → owner (R. Ames)\
         \n\nNot in the old snapshot (1)\
         \n  Keep user:eve: there is no such person or grant in either snapshot\
         \n\nDone (1): listed with --ids\n"
    );
    let with_ids = entries(&["--ids"]);
    let done = "\nDone (1)\
         \n  Revoke Dee Archer <dee@example.com>, member of Engineering: no longer held (R. Ames, 2026-09-08: left the team)\
         \n      role:eng:member:user:dee\n";
    assert!(with_ids.ends_with(done), "{with_ids}");
    assert!(with_ids.contains("\n      user:cem\n"), "{with_ids}");
    for format in ["console", "json", "ndjson", "markdown"] {
        let run = pair.decided(&sheet, &["-q", "-o", format]);
        assert_eq!((run.code, &*run.stdout), (1, &b""[..]), "{format}");
    }
}

#[test]
fn documents_have_every_decision_in_the_order_of_the_sheet() {
    let pair = Pair::after(|_| {});
    let run = pair.decided(
        sheet() + "person,Ghost,,,,,,,,Revoke,,,,user:ghost\n",
        &["-o", "json"],
    );
    let document: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(document["schema"], "posthog-c1z.decisions");
    assert_eq!(document["schema_version"], 1);
    for (side, file) in [("old", "old.c1z"), ("new", "new.c1z")] {
        assert_eq!(document[side]["file"], file);
        let digest = document[side]["content_digest"].as_str().unwrap();
        assert!(digest.starts_with("v1:"));
    }
    assert_eq!(
        document["summary"],
        json!({"done": 1, "not-done": 1, "changed-otherwise": 0, "not-judged": 0, "unknown": 1, "undecided": 1})
    );
    let ann = json!({
        "line": 2, "kind": "person", "id": "user:ann", "name": "Ann Archer", "email": "ann@example.com",
        "decision": "Keep", "reviewer": "R. Ames", "date": "2026-09-08", "comment": null,
        "status": "done", "found": "still in the member list as member",
    });
    let eng = json!({
        "line": 3, "kind": "grant", "id": ANN_ENG, "name": "Ann Archer", "email": "ann@example.com",
        "role": "Engineering", "entitlement": "member",
        "decision": "Revoke", "reviewer": "R. Ames", "date": "2026-09-08", "comment": "moved, to sales",
        "status": "not-done", "found": format!("still {HELD}"),
    });
    let ghost = json!({
        "line": 5, "kind": "person", "id": "user:ghost", "name": "Ghost", "email": null,
        "decision": "Revoke", "reviewer": null, "date": null, "comment": null,
        "status": "unknown", "found": "there is no such person in either snapshot",
    });
    assert_eq!(document["decisions"], json!([ann, eng, ghost]));

    let run = pair.decided(sheet(), &["-o", "ndjson"]);
    let text = String::from_utf8(run.stdout).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let with_context = |mut line: Value| {
        line["captured_at"] = json!("2026-09-14T02:00:00Z");
        line["organization"] = json!("Acme & Sons");
        line
    };
    assert_eq!(lines, [ann, eng].map(with_context));
}

#[test]
fn what_is_named_in_the_snapshots_is_not_taken_from_the_sheet() {
    let pair = Pair::after(|_| {});
    let sheet = "ID,Decision,Name,E-mail,Role\nuser:ann,Keep,'Somebody,else@example.org,Owners\nuser:x,Keep,'=1+1,x@example.org,\n";
    let run = pair.decided(sheet, &["-o", "json"]);
    let document: Value = serde_json::from_slice(&run.stdout).unwrap();
    let name = |at: usize| document["decisions"][at]["name"].clone();
    assert_eq!([name(0), name(1)], ["Ann Archer", "'=1+1"]);
}

#[test]
fn what_an_id_is_in_the_snapshots_counts_and_not_what_the_sheet_says() {
    let pair = Pair::after(|_| {});
    let sheet = format!(
        "ID,Decision,Kind\nuser:ann,Revoke,grant\n{DEE_SUP},Revoke,person\nrole:eng,Revoke,\n"
    );
    let run = pair.decided(sheet, &["-o", "json"]);
    let document: Value = serde_json::from_slice(&run.stdout).unwrap();
    let field = |key: &str| [0, 1, 2].map(|at| document["decisions"][at][key].clone());
    assert_eq!(field("status"), ["not-done", "not-done", "unknown"]);
    assert_eq!(
        field("kind"),
        [json!("person"), json!("grant"), json!(null)]
    );
}

#[test]
fn ids_are_found_as_a_spreadsheet_keeps_them() {
    // The workbook has blanks in place of control characters.
    let mut old = Organization::new();
    let grant = old.grant("eng", "Ann");
    *grant = grant.clone().with_id("own\tid\u{1b}");
    let pair = Pair::of(&old, &old.a_week_later());
    let judged = (format!("not-done: still {HELD}"), 1);
    assert_eq!(pair.judge("Revoke", "own id"), judged);
}

/// A name that is a formula, escape sequence, line end, reversed text, markup, mention, link and end of a cell.
const NASTY: &str = "=cmd|' /C calc'!A0\u{1b}[31m\u{202e}x\r\n<img src=x onerror=a()> \
                     @octocat [l](http://e.example) www.e.example `c` #7 $x$";

#[test]
fn names_and_comments_do_nothing_to_a_terminal_or_a_pull_request() {
    let mut old = Organization::new();
    old.person("Ann").display_name = NASTY.into();
    old.email("Ann", NASTY);
    old.rename_role("eng", NASTY);
    let evidence = old.evidence.as_mut().unwrap();
    evidence.organization.name = Some(NASTY.to_owned());
    evidence.unproved.push(NASTY.to_owned());
    let pair = Pair::of(&old, &old.a_week_later());
    let quoted = format!("\"{NASTY}\"");
    let sheet = format!(
        "ID,Decision,Name,E-mail,Role,Entitlement,Reviewer,Date,Comment\n\
         {ANN_ENG},Revoke,,,,,{quoted},{quoted},{quoted}\n\
         user:ann,Keep,,,,,{quoted},,\n\
         {quoted},Keep,{quoted},{quoted},{quoted},{quoted},,,{quoted}\n"
    );
    for args in [&[][..], &["--ids"], &["-o", "json"], &["-o", "ndjson"]] {
        let run = pair.decided(&sheet, args);
        assert_eq!(run.code, 1, "{}", run.stderr);
        let text = String::from_utf8(run.stdout).unwrap();
        assert_no_harm(&text);
        assert_no_harm(&run.stderr);
        if args == ["-o", "json"] {
            let document: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(document["decisions"][0]["comment"], NASTY);
        }
    }
    for args in [&[][..], &["--ids"]] {
        let run = pair.decided(&sheet, &[&["-o", "markdown"], args].concat());
        assert_harmless_markdown(&String::from_utf8(run.stdout).unwrap());
    }
}

#[test]
fn markdown_keeps_to_its_limit_and_leaves_out_what_is_done_first() {
    let pair = Pair::after(|_| {});
    let long = "x".repeat(300);
    let row = |n: usize| format!("user:{n},Keep,,{long}\n");
    let sheet = "ID,Decision,Reviewer,Comment\n".to_owned()
        + &(0..100).map(row).collect::<String>()
        + "user:ann,Keep,,\nuser:bob,Revoke,R. Ames,\n";
    for max_bytes in [2048, 4096, 60_000] {
        let limit = max_bytes.to_string();
        let run = pair.decided(&sheet, &["-o", "markdown", "--max-bytes", &limit]);
        let text = String::from_utf8(run.stdout).unwrap();
        assert!(text.len() <= max_bytes, "{}", text.len());
        for part in [
            "## Access decisions: Acme &amp; Sons",
            "| Revoke | Bob Archer | `bob@example.com` |",
            "### Not in the old snapshot (100)",
            "<summary>Done (1)</summary>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let is_cut = text.contains("more, left out to fit");
        assert_eq!(is_cut, max_bytes < 60_000, "{text}");
        assert_eq!(text.contains("| Keep | Ann Archer |"), !is_cut, "{text}");
    }
}

#[test]
fn markdown_keeps_to_its_limit_whatever_there_is_to_warn_of() {
    let mut old = Organization::new();
    let evidence = old.evidence.as_mut().unwrap();
    evidence.organization.name = Some(NASTY.repeat(9));
    evidence.unproved = (0..40)
        .map(|n| format!("{n} {}", NASTY.repeat(3)))
        .collect();
    let mut new = old.a_week_later();
    new.seat("Cem", 8);
    let pair = Pair::of(&old, &new);
    let sheet = "ID,Decision\nuser:ann,Revoke\nuser:bob,Keep\nuser:cem,Keep\nuser:nobody,Revoke\n";
    for max_bytes in [2048, 3000, 4096, 9000] {
        let limit = max_bytes.to_string();
        let run = pair.decided(sheet, &["-o", "markdown", "--ids", "--max-bytes", &limit]);
        let text = String::from_utf8(run.stdout).unwrap();
        assert!(
            text.len() <= max_bytes,
            "{max_bytes}: {}\n{text}",
            text.len()
        );
        assert_harmless_markdown(&text);
        assert!(text.contains("### Not done (1)"), "{text}");
    }
}

#[test]
fn two_runs_of_one_file_can_be_judged_too() {
    let shelf = crate::support::Shelf::new().with_golden("two-syncs.c1z");
    fs::write(shelf.path("review.csv"), "ID,Decision\nnobody,Keep\n").unwrap();
    let run = shelf.run(&["diff", "two-syncs.c1z", "--decisions", "review.csv"]);
    let text = String::from_utf8(run.succeeds().stdout).unwrap();
    assert!(text.starts_with("1 decision: 1 unknown\n"), "{text}");
    assert!(
        text.contains("sync run 3MS7TCUgujfPFfwFXOIwjCBKEpd"),
        "{text}"
    );
}

#[test]
fn options_of_the_comparison_are_refused_beside_decisions() {
    let pair = Pair::after(|_| {});
    for option in [
        &["--fail-on", "any"][..],
        &["--accept", "accepted.txt"],
        &["--print-accept"],
        &["--stat"],
        &["--include", "last_login"],
        &["--ignore", "email"],
    ] {
        let run = pair.decided("ID,Decision\n", option);
        assert_eq!(run.code, 2, "{option:?}: {}", run.stderr);
        assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
    }
}

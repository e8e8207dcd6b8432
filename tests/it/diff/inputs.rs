//! Which inputs can be compared, what is only a warning, and that trouble never ends with 1.

use posthog_c1z::model::SyncType;

use super::organization::{ORGANIZATION_ID, sync_run};
use super::{Organization, Pair};
use crate::support::{Edited, Shelf};

fn pair_with(change: impl FnOnce(&mut Organization, &mut Organization)) -> Pair {
    let mut old = Organization::new();
    let mut new = old.a_week_later();
    new.seat("Ann", 8);
    change(&mut old, &mut new);
    Pair::of(&old, &new)
}

/// Not comparable, unless it is forced: then it is a warning.
#[track_caller]
fn needs_force(pair: &Pair, parts: &[&str]) {
    let refused = pair.diff(&[]).fails(2, parts);
    assert!(refused.hint().contains("--force"), "{}", refused.stderr);
    let forced = pair.text(1, &["--force"]);
    for part in parts.iter().chain(&["warning: "]) {
        assert!(forced.contains(part), "no `{part}` in:\n{forced}");
    }
}

/// Comparable, with a warning in every output.
#[track_caller]
fn warns(pair: &Pair, part: &str) {
    let line = format!("warning: {part}");
    assert!(pair.text(1, &[]).contains(&line));
    assert!(pair.text(1, &["--stat"]).contains(&line));
    assert!(pair.text(1, &["--print-accept"]).contains(&line));
    assert!(
        pair.text(1, &["-o", "markdown"])
            .contains("> **Warning:** ")
    );
    let warning = pair.json(&[])["warnings"][0].to_string();
    assert!(warning.contains(part), "{warning}");
    let events = pair.text(1, &["-o", "ndjson"]);
    let first = events.lines().next().unwrap();
    assert!(first.starts_with(r#"{"action":"warned","#), "{first}");
}

#[test]
fn two_organizations_are_refused() {
    let pair = pair_with(|_, new| {
        let organization = &mut new.evidence.as_mut().unwrap().organization;
        organization.id = "019a1b2c-0000-7000-8000-00000000bbbb".to_owned();
    });
    let parts = [
        "different organizations",
        ORGANIZATION_ID,
        "019a1b2c-0000-7000-8000-00000000bbbb",
    ];
    needs_force(&pair, &parts);
}

#[test]
fn copy_of_an_organization_on_another_server_is_refused() {
    let at = |host: &str| format!("https://{host}/api/organizations/{ORGANIZATION_ID}/");
    let pair = pair_with(|_, new| {
        new.evidence.as_mut().unwrap().base_url = at("staging.example.com");
    });
    needs_force(
        &pair,
        &["different servers", "eu.posthog.com", "staging.example.com"],
    );
    let same = pair_with(|old, new| {
        old.evidence.as_mut().unwrap().base_url = at("app.posthog.com");
        new.evidence.as_mut().unwrap().base_url = at("us.posthog.com");
    });
    assert_eq!(same.told(&[])[0], "1 new admin, 1 seat raised");
}

#[test]
fn renamed_organization_is_the_same() {
    let pair = pair_with(|_, new| {
        new.evidence.as_mut().unwrap().organization.name = Some("Acme".to_owned());
    });
    assert_eq!(pair.told(&[])[0], "1 new admin, 1 seat raised");
}

#[test]
fn sync_that_is_not_full_is_refused() {
    for side in [0, 1] {
        let pair = pair_with(|old, new| {
            let of = if side == 0 { old } else { new };
            of.sync_run.sync_type = SyncType::ResourcesOnly;
        });
        needs_force(&pair, &["`resources_only`, not `full`"]);
    }
    let shelf = Shelf::new()
        .with_golden("resources-only.c1z")
        .with_golden("small.c1z");
    shelf
        .run(&["diff", "resources-only.c1z", "small.c1z"])
        .fails(2, &["resources-only.c1z", "not `full`"]);
}

#[test]
fn wrong_order_in_time_is_a_warning() {
    let pair = pair_with(|old, new| std::mem::swap(&mut old.sync_run, &mut new.sync_run));
    warns(&pair, "the old snapshot was taken after the new one");
}

#[test]
fn what_was_not_proved_is_a_warning() {
    let pair = pair_with(|_, new| {
        let unproved = &mut new.evidence.as_mut().unwrap().unproved;
        unproved.push("the list of members may be cut short".to_owned());
    });
    warns(
        &pair,
        "`new.c1z` could not prove everything: the list of members may be cut short",
    );
}

#[test]
fn snapshot_that_does_not_tell_its_organization_is_a_warning() {
    let pair = pair_with(|old, _| old.evidence = None);
    warns(&pair, "`old.c1z` does not record its organization");
    // Those of other connectors never tell.
    let pair = pair_with(|old, new| (old.evidence, new.evidence) = (None, None));
    assert!(!pair.text(1, &[]).contains("warning"));
}

#[test]
fn warning_is_told_without_differences_too() {
    let old = Organization::new();
    let mut new = old.a_week_later();
    let unproved = &mut new.evidence.as_mut().unwrap().unproved;
    unproved.push("something".to_owned());
    let pair = Pair::of(&old, &new);
    assert_eq!(
        pair.text(0, &[]),
        "no differences\n\nwarning: `new.c1z` could not prove everything: something\n"
    );
    assert_eq!(pair.text(0, &["-q"]), "");
}

#[test]
fn one_file_needs_two_finished_full_syncs() {
    let shelf = Shelf::new()
        .with_golden("small.c1z")
        .with_golden("resources-only.c1z")
        .with_golden("unfinished.c1z");
    let run = shelf
        .run(&["diff", "small.c1z"])
        .fails(2, &["`small.c1z` has no finished full sync run before `"]);
    assert!(run.hint().contains("give two files"), "{run:?}");
    assert!(!run.stderr.contains("--force"), "{run:?}");
    shelf
        .run(&["diff", "resources-only.c1z"])
        .fails(2, &["has no finished full sync run", "`resources_only`"]);
    shelf
        .run(&["diff", "unfinished.c1z"])
        .fails(15, &["no finished sync run"]);
}

/// A file with three finished full sync runs (`first`, `second`, `third`) and a later one that has not ended. In each
/// of them Ann has another name of the same length, so that her message stays sound.
fn three_syncs() -> Shelf {
    let shelf = Shelf::new();
    let mut organization = Organization::new();
    organization.sync_run = sync_run("first", "2026-09-01T00:00:00Z");
    organization.write(&shelf.path("one.c1z"));
    let copy = |to: &str, day: u32, name: &str| {
        let mut sql = format!(
            "create temp table runs as select * from v1_sync_runs where sync_id = 'first';
             update runs set id = null, sync_id = '{to}', started_at = '2026-09-0{day} 00:00:00',
                 ended_at = '2026-09-0{day} 00:00:00';
             insert into v1_sync_runs select * from runs;
             drop table runs;"
        );
        for table in [
            "v1_resource_types",
            "v1_resources",
            "v1_entitlements",
            "v1_grants",
        ] {
            sql += &format!(
                "create temp table rows as select * from {table} where sync_id = 'first';
                 update rows set id = null, sync_id = '{to}';
                 insert into {table} select * from rows;
                 drop table rows;"
            );
        }
        sql + &format!(
            "update v1_resources set data = cast(replace(data, 'Ann Archer', '{name}') as blob)
             where sync_id = '{to}' and external_id = 'user:ann';"
        )
    };
    Edited::of(&shelf.path("one.c1z"))
        .sql(&copy("second", 2, "Ann 2ndrun"))
        .sql(&copy("third", 3, "Ann 3rdrun"))
        .sql(&copy("unended", 4, "Ann unende"))
        .sql("update v1_sync_runs set ended_at = null where sync_id = 'unended'")
        .pack(&shelf.path("one.c1z"));
    shelf
}

#[test]
fn sync_runs_of_one_file_may_be_named() {
    let shelf = three_syncs();
    let chosen = |args: &[&str]| {
        let run = shelf.run(&[&["diff", "one.c1z", "-o", "json"], args].concat());
        assert!(run.code <= 1, "{}", run.stderr);
        let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        let id = |side: &str| json[side]["sync_id"].as_str().unwrap().to_owned();
        (id("old"), id("new"), run.code)
    };
    let is = |old: &str, new: &str, code| (old.to_owned(), new.to_owned(), code);
    assert_eq!(chosen(&[]), is("second", "third", 1));
    assert_eq!(chosen(&["--old-sync", "first"]), is("first", "third", 1));
    assert_eq!(chosen(&["--new-sync", "second"]), is("first", "second", 1));
    assert_eq!(
        chosen(&["--old-sync", "first", "--new-sync", "second"]),
        is("first", "second", 1)
    );
    assert_eq!(
        chosen(&["--old-sync", "first", "--new-sync", "first"]),
        is("first", "first", 0)
    );
    // Never silently with itself.
    for (args, part) in [
        (
            ["--old-sync", "third"],
            "no finished full sync run after `third`",
        ),
        (
            ["--new-sync", "first"],
            "no finished full sync run before `",
        ),
    ] {
        let args = ["diff", "one.c1z", args[0], args[1]];
        shelf.run(&args).fails(2, &[part]);
    }
    for name in ["--old-sync", "--new-sync"] {
        for id in ["unended", "nobody"] {
            shelf.run(&["diff", "one.c1z", name, id]).fails(15, &[id]);
        }
    }
}

#[test]
fn sync_runs_of_two_files_may_be_named() {
    let shelf = three_syncs();
    let run = shelf.run(&[
        "diff",
        "one.c1z",
        "one.c1z",
        "--old-sync",
        "third",
        "--new-sync",
        "first",
        "--stat",
    ]);
    let text = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.code, 1);
    assert!(
        text.contains("warning: the old snapshot was taken after"),
        "{text}"
    );
}

#[test]
fn trouble_is_never_one() {
    let shelf = Shelf::new()
        .with_golden("small.c1z")
        .with_golden("corrupt-truncated.c1z")
        .with_golden("corrupt-bad-magic.c1z")
        .with_golden("unfinished.c1z");
    for (bad, code) in [
        ("nowhere.c1z", 5),
        ("corrupt-truncated.c1z", 15),
        ("corrupt-bad-magic.c1z", 15),
        ("unfinished.c1z", 15),
        (".", 2),
    ] {
        for args in [
            ["diff", bad, "small.c1z", "-q"],
            ["diff", "small.c1z", bad, "-q"],
        ] {
            shelf.run(&args).fails(code, &[]);
        }
    }
    for args in [
        vec!["diff"],
        vec!["diff", "small.c1z", "small.c1z", "small.c1z"],
        vec!["diff", "small.c1z", "small.c1z", "--fail-on", "everything"],
        vec!["diff", "small.c1z", "small.c1z", "--max-bytes", "100"],
        vec!["diff", "small.c1z", "small.c1z", "--max-bytes", "many"],
        vec!["diff", "small.c1z", "small.c1z", "-q", "--print-accept"],
    ] {
        let run = shelf.run(&args);
        assert_eq!((run.code, run.stdout.len()), (2, 0), "{args:?}");
    }
}

#[test]
fn row_that_is_no_message_is_damage() {
    let pair = pair_with(|_, _| {});
    Edited::of(&pair.shelf.path("new.c1z"))
        .sql("update v1_resources set data = x'ff' where external_id = 'user:bob'")
        .pack(&pair.shelf.path("new.c1z"));
    pair.diff(&[])
        .fails(15, &["`new.c1z` is damaged", "user:bob"]);
    // Ids in another order than they say would make two walks miss each other.
    let pair = pair_with(|_, _| {});
    Edited::of(&pair.shelf.path("new.c1z"))
        .sql("update v1_resources set external_id = x'00' where external_id = 'user:bob'")
        .pack(&pair.shelf.path("new.c1z"));
    pair.diff(&[]).fails(15, &["`new.c1z` is damaged"]);
}

#[test]
fn only_chosen_kinds_fail() {
    type Change = fn(&mut Organization);
    let kinds: [(&str, Change); 10] = [
        ("seat-raised", |o| o.seat("Bob", 10)),
        ("owner-added", |o| o.seat("Bob", 15)),
        ("admin-added", |o| o.seat("Ann", 8)),
        ("member-added", |o| o.join("Eve", 1)),
        ("member-removed", |o| o.leave("Cem")),
        ("grant-added", |o| o.give("sup", "Ann")),
        ("grant-revoked", |o| o.revoke("eng", "Ann")),
        ("role-added", |o| o.add_role("ops", "Operations")),
        ("role-removed", |o| {
            o.revoke("sup", "Dee");
            o.remove_role("sup");
        }),
        ("2fa-disabled", |o| o.second_factor("Ann", Some(false))),
    ];
    // Who becomes an owner has a raised seat as well; with the role went the grant.
    let also = [
        ("owner-added", "seat-raised"),
        ("admin-added", "seat-raised"),
        ("role-removed", "grant-revoked"),
    ];
    for (made, change) in kinds {
        let pair = Pair::after(change);
        for (kind, _) in kinds {
            let fails = kind == made || also.contains(&(made, kind));
            let run = pair.diff(&["-q", "--fail-on", kind]);
            assert_eq!(run.code, i32::from(fails), "{made}, --fail-on {kind}");
        }
        for all in ["any", "role-renamed,any"] {
            assert_eq!(pair.diff(&["-q", "--fail-on", all]).code, 1);
        }
        assert_eq!(pair.diff(&["-q", "--fail-on", "none"]).code, 0);
        let others = kinds
            .iter()
            .map(|(kind, _)| *kind)
            .filter(|kind| *kind != made && !also.contains(&(made, kind)));
        let others: Vec<_> = others.collect();
        assert_eq!(pair.diff(&["-q", "--fail-on", &others.join(",")]).code, 0);
    }
}

#[test]
fn what_does_not_fail_is_told_all_the_same() {
    let pair = Pair::after(|o| o.give("sup", "Ann"));
    for kinds in ["seat-raised,owner-added", "none"] {
        let text = pair.text(0, &["--fail-on", kinds]);
        assert!(text.starts_with("1 role membership added\n"), "{text}");
    }
    let run = pair.diff(&["--fail-on", "none,any"]);
    run.fails(2, &["`none` means that no change fails"]);
}

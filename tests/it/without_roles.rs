//! A snapshot that was made with `--without-roles`: what was not read is unknown, to every command.

use serde_json::{Value, json};

use crate::support::{Edited, Organization, Run, Sandbox, Shelf, member, membership, role};

/// `full.c1z` with roles, `bare.c1z` without, and both a week later.
fn shelf() -> Shelf {
    let shelf = Shelf::new();
    for (file, week, roles) in [
        ("full.c1z", "--demo", None),
        ("bare.c1z", "--demo", Some("--without-roles")),
        ("later.c1z", "--demo=later", None),
        ("later-bare.c1z", "--demo=later", Some("--without-roles")),
    ] {
        let mut args = vec!["sync", week, "-f", file];
        args.extend(roles);
        shelf.run(&args).succeeds();
    }
    shelf
}

#[track_caller]
fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr))
}

fn text(run: &Run) -> String {
    String::from_utf8(run.stdout.clone()).unwrap()
}

/// The same snapshot with the evidence of an older version, which did not have the field.
fn with_older_evidence(shelf: &Shelf, from: &str, to: &str) {
    let removed = "update v1_assets set data = cast(json_remove(cast(data as text), '$.not_read') as blob) \
                   where external_id = 'posthog-c1z:evidence'";
    Edited::of(&shelf.path(from))
        .sql(removed)
        .pack(&shelf.path(to));
}

#[test]
fn what_was_not_read_is_recorded_in_the_evidence() {
    let shelf = shelf();
    for (file, expected) in [("full.c1z", json!([])), ("bare.c1z", json!(["roles"]))] {
        let evidence = json(&shelf.run(&["stats", file, "--evidence"]));
        assert_eq!(evidence["not_read"], expected);
        assert_eq!(evidence["schema_version"], 1);
        assert_eq!(evidence["unproved"], json!([]));
        let stats = shelf.run(&["stats", file]);
        let is_said = text(&stats).contains(
            "not read      roles, role memberships, and people who are not in the member list\n",
        );
        assert_eq!(is_said, file == "bare.c1z");
        let stats = json(&shelf.run(&["stats", file, "-o", "json"]));
        assert_eq!(stats["evidence"]["not_read"], expected);
        let export = json(&shelf.run(&["export", "json", file]));
        assert_eq!(export["evidence"]["not_read"], expected);
        shelf.run(&["verify", file]).succeeds();
    }
}

#[test]
fn what_was_not_read_is_not_lost_and_not_gained() {
    let shelf = shelf();
    with_older_evidence(&shelf, "bare.c1z", "older-bare.c1z");
    with_older_evidence(&shelf, "full.c1z", "older-full.c1z");
    // Another program may say so too.
    let renamed = "update v1_assets set data = cast(json_set(cast(data as text), '$.tool.name', 'x') as blob) \
                   where external_id = 'posthog-c1z:evidence'";
    Edited::of(&shelf.path("bare.c1z"))
        .sql(renamed)
        .pack(&shelf.path("other-bare.c1z"));
    let members = "1 new admin, +2 members, −1 member, 1 seat raised, 2FA switched off for 1 person, 1 other change, 2FA no \
                   longer enforced";
    let nothing = "no differences in what both snapshots read";
    for (old, new, code, headline) in [
        ("full.c1z", "bare.c1z", 0, nothing),
        ("bare.c1z", "full.c1z", 0, nothing),
        ("bare.c1z", "bare.c1z", 0, nothing),
        ("full.c1z", "older-bare.c1z", 0, nothing),
        ("older-bare.c1z", "full.c1z", 0, nothing),
        ("older-full.c1z", "older-bare.c1z", 0, nothing),
        ("full.c1z", "other-bare.c1z", 0, nothing),
        ("full.c1z", "later-bare.c1z", 1, members),
        ("bare.c1z", "later.c1z", 1, members),
        ("bare.c1z", "later-bare.c1z", 1, members),
        ("older-bare.c1z", "later.c1z", 1, members),
    ] {
        let run = shelf.run(&["diff", old, new]);
        let said = text(&run);
        assert_eq!(run.code, code, "{old} {new}: {said}");
        assert_eq!(said.lines().next().unwrap(), headline, "{old} {new}");
        assert!(said.contains("\nwarning: "), "{old} {new}: {said}");
        assert!(
            said.contains(
                " made without reading roles: roles, role memberships, and people who are not in the member list are not \
                 compared\n"
            ),
            "{old} {new}: {said}"
        );
        assert!(!said.contains("held no roles"), "{old} {new}: {said}");
        let markdown = text(&shelf.run(&["diff", old, new, "-o", "markdown"]));
        assert!(
            markdown.contains("made without reading roles"),
            "{markdown}"
        );
        let document = json(&shelf.run(&["diff", old, new, "-o", "json"]));
        assert_eq!(document["not_compared"], json!(["roles"]));
        for kind in ["grant-revoked", "grant-added", "role-removed", "role-added"] {
            assert_eq!(document["summary"][kind], 0, "{old} {new}");
            let run = shelf.run(&["diff", old, new, "--fail-on", kind, "-q"]);
            assert_eq!(run.code, 0, "{old} {new} {kind}");
        }
    }
    for (old, new) in [("full.c1z", "older-full.c1z"), ("full.c1z", "later.c1z")] {
        let document = json(&shelf.run(&["diff", old, new, "-o", "json"]));
        assert_eq!(document["not_compared"], json!([]), "{old} {new}");
    }
}

#[test]
fn a_gate_says_which_kinds_it_could_not_judge() {
    let shelf = shelf();
    let some = "grant-added,role-added,seat-raised";
    let named = "Not checked by `--fail-on`: grant-added, role-added (roles were not read)";
    let all = "Not checked by `--fail-on`: grant-added, grant-revoked, role-added, role-removed, role-renamed \
               (roles were not read)";
    for (old, new, kinds, code, said) in [
        ("bare.c1z", "full.c1z", some, 0, named),
        ("full.c1z", "bare.c1z", some, 0, named),
        ("full.c1z", "bare.c1z", "any", 0, all),
        ("bare.c1z", "later.c1z", some, 1, named),
        ("full.c1z", "full.c1z", some, 0, ""),
        ("bare.c1z", "full.c1z", "seat-raised", 0, ""),
    ] {
        let args = ["diff", old, new, "--fail-on", kinds];
        for more in [
            &[][..],
            &["--stat"],
            &["-q"],
            &["-o", "markdown"],
            &["-o", "ndjson"],
            &["-o", "json"],
        ] {
            let run = shelf.run(&[&args[..], more].concat());
            assert_eq!(run.code, code, "{old} {new} {kinds} {more:?}");
            let note = match said {
                "" => String::new(),
                said => format!("note: {said}\n"),
            };
            assert_eq!(run.stderr, note, "{old} {new} {kinds} {more:?}");
            let printed = text(&run);
            match more.last() {
                Some(&"-q") => assert_eq!(printed, ""),
                Some(&"json") => {
                    let list = json(&run)["not_judged"].as_array().unwrap().len();
                    assert_eq!(
                        list,
                        said.matches("-added").count() + said.matches("-re").count()
                    );
                }
                _ => assert!(printed.contains(said), "{printed}"),
            }
            let passed = printed.lines().find(|line| line.starts_with("Passed"));
            assert!(passed.is_none_or(|line| line.contains(said)), "{printed}");
        }
    }
}

#[test]
fn agreed_lines_about_roles_are_not_called_stale_where_roles_were_not_read() {
    let shelf = shelf();
    let lines = text(&shelf.run(&["diff", "full.c1z", "later.c1z", "--print-accept"]));
    let is_of_roles = |line: &&str| line.starts_with("grant-") || line.starts_with("role-");
    let n = lines.lines().filter(is_of_roles).count();
    std::fs::write(shelf.path("accept.txt"), &lines).unwrap();
    let run = shelf.run(&[
        "diff",
        "full.c1z",
        "later-bare.c1z",
        "--accept",
        "accept.txt",
    ]);
    let printed = text(&run);
    assert_eq!(run.code, 0, "{printed}");
    let said = format!(
        "warning: {n} lines of `accept.txt` could not be checked because roles were not read\n"
    );
    assert!(printed.contains(&said), "{printed}");
    assert!(!printed.contains("matches nothing"), "{printed}");
}

#[test]
fn an_answer_does_not_pass_what_was_not_read_off_as_nothing() {
    let shelf = shelf();
    let note = "note: `bare.c1z` was made without reading roles: roles, role memberships, and people who are not in the \
                member list are unknown\n";
    for (args, is_said) in [
        (&["resource-types"][..], false),
        (&["resources"], true),
        (&["resources", "-t", "role"], true),
        (&["resources", "-t", "user", "-o", "json"], true),
        (&["entitlements"], true),
        (&["grants"], true),
        (&["grants", "-o", "json"], true),
        (&["principals"], true),
        (&["export", "csv", "--table", "roles"], true),
        (&["export", "csv", "--table", "grants"], true),
        (&["export", "csv"], true),
        (&["access", "amara.okafor@example.com"], true),
        (&["access", "amara.okafor@example.com", "-o", "json"], true),
    ] {
        let run = shelf.run(&[args, &["-f", "bare.c1z"]].concat());
        assert_eq!(run.code, 0, "{args:?}");
        assert_eq!(run.stderr, if is_said { note } else { "" }, "{args:?}");
        let run = shelf.run(&[args, &["-f", "full.c1z"]].concat());
        assert_eq!((run.code, &*run.stderr), (0, ""), "{args:?}");
    }
    let access = ["access", "amara.okafor@example.com", "-f", "bare.c1z"];
    let said = text(&shelf.run(&access));
    assert!(said.ends_with("\nroles were not read\n"), "{said}");
    let document = json(&shelf.run(&[&access[..], &["-o", "json"]].concat()));
    assert_eq!(document["grants"], Value::Null);
    assert_eq!(document["not_read"], json!(["roles"]));
}

#[test]
fn the_summary_of_a_run_without_roles_does_not_count_them() {
    let sandbox = Sandbox::new();
    let (code, said) = sandbox
        .program(&["sync", "--demo", "--without-roles"])
        .run_on_terminal();
    assert_eq!(code, 0);
    assert!(
        said.contains("roles, and who holds them, were not read\n"),
        "{said}"
    );
    assert!(!said.contains("0 roles"), "{said}");
}

#[test]
fn a_snapshot_without_roles_and_one_with_them_may_replace_each_other() {
    let shelf = Shelf::new();
    let run = |more: &[&str]| {
        shelf.run(
            &[
                &["sync", "--demo", "-f", "x.c1z", "--log-level", "warn"],
                more,
            ]
            .concat(),
        )
    };
    run(&[]).succeeds();
    let bare = run(&["--without-roles"]).succeeds();
    assert!(
        bare.stderr.contains(
            "roles were not read: the new snapshot lacks the 8 roles and 77 grants of `x.c1z`, which were \
             not compared"
        ),
        "{}",
        bare.stderr
    );
    let again = run(&["--without-roles"]).succeeds();
    assert!(!again.stderr.contains("not compared"), "{}", again.stderr);
    let back = run(&[]).succeeds();
    assert!(
        back.stderr.contains(
            "`x.c1z` was written without reading roles: roles and grants were not compared with it"
        ),
        "{}",
        back.stderr
    );
}

#[test]
fn a_crawl_without_roles_in_between_does_not_hide_that_they_are_gone() {
    let served = |roles: u16| {
        let mut organization = Organization::new().members((1..=20).map(member));
        for n in 1..=roles {
            organization = organization.role(role(n), (1..=20).map(|m| membership(n, &member(m))));
        }
        organization.serve()
    };
    let sandbox = Sandbox::new();
    let crawl = |roles: u16, file: &str, args: &[&str]| {
        let args = [&["-f", file, "--log-level", "warn"], args].concat();
        sandbox.crawl(&served(roles), &args).run()
    };
    // Of an archive, the newest snapshot that has them counts.
    for (name, args) in [
        ("p-2020-01-01.c1z", &[][..]),
        ("p-2020-01-02.c1z", &["--without-roles"]),
    ] {
        crawl(12, "sync.c1z", args).succeeds();
        std::fs::rename(sandbox.path("sync.c1z"), sandbox.path(name)).unwrap();
    }
    let archive = "p-{date}.c1z";
    crawl(0, archive, &[]).fails(9, &["roles fell from 12 to 0 since `./p-2020-01-01.c1z`"]);
    assert_eq!(crawl(12, archive, &[]).succeeds().stderr, "");
    // A name that stays has no memory, and says so.
    crawl(12, "x.c1z", &[]).succeeds();
    for (roles, args) in [(12, &["--without-roles"][..]), (0, &[])] {
        let run = crawl(roles, "x.c1z", args).succeeds();
        assert!(run.stderr.contains("not compared"), "{}", run.stderr);
    }
}

#[test]
fn members_that_are_gone_are_noticed_whether_or_not_roles_are_read() {
    // Who holds a role without being a member is no measure where one of the two did not read roles.
    let served = |members: u16, unlisted: u16| {
        let holders = (1_000..1_000 + unlisted).map(|n| membership(1, &member(n)));
        Organization::new()
            .members((1..=members).map(member))
            .role(role(1), holders)
            .serve()
    };
    const WITHOUT: &[&str] = &["--without-roles"];
    for (before, now, refused) in [
        (((40, 30), &[][..]), ((40, 30), WITHOUT), None),
        (((40, 30), &[]), ((20, 30), WITHOUT), Some("40 to 20")),
        (((40, 0), WITHOUT), ((20, 60), &[]), Some("40 to 20")),
        (((40, 0), WITHOUT), ((20, 0), WITHOUT), Some("40 to 20")),
        (((40, 30), WITHOUT), ((40, 0), &[]), None),
        // As many users, but hardly any of them listed.
        (((40, 0), &[]), ((20, 20), &[]), Some("40 to 20")),
    ] {
        let sandbox = Sandbox::new();
        let crawl = |((members, unlisted), args): ((u16, u16), &[&str])| {
            sandbox.crawl(&served(members, unlisted), args).run()
        };
        crawl(before).succeeds();
        match refused {
            None => crawl(now).succeeds(),
            Some(fell) => crawl(now).fails(9, &[&format!("members fell from {fell} since")]),
        };
    }
}

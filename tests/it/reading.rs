//! The lists, from the outside: which rows, of which sync run, and what is said where there is nothing to show.

use std::fs;

use crate::support::{Edited, Shelf};

const SMALL: &str = "small.c1z";
const LISTS: [&str; 5] = [
    "resource-types",
    "resources",
    "entitlements",
    "grants",
    "principals",
];

const ROLE_0: &str = "5bb4d0e4-4672-4722-b876-f44b3aa4195a";
const ROLE_1: &str = "dfffce3c-3a4f-4efe-9170-9ba411907d98";
const LINUS: &str = "455ee46a-f387-4703-90d2-07ed9dd78441";
const ADA: &str = "4c3e1f9a-723c-4674-bf3d-44ea2715d2a9";
const MARGARET: &str = "8a21cf94-2dda-418f-a793-7a03ed4bbb98";

/// The two sync runs of `two-syncs.c1z`, the older one first.
const TWO_SYNCS: [&str; 2] = ["3MS7TCUgujfPFfwFXOIwjCBKEpd", "3MS7TFxjsnXpZbaD7jZ6N027fkx"];

fn grant(role: &str, user: &str) -> String {
    format!("role:{role}:member:user:{user}")
}

/// The last cells of a table, which are the ids.
#[track_caller]
fn ids(table: &str) -> Vec<&str> {
    let mut lines = table.lines();
    let head = lines.next().unwrap();
    assert!(head.ends_with("  ID"), "{head}");
    lines.map(|line| line.rsplit(' ').next().unwrap()).collect()
}

/// The whole ids of a list's rows.
#[track_caller]
fn listed(shelf: &Shelf, args: &[&str]) -> Vec<String> {
    let run = shelf.run(&[args, &["--wide"]].concat()).succeeds();
    let text = String::from_utf8(run.stdout).unwrap();
    ids(&text).into_iter().map(ToOwned::to_owned).collect()
}

#[test]
fn tables_hold_every_row_in_the_order_of_the_ids() {
    let shelf = Shelf::new().with_golden(SMALL);
    assert_eq!(listed(&shelf, &["resource-types", SMALL]), ["role", "user"]);
    assert_eq!(
        listed(&shelf, &["resources", SMALL]),
        [ROLE_0, ROLE_1, LINUS, ADA, MARGARET]
    );
    assert_eq!(
        listed(&shelf, &["entitlements", SMALL]),
        [ROLE_0, ROLE_1].map(|role| format!("role:{role}:member"))
    );
    assert_eq!(
        listed(&shelf, &["grants", SMALL]),
        [
            grant(ROLE_0, LINUS),
            grant(ROLE_0, MARGARET),
            grant(ROLE_1, ADA),
            grant(ROLE_1, MARGARET),
        ]
    );
    // Except these: they are in the order in which their first grants were written.
    assert_eq!(
        listed(&shelf, &["principals", SMALL]),
        [MARGARET, LINUS, ADA]
    );
}

#[test]
fn tables_show_names_and_not_only_ids() {
    let shelf = Shelf::new().with_golden(SMALL);
    let grants = shelf.text(&["grants", "--wide", SMALL]);
    let row = grants
        .lines()
        .find(|line| line.contains(&grant(ROLE_1, ADA)));
    let cells: Vec<_> = row.unwrap().split("  ").map(str::trim).collect();
    let shown: Vec<_> = cells.iter().filter(|cell| !cell.is_empty()).collect();
    assert_eq!(
        shown[..4],
        [
            &"Ada Lovelace",
            &"ada.lovelace.1@example.com",
            &"Role 1",
            &"member"
        ]
    );
}

#[test]
fn users_alone_are_shown_with_their_e_mails() {
    let shelf = Shelf::new().with_golden(SMALL);
    let users = shelf.text(&["resources", "-t", "user", SMALL]);
    let head: Vec<_> = users.lines().next().unwrap().split_whitespace().collect();
    let expected = [
        "Name", "E-mail", "Seat", "2FA", "Last", "login", "Roles", "ID",
    ];
    assert_eq!(head, expected);
    let ada = users
        .lines()
        .find(|line| line.ends_with(&ADA[..8]))
        .unwrap();
    assert!(ada.contains("  ada.lovelace.1@example.com  "), "{ada}");
    for args in [
        &["resources", SMALL][..],
        &["resources", "-t", "role", SMALL],
    ] {
        assert!(!shelf.text(args).contains("E-mail"), "{args:?}");
    }
}

#[test]
fn missing_snapshot_that_nobody_named_is_told_with_the_way_to_name_one() {
    let shelf = Shelf::new();
    for command in [
        &["grants"][..],
        &["stats"],
        &["access", "ann"],
        &["export", "csv"],
    ] {
        let run = shelf.run(command).fails(5, &["`sync.c1z`"]);
        assert!(run.hint().contains("as an argument or with -f"), "{run:?}");
    }
    let run = shelf.run(&["grants", "-f", "-"]).fails(5, &["`-`"]);
    assert!(
        run.hint().contains("cannot be read from standard input"),
        "{run:?}"
    );
    let run = shelf.run(&["grants", "missing.c1z"]);
    assert!(!run.stderr.contains("hint"), "{}", run.stderr);
}

#[test]
fn every_filter_is_answered_or_refused_by_every_list() {
    let shelf = Shelf::new().with_golden(SMALL);
    let user = |id: &str| format!("user:{id}");
    let role = |id: &str| format!("role:{id}");
    let [member_0, member_1] = [ROLE_0, ROLE_1].map(|id| format!("role:{id}:member"));
    let of_0 = vec![grant(ROLE_0, LINUS), grant(ROLE_0, MARGARET)];
    let of_1 = vec![grant(ROLE_1, ADA), grant(ROLE_1, MARGARET)];
    let grants = [&of_0[..], &of_1].concat();
    let ids = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
    let people = ids(&[LINUS, ADA, MARGARET]);
    let principals = ids(&[MARGARET, LINUS, ADA]);
    let members = ids(&[&member_0, &member_1]);
    let nothing = || Some(Vec::new());
    // What each of the lists shows; `None` is refused. In the order of `LISTS`.
    for (option, value, expected) in [
        (
            "-t",
            "user".to_owned(),
            [
                ids(&["user"]),
                people,
                nothing(),
                nothing(),
                principals.clone(),
            ],
        ),
        (
            "-t",
            "role".to_owned(),
            [
                ids(&["role"]),
                ids(&[ROLE_0, ROLE_1]),
                members,
                Some(grants),
                principals,
            ],
        ),
        ("-t", "planet".to_owned(), [(); 5].map(|()| nothing())),
        (
            "-r",
            ADA.to_owned(),
            [None, ids(&[ADA]), nothing(), nothing(), ids(&[ADA])],
        ),
        (
            "-r",
            user(ADA),
            [None, ids(&[ADA]), nothing(), nothing(), ids(&[ADA])],
        ),
        (
            "-r",
            ROLE_0.to_owned(),
            [
                None,
                ids(&[ROLE_0]),
                ids(&[&member_0]),
                Some(of_0.clone()),
                ids(&[MARGARET, LINUS]),
            ],
        ),
        (
            "-r",
            role(ROLE_0),
            [
                None,
                ids(&[ROLE_0]),
                ids(&[&member_0]),
                Some(of_0),
                ids(&[MARGARET, LINUS]),
            ],
        ),
        (
            "-r",
            role(ADA),
            [None, nothing(), nothing(), nothing(), nothing()],
        ),
        (
            "-r",
            "nobody".to_owned(),
            [None, nothing(), nothing(), nothing(), nothing()],
        ),
        (
            "-e",
            member_1.clone(),
            [
                None,
                None,
                ids(&[&member_1]),
                Some(of_1),
                ids(&[ADA, MARGARET]),
            ],
        ),
        (
            "-e",
            "nothing".to_owned(),
            [None, None, nothing(), nothing(), nothing()],
        ),
    ] {
        let (long, lists) = match option {
            "-t" => ("--resource-type", ""),
            "-r" => (
                "--resource",
                "it filters `resources`, `entitlements`, `grants` and `principals`",
            ),
            _ => (
                "--entitlement",
                "it filters `entitlements`, `grants` and `principals`",
            ),
        };
        for (list, expected) in LISTS.into_iter().zip(expected) {
            let asked = format!("{list} {option} {value}");
            let Some(expected) = expected else {
                for format in ["console", "json"] {
                    let args = [list, option, &value, "-o", format, SMALL];
                    let says = format!("`{long}` has no meaning for `{list}`");
                    let run = shelf.run(&args).fails(2, &[&says]);
                    assert_eq!(run.hint(), lists, "{asked}");
                }
                continue;
            };
            assert_eq!(
                listed(&shelf, &[list, option, &value, SMALL]),
                expected,
                "{asked}"
            );
            let args = [list, option, &value, "-o", "json", SMALL];
            let json = shelf.run(&args).succeeds().stdout;
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            let rows = json.as_object().unwrap().values().next();
            let count = rows.map_or(0, |rows| rows.as_array().unwrap().len());
            assert_eq!(count, expected.len(), "{asked}");
        }
    }
    // Together they narrow each other down.
    let list = |args: &[&str]| listed(&shelf, &[args, &[SMALL]].concat());
    assert_eq!(list(&["resources", "-t", "user", "-r", ROLE_0]), [""; 0]);
    assert_eq!(
        list(&["principals", "-t", "user", "-r", ROLE_0]),
        [MARGARET, LINUS]
    );
    assert_eq!(
        list(&["principals", "-r", MARGARET, "-e", &member_1]),
        [MARGARET]
    );
    assert_eq!(list(&["principals", "-r", LINUS, "-e", &member_1]), [""; 0]);
}

#[test]
fn an_empty_filter_is_refused_in_every_list() {
    let shelf = Shelf::new().with_golden(SMALL);
    for list in LISTS {
        for option in [
            "-t",
            "-r",
            "-e",
            "--resource-type",
            "--resource",
            "--entitlement",
        ] {
            for format in ["console", "json"] {
                let run = shelf.run(&[list, option, "", "-o", format, SMALL]);
                assert_eq!((run.code, run.stdout.len()), (2, 0), "{list} {option}");
                let says = "error: a value is required for '--";
                assert!(run.stderr.starts_with(says), "{}", run.stderr);
            }
        }
    }
}

#[test]
fn a_filter_that_nothing_fits_gives_an_empty_list_and_no_error() {
    let shelf = Shelf::new().with_golden(SMALL);
    for list in LISTS {
        assert_eq!(
            listed(&shelf, &[list, "-t", "planet", SMALL]),
            [""; 0],
            "{list}"
        );
        let run = shelf.run(&[list, "-t", "planet", SMALL]).succeeds();
        assert_eq!(
            run.stderr, "warning: there is nothing of type `planet`\n",
            "{list}"
        );
        // As the `baton` CLI prints it.
        let json = shelf.text(&[list, "-t", "planet", "-o", "json", SMALL]);
        assert_eq!(json, "{}\n", "{list}");
    }
}

#[test]
fn filters_are_values_and_never_a_part_of_the_question() {
    let shelf = Shelf::new().with_golden(SMALL);
    for text in ["' or 1 = 1 --", "%", "*", "\"", "role' --"] {
        for option in ["-t", "-r", "-e"] {
            assert_eq!(
                listed(&shelf, &["grants", option, text, SMALL]),
                [""; 0],
                "{text}"
            );
        }
    }
}

#[test]
fn the_file_is_an_argument_or_what_the_option_or_the_environment_names() {
    let shelf = Shelf::new().with_golden(SMALL).with_golden("two-syncs.c1z");
    let expected = shelf.text(&["grants", SMALL]);
    assert_eq!(shelf.text(&["grants", "-f", SMALL]), expected);
    assert_eq!(shelf.text(&["--file", SMALL, "grants"]), expected);
    // The argument is nearer than the option.
    assert_eq!(
        shelf.text(&["grants", "-f", "two-syncs.c1z", SMALL]),
        expected
    );
    let run = shelf
        .sandbox
        .program(&["grants"])
        .env("BATON_FILE", SMALL)
        .run()
        .succeeds();
    assert_eq!(String::from_utf8(run.stdout).unwrap(), expected);
    fs::rename(shelf.path(SMALL), shelf.path("sync.c1z")).unwrap();
    assert_eq!(shelf.text(&["grants"]), expected);
}

#[test]
fn the_newest_finished_full_sync_run_is_shown() {
    let shelf = Shelf::new().with_golden("two-syncs.c1z");
    let shown = |args: &[&str]| shelf.json(args)["shown_sync_id"].clone();
    assert_eq!(
        shown(&["stats", "-o", "json", "two-syncs.c1z"]),
        TWO_SYNCS[1]
    );
    for id in TWO_SYNCS {
        let args = ["stats", "-o", "json", "--sync-id", id, "two-syncs.c1z"];
        assert_eq!(shown(&args), id);
    }
    let default = shelf.text(&["grants", "two-syncs.c1z"]);
    let [older, newer] =
        TWO_SYNCS.map(|id| shelf.text(&["grants", "--sync-id", id, "two-syncs.c1z"]));
    assert_eq!(default, newer);
    assert_ne!(older, newer);
}

#[test]
fn a_newer_sync_run_of_another_kind_does_not_hide_the_full_one() {
    let shelf = Shelf::new();
    for sync_type in ["partial", "resources_only", "partial_upserts", "FULL"] {
        Edited::golden("two-syncs.c1z")
            .sql(&format!(
                "update v1_sync_runs set sync_type = '{sync_type}' where sync_id = '{}'",
                TWO_SYNCS[1]
            ))
            .pack(&shelf.path("mixed.c1z"));
        let stats = shelf.json(&["stats", "-o", "json", "mixed.c1z"]);
        assert_eq!(stats["shown_sync_id"], TWO_SYNCS[0], "{sync_type}");
    }
}

#[test]
fn an_unfinished_sync_run_is_passed_over_for_an_older_finished_one() {
    let shelf = Shelf::new();
    Edited::golden("two-syncs.c1z")
        .sql(&format!(
            "update v1_sync_runs set ended_at = null where sync_id = '{}'",
            TWO_SYNCS[1]
        ))
        .pack(&shelf.path("half.c1z"));
    let stats = shelf.json(&["stats", "-o", "json", "half.c1z"]);
    assert_eq!(stats["shown_sync_id"], TWO_SYNCS[0]);
    assert_eq!(stats["sync_runs"][1]["ended_at"], serde_json::Value::Null);
    assert!(
        shelf
            .text(&["stats", "half.c1z"])
            .contains("  unfinished  ")
    );
    // Not even when it is asked for by name.
    shelf
        .run(&["grants", "--sync-id", TWO_SYNCS[1], "half.c1z"])
        .fails(15, &["half.c1z", "no finished sync run", TWO_SYNCS[1]]);
}

#[test]
fn a_file_without_a_finished_sync_run_shows_nothing_at_all() {
    let shelf = Shelf::new().with_golden("unfinished.c1z");
    Edited::golden(SMALL)
        .sql("delete from v1_sync_runs")
        .pack(&shelf.path("none.c1z"));
    let more = [
        &["access", "ada.lovelace.1@example.com"][..],
        &["export", "csv"],
        &["export", "json"],
        &["stats"],
    ];
    for command in LISTS
        .iter()
        .map(std::slice::from_ref)
        .chain(more.iter().copied())
    {
        let run = shelf.run(&[command, &["unfinished.c1z"]].concat());
        run.fails(15, &["unfinished.c1z", "no finished sync run"])
            .hint();
        let run = shelf.run(&[command, &["none.c1z"]].concat());
        run.fails(15, &["none.c1z", "no sync run"]);
    }
}

#[test]
fn an_unknown_sync_run_is_named() {
    let shelf = Shelf::new().with_golden(SMALL);
    let run = shelf.run(&["resources", "--sync-id", "3MS7nothing", SMALL]);
    run.fails(15, &[SMALL, "3MS7nothing"]);
}

#[test]
fn a_sync_run_without_rows_is_shown_as_empty() {
    let shelf = Shelf::new().with_golden("empty-finished.c1z");
    for list in LISTS {
        assert_eq!(
            listed(&shelf, &[list, "empty-finished.c1z"]),
            [""; 0],
            "{list}"
        );
    }
    let stats = shelf.json(&["stats", "-o", "json", "empty-finished.c1z"]);
    assert_eq!(stats["resource_types"], 0);
    assert_eq!(stats["counts"], serde_json::json!([]));
}

#[test]
fn a_resources_only_sync_run_lists_its_resources() {
    let shelf = Shelf::new().with_golden("resources-only.c1z");
    assert_eq!(
        listed(&shelf, &["resources", "resources-only.c1z"]).len(),
        5
    );
    assert_eq!(listed(&shelf, &["grants", "resources-only.c1z"]).len(), 0);
}

#[test]
fn a_principal_whose_resource_is_gone_is_shown_as_missing() {
    let shelf = Shelf::new().with_golden("invalid-dangling-principal.c1z");
    let grants = shelf.text(&["grants", "--wide", "invalid-dangling-principal.c1z"]);
    let row = grants
        .lines()
        .find(|line| line.contains(&grant(ROLE_0, LINUS)))
        .unwrap();
    let stand_in = format!("MISSING RESOURCE (user:{LINUS})");
    assert!(row.starts_with(&stand_in), "{row}");
    let json = shelf.json(&["grants", "-o", "json", "invalid-dangling-principal.c1z"]);
    let row = &json["grants"][0];
    assert_eq!(row["grant"]["id"], *grant(ROLE_0, LINUS));
    let expected = serde_json::json!({
        "id": {"resourceType": "user", "resource": LINUS}, "displayName": stand_in
    });
    assert_eq!(row["principal"], expected);
}

#[test]
fn a_file_without_any_index_reads_the_same() {
    let shelf = Shelf::new().with_golden(SMALL);
    let names = index_names(&Edited::golden(SMALL));
    let drops: Vec<_> = names
        .iter()
        .map(|name| format!("drop index {name};"))
        .collect();
    Edited::golden(SMALL)
        .sql(&drops.concat())
        .sql("drop table v1_assets; drop table v1_connector_sessions")
        .pack(&shelf.path("bare.c1z"));
    assert_eq!(drops.len(), 16);
    for list in LISTS {
        let [bare, whole] = ["bare.c1z", SMALL].map(|file| shelf.text(&[list, "-o", "json", file]));
        assert_eq!(bare, whole, "{list}");
    }
}

fn index_names(database: &Edited) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), database.bytes()).unwrap();
    let connection = rusqlite::Connection::open(file.path()).unwrap();
    let mut statement = connection
        .prepare("select name from sqlite_schema where type = 'index'")
        .unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

#[test]
fn a_database_in_write_ahead_mode_or_with_large_pages_reads_the_same() {
    let shelf = Shelf::new().with_golden(SMALL);
    let expected = shelf.text(&["grants", "-o", "json", SMALL]);
    Edited::golden(SMALL)
        .sql("pragma page_size = 65536; vacuum")
        .pack(&shelf.path("large.c1z"));
    let mut wal = Edited::golden(SMALL).bytes();
    assert_eq!(wal[18..20], [1, 1]);
    wal[18..20].copy_from_slice(&[2, 2]);
    fs::write(shelf.path("wal.c1z"), crate::support::packed(&wal)).unwrap();
    for file in ["large.c1z", "wal.c1z"] {
        assert_eq!(
            shelf.text(&["grants", "-o", "json", file]),
            expected,
            "{file}"
        );
    }
}

#[test]
fn resources_below_another_one_name_their_parent() {
    let shelf = Shelf::new();
    Edited::golden(SMALL)
        .sql(&format!(
            "update v1_resources set parent_resource_type_id = 'role', parent_resource_id = '{ROLE_0}' \
             where external_id = 'user:{ADA}'"
        ))
        .pack(&shelf.path("parent.c1z"));
    let text = shelf.text(&["resources", "-r", ADA, "parent.c1z"]);
    let row = text.lines().nth(1).unwrap();
    assert_eq!(row.split_whitespace().nth(3), Some("Role"), "{text}");
}

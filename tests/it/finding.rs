//! Finding things: what `-r`, `-e` and `access` take besides ids, and the ids and columns that tables show.

use crate::support::{Shelf, golden};

/// The first column of a table's rows, without its head.
fn names(table: &str) -> Vec<String> {
    let rows = table.lines().skip(1);
    rows.map(|row| row.split("  ").next().unwrap_or_default().trim().to_owned())
        .collect()
}

#[test]
fn a_name_or_the_beginning_of_one_is_as_good_as_an_id() {
    let shelf = Shelf::with_demo();
    let analytics = "role:6078652f-973f-44d6-a50f-d331d0d4eda8";
    for (list, wanted, note) in [
        ("grants", analytics, ""),
        ("grants", "6078652f-973f-44d6-a50f-d331d0d4eda8", ""),
        ("grants", "Analytics", ""),
        ("grants", "6078652f", "note: showing role `Analytics`\n"),
        (
            "principals",
            "role:6078",
            "note: showing role `Analytics`\n",
        ),
        ("entitlements", "Analytics", ""),
        (
            "roles",
            "incident RESPONDERS",
            "note: showing role `Incident responders`\n",
        ),
        ("users", "amara.okafor@example.com", ""),
        (
            "users",
            "AMARA.OKAFOR@EXAMPLE.COM",
            "note: showing user `Amara Okafor`\n",
        ),
        ("users", "Amara Ok", "note: showing user `Amara Okafor`\n"),
        // Its name has a space before it.
        ("grants", " Billing 💶 | `cards` ", ""),
        (
            "grants",
            "Billing 💶 | `cards`",
            "note: showing role ` Billing 💶 | `cards` `\n",
        ),
        (
            "roles",
            "billing",
            "note: showing role ` Billing 💶 | `cards` `\n",
        ),
        // Ingrid Solberg cannot be granted.
        (
            "entitlements",
            "in",
            "note: showing role `Incident responders`\n",
        ),
    ] {
        let run = shelf.run(&[list, "-r", wanted, "demo.c1z"]).succeeds();
        assert_eq!(run.stderr, note, "{list} -r {wanted}");
        let table = String::from_utf8(run.stdout).unwrap();
        assert!(
            table.starts_with(|c: char| c.is_ascii_uppercase()),
            "{list} -r {wanted}: {table}"
        );
    }
    let by = |wanted: &str| shelf.text(&["grants", "-r", wanted, "-o", "json", "demo.c1z"]);
    assert_eq!(by("Analytics"), by(analytics));
}

#[test]
fn several_that_match_are_listed_and_none_is_chosen() {
    let shelf = Shelf::with_demo();
    for (args, count, candidates) in [
        (
            &["grants", "-r", "ANALYTICS"][..],
            "2 resources match `ANALYTICS`",
            &["(analytics)", "(Analytics)"][..],
        ),
        (
            &["grants", "-r", "Anal"],
            "2 resources match `Anal`",
            &["(analytics)", "(Analytics)"],
        ),
        (
            &["grants", "-e", "member"],
            "8 entitlements match `member`",
            &["(Analytics member)"],
        ),
        (
            &["access", "Dana Whitfield"],
            "2 people match `Dana Whitfield`",
            &["Dana.Whitfield@example.com)", "dana.whitfield@example.com)"],
        ),
    ] {
        let run = shelf.run(&[args, &["demo.c1z"]].concat());
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(
            run.stderr.starts_with(&format!("error: {count}\n")),
            "{}",
            run.stderr
        );
        assert_eq!(run.hint(), "name one of them by its id:");
        for candidate in candidates {
            assert!(
                run.stderr.contains(candidate),
                "{candidate}: {}",
                run.stderr
            );
        }
    }
    // The holder and what is held.
    for entitlement in ["Everyone member", "role:018fdd53"] {
        let args = [
            "principals",
            "-r",
            "amara.okafor@example.com",
            "-e",
            entitlement,
            "demo.c1z",
        ];
        let run = shelf.run(&args).succeeds();
        assert!(!run.stderr.contains("warning"), "{}", run.stderr);
        assert_eq!(
            names(&String::from_utf8(run.stdout).unwrap()),
            ["Amara Okafor"]
        );
    }
    // On one resource, a slug is enough.
    let run = shelf.run(&["grants", "-r", "Analytics", "-e", "member", "demo.c1z"]);
    assert_eq!(run.succeeds().stderr, "");
}

#[test]
fn what_matches_nothing_comes_with_a_suggestion() {
    let shelf = Shelf::with_demo();
    for (args, warning) in [
        (
            &["grants", "-r", "Enginering"][..],
            "warning: no resource matches `Enginering`; did you mean `Engineering`?\n",
        ),
        (
            &["roles", "-r", "xyz"],
            "warning: no resource matches `xyz`\n",
        ),
        (
            &["grants", "-e", "Analytics membr"],
            "warning: no entitlement matches `Analytics membr`; did you mean `analytics member` or `Analytics member`?\n",
        ),
        (
            &["users", "-r", "Analytics"],
            "warning: no resource matches `Analytics`",
        ),
    ] {
        for format in ["console", "json"] {
            let run = shelf
                .run(&[args, &["-o", format, "demo.c1z"]].concat())
                .succeeds();
            assert!(run.stderr.starts_with(warning), "{args:?}: {}", run.stderr);
        }
    }
    let run = shelf.run(&["access", "Henrik Lindqist", "demo.c1z"]);
    let run = run.fails(5, &["nobody matches `Henrik Lindqist`"]);
    assert!(
        run.hint().contains("did you mean `Henrik Lindqvist`?"),
        "{}",
        run.hint()
    );
}

#[test]
fn what_an_answer_is_about_is_said_in_a_log_of_json_too() {
    let shelf = Shelf::with_demo();
    for (args, message) in [
        (&["access", "amar"][..], "showing user `Amara Okafor`"),
        (&["grants", "-r", "zzz"], "no resource matches `zzz`"),
    ] {
        let run = shelf.run(&[args, &["--log-format", "json", "demo.c1z"]].concat());
        let lines = run.succeeds().json_lines();
        assert_eq!(lines[0]["message"], message, "{args:?}");
    }
}

#[test]
fn an_id_that_several_types_share_is_shown_with_its_type() {
    let shelf = Shelf::new();
    let file = golden("../others/sdk-0.25.0-generic.c1z");
    std::fs::copy(file, shelf.path("sdk-0.25.0-generic.c1z")).unwrap();
    let table = shelf.text(&["resources", "sdk-0.25.0-generic.c1z"]);
    for id in ["group:0", "workspace:0"] {
        assert!(
            table.lines().any(|line| line.ends_with(&format!("  {id}"))),
            "{id}: {table}"
        );
        let args = ["resources", "-r", id, "sdk-0.25.0-generic.c1z"];
        assert_eq!(shelf.text(&args).lines().count(), 2);
    }
}

#[test]
fn access_takes_a_name_and_an_address_as_it_is_typed() {
    let shelf = Shelf::with_demo();
    let by_id = shelf.text(&[
        "access",
        "user:018e06b6-b674-0000-151f-5b373d027e79",
        "demo.c1z",
    ]);
    for (wanted, note) in [
        ("Henrik Lindqvist", ""),
        ("henrik@example.com", ""),
        ("018e06b6-b674-0000-151f-5b373d027e79", ""),
        ("018e06b6", "note: showing user `Henrik Lindqvist`\n"),
        (
            "HENRIK@example.com",
            "note: showing user `Henrik Lindqvist`\n",
        ),
        ("henrik l", "note: showing user `Henrik Lindqvist`\n"),
    ] {
        let run = shelf.run(&["access", wanted, "demo.c1z"]).succeeds();
        assert_eq!(run.stderr, note, "{wanted}");
        assert_eq!(String::from_utf8(run.stdout).unwrap(), by_id, "{wanted}");
    }
}

#[test]
fn ids_in_tables_are_short_and_find_their_row_again() {
    let shelf = Shelf::with_demo();
    for list in ["users", "roles", "resources", "entitlements"] {
        let option = if list == "entitlements" { "-e" } else { "-r" };
        let table = shelf.text(&[list, "demo.c1z"]);
        let rows: Vec<_> = table.lines().skip(1).collect();
        assert!(!rows.is_empty());
        for row in rows {
            let id = row.rsplit("  ").next().unwrap();
            assert!((8..=20).contains(&id.len()), "{list}: {id}");
            let found = shelf.run(&[list, option, id, "demo.c1z"]).succeeds();
            let found = String::from_utf8(found.stdout).unwrap();
            assert_eq!(found.lines().count(), 2, "{list} {option} {id}: {found}");
        }
    }
    let wide = shelf.text(&["roles", "--wide", "demo.c1z"]);
    assert!(
        wide.contains("6078652f-973f-44d6-a50f-d331d0d4eda8"),
        "{wide}"
    );
    let wide = shelf.text(&["grants", "--wide", "demo.c1z"]);
    assert!(wide.contains("role:6078652f-973f-44d6-a50f-d331d0d4eda8:member:user:"));
}

#[test]
fn users_and_roles_are_resources_with_columns_of_their_own() {
    let shelf = Shelf::with_demo();
    for (command, resource_type, heads) in [
        (
            "users",
            "user",
            &["Name", "E-mail", "Seat", "2FA", "Last login", "Roles", "ID"][..],
        ),
        ("roles", "role", &["Name", "Holders", "ID"]),
    ] {
        for format in ["console", "json"] {
            let [short, long] = [
                &[command, "-o", format][..],
                &["resources", "-t", resource_type, "-o", format],
            ]
            .map(|args| shelf.text(&[args, &["demo.c1z"]].concat()));
            assert_eq!(short, long, "{command}");
        }
        let table = shelf.text(&[command, "demo.c1z"]);
        let head: Vec<_> = table.lines().next().unwrap().split("  ").collect();
        let head: Vec<_> = head
            .iter()
            .map(|head| head.trim())
            .filter(|head| !head.is_empty())
            .collect();
        assert_eq!(head, heads);
    }
    let users = shelf.text(&["users", "demo.c1z"]);
    let henrik = users.lines().find(|row| row.starts_with("Henrik")).unwrap();
    let cells: Vec<_> = henrik
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    assert_eq!(cells[2..6], ["owner", "on", "2026-09-06", "2"]);
    let roles = shelf.text(&["roles", "demo.c1z"]);
    assert!(names(&roles).contains(&"Incident responders".to_owned()));
}

#[test]
fn tables_in_a_pipe_are_as_wide_as_columns_says_and_no_column_is_wider_than_60() {
    use unicode_width::UnicodeWidthStr;

    let shelf = Shelf::with_demo();
    for list in ["users", "grants", "resources", "entitlements"] {
        for columns in ["60", "80", "120"] {
            let program = shelf
                .sandbox
                .program(&[list, "demo.c1z"])
                .env("COLUMNS", columns);
            let table = String::from_utf8(program.run().succeeds().stdout).unwrap();
            let width = columns.parse::<usize>().unwrap();
            assert!(
                table.lines().all(|line| line.width() <= width),
                "{list} {columns}: {table}"
            );
        }
    }
    // Without a width, a long name moves its own line and no other.
    let table = shelf.text(&["roles", "demo.c1z"]);
    let widths: Vec<_> = table.lines().map(UnicodeWidthStr::width).collect();
    assert_eq!(
        widths.iter().filter(|width| **width > 100).count(),
        1,
        "{table}"
    );
    let wide = shelf.text(&["roles", "--wide", "demo.c1z"]);
    assert!(wide.lines().all(|line| line.width() > 100), "{wide}");
}

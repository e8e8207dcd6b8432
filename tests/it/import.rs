//! `export csv` in the form of C1's file import: the rows and cells that the official `export csv` makes.

use std::fs;

use posthog_c1z::model::{
    Email, EntitlementId, Grant, Profile, ResourceId, ResourceTypeId, Status, Trait,
};

use crate::diff::Organization;
use crate::export::{column, exported, records};
use crate::support::{Edited, Shelf, golden};

const SMALL: &str = "small.c1z";

#[test]
fn csv_is_what_the_cli_exports() {
    let shelf = Shelf::new().with_golden(SMALL);
    let ours = exported(&shelf, &["csv"], SMALL);
    let theirs = fs::read_to_string(golden("small.export-0.7.27.csv")).unwrap();
    let sorted = |text: &str| {
        let text = text.replace("\r\n", "\n");
        let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&ours), sorted(&theirs));
    assert_eq!(ours.lines().next(), theirs.lines().next());
}

#[test]
fn the_import_names_who_holds_a_grant_and_leaves_out_grants_that_no_person_holds() {
    let shelf = Shelf::new()
        .with_golden("invalid-external-id.c1z")
        .with_golden("invalid-dangling-principal.c1z");
    // Blobs that repeat nothing of the columns contradict nothing.
    Edited::golden(SMALL)
        .sql(
            "update v1_grants set data = x'', principal_resource_type_id = 'role', principal_resource_id = \
         (select resource_id from v1_entitlements limit 1)",
        )
        .pack(&shelf.path("role.c1z"));
    for (file, grants) in [
        // The id of each row is not made of type and id; its message is.
        ("invalid-external-id.c1z", 4),
        // One of four is held by a user who is not there.
        ("invalid-dangling-principal.c1z", 3),
        ("role.c1z", 0),
    ] {
        let import = records(&exported(&shelf, &["csv"], file));
        let rows: Vec<_> = import.iter().filter(|row| row[0] == "Grant").collect();
        assert_eq!(rows.len(), grants, "{file}");
        for row in rows {
            let are_named = [1, 2, 3, 5].map(|at| !row[at].is_empty());
            assert_eq!(are_named, [true; 4], "{file}: {row:?}");
        }
    }
}

#[test]
fn a_person_of_the_import_is_what_the_profile_and_the_primary_address_say() {
    let primary = |address: &str| Email {
        address: address.into(),
        is_primary: true,
    };
    let second = || Email {
        address: "second@example.com".into(),
        is_primary: false,
    };
    let as_ever = ["Archer", "Ann", "ann", "Enabled", "ann@example.com"];
    let with = |at: usize, cell| {
        let mut cells = as_ever;
        cells[at] = cell;
        Some(cells)
    };
    type Edit = Box<dyn Fn(&mut Organization)>;
    let cases: [(&str, Edit, Option<[&str; 5]>); 13] = [
        ("as ever", Box::new(|_| {}), Some(as_ever)),
        (
            "disabled",
            Box::new(|o| o.person("Ann").status = Some(Status::Disabled)),
            with(3, "Disabled"),
        ),
        (
            "deleted",
            Box::new(|o| o.person("Ann").status = Some(Status::Deleted)),
            with(3, "Deleted"),
        ),
        (
            "unspecified status",
            Box::new(|o| o.person("Ann").status = Some(Status::Unspecified)),
            with(3, "Unknown"),
        ),
        (
            "no status",
            Box::new(|o| o.person("Ann").status = None),
            with(3, "Enabled"),
        ),
        (
            "two primary addresses",
            Box::new(move |o| {
                o.user("Ann").emails = vec![second(), primary("a@x.org"), primary("b@x.org")];
            }),
            with(4, "a@x.org"),
        ),
        (
            "no primary address",
            Box::new(move |o| o.user("Ann").emails = vec![second()]),
            with(4, ""),
        ),
        (
            "no address",
            Box::new(|o| o.user("Ann").emails = Vec::new()),
            with(4, ""),
        ),
        (
            "no `user_id`",
            Box::new(|o| o.set("Ann", "user_id", None)),
            with(2, ""),
        ),
        (
            "a `user_id` that is a number",
            Box::new(|o| o.set("Ann", "user_id", Some(7.0.into()))),
            with(2, ""),
        ),
        (
            "a first name of the trait alone",
            Box::new(|o| o.set("Ann", "first_name", None)),
            with(1, ""),
        ),
        (
            "no profile",
            Box::new(|o| o.person("Ann").profile = Profile::default()),
            Some(["", "", "", "Enabled", "ann@example.com"]),
        ),
        (
            "no user trait",
            Box::new(|o| o.person("Ann").user = None),
            None,
        ),
    ];
    let shelf = Shelf::new();
    for (what, edit, expected) in cases {
        let mut organization = Organization::new();
        organization.resources.retain(|row| row.user.is_none());
        organization.grants.clear();
        organization.join("Ann", 1);
        organization.give("eng", "Ann");
        edit(&mut organization);
        organization.write(&shelf.path("x.c1z"));
        let import = records(&exported(&shelf, &["csv"], "x.c1z"));
        let found = |kind: &str| -> Vec<[String; 5]> {
            let rows = import.iter().filter(|row| row[0] == kind);
            rows.map(|row| std::array::from_fn(|at| row[at + 1].clone()))
                .collect()
        };
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(found("Identity"), expected, "{what}");
        // A grant does not say a status.
        let of_grant: Vec<_> = expected
            .iter()
            .map(|[a, b, c, _, e]| [a, b, c, "", e])
            .collect();
        assert_eq!(found("Grant"), of_grant, "{what}");
    }
}

#[test]
fn the_import_has_people_and_no_groups_and_is_whole_without_people() {
    let shelf = Shelf::new();
    let mut organization = Organization::new();
    organization.add_other("group", "blue", "Blue team", "member");
    let blue = ResourceId::new(&ResourceTypeId::new("group"), "blue");
    let engineers = EntitlementId::new("role:eng:member");
    organization.grants.push(Grant::new(engineers, blue));
    // A user type without a single user, and another that is one of users twice.
    let mut bots = organization.resource_types[1].clone();
    bots.id = ResourceTypeId::new("bot");
    organization.resource_types.push(bots);
    organization.resource_types[1].traits.push(Trait::User);
    let counts = |organization: &Organization| {
        organization.write(&shelf.path("x.c1z"));
        let import = records(&exported(&shelf, &["csv"], "x.c1z"));
        ["Identity", "Entitlement", "Grant"]
            .map(|kind| import.iter().filter(|row| row[0] == kind).count())
    };
    assert_eq!(counts(&organization), [4, 3, 3]);
    for name in ["Ann", "Bob", "Cem", "Dee"] {
        organization.leave(name);
    }
    assert_eq!(counts(&organization), [0, 3, 0]);
}

#[test]
fn an_unlisted_person_has_an_unknown_status_in_the_import_and_none_in_the_table() {
    let shelf = Shelf::with_demo();
    let unlisted = "edith.marlowe@example.org";
    for (form, e_mail, status, expected) in [
        (&["csv"][..], "Email Address", "User Status", "Unknown"),
        (&["csv", "--table", "users"], "E-mail", "Status", ""),
    ] {
        let table = records(&exported(&shelf, form, "demo.c1z"));
        let at = column(&table, e_mail)
            .iter()
            .rposition(|cell| cell == unlisted);
        assert_eq!(column(&table, status)[at.unwrap()], expected, "{form:?}");
    }
}

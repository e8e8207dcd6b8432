//! The section about the organization over time, on the page and in the workbook.

use std::fs;

use calamine::{Reader, Xlsx, open_workbook};

use super::{Reported, known};
use crate::diff::{ORGANIZATION_ID, Organization, sync_run};

/// Four nights beside the snapshot that is reported on. Eve joins as an administrator on the second.
fn reported() -> Reported {
    let reported = Reported::of(&known());
    let folder = reported.shelf.path("nights");
    fs::create_dir(&folder).unwrap();
    let mut o = known();
    for day in 1..=4 {
        if day == 2 {
            o.join("Eve", 8);
            o.second_factor("Eve", Some(false));
        }
        let id = format!("0ujsszwN8NRY24YaXiTIE2VWD0{day}");
        let night = Organization {
            sync_run: sync_run(&id, &format!("2026-09-0{day}T02:00:00Z")),
            ..o.clone()
        };
        night.write(&folder.join(format!("{day}.c1z")));
    }
    reported
}

#[test]
fn page_has_charts_and_a_table_of_every_run_only_if_there_is_a_history() {
    let reported = reported();
    let page = reported.page(&["--history", "nights"]);
    let section = page.split("<section id=\"history\"").nth(1).unwrap();
    let section = section.split("</section>").next().unwrap();
    assert!(page.contains("<a href=\"#history\">History</a>"));
    for (title, numbers) in [
        (
            "Members",
            "2026-09-01 4, 2026-09-02 5, 2026-09-03 5, 2026-09-04 5",
        ),
        ("Owners and administrators", "2026-09-01 2, 2026-09-02 3"),
        ("Grants", "2026-09-01 3, 2026-09-02 3"),
    ] {
        assert!(
            section.contains(&format!(">{title}: {numbers}")),
            "{title}: {section}"
        );
    }
    assert!(section.contains("Findings: 2026-09-01"), "{section}");
    assert!(section.contains("1 new admin, +1 member"), "{section}");
    assert_eq!(section.matches("nights/").count(), 4, "{section}");
    // Two numbers with one name in the page would not be told apart.
    let mut ids: Vec<&str> = page
        .split("<desc id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    let without = reported.page(&[]);
    assert!(!without.contains("id=\"history\"") && !without.contains("#history"));
}

#[test]
fn workbook_has_a_row_for_every_run() {
    let reported = reported();
    reported
        .run(&["--history", "nights", "--out", "book.xlsx"])
        .succeeds();
    let mut book: Xlsx<_> = open_workbook(reported.shelf.path("book.xlsx")).unwrap();
    assert_eq!(book.worksheet_range("History").unwrap().height(), 5);
}

#[test]
fn history_of_another_organization_is_refused_and_damage_is_named_on_the_page() {
    let reported = reported();
    fs::write(reported.shelf.path("nights/x.c1z"), b"C1ZF\0").unwrap();
    let page = reported.page(&["--history", "nights"]);
    assert!(page.contains("`nights/x.c1z` could not be read"), "{page}");
    let mut other = known();
    let evidence = other.evidence.as_mut().unwrap();
    evidence.organization.id = ORGANIZATION_ID.replace("aaaa", "bbbb");
    other.write(&reported.shelf.path("other.c1z"));
    let run = reported.run(&["--history", "other.c1z"]);
    run.fails(2, &["not known to be of the organization of `sync.c1z`"]);
}

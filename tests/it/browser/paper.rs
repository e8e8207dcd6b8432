//! The page on paper.

use std::fs;
use std::process::Command;

use super::Browser;
use super::pages::Page;
use super::tables::List;

/// Sizes of paper in centimetres.
const PAPER: [(&str, [f64; 2]); 2] = [("A4", [21.0, 29.7]), ("Letter", [21.59, 27.94])];

/// The text of each printed page, without blanks, as lines may be broken anywhere.
#[track_caller]
fn printed(browser: &Browser, page: &Page, size: [f64; 2]) -> Vec<String> {
    let pdf = page.shelf.path("page.pdf");
    fs::write(&pdf, browser.print(size)).unwrap();
    let output = Command::new("pdftotext").arg(&pdf).arg("-").output();
    let output = output.expect("pdftotext starts");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let pages = text.trim_end_matches('\u{c}').split('\u{c}');
    pages.map(squeezed).collect()
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn every_printed_page_names_the_organization_and_the_digest() {
    for (page, name) in [
        (Page::of_demo(), "Larkspur & Thorn Instruments, 20"),
        (
            Page::of_hostile_organization(),
            "</script><script>window.pwned = 1</script>",
        ),
    ] {
        let browser = Browser::showing(&page.path);
        let digest = browser.text("document.title.split(' · ').at(-1)");
        assert!(digest.starts_with("v1:") && digest.len() == 67, "{digest}");
        for (paper, size) in PAPER {
            let pages = printed(&browser, &page, size);
            assert!(pages.len() > 5, "{paper}: {}", pages.len());
            for (n, text) in (1..).zip(&pages) {
                assert!(text.contains(&digest), "{paper}, page {n}: {text}");
                assert!(text.contains(&squeezed(name)), "{paper}, page {n}: {text}");
                assert!(
                    text.contains(&format!("{n}/{}", pages.len())),
                    "{paper}, page {n}: {text}"
                );
            }
            measured!("{paper}: {} pages", pages.len());
        }
    }
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn what_is_printed_filtered_says_so() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    let people = List::of(&browser, "people");
    let count = people.count();
    let everything = printed(&browser, &page, PAPER[0].1).concat();
    assert!(!everything.contains("rowswith") && !everything.contains("Filterbycolumn"));
    people.filter("edith");
    people.press_button("Filter by column");
    people.filter_column("Listed", "no");
    let text = printed(&browser, &page, PAPER[0].1).concat();
    let status = format!("1 of {count} rows with “edith”, Listed “no”");
    assert_eq!(people.status(), status);
    assert!(text.contains(&squeezed(&status)), "{text}");
    // Once in the findings, once among the holders and in the matrix, but not among people.
    let found = |text: &str| text.matches("amara.okafor@example.com").count();
    assert_eq!(found(&text) + 1, found(&everything));
}

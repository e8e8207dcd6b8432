//! Where on the page one is: links to sections and rows, and the filter and the order in the address.

use serde_json::json;

use super::Browser;
use super::client::address;
use super::pages::Page;
use super::tables::List;
use crate::report::ANCHORS;

/// Whether the top of the element with this id can be seen.
fn is_in_view(browser: &Browser, id: &str) -> bool {
    let top = browser.number(&format!(
        "document.getElementById('{id}').getBoundingClientRect().top"
    ));
    (-1.0..browser.number("innerHeight")).contains(&top)
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn every_section_has_its_anchor_and_a_link_to_it() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    let links = browser.texts(
        "return [...document.querySelectorAll('nav a')].map((link) => link.hash)",
        &[],
    );
    assert_eq!(links, ANCHORS.map(|section| format!("#{section}")));
    for section in ANCHORS.iter().rev() {
        browser.open(&format!("{}#{section}", address(&page.path)));
        assert!(is_in_view(&browser, section), "{section}");
    }
    let matrix = "document.querySelector('nav a[href=\"#matrix\"]')";
    browser.click(matrix);
    assert!(is_in_view(&browser, "matrix"));
    assert_eq!(browser.text("location.hash"), "#matrix");
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn the_address_keeps_filter_and_order_for_the_next_reader() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    let people = List::of(&browser, "people");
    people.filter("example");
    browser.wait_until("location.hash === '#people?people=example'");
    people.press_button("Filter by column");
    people.filter_column("2FA", "yes");
    people.sort_by("Last login (UTC)");
    people.sort_by("Last login (UTC)");
    let holders = List::of(&browser, "holders");
    holders.filter("é +&=#%?");
    // A link to another section keeps them.
    browser.click("document.querySelector('nav a[href=\"#findings\"]')");
    assert!(is_in_view(&browser, "findings"));
    let url = browser.text("location.href");
    assert!(
        url.contains(
            "#findings?people=example&people.2fa=yes&people.sort=-last-login-utc&holders="
        ),
        "{url}"
    );

    let seen = |browser: &Browser| {
        let people = List::of(browser, "people");
        let holders = List::of(browser, "holders");
        (people.column("Name"), people.status(), holders.status())
    };
    let before = seen(&browser);
    assert!(
        before.0.len() > 5 && before.0.len() < people.count(),
        "{before:?}"
    );
    browser.reload();
    assert_eq!(seen(&browser), before);
    let another = Browser::start();
    another.open(&url);
    assert_eq!(seen(&another), before);
    assert!(is_in_view(&another, "findings"));
    assert_eq!(another.text("location.href"), url);

    List::of(&another, "people").press_button("Clear");
    List::of(&another, "holders").press_button("Clear");
    another.wait_until("location.hash === '#roles'");
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn a_link_to_a_person_scrolls_there_and_marks_the_row() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    let id = browser.text("document.querySelector('#people tbody tr:last-child').id");
    assert!(id.starts_with("people-"), "{id}");
    let colour =
        "getComputedStyle(document.querySelector('#people tbody tr:last-child')).outlineStyle";
    assert_eq!(browser.text(colour), "none");
    browser.open(&format!("{}#{id}", address(&page.path)));
    assert!(is_in_view(&browser, &id));
    assert_eq!(browser.text(colour), "solid");
    // Also in a new window, and with a filter that lets the row through.
    for query in ["", "?people=example"] {
        let another = Browser::start();
        another.open(&format!("{}#{id}{query}", address(&page.path)));
        assert!(is_in_view(&another, &id), "{query}");
        assert_eq!(another.text(colour), "solid", "{query}");
    }
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn without_scripts_everything_can_be_read() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    let with_script = browser.number("document.querySelectorAll('tbody tr').length");
    browser.chromium(
        "Emulation.setScriptExecutionDisabled",
        json!({"value": true}),
    );
    browser.open(&format!("{}?#people?people=nobody", address(&page.path)));
    let count = |selector: &str| {
        browser.number(&format!("document.querySelectorAll(\"{selector}\").length"))
    };
    assert_eq!(count("tbody tr"), with_script);
    let unseen = "[...document.querySelectorAll('tbody tr, section, h2, h3, h4, p, dd, svg')]
        .filter((element) => element.getClientRects().length === 0).length";
    assert_eq!(browser.number(unseen), 0.0);
    // What filters and sorts is made by the script; only the fields of the sign-off are the page's own.
    assert_eq!(count("button, .tools, [type=search]"), 0.0);
    assert_eq!(
        count("input, textarea"),
        count("#sign-off input, #sign-off textarea")
    );
    assert_eq!(browser.number("document.scripts.length"), 1.0);
}

//! Sorting and filtering, by mouse and by keyboard.

use serde_json::json;

use super::Browser;
use super::client::{END, ENTER, TAB};
use super::pages::Page;

/// A list of the page: one table, or several that share a filter.
pub struct List<'b> {
    browser: &'b Browser,
    /// What finds it.
    pub expression: String,
}

impl<'b> List<'b> {
    pub fn of(browser: &'b Browser, key: &str) -> Self {
        Self {
            browser,
            expression: format!("document.querySelector('[data-list=\"{key}\"]')"),
        }
    }

    /// The texts of a column in the rows that are visible.
    #[track_caller]
    pub fn column(&self, head: &str) -> Vec<String> {
        let script = format!(
            "const list = {};
            const heads = [...list.querySelector('thead tr').cells].map((cell) => cell.textContent.trim());
            const at = heads.indexOf(arguments[0]);
            return [...list.querySelectorAll('tbody tr')].filter((row) => row.getClientRects().length > 0)
                .map((row) => row.cells[at].textContent.trim())",
            self.expression
        );
        self.browser.texts(&script, &[json!(head)])
    }

    /// The number of rows, visible or not.
    #[track_caller]
    pub fn count(&self) -> usize {
        let rows = format!("{}.querySelectorAll('tbody tr').length", self.expression);
        self.browser.number(&rows) as usize
    }

    /// What finds the head of a column.
    pub fn head(&self, head: &str) -> String {
        format!(
            "[...{}.querySelectorAll('thead th')].find((cell) => cell.textContent.trim() === '{head}')",
            self.expression
        )
    }

    #[track_caller]
    pub fn sort_by(&self, head: &str) {
        let button = format!("{}.querySelector('button')", self.head(head));
        self.browser.click(&button);
    }

    /// How the column is said to be sorted; empty if it is not.
    #[track_caller]
    fn order(&self, head: &str) -> String {
        let order = format!("{}.getAttribute('aria-sort') ?? ''", self.head(head));
        self.browser.text(&order)
    }

    /// Types into the filter, after what is there.
    #[track_caller]
    pub fn filter(&self, text: &str) {
        let input = format!("{}.querySelector('input')", self.expression);
        self.browser.click(&input);
        self.browser.press(&format!("{END}{text}"));
    }

    /// Types into the filter of a column, which must be open.
    #[track_caller]
    pub fn filter_column(&self, head: &str, text: &str) {
        self.browser.click(&format!(
            "[...{}.querySelectorAll('.columns label')].find((label) => label.textContent === '{head}').querySelector('input')",
            self.expression
        ));
        self.browser.press(text);
    }

    #[track_caller]
    pub fn press_button(&self, text: &str) {
        self.browser.click(&format!(
            "[...{}.querySelectorAll('.tools button')].find((button) => button.textContent === '{text}')",
            self.expression
        ));
    }

    #[track_caller]
    pub fn status(&self) -> String {
        let output = format!("{}.querySelector('output').textContent", self.expression);
        self.browser.text(&output)
    }
}

/// Those that are not empty.
fn known(texts: &[String]) -> Vec<String> {
    texts
        .iter()
        .filter(|text| !text.is_empty())
        .cloned()
        .collect()
}

#[track_caller]
fn assert_empty_come_last(texts: &[String]) {
    let known = known(texts).len();
    assert!(texts[known..].iter().all(String::is_empty), "{texts:?}");
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn a_click_on_a_head_sorts_up_then_down_then_as_the_report_does() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    for (key, head) in [
        ("people", "Name"),
        ("people", "E-mail"),
        ("people", "Last login (UTC)"),
        ("people", "Joined (UTC)"),
        ("roles", "Holders"),
        ("lists", "Received"),
        ("matrix", "Everyone"),
    ] {
        let list = List::of(&browser, key);
        let before = list.column(head);
        assert_eq!(list.order(head), "", "{head}");
        list.sort_by(head);
        assert_eq!(list.order(head), "ascending", "{head}");
        let up = list.column(head);
        assert_empty_come_last(&up);
        list.sort_by(head);
        assert_eq!(list.order(head), "descending", "{head}");
        let down = list.column(head);
        assert_empty_come_last(&down);
        let mut reversed = known(&down);
        reversed.reverse();
        // Names that differ only in their case are equal, and stay in the order of the report.
        let folded = |texts: &[String]| {
            texts
                .iter()
                .map(|text| text.to_lowercase())
                .collect::<Vec<_>>()
        };
        assert_eq!(folded(&reversed), folded(&known(&up)), "{head}");
        list.sort_by(head);
        assert_eq!(list.order(head), "", "{head}");
        assert_eq!(list.column(head), before, "{head}");

        let mut sorted = known(&before);
        match head {
            "Holders" | "Received" => {
                sorted.sort_by_key(|text| text.parse::<u32>().unwrap());
                assert_eq!(known(&up), sorted, "{head}");
            }
            // As they are written, times sort as texts do.
            "Last login (UTC)" | "Joined (UTC)" => {
                sorted.sort();
                assert_eq!(known(&up), sorted, "{head}");
            }
            "Everyone" => assert!(sorted.len() > 30, "{sorted:?}"),
            _ => {
                let is_letter = |c: &char| c.is_ascii_alphabetic();
                let first = |text: &String| text.chars().next().filter(is_letter);
                let firsts: Vec<_> = up
                    .iter()
                    .filter_map(first)
                    .map(|c| c.to_ascii_lowercase())
                    .collect();
                assert!(firsts.is_sorted() && firsts.len() > 30, "{up:?}");
            }
        }
    }
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn the_keyboard_reaches_filter_table_and_heads_and_sorts() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    let people = List::of(&browser, "people");
    let before = people.column("E-mail");
    people.filter("example");
    // Past the other buttons and the table, which scrolls, to the heads.
    let stops = ["Filter by column", "Clear", "", "Name", "E-mail"];
    for text in stops {
        browser.press(TAB);
        if !text.is_empty() {
            assert_eq!(browser.text("document.activeElement.textContent"), text);
        }
        let shown = browser.text("getComputedStyle(document.activeElement).outlineStyle");
        assert_ne!(shown, "none", "the focus on `{text}` cannot be seen");
    }
    browser.press(ENTER);
    assert_eq!(people.order("E-mail"), "ascending");
    let up = people.column("E-mail");
    assert_ne!(up, before);
    browser.press(" ");
    assert_eq!(people.order("E-mail"), "descending");
    assert_eq!(browser.text("document.activeElement.textContent"), "E-mail");
    let down = people.column("E-mail");
    assert_eq!([up.first(), up.last()], [down.last(), down.first()]);
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn typed_words_filter_and_the_status_counts() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    let people = List::of(&browser, "people");
    let all = people.column("Name");
    let count = people.count();
    assert_eq!(all.len(), count);
    assert_eq!(people.status(), format!("{count} rows"));

    people.filter("EXAMPLE.org");
    let outside = people.column("E-mail");
    assert!(!outside.is_empty() && outside.len() < count);
    assert!(
        outside
            .iter()
            .all(|address| address.ends_with("example.org")),
        "{outside:?}"
    );
    let status = format!("{} of {count} rows with “example.org”", outside.len());
    assert_eq!(people.status(), status);
    // Several words may be in different columns.
    people.filter(" edith billing");
    assert_eq!(people.column("Name"), ["Edith Marlowe"]);
    assert_eq!(
        people.status(),
        format!("1 of {count} rows with “example.org edith billing”")
    );
    people.filter(" nobody");
    assert_eq!(people.column("Name"), [""; 0]);
    assert_eq!(
        people.status(),
        format!("0 of {count} rows with “example.org edith billing nobody”")
    );

    people.press_button("Clear");
    assert_eq!(people.column("Name"), all);
    assert_eq!(people.status(), format!("{count} rows"));
    assert_eq!(browser.text("document.activeElement.value"), "");
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn a_column_has_a_filter_of_its_own() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    let people = List::of(&browser, "people");
    let count = people.count();
    people.press_button("Filter by column");
    people.filter_column("Seat", "Owner");
    let owners = people.column("Seat");
    assert_eq!(owners, ["owner", "owner"]);
    assert_eq!(
        people.status(),
        format!("2 of {count} rows with Seat “owner”")
    );
    people.filter_column("Name", "amara");
    assert_eq!(people.column("Name"), ["Amara Okafor"]);
    people.filter("nobody");
    assert_eq!(people.column("Name"), [""; 0]);
    people.press_button("Clear");
    assert_eq!(people.column("Name").len(), count);
    let left =
        "[...document.querySelectorAll('#people input')].map((input) => input.value).join('')";
    assert_eq!(browser.text(left), "");
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn roles_without_a_hit_vanish_and_the_name_of_a_role_is_a_hit() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    let holders = List::of(&browser, "holders");
    let shown = || {
        browser.texts(
            "return [...document.querySelectorAll('.group')].filter((group) => group.getClientRects().length > 0)
                .map((group) => group.querySelector('h4 bdi').textContent)",
            &[],
        )
    };
    let all = shown();
    assert!(
        all.iter().any(|role| role == "Incident responders"),
        "{all:?}"
    );
    holders.filter("edith");
    assert_eq!(
        holders.column("Name"),
        ["Edith Marlowe (not in the member list)"]
    );
    assert_eq!(shown().len(), 1, "{:?}", shown());
    assert_eq!(
        holders.status(),
        format!("1 of {} rows with “edith”", holders.count())
    );
    holders.press_button("Clear");
    assert_eq!(shown(), all);
    holders.filter("release an");
    let found = holders.column("Name");
    assert_eq!(shown(), ["Release approvers"]);
    assert!(
        !found.is_empty() && found.iter().all(|name| name.to_lowercase().contains("an")),
        "{found:?}"
    );
}

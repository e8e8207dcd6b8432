//! What a name, a text of the organization or an argument may not do: become an element, run, or load something.

use std::collections::BTreeSet;
use std::fs;

use super::Browser;
use super::client::address;
use super::pages::{HOSTILE, Page};
use super::tables::List;

/// Every element of the page, and each of its attributes as `element attribute`.
const ALLOWED: &str = "\
    a, a href, b, b aria-hidden, b class, bdi, body, button, button aria-expanded, button class, button hidden, \
    button type, caption, code, dd, desc, desc id, div, div aria-label, div class, div data-list, div hidden, \
    div id, div role, div tabindex, dl, dl class, dt, fieldset, figcaption, figure, footer, h1, h2, h3, h3 id, \
    h4, head, header, html, html lang, input, input aria-label, input autocomplete, input name, input placeholder, input type, \
    input value, label, label class, legend, li, main, meta, meta charset, meta content, meta http-equiv, \
    meta name, nav, nav aria-label, output, p, p class, rect, rect height, rect width, rect x, rect y, script, \
    section, section class, section id, small, span, span class, style, svg, svg aria-labelledby, svg role, \
    svg viewBox, table, table class, tbody, td, td class, text, text class, text x, text y, textarea, \
    textarea rows, th, th aria-sort, th class, th scope, thead, title, tr, tr hidden, tr id, ul, ul class";

/// Elements and attributes as in [`ALLOWED`].
const MARKUP: &str = "
    const found = new Set();
    for (const element of document.querySelectorAll('*')) {
        found.add(element.localName);
        for (const attribute of element.attributes) found.add(`${element.localName} ${attribute.name}`);
    }
    return [...found];";

/// Fails if a page has markup of which the template knows nothing.
#[track_caller]
fn assert_markup_is_the_templates(browser: &Browser) {
    let allowed: BTreeSet<_> = ALLOWED.split(", ").map(ToOwned::to_owned).collect();
    let found: BTreeSet<_> = browser.texts(MARKUP, &[]).into_iter().collect();
    let more: Vec<_> = found.difference(&allowed).collect();
    assert!(more.is_empty(), "{more:?}");
    for (selector, count) in [
        ("script", 1),
        ("style", 1),
        ("title", 1),
        ("meta", 6),
        ("a:not([href^='#'])", 0),
        ("section", 9),
        ("textarea, fieldset", 2),
    ] {
        let found = browser.number(&format!("document.querySelectorAll(\"{selector}\").length"));
        assert_eq!(found, f64::from(count), "{selector}");
    }
    let odd = browser.texts(
        "return [...document.querySelectorAll('[id], [class], [href]')]
            .flatMap((element) => ['id', 'class', 'href'].map((name) => element.getAttribute(name) ?? ''))
            .filter((value) => !/^#?[-\\w. ]*$/.test(value))",
        &[],
    );
    assert_eq!(odd, [""; 0]);
    let twice = browser.texts(
        "const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
        return ids.filter((id, at) => ids.indexOf(id) !== at)",
        &[],
    );
    assert_eq!(twice, [""; 0], "an id is there twice");
}

/// Fails if a page asked for anything but itself, or if the browser refused or complained about something.
#[track_caller]
fn assert_quiet(browser: &Browser, page: &Page) {
    assert_eq!(browser.messages(), [""; 0]);
    assert_eq!(browser.requests(), [address(&page.path)]);
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn the_page_asks_for_nothing_and_leaves_no_word_on_the_console() {
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    browser.click("document.querySelector('input[type=search]')");
    browser.press("a");
    browser.click("document.querySelector('button.sort')");
    assert_quiet(&browser, &page);
    assert_markup_is_the_templates(&browser);
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn no_text_becomes_an_element_or_runs_or_loads_something() {
    let page = Page::of_hostile_organization();
    let browser = Browser::showing(&page.path);
    // An open dialog would make the first of these fail.
    assert_markup_is_the_templates(&browser);
    assert_eq!(browser.text("typeof window.pwned"), "undefined");
    // Texts also pass through the script: into labels, into the status, into the address.
    let people = List::of(&browser, "people");
    for text in HOSTILE
        .iter()
        .filter(|text| text.is_ascii() && !text.contains('\0'))
    {
        people.filter(text);
        assert!(people.status().contains(" with “"), "{text}");
        people.press_button("Clear");
    }
    people.filter(HOSTILE[1]);
    browser.wait_until("location.hash.includes('pwned')");
    people.sort_by("Name");
    assert_markup_is_the_templates(&browser);
    assert_eq!(browser.text("typeof window.pwned"), "undefined");
    assert_quiet(&browser, &page);
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn every_hostile_text_is_shown_as_it_is_but_for_what_would_hide() {
    let page = Page::of_hostile_organization();
    let browser = Browser::showing(&page.path);
    let people = browser.text("document.getElementById('people').textContent");
    let roles = browser.text("document.getElementById('roles').textContent");
    for text in HOSTILE.iter().filter(|text| text.is_ascii()) {
        let escape = |c: char| {
            if c.is_control() {
                format!("\\u{{{:x}}}", u32::from(c))
            } else {
                c.to_string()
            }
        };
        let shown: String = text.chars().map(escape).collect();
        // The last member has left, and the second role is gone.
        assert!(people.contains(&shown) || *text == HOSTILE[13], "{shown}");
        assert!(roles.contains(&shown) || *text == HOSTILE[1], "{shown}");
    }
    let all = browser.text("document.documentElement.outerHTML");
    for c in "\0\u{1b}\u{7f}\u{9b}\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}".chars() {
        assert!(!all.contains(c), "{c:?}");
    }
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn what_these_tests_look_for_would_be_found() {
    let page = Page::of_demo();
    let text = fs::read_to_string(&page.path).unwrap();
    let evil =
        "<img src='http://127.0.0.1:9/x' onerror='window.pwned=1'><script>window.pwned=2</script>";
    let evil = text.replace("<main>", &format!("<main>{evil}"));
    fs::write(&page.path, evil).unwrap();
    let browser = Browser::showing(&page.path);
    let found = browser.texts(MARKUP, &[]);
    assert!(found.contains(&"img onerror".to_owned()), "{found:?}");
    let messages = browser.messages();
    let is_refused = |message: &&String| message.contains("Content Security Policy");
    assert!(
        messages.iter().filter(is_refused).count() >= 2,
        "{messages:?}"
    );
    // The policy holds even where the escaping did not.
    assert_eq!(browser.text("typeof window.pwned"), "undefined");

    let without_policy = fs::read_to_string(&page.path).unwrap();
    let without_policy = without_policy.replace("Content-Security-Policy", "x");
    fs::write(&page.path, without_policy).unwrap();
    browser.requests();
    browser.reload();
    assert_eq!(browser.text("typeof window.pwned"), "number");
    let requests = browser.requests();
    assert!(
        requests.contains(&"http://127.0.0.1:9/x".to_owned()),
        "{requests:?}"
    );
}

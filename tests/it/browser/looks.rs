//! What the page looks like, and what it is to those who do not look at it.

use serde_json::{Value, json};

use super::Browser;
use super::pages::Page;

/// The least contrast of text that WCAG AA allows, and that of charts and other pictures.
const TEXT: f64 = 4.5;
const PICTURE: f64 = 3.0;

/// Shows the filter of every column.
const OPEN_FILTERS: &str =
    "document.querySelectorAll('[aria-expanded=false]').forEach((button) => button.click())";

/// Every colour of text with the colour that is behind it, each pair once, with an example: `colour|behind|kind|example`.
const COLOURS: &str = "
    const found = new Map();
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (colour !== 'rgba(0, 0, 0, 0)') return colour;
        }
        return 'none';
    };
    const add = (colour, element, kind) => {
        const pair = `${colour}|${behind(element)}|${kind}`;
        if (!found.has(pair)) found.set(pair, `${element.localName}.${element.getAttribute('class')}`);
    };
    for (const element of document.body.querySelectorAll('*')) {
        if (element.getClientRects().length === 0 || element.localName === 'script') continue;
        const style = getComputedStyle(element);
        if ([...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) {
            add(element.localName === 'text' ? style.fill : style.color, element, 'text');
        }
        if (element.localName === 'rect') add(style.fill, element, 'picture');
        if (element.matches('input, textarea')) add(style.borderTopColor, element.parentElement, 'picture');
        if (element.placeholder) add(getComputedStyle(element, '::placeholder').color, element, 'text');
    }
    return [...found].map(([pair, example]) => `${pair}|${example}`);";

/// The relative luminance of a colour, as WCAG defines it.
fn luminance(colour: &str) -> f64 {
    let numbers = colour
        .strip_prefix("rgb(")
        .and_then(|rest| rest.strip_suffix(')'));
    let numbers = numbers.unwrap_or_else(|| panic!("{colour} is not opaque"));
    let parts = numbers.split(", ").map(|part| {
        let part = part.parse::<f64>().unwrap() / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    parts
        .zip([0.2126, 0.7152, 0.0722])
        .map(|(part, weight)| part * weight)
        .sum()
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn all_text_has_enough_contrast_in_light_and_dark() {
    assert!((contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") - 21.0).abs() < 1e-9);
    let page = Page::of_demo();
    let browser = Browser::showing(&page.path);
    // Controls and words that are there only then.
    browser.run(OPEN_FILTERS, &[]);
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        browser.chromium("Emulation.setEmulatedMedia", json!({"features": [feature]}));
        backgrounds
            .push(browser.text("getComputedStyle(document.documentElement).backgroundColor"));
        let colours = browser.texts(COLOURS, &[]);
        let mut least = f64::MAX;
        for line in &colours {
            let parts: Vec<_> = line.split('|').collect();
            let [colour, behind, kind, example] = parts[..] else {
                panic!("{line}")
            };
            let contrast = contrast(colour, behind);
            let enough = if kind == "text" { TEXT } else { PICTURE };
            assert!(
                contrast >= enough,
                "{scheme}: {example}: {colour} on {behind}: {contrast:.2}"
            );
            if kind == "text" {
                least = least.min(contrast);
            }
        }
        measured!(
            "{scheme}: {} pairs of colours, the least contrast of text is {least:.2}",
            colours.len()
        );
        for example in [
            "b.high",
            "b.medium",
            "b.low",
            "p.meta",
            "a.null",
            "button.sort",
            "rect.null",
        ] {
            assert!(
                colours.iter().any(|line| line.ends_with(example)),
                "{example}: {colours:?}"
            );
        }
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn nothing_is_wider_than_a_phone() {
    for page in [Page::of_demo(), Page::of_hostile_organization()] {
        let browser = Browser::start();
        browser.set_width(360);
        browser.open(&super::client::address(&page.path));
        for script in ["", OPEN_FILTERS] {
            browser.run(script, &[]);
            let width = browser.number("document.documentElement.scrollWidth");
            let wide = browser.texts(
                "return [...document.querySelectorAll('body *')]
                    .filter((element) => element.getBoundingClientRect().right > 360 && !element.closest('.scroll'))
                    .map((element) => `${element.localName}.${element.className}: ${element.textContent.slice(0, 60)}`)",
                &[],
            );
            assert!(width <= 360.0, "{width}: {wide:?}");
        }
        // The first column stays where it is while the others scroll: it must leave them room.
        let covered = browser.texts(
            "return [...document.querySelectorAll('.scroll')]
                .filter((region) => region.scrollWidth > region.clientWidth)
                .filter((region) => region.querySelector('tbody th').offsetWidth > region.clientWidth / 2)
                .map((region) => region.getAttribute('aria-label'))",
            &[],
        );
        assert_eq!(covered, [""; 0]);
    }
}

#[test]
#[ignore = "needs Chromium: run scripts/browser.sh"]
fn a_screen_reader_has_names_heads_and_headings_to_go_by() {
    for page in [Page::of_demo(), Page::of_hostile_organization()] {
        let browser = Browser::showing(&page.path);
        assert_eq!(browser.text("document.documentElement.lang"), "en");
        let faults = browser.texts(
            "const faults = [];
            const all = (selector) => [...document.querySelectorAll(selector)];
            for (const table of all('table')) {
                if (!table.caption?.textContent.trim()) faults.push(`a table in #${table.closest('section').id} has no caption`);
                if (!table.tHead?.rows[0].cells.length) faults.push(`${table.caption?.textContent} has no heads`);
                for (const row of table.tBodies[0].rows) {
                    if (row.cells[0].localName !== 'th') faults.push(`a row of ${table.caption?.textContent} has no head`);
                }
            }
            for (const head of all('thead th')) {
                if (head.scope !== 'col' || !head.textContent.trim()) faults.push(`a head is empty or has no scope`);
            }
            for (const chart of all('svg')) {
                const text = document.getElementById(chart.getAttribute('aria-labelledby'))?.textContent ?? '';
                if (chart.getAttribute('role') !== 'img' || !/\\d/.test(text)) faults.push(`a chart has no text: ${text}`);
            }
            let last = 0;
            for (const heading of all('h1, h2, h3, h4, h5, h6')) {
                const level = Number(heading.localName[1]);
                if (level > last + 1) faults.push(`${heading.textContent} skips a level`);
                if (!heading.textContent.trim()) faults.push('a heading is empty');
                last = level;
            }
            if (all('h1').length !== 1) faults.push('there is not one h1');
            for (const region of all('.scroll')) {
                if (region.tabIndex !== 0) faults.push('a table that scrolls cannot be reached by keyboard');
            }
            return faults;",
            &[],
        );
        assert_eq!(faults, [""; 0]);
        browser.run(OPEN_FILTERS, &[]);
        let controls = ["input", "textarea", "button:not([hidden])"];
        for selector in controls.into_iter().chain(["nav", "svg", "[role=region]"]) {
            let names = browser.names(selector);
            assert!(!names.is_empty(), "{selector}");
            assert!(
                names.iter().all(|name| !name.trim().is_empty()),
                "{selector}: {names:?}"
            );
        }
        let live = browser.run(
            "return [...document.querySelectorAll('.tools')].every((tools) => tools.querySelector('output'))",
            &[],
        );
        assert_eq!(live, Value::Bool(true), "the number of rows is announced");
    }
}

//! A stranger's names on the page: nothing in them is markup, runs, or hides.

use base64::Engine;
use sha2::{Digest, Sha256};

use super::{Reported, known};
use crate::support::assert_no_harm;

const NASTY: &str = "</style></script><script>alert(1)</script><img src=x onerror=a()>\"'`&lt;\u{202e}x\u{0}\r\n\
                     </title></textarea>";

fn nasty() -> Reported {
    Reported::after(|o| {
        o.person("Ann").display_name = NASTY.into();
        o.email("Bob", &format!("{NASTY}@example.org"));
        o.set("Bob", "role_at_organization", Some(NASTY.into()));
        o.second_factor("Ann", Some(false));
        o.rename_role("eng", NASTY);
        let evidence = o.evidence.as_mut().unwrap();
        evidence.organization.name = Some(NASTY.to_owned());
        evidence.unproved.push(NASTY.to_owned());
        evidence.warnings.push(NASTY.to_owned());
        evidence.lists[0].path = NASTY.to_owned();
        for (list, field) in [("domains", "domain"), ("invitations", "target_email")] {
            o.document[list][0][field] = NASTY.into();
        }
        o.document["settings"]["available_product_features"] = [NASTY].into();
    })
}

/// The part of a page between two texts.
fn between<'p>(page: &'p str, start: &str, end: &str) -> &'p str {
    let (_, rest) = page.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn no_element_and_no_hidden_character_comes_from_a_name() {
    let reported = nasty();
    let plain = Reported::of(&known());
    known()
        .a_week_later()
        .write(&reported.shelf.path("old.c1z"));
    let args = [
        "--title",
        NASTY.split('\0').next().unwrap(),
        "--reviewer",
        "\"><b>",
    ];
    let page = reported.page(&args);
    assert_no_harm(&page);
    for (tag, n) in [
        ("<script", 1),
        ("</script", 1),
        ("<style", 1),
        ("</style", 1),
        ("</title", 1),
        ("<img", 0),
        ("<b>", 0),
    ] {
        assert_eq!(page.matches(tag).count(), n, "{tag}");
    }
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        assert!(!tag.contains("onerror"), "{tag}");
    }
    let parts = |page: &str| page.matches("</section>").count();
    assert_eq!(parts(&page), parts(&plain.page(&[])));
}

#[test]
fn policy_allows_this_style_and_this_script_and_nothing_else() {
    for page in [nasty().page(&[]), Reported::of(&known()).page(&[])] {
        let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
        let hash = |text: &str| {
            let digest = Sha256::digest(text.as_bytes());
            base64::engine::general_purpose::STANDARD.encode(digest)
        };
        let style = hash(between(&page, "<style>", "</style>"));
        let script = hash(between(&page, "<script>", "</script>"));
        assert_eq!(
            policy,
            format!(
                "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; \
                 form-action 'none'; base-uri 'none'"
            )
        );
        for found in ["style=", " src=", "url(", "@import", "http-equiv=\"refresh"] {
            assert!(!page.replace("img src=x", "").contains(found), "{found}");
        }
    }
}

#[test]
fn headers_of_printed_pages_hold_the_name_as_text() {
    let page = nasty().page(&[]);
    let style = between(&page, "<style>", "</style>");
    let (_, header) = style.split_once("@top-left").unwrap();
    let text = between(header, "content: \"", "\"");
    assert!(
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || c == ' ' || c == '\\'),
        "{text}"
    );
}

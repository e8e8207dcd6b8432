//! What a stranger's name may not do to the readers of a report.

/// Fails if `text` holds a control character other than the end of a line, or reverses a line.
#[track_caller]
pub fn assert_no_harm(text: &str) {
    let harm = text
        .chars()
        .find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
    assert_eq!(harm, None, "{text:?}");
}

/// Fails if Markdown outside of code mentions, links, holds HTML, breaks a table or does other harm.
#[track_caller]
pub fn assert_harmless_markdown(text: &str) {
    let mut columns = None;
    for line in text.lines() {
        let mut shown = String::new();
        let mut rest = line;
        while let Some(at) = rest.find('`') {
            let escaped = rest[..at].ends_with('\\') && !rest[..at].ends_with("\\\\");
            shown += &rest[..at];
            if escaped {
                rest = &rest[at + 1..];
                continue;
            }
            let fence = rest[at..].len() - rest[at..].trim_start_matches('`').len();
            let after = &rest[at + fence..];
            let end = after
                .find(&"`".repeat(fence))
                .unwrap_or_else(|| panic!("{line}"));
            assert!(!after[..end].contains('|'), "{line}");
            rest = &after[end + fence..];
        }
        shown += rest;
        let left = shown.replace("@&#8203;", "");
        for found in ["@", "#7", "://", "www.", "$"] {
            assert!(!left.contains(found), "{found} in {line}");
        }
        for tag in shown.split('<').skip(1) {
            let known = [
                "details>",
                "/details>",
                "summary>",
                "/summary>",
                "code>",
                "/code>",
                "span>",
                "/span>",
            ];
            assert!(known.iter().any(|known| tag.starts_with(known)), "{line}");
        }
        assert_no_harm(line);
        match (line.starts_with('|'), columns) {
            (false, _) => columns = None,
            (true, None) => columns = Some(shown.matches('|').count()),
            (true, Some(n)) => assert_eq!(shown.matches('|').count(), n, "{line}"),
        }
    }
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
}

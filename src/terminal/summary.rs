//! What a finished crawl found and wrote, for a person.

use crate::progress::{Findings, SyncSummary};
use crate::report::{duration, labeled, printable, size};

/// The summary, in lines that fit into `width` columns.
pub(super) fn in_words(summary: &SyncSummary, width: Option<usize>) -> String {
    let SyncSummary {
        organization,
        organization_id: _,
        base_url,
        users,
        unlisted,
        roles,
        grants,
        requests,
        file,
        bytes,
        sha256,
        content_digest,
        elapsed_ms,
        unproved,
        lacks_roles,
        findings,
        next_steps,
        is_demo: _,
    } = summary;
    let file = match file {
        Some(path) => path.display().to_string(),
        None => "standard output".to_owned(),
    };
    let unlisted = match unlisted {
        0 => String::new(),
        n => format!(" ({n} of them hold a role but are not in the member list)"),
    };
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        text.push_str(&format!("{}\n", labeled(label, value, width)));
    };
    line("organization", organization);
    line("", base_url);
    line("found", &format!("{users} users{unlisted}"));
    if *lacks_roles {
        line("", "roles, and who holds them, were not read");
    } else {
        line("", &format!("{roles} roles"));
        line("", &format!("{grants} grants"));
    }
    line("file", &format!("{file} ({})", size(*bytes)));
    line("sha-256", sha256);
    line("digest", content_digest);
    let took = duration(*elapsed_ms);
    line("took", &format!("{took}, {requests} requests"));
    if let Some(Findings { high, medium, low }) = findings {
        let counts = format!("{high} high, {medium} medium, {low} low findings");
        line("audit", &counts);
    }
    for unproved in unproved {
        line("not proved", unproved);
    }
    if !next_steps.is_empty() {
        text.push_str("\ntry next\n");
        for step in next_steps {
            text.push_str(&format!("  {}\n", printable(step)));
        }
    }
    text
}

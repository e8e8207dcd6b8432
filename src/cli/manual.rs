//! The manual page: the program, its commands, and the sections that people look for at the end of one.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::help::EXAMPLES;

/// What each exit code means.
const EXIT_CODES: [(&str, &str); 14] = [
    (
        "0",
        "done; diff: no difference; audit: no finding that fails",
    ),
    (
        "1",
        "diff: differences; verify, audit: findings; stats --max-age: too old; history --within: too late",
    ),
    (
        "2",
        "wrong usage, inputs that cannot be compared, or a fault of the machine: disk, memory, permissions",
    ),
    (
        "3",
        "wrong configuration: address, host name, proxy, not a PostHog API, a file of rules, roster or decisions",
    ),
    ("4", "time-out"),
    (
        "5",
        "no such file, organization or person, or no roles on this server",
    ),
    (
        "7",
        "the key lacks a scope, may not read this, or does not see everyone",
    ),
    (
        "9",
        "refused by a guard: incomplete, shrunk, or the snapshot of another organization is in the way",
    ),
    ("10", "another run holds the lock"),
    ("13", "a bug in the program"),
    (
        "14",
        "network, name server, or a server error after all retries",
    ),
    (
        "15",
        "not a c1z file, a damaged one, or one without a finished sync run",
    ),
    ("16", "the key was rejected"),
    ("129, 130, 143", "hung up, interrupted, terminated"),
];

/// Variables that no option shows.
const VARIABLES: [(&str, &str); 9] = [
    (
        "BATON_API_TOKEN, POSTHOG_API_KEY",
        "The personal API key; also $CREDENTIALS_DIRECTORY/api-token, which comes before POSTHOG_API_KEY",
    ),
    ("POSTHOG_HOST", "The host, where --base-url is not given"),
    (
        "POSTHOG_ORGANIZATION_ID",
        "The organization's id, where the address does not name it",
    ),
    (
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
        "Proxies; never used for addresses on this machine",
    ),
    (
        "SSL_CERT_FILE",
        "Certificates to trust instead of the system's",
    ),
    (
        "BATON_DECODER_MAX_DECODED_SIZE_MB, BATON_DECODER_MAX_MEMORY_MB",
        "Largest decoded snapshot and zstd window, in MiB",
    ),
    (
        "BATON_CLIENT_ID, BATON_CLIENT_SECRET, BATON_HOST_ID",
        "Settings of the official connector's service mode; ignored",
    ),
    ("NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM", "Colour"),
    ("COLUMNS", "Width of tables that do not go to a terminal"),
];

const FILES: [(&str, &str); 5] = [
    (
        "sync.c1z",
        "The snapshot, unless -f or BATON_FILE names another",
    ),
    ("demo.c1z", "The snapshot of sync --demo"),
    (
        ".NAME.lock",
        "Next to a snapshot: held while a run writes it; it remains after the run and can be ignored",
    ),
    (
        "NAME.incomplete.c1z",
        "What --accept-incomplete keeps of a crawl that could not be proved complete",
    ),
    (
        "NAME.rejected.c1z",
        "What --keep-rejected keeps of a snapshot that a guard refused",
    ),
];

/// The manual page of the program, then those of its commands, as one document in roff.
pub(super) fn page(mut command: Command) -> Vec<u8> {
    command.build();
    let mut page = Vec::new();
    render(&command, &mut page);
    let mut last = Roff::new();
    section(&mut last, "EXIT STATUS", &EXIT_CODES);
    section(&mut last, "ENVIRONMENT", &VARIABLES);
    section(&mut last, "FILES", &FILES);
    last.control("SH", ["EXAMPLES"]);
    for (command, examples) in EXAMPLES {
        last.control("SS", [*command]);
        for (what, line) in *examples {
            last.control("TP", []);
            last.text([roman(*what)]);
            last.text([bold(*line)]);
        }
    }
    last.to_writer(&mut page).expect("a Vec takes all bytes");
    page
}

fn render(command: &Command, out: &mut Vec<u8>) {
    // The examples come at the end.
    let command = command.clone().after_help(None::<&str>);
    Man::new(command.clone())
        .render(out)
        .expect("a Vec takes all bytes");
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        render(sub, out);
    }
}

fn section(roff: &mut Roff, title: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (term, text) in entries {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*text)]);
    }
}

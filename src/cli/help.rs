//! What help shows besides the options' own texts: the output formats that a command has, and examples.

use std::fmt::Write;

use clap::builder::{PossibleValuesParser, Resettable, TypedValueParser};
use clap::{Arg, Command, ValueEnum};

use super::global::OutputFormat;
use super::heading;
use super::sync::SyncOptions;

/// The id of the option that chooses the output format.
pub(super) const OUTPUT_FORMAT: &str = "output_format";

/// The id of the option that names the snapshot.
const FILE: &str = "file";

/// The output formats of a command; none for a command that has only one.
pub(super) fn formats(command: &str) -> &'static [OutputFormat] {
    use OutputFormat::{Console, Csv, Json, Markdown, Ndjson};
    match command {
        "diff" => &[Console, Json, Ndjson, Markdown],
        "audit" => &[Console, Json, Ndjson, Markdown, Csv],
        "history" => &[Console, Json, Ndjson, Csv],
        "users" | "roles" | "grants" | "resources" | "resource-types" | "entitlements"
        | "principals" => &[Console, Json, Csv],
        "sync" | "export" | "report" | "completions" | "man" => &[],
        _ => &[Console, Json],
    }
}

/// One example: what it is for, and the command line.
type Example = (&'static str, &'static str);

/// Examples by command; those of the program itself come first.
pub(super) const EXAMPLES: &[(&str, &[Example])] = &[
    (
        PROGRAM,
        &[
            (
                "Try it with a sample organization",
                "posthog-c1z sync --demo",
            ),
            (
                "Crawl an organization, with the key in BATON_API_TOKEN",
                "posthog-c1z sync --base-url https://eu.posthog.com/api/organizations/<id>",
            ),
            (
                "Show what one person has",
                "posthog-c1z access ada@example.com",
            ),
            ("Compare two snapshots", "posthog-c1z diff old.c1z sync.c1z"),
        ],
    ),
    (
        "sync",
        &[
            (
                "Crawl an organization, with the key in BATON_API_TOKEN",
                "posthog-c1z sync --base-url https://eu.posthog.com/api/organizations/<id>",
            ),
            (
                "Keep a snapshot for each of 7 days, 12 months and 7 years, and a copy of the newest one",
                "posthog-c1z sync -f '/var/lib/posthog/{organization}-{date}.c1z' --keep-daily 7 --keep-monthly 12 --keep-yearly 7 --latest /var/lib/posthog/latest.c1z",
            ),
            (
                "Audit the snapshot, and write metrics for node_exporter",
                "posthog-c1z sync --audit --metrics-file /var/lib/node_exporter/textfile_collector/posthog.prom",
            ),
            (
                "Upload the snapshot if the crawl succeeded",
                "posthog-c1z sync -f posthog.c1z && aws s3 cp posthog.c1z s3://bucket/posthog.c1z",
            ),
            (
                "Crawl the sample organization as it is a week later",
                "posthog-c1z sync --demo=later -f later.c1z",
            ),
        ],
    ),
    (
        "check",
        &[
            (
                "Check the key, the organization and the output folder before the first nightly run",
                "posthog-c1z check -f /var/lib/posthog/sync.c1z",
            ),
            (
                "Check in a script",
                "posthog-c1z check -q && posthog-c1z sync",
            ),
            ("Get the result as JSON", "posthog-c1z check -o json"),
        ],
    ),
    (
        "stats",
        &[
            ("Show what is in a snapshot", "posthog-c1z stats sync.c1z"),
            (
                "Fail when the last crawl is older than 26 hours",
                "posthog-c1z stats --max-age 26h sync.c1z",
            ),
            (
                "Show what the crawl recorded about itself",
                "posthog-c1z stats --evidence sync.c1z",
            ),
        ],
    ),
    (
        "resource-types",
        &[
            (
                "Show which types of resources a snapshot has",
                "posthog-c1z resource-types sync.c1z",
            ),
            (
                "Get them as JSON",
                "posthog-c1z resource-types -o json sync.c1z",
            ),
            (
                "Show one sync run of a file that holds several",
                "posthog-c1z resource-types --sync-id <id> sync.c1z",
            ),
        ],
    ),
    (
        "resources",
        &[
            ("List everything", "posthog-c1z resources sync.c1z"),
            ("List roles", "posthog-c1z resources -t role sync.c1z"),
            (
                "Get one resource as JSON",
                "posthog-c1z resources -r <id> -o json sync.c1z",
            ),
        ],
    ),
    (
        "users",
        &[
            ("List users", "posthog-c1z users sync.c1z"),
            (
                "List owners and administrators without 2FA",
                "posthog-c1z users --seat owner,admin --no-2fa sync.c1z",
            ),
            (
                "List who has not logged in for 90 days and holds no role",
                "posthog-c1z users --idle 90d --without-roles sync.c1z",
            ),
            (
                "Make a table of owners for a spreadsheet",
                "posthog-c1z users --seat owner -o csv sync.c1z > owners.csv",
            ),
            (
                "Show whole ids and names",
                "posthog-c1z users --wide sync.c1z",
            ),
        ],
    ),
    (
        "roles",
        &[
            ("List roles", "posthog-c1z roles sync.c1z"),
            (
                "Show one role",
                "posthog-c1z roles -r Administrators sync.c1z",
            ),
            (
                "List roles that nobody holds",
                "posthog-c1z roles --without-holders sync.c1z",
            ),
            ("Get them as JSON", "posthog-c1z roles -o json sync.c1z"),
        ],
    ),
    (
        "entitlements",
        &[
            ("List entitlements", "posthog-c1z entitlements sync.c1z"),
            (
                "List those of one role",
                "posthog-c1z entitlements -r Administrators sync.c1z",
            ),
            (
                "Get them as JSON",
                "posthog-c1z entitlements -o json sync.c1z",
            ),
        ],
    ),
    (
        "grants",
        &[
            ("List who holds what", "posthog-c1z grants sync.c1z"),
            (
                "List who holds one role",
                "posthog-c1z grants -r Administrators sync.c1z",
            ),
            ("Get grants as JSON", "posthog-c1z grants -o json sync.c1z"),
        ],
    ),
    (
        "principals",
        &[
            (
                "List everyone who holds something",
                "posthog-c1z principals sync.c1z",
            ),
            (
                "List who holds one role",
                "posthog-c1z principals -r Administrators sync.c1z",
            ),
            (
                "Get them as JSON",
                "posthog-c1z principals -o json sync.c1z",
            ),
        ],
    ),
    (
        "access",
        &[
            (
                "By e-mail address",
                "posthog-c1z access ada@example.com sync.c1z",
            ),
            ("By name", "posthog-c1z access 'Ada Lovelace' sync.c1z"),
            (
                "As JSON",
                "posthog-c1z access ada@example.com -o json sync.c1z",
            ),
        ],
    ),
    (
        "organization",
        &[
            (
                "Show settings, domains and invitations",
                "posthog-c1z organization sync.c1z",
            ),
            (
                "Print the addresses that are invited as administrator or owner",
                "posthog-c1z organization -o json sync.c1z | jq -r '.invitations[]? | select(.level >= 8) | .target_email'",
            ),
        ],
    ),
    (
        "verify",
        &[
            ("Check a snapshot", "posthog-c1z verify sync.c1z"),
            ("Check several", "posthog-c1z verify *.c1z"),
            (
                "Check before an upload",
                "posthog-c1z verify -q sync.c1z && aws s3 cp sync.c1z s3://bucket/posthog/",
            ),
        ],
    ),
    (
        "diff",
        &[
            ("Compare two snapshots", "posthog-c1z diff old.c1z new.c1z"),
            (
                "Fail only for new owners and raised seats",
                "posthog-c1z diff old.c1z new.c1z --fail-on owner-added,seat-raised",
            ),
            (
                "Write a pull-request comment",
                "posthog-c1z diff old.c1z new.c1z -o markdown",
            ),
            (
                "Accept the changes that are known",
                "posthog-c1z diff old.c1z new.c1z --print-accept > accepted.txt",
            ),
            (
                "Check whether the decisions of an access review were carried out",
                "posthog-c1z diff reviewed.c1z now.c1z --decisions review.csv",
            ),
        ],
    ),
    (
        "audit",
        &[
            (
                "Judge a snapshot by the default rules",
                "posthog-c1z audit sync.c1z",
            ),
            (
                "Compare with a roster from HR",
                "posthog-c1z audit --roster people.csv sync.c1z",
            ),
            (
                "Start a rules file, and accept what is known",
                "posthog-c1z audit --print-rules > rules.toml; posthog-c1z audit --rules rules.toml --print-accept >> rules.toml",
            ),
            (
                "Fail only for findings that last week's snapshot did not have",
                "posthog-c1z audit --since old.c1z --fail-on new-medium sync.c1z",
            ),
        ],
    ),
    (
        "report",
        &[
            (
                "Write a page to read, print and sign, beside the snapshot",
                "posthog-c1z report sync.c1z",
            ),
            (
                "Show what changed since the last review",
                "posthog-c1z report sync.c1z --since q2.c1z --rules rules.toml --title 'Access review Q3' --reviewer 'Ada Byron'",
            ),
            (
                "Write a workbook in which reviewers decide row by row",
                "posthog-c1z report sync.c1z --out review.xlsx",
            ),
        ],
    ),
    (
        "history",
        &[
            (
                "Show what changed from night to night",
                "posthog-c1z history /var/lib/posthog",
            ),
            (
                "Show what one person had, and when",
                "posthog-c1z history /var/lib/posthog --person ada@example.com",
            ),
            (
                "Show who had what at the end of a quarter",
                "posthog-c1z history /var/lib/posthog --as-of 2026-06-30 -o csv > access.csv",
            ),
            (
                "Fail unless everyone who left lost access within a day",
                "posthog-c1z history /var/lib/posthog --left people.csv --within 24h",
            ),
        ],
    ),
    (
        "prune",
        &[
            (
                "Show which snapshots would be removed, and which rule keeps each of the others",
                "posthog-c1z prune /var/lib/posthog --keep-daily 7 --keep-monthly 12 --dry-run",
            ),
            (
                "Remove them",
                "posthog-c1z prune /var/lib/posthog --keep-daily 7 --keep-monthly 12",
            ),
            (
                "Print the names of those that would be removed",
                "posthog-c1z prune . --keep-last 30 --dry-run -o json | jq -r '.files[] | select(.removed) | .file'",
            ),
        ],
    ),
    (
        "export xlsx",
        &[(
            "Write a workbook in which reviewers decide row by row",
            "posthog-c1z export xlsx sync.c1z --out review.xlsx",
        )],
    ),
    (
        "export",
        &[
            (
                "A table of users for a spreadsheet",
                "posthog-c1z export csv --table users --out users.csv sync.c1z",
            ),
            (
                "ConductorOne's import form",
                "posthog-c1z export csv --out import.csv sync.c1z",
            ),
            (
                "A database to query with SQL",
                "posthog-c1z export sqlite --out access.db sync.c1z && sqlite3 -box access.db 'select * from privileged'",
            ),
            (
                "The whole snapshot as JSON",
                "posthog-c1z export json sync.c1z | jq '.grants | length'",
            ),
        ],
    ),
    (
        "completions",
        &[
            (
                "For bash",
                "posthog-c1z completions bash > ~/.local/share/bash-completion/completions/posthog-c1z",
            ),
            (
                "For zsh",
                "posthog-c1z completions zsh > \"${fpath[1]}/_posthog-c1z\"",
            ),
            (
                "For fish",
                "posthog-c1z completions fish > ~/.config/fish/completions/posthog-c1z.fish",
            ),
        ],
    ),
    (
        "man",
        &[
            ("Read it", "posthog-c1z man | man -l -"),
            (
                "Install it",
                "posthog-c1z man | sudo tee /usr/local/share/man/man1/posthog-c1z.1 > /dev/null",
            ),
        ],
    ),
];

/// The name of the program itself among the examples.
pub(super) const PROGRAM: &str = "posthog-c1z";

/// Completes a command line's definition with what clap's attributes cannot say.
pub(super) fn complete(command: Command) -> Command {
    let command = with_examples(command);
    let names: Vec<_> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let global: Vec<_> = command.get_arguments().cloned().collect();
    let command = names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |sub| {
            let own = global
                .iter()
                .filter_map(|option| match option.get_id().as_str() {
                    OUTPUT_FORMAT => Some(with_formats(option.clone(), formats(name))),
                    FILE => Some(of_file(option.clone(), name)),
                    _ => None,
                });
            with_examples(sub).args(own)
        })
    });
    // They work without the word `sync`, whose help lists them.
    let of_sync = SyncOptions::arguments();
    of_sync.iter().fold(command, |command, option| {
        command.mut_arg(option.get_id(), |arg| arg.hide(true))
    })
}

fn with_examples(command: Command) -> Command {
    let found = EXAMPLES
        .iter()
        .find(|(name, _)| *name == command.get_name());
    let Some((_, examples)) = found else {
        return command;
    };
    let mut text = String::new();
    if command.get_name() == PROGRAM {
        text.push_str("Run `posthog-c1z sync --help` for the options of a crawl; they work without the word `sync` too.\n\n");
    }
    text.push_str("Examples:");
    for (what, line) in *examples {
        let _ = write!(text, "\n  {what}:\n    {line}");
    }
    command.after_help(text)
}

/// The option for the output format, with the formats that a command has. Where there is only one, the option is hidden
/// but still understood, so that the error can say what to do instead.
fn with_formats(option: Arg, formats: &'static [OutputFormat]) -> Arg {
    if formats.is_empty() {
        return option
            .hide(true)
            .env(Resettable::Reset)
            .default_value(Resettable::Reset);
    }
    let values = formats.iter().filter_map(ValueEnum::to_possible_value);
    let parser = PossibleValuesParser::new(values)
        .map(|name| OutputFormat::from_str(&name, false).unwrap_or_default());
    option
        .value_parser(parser)
        .hide_possible_values(false)
        .hide_default_value(false)
        .help("Output format")
}

/// The option that names the snapshot, with what it means to a command.
fn of_file(option: Arg, command: &str) -> Arg {
    match command {
        "sync" | "check" => option.help_heading(heading::OUTPUT).help(
            "Snapshot to write; `-` for standard output; {organization}, {date} and {time} are filled in \
             [default: sync.c1z, with --demo demo.c1z]",
        ),
        "diff" | "history" | "prune" | "completions" | "man" => option.hide(true),
        _ => option.help("Snapshot to read [default: sync.c1z]"),
    }
}

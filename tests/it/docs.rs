//! README.md and docs/ are true: every `console` block is run and compared with what it shows, every `sh` block is sound
//! shell, every link leads somewhere, and tables of codes and kinds list what the program has.
//!
//! In a `console` block, `$ ` begins a command, and the lines after it are what the command prints, on standard output and
//! standard error. The commands of a page run in one folder, those of a block in one shell, where `$?` is the exit code of
//! the command before. A line `...` stands for any number of lines, and `[..]` for any text within one. What needs a network
//! is in a `sh` block, which is not run.
//!
//! `SNAPSHOTS=overwrite cargo test --test it docs::` puts into the pages what the commands print now.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use posthog_c1z::model::Timestamp;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use regex::Regex;
use snapbox::data::DataFormat;
use snapbox::filter::NormalizeToExpected;
use snapbox::{Assert, Data, Redactions};

use crate::support::{KEY, Organization, Sandbox, member};

const README: &str = "README.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the README and the pages of docs/, by their paths.
fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("docs")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    pages.push(root().join(README));
    pages.sort();
    pages
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn parse(text: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter()
}

/// Returns where the contents of the code blocks of a language are.
fn code_blocks(text: &str, language: &str) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut inside: Option<Range<usize>> = None;
    for (event, range) in parse(text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if *info == *language => {
                inside = Some(range.end..range.start);
            }
            Event::Text(_) => {
                if let Some(block) = &mut inside {
                    *block = block.start.min(range.start)..block.end.max(range.end);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(inside.take()),
            _ => {}
        }
    }
    blocks
}

/// A command of a block, and what it is said to print.
struct Step<'a> {
    command: &'a str,
    shown: String,
}

fn steps(block: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            let shown = String::new();
            steps.push(Step { command, shown });
        } else {
            let step = steps.last_mut().expect("a block begins with `$ `");
            step.shown.push_str(line);
            step.shown.push('\n');
        }
    }
    steps
}

/// What separates the commands in the output of a block.
const SEPARATOR: char = '\u{1e}';

/// Runs the commands of a block; returns what each printed, and its exit code.
fn run(steps: &[Step<'_>], sandbox: &Sandbox) -> Vec<(String, i32)> {
    let mut script = "exec 2>&1\nstatus=0\n".to_owned();
    for step in steps {
        let command = step.command;
        script.push_str(&format!(
            "(exit $status)\n{command}\nstatus=$?\nprintf '{SEPARATOR}%s{SEPARATOR}' $status\n"
        ));
    }
    let run = sandbox.sh(&["-c", &script]).env("COLUMNS", "100").run();
    assert_eq!(run.code, 0, "{script}");
    let stdout = String::from_utf8(run.stdout).unwrap();
    let parts: Vec<_> = stdout.split(SEPARATOR).collect();
    let (outputs, rest) = parts.as_chunks::<2>();
    assert_eq!((outputs.len(), rest), (steps.len(), &[""][..]), "{stdout}");
    let outputs = outputs.iter();
    outputs
        .map(|[output, code]| ((*output).to_owned(), code.parse().unwrap()))
        .collect()
}

/// Placeholders for what differs from run to run. `days` are those on which the commands ran.
fn redactions(days: [String; 2]) -> Redactions {
    let day = format!("({})", days.join("|"));
    let mut redactions = Redactions::new();
    for (placeholder, pattern) in [
        ("[TIME]", format!(r"{day}[ T]\d\d:\d\d:\d\d(\.\d+)?Z?")),
        ("[TIME]", format!(r"{day}-(?<redacted>\d{{6}})\b")),
        ("[DATE]", day),
        (
            "[SHA]",
            r#"(?m)(^|[ "])(?<redacted>[0-9a-f]{64})"#.to_owned(),
        ),
        ("[SYNC_ID]", r"\b[0-9A-Za-z]{27}\b".to_owned()),
        ("[SIZE]", r"\b\d+(\.\d)? (B|KiB|MiB)\b".to_owned()),
        ("[DURATION]", r"\b\d+\.\d s\b".to_owned()),
        (
            "[VERSION]",
            r"\bposthog-c1z (?<redacted>\d+\.\d+\.\d+)".to_owned(),
        ),
        ("[HOST]", r"\bposthog-c1z on (?<redacted>[^:]+):".to_owned()),
    ] {
        let pattern = Regex::new(&pattern).unwrap();
        redactions.insert(placeholder, pattern).unwrap();
    }
    redactions
}

fn today() -> String {
    Timestamp::now().to_day()
}

/// Programs that not every system has.
const TOOLS: [&str; 2] = ["jq", "sha256sum"];

/// Whether a block needs a program that is not installed here. In CI that is a failure.
#[allow(clippy::print_stderr, reason = "says what was skipped")]
fn is_skipped(block: &str, sandbox: &Sandbox) -> bool {
    let is_missing = |tool: &str| {
        let look = || sandbox.sh(&["-c", &format!("command -v {tool}")]).run();
        block.contains(tool) && look().code != 0
    };
    let Some(tool) = TOOLS.into_iter().find(|tool| is_missing(tool)) else {
        return false;
    };
    assert!(
        std::env::var_os("CI").is_none(),
        "{tool} is not installed, which is needed for\n{block}"
    );
    eprintln!("skipped: {tool} is not installed, which is needed for\n{block}");
    true
}

/// Returns the page with what its commands print now, as far as that is not what it shows.
fn rerun(page: &str) -> String {
    let sandbox = Sandbox::new();
    for name in ["scripts", "testdata"] {
        symlink(root().join(name), sandbox.path(name)).unwrap();
    }
    for (week, name) in [("--demo", "demo.c1z"), ("--demo=later", "later.c1z")] {
        let sync = sandbox.program(&["sync", week, "-f", name, "-q"]);
        sync.run().succeeds_silently();
    }
    let mut rerun = page.to_owned();
    let mut longer_by = 0_isize;
    for block in code_blocks(page, "console") {
        if is_skipped(&page[block.clone()], &sandbox) {
            continue;
        }
        let steps = steps(&page[block.clone()]);
        let first_day = today();
        let outputs = run(&steps, &sandbox);
        let redactions = redactions([first_day, today()]);
        let normalize = NormalizeToExpected::new().redact_with(&redactions);
        let mut text = String::new();
        for (index, (step, (printed, code))) in steps.iter().zip(outputs).enumerate() {
            let shows_code = steps
                .get(index + 1)
                .is_some_and(|next| next.command == "echo $?");
            assert!(
                code == 0 || shows_code,
                "`{}` exits {code}, so `$ echo $?` must follow it; it prints\n{printed}",
                step.command
            );
            let shown = Data::text(&step.shown);
            let printed = normalize.normalize(Data::text(printed), &shown);
            text.push_str(&format!("$ {}\n{}", step.command, printed));
        }
        let at = |place: usize| place.checked_add_signed(longer_by).unwrap();
        rerun.replace_range(at(block.start)..at(block.end), &text);
        longer_by += text.len() as isize - block.len() as isize;
    }
    rerun
}

#[test]
fn every_console_block_shows_what_its_commands_print() {
    std::thread::scope(|scope| {
        for path in pages() {
            scope.spawn(move || {
                let rerun = rerun(&read(&path));
                Assert::new()
                    .action_env("SNAPSHOTS")
                    .eq(rerun, Data::read_from(&path, Some(DataFormat::Text)).raw());
            });
        }
    });
}

#[test]
fn a_console_block_with_a_wrong_output_or_a_silent_failure_is_found() {
    let block = |lines: &str| format!("```console\n{lines}\n```\n");
    for (wrong, right) in [
        ("$ echo a\nb", "$ echo a\na"),
        ("$ echo a", "$ echo a\na"),
        ("$ true\na", "$ true"),
        (
            "$ printf 'a\\nb\\nc\\n'\na\n...\nd",
            "$ printf 'a\\nb\\nc\\n'\na\nb\nc",
        ),
        ("$ false\n$ echo $?\n0", "$ false\n$ echo $?\n1"),
        ("$ echo a >&2", "$ echo a >&2\na"),
    ] {
        assert_eq!(rerun(&block(wrong)), block(right), "{wrong}");
        assert_eq!(rerun(&block(right)), block(right), "{right}");
    }
    let silent = std::panic::catch_unwind(|| rerun(&block("$ false")));
    assert!(silent.is_err());
}

#[test]
fn every_shell_block_is_sound_shell() {
    for path in pages() {
        let page = read(&path);
        for shell in ["sh", "bash"] {
            for block in code_blocks(&page, shell) {
                let script = &page[block];
                let run = Sandbox::new().sh(&["-n", "-c", script]).run();
                let said = (run.code, &*run.stderr);
                assert_eq!(said, (0, ""), "{}:\n{script}", path.display());
            }
        }
    }
}

/// A stand-in for a program that uploads a file: it records the upload, and exits with the code that the test sets.
const UPLOADER: &str = "#!/bin/sh\n: > uploaded\nexit \"$UPLOAD_EXITS\"\n";

#[test]
fn upload_lines_upload_a_complete_crawl_alone() {
    let posthog = Organization::new().members((1..=3).map(member)).serve();
    let upload = |line: &str, key: &str, upload_exits: &str| {
        let sandbox = Sandbox::new();
        symlink(root().join("scripts"), sandbox.path("scripts")).unwrap();
        fs::create_dir(sandbox.path("bin")).unwrap();
        let path = sandbox.path("bin/aws");
        fs::write(&path, UPLOADER).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let run = sandbox
            .sh(&["-c", &format!("PATH=$PWD/bin:$PATH\n{line}")])
            .env("BATON_BASE_URL", &posthog.base_url())
            .env("BATON_API_TOKEN", key)
            .env("UPLOAD_EXITS", upload_exits)
            .run();
        (run.code, sandbox.path("uploaded").exists())
    };
    for name in [README, "docs/c1.md"] {
        let page = read(&root().join(name));
        let blocks = code_blocks(&page, "sh").into_iter().map(|at| &page[at]);
        let mut lines = blocks.filter(|line| line.contains("&& scripts/upload.sh "));
        let line = lines.next().unwrap();
        assert_eq!(upload(line, KEY, "0"), (0, true), "{line}");
        assert_eq!(upload(line, KEY, "1"), (14, true), "{line}");
        // A key that cannot read anything.
        assert_eq!(upload(line, "phc_project", "0"), (3, false), "{line}");
    }
}

/// Returns the anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut heading: Option<String> = None;
    for (event, _) in parse(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let title = heading.take().unwrap_or_default().to_lowercase();
                let kept = title
                    .chars()
                    .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
                let before = seen.entry(anchor.clone()).or_default();
                anchors.push(match *before {
                    0 => anchor,
                    number => format!("{anchor}-{number}"),
                });
                *before += 1;
            }
            _ => {}
        }
    }
    anchors
}

/// Returns the targets of a page's links.
fn links(text: &str) -> Vec<String> {
    let targets = parse(text).filter_map(|(event, _)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    });
    targets.collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_in_it() {
    let others = [
        "BENCHMARKS.md",
        "CHANGELOG.md",
        "fuzz/README.md",
        "testdata/README.md",
        "testdata/snapshots/README.md",
        "src/snapshot/FORMAT.md",
    ];
    let others = others.map(|name| root().join(name));
    let mut broken = Vec::new();
    for path in pages().into_iter().chain(others) {
        for link in links(&read(&path)) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let leads = target.exists()
                && (anchor.is_empty() || anchors(&read(&target)).iter().any(|own| own == anchor));
            if !leads {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn the_readme_is_short_and_leads_to_every_page() {
    let readme = read(&root().join(README));
    let lines = readme.lines().count();
    assert!(lines <= 170, "{lines} lines");
    let links = links(&readme);
    for path in pages() {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
        let leads = links
            .iter()
            .any(|link| link.split('#').next() == Some(name));
        assert!(name == README || leads, "no link to {name}");
    }
}

/// Returns the cells of the tables under a heading of a page.
fn cells(path: &str, heading: &str) -> Vec<String> {
    let page = read(&root().join(path));
    let section = page.split(&format!("\n{heading}\n")).nth(1).unwrap();
    let rows = section
        .lines()
        .take_while(|line| !line.starts_with("##"))
        .filter(|line| line.starts_with("| "));
    let cells = rows.flat_map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(ToOwned::to_owned).collect()
}

#[test]
fn tables_of_exit_codes_list_those_of_the_manual() {
    let manual = Sandbox::new().program(&["man"]).run().succeeds().stdout;
    let manual = String::from_utf8(manual).unwrap();
    let section = manual.split(".SH \"EXIT STATUS\"\n").nth(1).unwrap();
    let section = section.split("\n.SH ").next().unwrap();
    let codes: Vec<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix("\\fB"))
        .map(|line| line.split("\\f").next().unwrap())
        .collect();
    assert_eq!(codes.first(), Some(&"0"), "{section}");
    for path in [README, "docs/nightly.md"] {
        let cells = cells(path, "## Exit codes");
        for code in &codes {
            assert!(cells.iter().any(|cell| cell == code), "{path}: {code}");
        }
    }
}

#[test]
fn the_table_of_kinds_lists_those_that_fail_on_takes() {
    let refused = Sandbox::new()
        .program(&["diff", "a", "b", "--fail-on", "no-such-kind"])
        .run();
    let list = refused.stderr.split("[possible values: ").nth(1).unwrap();
    let mut kinds: Vec<_> = list.split(']').next().unwrap().split(", ").collect();
    kinds.sort_unstable();
    let cells = cells("docs/diff.md", "## Kinds");
    let mut listed: Vec<_> = cells
        .iter()
        .filter(|cell| cell.starts_with('`') && cell.ends_with('`'))
        .flat_map(|cell| cell.split(", "))
        .map(|kind| kind.trim_matches('`'))
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, kinds);
}

//! The commands that read: as the real binary beside files of a test's own, and inside the test's process where
//! hundreds of files are read.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use posthog_c1z::commands::{self, Failure, World};
use posthog_c1z::model::Timestamp;
use posthog_c1z::progress::{Event, Reporter};
use posthog_c1z::report::Page;
use posthog_c1z::{cli, snapshot};
use serde_json::Value;

use super::{Run, Sandbox, golden};

/// A sandbox with snapshots in it.
pub struct Shelf {
    pub sandbox: Sandbox,
}

impl Shelf {
    pub fn new() -> Self {
        Self {
            sandbox: Sandbox::new(),
        }
    }

    /// A shelf with the sample organization's snapshot as `demo.c1z`.
    #[track_caller]
    pub fn with_demo() -> Self {
        let shelf = Self::new();
        shelf.sandbox.program(&["sync", "--demo"]).run().succeeds();
        shelf
    }

    /// A file of `testdata/snapshots` under its own name.
    pub fn with_golden(self, name: &str) -> Self {
        fs::copy(golden(name), self.path(name)).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// Runs the program; nothing may be left behind.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Run {
        let run = self.sandbox.program(args).run();
        self.sandbox.assert_no_litter();
        run
    }

    /// Standard output of a run that must succeed without a word on standard error.
    #[track_caller]
    pub fn text(&self, args: &[&str]) -> String {
        let run = self.run(args).succeeds();
        assert_eq!(run.stderr, "");
        String::from_utf8(run.stdout).unwrap()
    }

    /// Standard output of such a run, as JSON.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.text(args)).unwrap()
    }
}

/// The program with no more address space than a gigabyte; what holds more in memory is killed.
pub fn in_one_gigabyte(words: &str, file: &Path) -> Command {
    in_address_space(1 << 20, words, file)
}

/// The program with no more address space than `kib` KiB. Only Linux has that limit.
pub fn in_address_space(kib: u32, words: &str, file: &Path) -> Command {
    let limit = if cfg!(target_os = "linux") {
        format!("ulimit -v {kib};")
    } else {
        String::new()
    };
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{limit} exec \"$0\" {words} \"$1\"")])
        .arg(env!("CARGO_BIN_EXE_posthog-c1z"))
        .arg(file);
    command
}

/// What came of a command that was run inside the test.
#[derive(Debug)]
pub struct Answered {
    pub code: u8,
    pub stdout: Vec<u8>,
    /// What would stand behind `error:`.
    pub message: String,
    /// What was reported.
    pub events: Vec<Event>,
}

/// Keeps what it hears.
struct Listener(Mutex<Vec<Event>>);

impl Reporter for Listener {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// Runs a command inside this process, with temporary files in `temp_dir`.
pub fn answer(temp_dir: &Path, args: &[&str]) -> Answered {
    answer_at(Timestamp::now(), temp_dir, args)
}

/// The same, when the clock shows `now`.
pub fn answer_at(now: Timestamp, temp_dir: &Path, args: &[&str]) -> Answered {
    answer_by(&|| now, temp_dir, args)
}

/// The same with a clock of its own.
pub fn answer_by(now: &dyn Fn() -> Timestamp, temp_dir: &Path, args: &[&str]) -> Answered {
    let words = ["posthog-c1z", "--temp-dir"].map(OsString::from);
    let words = words.into_iter().chain([temp_dir.into()]);
    let invocation = cli::parse(words.chain(args.iter().map(OsString::from))).unwrap();
    let mut out = Vec::new();
    let listener = Listener(Mutex::default());
    let result = invocation.command.and_then(|command| {
        let mut world = World {
            now,
            new_sync_id: &snapshot::new_sync_id,
            reporter: &listener,
            out: &mut out,
            page: Page::default(),
            quiet: false,
            arrived: &|| Ok(()),
        };
        commands::run(&command, &mut world)
    });
    let (code, message) = match result {
        Ok(outcome) => (outcome.exit_code() as u8, String::new()),
        Err(error) => {
            let failure = Failure::of(&error);
            (failure.exit_code as u8, failure.message)
        }
    };
    Answered {
        code,
        stdout: out,
        message,
        events: listener.0.into_inner().unwrap(),
    }
}

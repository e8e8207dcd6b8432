//! The real binary, run in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;
use tempfile::TempDir;

use super::{KEY, PostHog, Written};

/// The program, as it was built for these tests.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_posthog-c1z");

/// A file of `scripts/`.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts")
        .join(name)
}

/// A folder to work in, a home and a place for temporary files, all empty and gone after the test.
pub struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["work", "home", "tmp"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        Self { root }
    }

    /// A name in the folder that the program starts in.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    /// The folder that `TMPDIR` names.
    pub fn temp_dir(&self) -> PathBuf {
        self.root.path().join("tmp")
    }

    /// Lets other users of the machine in, though not write.
    pub fn open_to_others(&self) {
        for path in [self.root.path().to_owned(), self.root.path().join("work")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// Lets other users of the machine write into it too.
    pub fn open_to_writers(&self) {
        for name in ["work", "tmp"] {
            let mode = fs::Permissions::from_mode(0o777);
            fs::set_permissions(self.root.path().join(name), mode).unwrap();
        }
    }

    /// Every name in the work folder, hidden ones too.
    pub fn files(&self) -> Vec<String> {
        names_in(&self.path(""))
    }

    /// Fails if anything stands in the folders where nothing may stay.
    pub fn assert_no_litter(&self) {
        for name in ["home", "tmp"] {
            let found = names_in(&self.root.path().join(name));
            assert!(found.is_empty(), "{name} holds {found:?}");
        }
    }

    /// The program with these arguments.
    pub fn program(&self, args: &[&str]) -> Program {
        self.prepared(Command::new(PROGRAM), args)
    }

    /// A script of `scripts/` with these arguments, run by `sh`, and the program in front on its `PATH`.
    pub fn script(&self, name: &str, args: &[&str]) -> Program {
        self.sh(&[&[script(name).to_str().unwrap()], args].concat())
    }

    /// A shell with these arguments, and the program in front on its `PATH`.
    pub fn sh(&self, args: &[&str]) -> Program {
        let program = self.prepared(Command::new("sh"), args);
        let folder = Path::new(PROGRAM).parent().unwrap().to_str().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        program.env("PATH", &format!("{folder}:{path}"))
    }

    fn prepared(&self, mut command: Command, args: &[&str]) -> Program {
        command.current_dir(self.path("")).args(args).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.env("HOME", self.root.path().join("home"));
        command.env("TMPDIR", self.temp_dir());
        // What fails is tried again as often as in real life, only sooner.
        command.env("POSTHOG_C1Z_RETRY_DELAY_MS", "1");
        Program {
            command,
            stdin: Vec::new(),
        }
    }

    /// The program on its way to crawl `posthog`: address and key are in the environment.
    pub fn crawl(&self, posthog: &PostHog, args: &[&str]) -> Program {
        self.crawl_at(&posthog.base_url(), args)
    }

    /// The program on its way to crawl the organization at an address.
    pub fn crawl_at(&self, base_url: &str, args: &[&str]) -> Program {
        self.program(args)
            .env("BATON_BASE_URL", base_url)
            .env("BATON_API_TOKEN", KEY)
    }

    /// A crawl of `posthog` that must succeed, and what it wrote.
    pub fn sync(&self, posthog: &PostHog) -> Written {
        self.crawl(posthog, &["-f", "sync.c1z"]).run().succeeds();
        assert_eq!(self.files(), ["sync.c1z"]);
        self.assert_no_litter();
        Written::open(&self.path("sync.c1z"))
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The program, about to start.
pub struct Program {
    command: Command,
    stdin: Vec<u8>,
}

impl Program {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn stdin(mut self, bytes: &str) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The same program, started by way of another that ends in its place, such as `prlimit`.
    pub fn by_way_of(mut self, words: &[&str]) -> Self {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(self.command.get_program());
        command.args(self.command.get_args()).env_clear();
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.current_dir(self.command.get_current_dir().unwrap());
        self.command = command;
        self
    }

    /// The same program with no more address space than this; one that wants more is killed. Only Linux has that limit.
    pub fn in_memory_of(self, mebibytes: u64) -> Self {
        if cfg!(not(target_os = "linux")) {
            return self;
        }
        let limit = format!("ulimit -v {}; exec \"$0\" \"$@\"", mebibytes << 10);
        // Each thread would reserve 64 MiB for the memory that it may come to want.
        self.by_way_of(&["sh", "-c", &limit])
            .env("MALLOC_ARENA_MAX", "1")
    }

    /// Runs to the end.
    pub fn run(mut self) -> Run {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        // A program that does not read it has closed its end, which is no concern of the test.
        let _ = child.stdin.take().unwrap().write_all(&self.stdin);
        Run::of(child.wait_with_output().unwrap())
    }

    /// Starts, and does not wait for the end.
    pub fn start(mut self) -> Running {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running(self.command.spawn().unwrap())
    }

    /// What starts the program, for a test that needs more of it.
    pub fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// Runs to the end with both outputs on a terminal of 400 columns; what the terminal was sent, and the exit code.
    /// Line ends are those of the program.
    pub fn run_on_terminal(mut self) -> (i32, String) {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let size = Winsize {
            ws_row: 50,
            ws_col: 400,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let outputs = fs::File::options().write(true).open(name.to_str().unwrap());
        let outputs = outputs.unwrap();
        if !self.command.get_envs().any(|(name, _)| name == "TERM") {
            self.command.env("TERM", "xterm");
        }
        self.command
            .stdin(Stdio::null())
            .stdout(outputs.try_clone().unwrap())
            .stderr(outputs);
        let mut child = self.command.spawn().unwrap();
        // It holds the terminal open.
        drop(self.command);
        let mut sent = Vec::new();
        // Once the program has ended, some systems say so by an error.
        let _ = fs::File::from(terminal).read_to_end(&mut sent);
        let code = child.wait().unwrap().code().unwrap();
        let text = String::from_utf8(sent).unwrap();
        (code, text.replace("\r\n", "\n"))
    }

    /// Runs to the end with standard error where it cannot be written; its own is empty then.
    pub fn run_with_stderr(mut self, stderr: impl Into<Stdio>) -> Run {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        Run::of(self.command.output().unwrap())
    }

    /// Runs to the end with nobody reading standard output.
    pub fn run_with_stdout_closed(mut self) -> Run {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        drop(child.stdout.take());
        Run::of(child.wait_with_output().unwrap())
    }
}

/// The program, running. Dropped, it is killed.
pub struct Running(Child);

impl Running {
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success());
    }

    /// The same to a program that may have ended.
    pub fn signal_if_alive(&mut self, name: &str) {
        // Not waited for, so its id is still its own.
        let id = self.id().to_string();
        let mut kill = Command::new("kill");
        let _ = kill.args(["-s", name, &id]).stderr(Stdio::null()).status();
    }

    /// Waits for the end, whatever it says; the exit code unless a signal ended it.
    pub fn end(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }

    /// Whether it runs on.
    pub fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Ends it as nothing can be helped against, and waits until it is gone.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for the end.
    pub fn wait(mut self) -> Run {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut out = self.0.stdout.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| out.read_to_end(&mut stdout).unwrap());
            let mut err = self.0.stderr.take().unwrap();
            err.read_to_end(&mut stderr).unwrap();
        });
        let status = self.0.wait().unwrap();
        Run::of(Output {
            status,
            stdout,
            stderr,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a run left behind besides files.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    fn of(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code();
        Self {
            code: code.unwrap_or_else(|| panic!("killed by a signal: {stderr}")),
            stdout: output.stdout,
            stderr,
        }
    }

    /// Succeeded; what it said is for the test to judge.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// Succeeded without a word.
    #[track_caller]
    pub fn succeeds_silently(self) -> Self {
        assert_eq!((self.code, &*self.stderr), (0, ""));
        assert_eq!(String::from_utf8_lossy(&self.stdout), "");
        self
    }

    /// Failed with this code, with nothing on standard output, and said all of `parts` on standard error: one `error:`
    /// line, and at most one `hint:` line.
    #[track_caller]
    pub fn fails(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert_eq!(String::from_utf8_lossy(&self.stdout), "");
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "no `{part}` in:\n{}",
                self.stderr
            );
        }
        let beginnings = self.stderr.lines().map(|line| line.split(' ').next());
        let beginnings: Vec<_> = beginnings.flatten().collect();
        assert!(
            matches!(beginnings[..], ["error:"] | ["error:", "hint:"]),
            "{}",
            self.stderr
        );
        self
    }

    /// The text behind `hint:`.
    #[track_caller]
    pub fn hint(&self) -> &str {
        self.stderr
            .lines()
            .find_map(|line| line.strip_prefix("hint: "))
            .unwrap_or_else(|| panic!("no hint in:\n{}", self.stderr))
    }

    /// Standard error as JSON lines; every line must be an object.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<BTreeMap<String, Value>> {
        let lines = self.stderr.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    /// Fails if the key, or a part of it long enough to be of use, was said.
    #[track_caller]
    pub fn assert_keeps_the_key(&self) {
        assert_without_key(&self.stdout);
        assert_without_key(self.stderr.as_bytes());
    }
}

/// Fails if `bytes` hold the key or its first or last third.
#[track_caller]
pub fn assert_without_key(bytes: &[u8]) {
    let third = KEY.len() / 3;
    for part in [&KEY[..third], &KEY[KEY.len() - third..]] {
        let found = bytes
            .windows(part.len())
            .any(|window| window == part.as_bytes());
        assert!(!found, "`{part}` in {}", String::from_utf8_lossy(bytes));
    }
}

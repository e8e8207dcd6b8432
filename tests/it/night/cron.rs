//! Night after night: one run at a time, an end at any moment, a disk that refuses, and names that change.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{ALWAYS, KEY_ENTRY, as_usual, at, calm, calm_inventory, tell};
use crate::support::{
    Answer, Night, Organization, Reply, Running, Sandbox, Written, member, membership,
    organization_id, refusal, role, skip,
};

/// Begins a crawl of an organization that does not answer for its members, and waits until it is there.
fn hanging(sandbox: &Sandbox, args: &[&str]) -> (Running, Night) {
    let night = calm().serve_by(at("members/", ALWAYS, || Reply::Hang(vec![])));
    let running = sandbox.crawl_at(&night.base_url(), args).start();
    night.wait_for("members/");
    (running, night)
}

/// A snapshot of last night.
fn last_night(sandbox: &Sandbox) -> Vec<u8> {
    let night = calm().serve_by(as_usual);
    sandbox
        .crawl_at(&night.base_url(), &[])
        .run()
        .succeeds_silently();
    fs::read(sandbox.path("sync.c1z")).unwrap()
}

#[test]
fn second_run_is_told_who_is_at_it() {
    let (sandbox, night) = (Sandbox::new(), calm().serve_by(as_usual));
    let before = last_night(&sandbox);
    let mut lock = File::create(sandbox.path(".sync.c1z.lock")).unwrap();
    lock.write_all(b"process 4242, since 2026-11-23 04:05:06 UTC")
        .unwrap();
    lock.lock().unwrap();
    let run = sandbox.crawl_at(&night.base_url(), &[]).run();
    let run = run.fails(
        10,
        &[
            "is held by process 4242, since 2026-11-23 04:05:06 UTC",
            ".sync.c1z.lock",
        ],
    );
    assert!(run.hint().contains("--wait"), "{}", run.stderr);
    assert_eq!(night.asked_for_everything(), [""; 0]);
    assert_eq!(fs::read(sandbox.path("sync.c1z")).unwrap(), before);
    tell(
        "lock is held by another",
        "old snapshot as it was; says who holds it",
        10,
        0,
    );

    // The second that it takes.
    let run = sandbox.crawl_at(&night.base_url(), &["--wait", "1"]).run();
    run.fails(10, &["process 4242"]);
    assert_eq!(night.asked_for_everything(), [""; 0]);

    // Another target is of no concern.
    let run = sandbox
        .crawl_at(&night.base_url(), &["-f", "other.c1z"])
        .run();
    run.succeeds_silently();

    drop(lock);
    sandbox
        .crawl_at(&night.base_url(), &[])
        .run()
        .succeeds_silently();
    assert_eq!(sandbox.files(), ["other.c1z", "sync.c1z"]);
}

#[test]
fn real_run_names_itself_to_the_second_one() {
    let sandbox = Sandbox::new();
    let (first, _night) = hanging(&sandbox, &[]);
    let night = calm().serve_by(as_usual);
    let run = sandbox.crawl_at(&night.base_url(), &[]).run();
    run.fails(10, &[&format!("process {}, since 20", first.id())]);
    // As soon as it is gone, even so, its lock is free.
    first.kill();
    assert_eq!(sandbox.files(), [".sync.c1z.lock"]);
    sandbox
        .crawl_at(&night.base_url(), &[])
        .run()
        .succeeds_silently();
    assert_eq!(sandbox.files(), ["sync.c1z"]);
    sandbox.assert_no_litter();
}

#[test]
fn run_that_waits_comes_after_the_other() {
    let sandbox = Sandbox::new();
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap();
    let behind = gate.clone();
    let night = calm().serve_by(move |_, asked| {
        if asked.path == "members/" && asked.before == 0 {
            drop(behind.lock().unwrap());
        }
        Reply::AsUsual
    });
    let first = sandbox.crawl_at(&night.base_url(), &[]).start();
    // It has its lock before it asks for anything.
    while !sandbox.path(".sync.c1z.lock").exists() {
        std::thread::yield_now();
    }
    let other = calm().serve_by(as_usual);
    let second = sandbox
        .crawl_at(&other.base_url(), &["--wait", "60"])
        .start();
    drop(closed);
    first.wait().succeeds_silently();
    second.wait().succeeds_silently();
    let written = Written::open(&sandbox.path("sync.c1z"));
    assert_eq!(written.evidence.base_url, other.base_url());
    assert_eq!(sandbox.files(), ["sync.c1z"]);
}

#[test]
fn runs_of_one_template_share_a_lock() {
    let sandbox = Sandbox::new();
    let args = ["-f", "p-{date}-{time}.c1z"];
    let (first, _night) = hanging(&sandbox, &args);
    let night = calm().serve_by(as_usual);
    let run = sandbox.crawl_at(&night.base_url(), &args).run();
    run.fails(10, &[".p-{date}-{time}.c1z.lock"]);
    let run = sandbox
        .crawl_at(&night.base_url(), &["-f", "p-{date}.c1z"])
        .run();
    run.succeeds_silently();
    drop(first);
}

/// How a run says that a signal ended it.
fn how(signal: &str) -> &'static str {
    match signal {
        "INT" => "interrupted",
        "TERM" => "terminated",
        _ => "terminated by a hangup",
    }
}

/// Sends a signal at a moment, and sees to it that nothing is left of the run.
#[track_caller]
fn ends(what: &str, signal: &str, code: i32, sandbox: &Sandbox, running: Running, requests: usize) {
    let before = sandbox
        .path("sync.c1z")
        .exists()
        .then(|| fs::read(sandbox.path("sync.c1z")).unwrap());
    let begun = Instant::now();
    running.signal(signal);
    let run = running.wait();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{what}: {:?}",
        begun.elapsed()
    );
    let state = match before {
        Some(_) => "is as it was before this run",
        None => "was not written",
    };
    let expected = format!("{}: `sync.c1z` {state}\n", how(signal));
    assert_eq!((run.code, run.stderr), (code, expected), "{what}");
    assert_eq!(run.stdout, b"");
    let expected: &[&str] = if before.is_some() { &["sync.c1z"] } else { &[] };
    assert_eq!(sandbox.files(), expected, "{what}");
    if let Some(before) = before {
        assert_eq!(fs::read(sandbox.path("sync.c1z")).unwrap(), before);
    }
    sandbox.assert_no_litter();
    tell(
        &format!("SIG{signal} {what}"),
        "ends at once; old snapshot as it was, nothing left behind",
        code,
        requests,
    );
}

#[test]
fn signal_ends_the_run_at_once_and_leaves_nothing() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let sandbox = Sandbox::new();
        let (running, night) = hanging(&sandbox, &[]);
        ends(
            "while the server hangs",
            signal,
            code,
            &sandbox,
            running,
            night.asked().len(),
        );

        last_night(&sandbox);
        let (running, night) = hanging(&sandbox, &[]);
        ends(
            "over an old snapshot",
            signal,
            code,
            &sandbox,
            running,
            night.asked().len(),
        );

        let night = calm().serve_by(at(KEY_ENTRY, ALWAYS, || {
            let body = refusal("throttled_error", "throttled", "Slow.");
            Reply::Give(Answer::json(429, &body).with_header("retry-after", "3000"))
        }));
        let running = sandbox.crawl_at(&night.base_url(), &[]).start();
        night.wait_for(KEY_ENTRY);
        ends(
            "in a pause of 3,000 seconds",
            signal,
            code,
            &sandbox,
            running,
            1,
        );

        let roles = (1..=8).fold(calm(), |all, n| all.role(role(10 + n), []));
        let night = roles.serve_by(|_, asked| {
            if asked.path.contains("role_memberships") {
                Reply::Hang(vec![])
            } else {
                Reply::AsUsual
            }
        });
        let running = sandbox
            .crawl_at(&night.base_url(), &["--workers", "4"])
            .start();
        night.wait_for("roles/0");
        ends(
            "with four workers",
            signal,
            code,
            &sandbox,
            running,
            night.asked().len(),
        );
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn signal_to_a_run_that_waits_leaves_the_lock_of_the_other() {
    let sandbox = Sandbox::new();
    let lock = File::create(sandbox.path(".sync.c1z.lock")).unwrap();
    lock.lock().unwrap();
    let night = calm().serve_by(as_usual);
    let args = ["--wait", "10m", "--log-format", "json"];
    let running = sandbox.crawl_at(&night.base_url(), &args).start();
    // Its handler is installed once it can be seen to have caught the signal's number.
    wait_until_caught(running.id());
    running.signal("TERM");
    let run = running.wait();
    assert_eq!(run.code, 143);
    // It may be too early for the run to know its file.
    for line in run.json_lines() {
        assert_eq!(line["message"], "terminated: `sync.c1z` was not written");
        assert_eq!(line["exit_code"], 143);
    }
    assert_eq!(sandbox.files(), [".sync.c1z.lock"]);
    assert_eq!(night.asked_for_everything(), [""; 0]);
}

#[test]
fn signal_after_the_snapshot_is_written_says_which_files_are_complete() {
    for (has_latest, state) in [
        (false, "was not written"),
        (true, "is as it was before this run"),
    ] {
        let sandbox = Sandbox::new();
        if has_latest {
            last_night(&sandbox);
            fs::rename(sandbox.path("sync.c1z"), sandbox.path("latest.c1z")).unwrap();
        }
        // Another run copies its snapshot there, and takes its time.
        let lock = File::create(sandbox.path(".latest.c1z.lock")).unwrap();
        lock.lock().unwrap();
        let night = calm().serve_by(as_usual);
        let args = ["--latest", "latest.c1z"];
        let mut running = sandbox.crawl_at(&night.base_url(), &args).start();
        while running.is_alive() && !sandbox.path("sync.c1z").exists() {
            std::thread::yield_now();
        }
        running.signal("INT");
        let run = running.wait();
        let expected = format!("interrupted: `sync.c1z` is complete; `latest.c1z` {state}\n");
        assert_eq!((run.code, run.stderr), (130, expected));
        assert_eq!(
            &Written::open(&sandbox.path("sync.c1z")).inventory,
            calm_inventory()
        );
        sandbox.assert_no_litter();
    }
}

#[test]
fn signal_ends_a_run_whose_standard_error_takes_nothing_more() {
    let sandbox = Sandbox::new();
    let lock = File::create(sandbox.path(".sync.c1z.lock")).unwrap();
    lock.lock().unwrap();
    let (_reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe holds: whoever writes more waits for a reader, and this one never reads.
    writer.write_all(&[b'x'; 1 << 16]).unwrap();
    let night = calm().serve_by(as_usual);
    let mut program = sandbox.crawl_at(&night.base_url(), &["--wait", "10m"]);
    let command = program.command().stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(writer).spawn().unwrap();
    wait_until_caught(child.id());
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", "TERM", &id]).status();
    assert!(sent.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(sandbox.files(), [".sync.c1z.lock"]);
}

/// Waits until the process handles SIGTERM, by what the kernel says of it.
fn wait_until_caught(id: u32) {
    let path = format!("/proc/{id}/status");
    loop {
        let status = fs::read_to_string(&path).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
        if caught & (1 << 14) != 0 {
            return;
        }
        std::thread::yield_now();
    }
}

/// An organization that takes a moment to write.
fn large() -> Organization {
    let all = Organization::new().members((1..=1_500).map(member));
    (1..=3).fold(all, |all, n| {
        all.role(role(n), (1..=1_000).map(move |m| membership(n, &member(m))))
    })
}

/// The name of a file on its way to its target, as soon as there is one.
fn unfinished(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    // What is created to try the folder is empty.
    let mut begun = entries.filter(|entry| entry.metadata().is_ok_and(|found| found.len() > 0));
    begun.find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.ends_with(".tmp").then_some(name)
    })
}

#[test]
fn end_in_the_middle_of_writing_leaves_the_old_snapshot() {
    for signal in ["KILL", "TERM", "INT", "HUP"] {
        let sandbox = Sandbox::new();
        let before = last_night(&sandbox);
        let night = large().serve_by(as_usual);
        let mut caught = false;
        for _ in 0..40 {
            let args = ["--memberships", "embedded", "--max-shrink", "100"];
            let mut running = sandbox.crawl_at(&night.base_url(), &args).start();
            while running.is_alive() && unfinished(&sandbox.path("")).is_none() {
                std::thread::yield_now();
            }
            running.signal_if_alive(signal);
            let code = running.end();
            let now = fs::read(sandbox.path("sync.c1z")).unwrap();
            if now == before {
                caught = true;
                assert_ne!(code, Some(0));
                break;
            }
            // It was done before the signal came: then it is whole.
            let written = Written::open(&sandbox.path("sync.c1z"));
            assert_eq!(written.inventory.count_of_type("user"), 1_500);
            fs::write(sandbox.path("sync.c1z"), &before).unwrap();
        }
        assert!(caught, "forty runs were too quick");
        match signal {
            // The kernel leaves all as it is.
            "KILL" => assert!(sandbox.files().iter().all(|name| {
                name == "sync.c1z" || name == ".sync.c1z.lock" || name.ends_with(".tmp")
            })),
            _ => assert_eq!(sandbox.files(), ["sync.c1z"]),
        }
        let night = calm().serve_by(as_usual);
        sandbox
            .crawl_at(&night.base_url(), &[])
            .run()
            .succeeds_silently();
        assert_eq!(sandbox.files(), ["sync.c1z"]);
        assert_eq!(
            &Written::open(&sandbox.path("sync.c1z")).inventory,
            calm_inventory()
        );
        sandbox.assert_no_litter();
        let code = match signal {
            "KILL" => 137,
            "TERM" => 143,
            "HUP" => 129,
            _ => 130,
        };
        tell(
            &format!("SIG{signal} in the middle of writing"),
            "old snapshot as it was; the next run cleans up",
            code,
            0,
        );
    }
}

#[test]
fn next_run_removes_what_a_killed_one_left_and_nothing_else() {
    let (sandbox, night) = (Sandbox::new(), calm().serve_by(as_usual));
    fs::create_dir(sandbox.path("shelf")).unwrap();
    fs::create_dir(sandbox.path("build")).unwrap();
    symlink("shelf/real.c1z", sandbox.path("sync.c1z")).unwrap();
    let ours = [
        ".posthog-c1z-AbC123xyz789.tmp",
        "shelf/.posthog-c1z-AbC123xyz789.tmp",
        "build/.posthog-c1z-AbC123xyz789.tmp",
    ];
    let others = [
        ".posthog-c1z-AbC123xyz78.tmp",
        ".posthog-c1z-AbC123xyz-89.tmp",
        ".posthog-c1z-AbC123xyz789.tmp2",
        "posthog-c1z-AbC123xyz789.tmp",
        ".sync.c1z.AbC123.tmp",
        ".X.Y.tmp",
        // Of the right name, but locked by a run that lives.
        ".posthog-c1z-locked000000.tmp",
    ];
    for name in ours.iter().chain(&others) {
        fs::write(sandbox.path(name), "x").unwrap();
    }
    let live = File::open(sandbox.path(".posthog-c1z-locked000000.tmp")).unwrap();
    live.lock().unwrap();
    fs::write(sandbox.path("notes.txt"), "x").unwrap();
    symlink("notes.txt", sandbox.path(".posthog-c1z-link00000000.tmp")).unwrap();
    fs::create_dir(sandbox.path(".posthog-c1z-folder000000.tmp")).unwrap();
    let pipe = sandbox.path(".posthog-c1z-pipe00000000.tmp");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );

    let args = ["--latest", "latest.c1z", "--temp-dir", "build"];
    sandbox
        .crawl_at(&night.base_url(), &args)
        .run()
        .succeeds_silently();
    for name in ours {
        assert!(!sandbox.path(name).exists(), "{name}");
    }
    for name in others {
        assert!(sandbox.path(name).exists(), "{name}");
    }
    assert!(sandbox.path("notes.txt").exists());
    assert!(sandbox.path(".posthog-c1z-link00000000.tmp").is_symlink());
    assert!(sandbox.path(".posthog-c1z-folder000000.tmp").is_dir());
    assert!(pipe.exists());
}

/// Whether this test can run the program as somebody without rights.
fn as_nobody(sandbox: &Sandbox, night: &Night, args: &[&str]) -> Option<crate::support::Run> {
    const NOBODY: u32 = 65_534;
    let mut program = sandbox.crawl_at(&night.base_url(), args);
    let own_id = Command::new("id").arg("-u").output().ok()?;
    if own_id.stdout == b"0\n" {
        sandbox.open_to_others();
        program.command().uid(NOBODY).gid(NOBODY);
        let mut probe = Command::new(program.command().get_program());
        let probed = probe.arg("--version").uid(NOBODY).gid(NOBODY).output();
        if !probed.is_ok_and(|probed| probed.status.success()) {
            return None;
        }
    } else {
        let mode = fs::Permissions::from_mode(0o555);
        fs::set_permissions(sandbox.path(""), mode).ok()?;
    }
    let run = program.run();
    fs::set_permissions(sandbox.path(""), fs::Permissions::from_mode(0o755)).ok()?;
    Some(run)
}

#[test]
fn folder_that_cannot_be_written_is_told_before_anything_is_sent() {
    let (sandbox, night) = (Sandbox::new(), calm().serve_by(as_usual));
    let before = last_night(&sandbox);
    let Some(run) = as_nobody(&sandbox, &night, &[]) else {
        skip("the program cannot be run as another user");
        return;
    };
    run.assert_keeps_the_key();
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains(".sync.c1z.lock") && run.stderr.contains("ermission denied"),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read(sandbox.path("sync.c1z")).unwrap(), before);
    assert_eq!(sandbox.files(), ["sync.c1z"]);
    assert_eq!(night.asked_for_everything(), [""; 0]);
    tell(
        "folder that cannot be written",
        "old snapshot as it was",
        2,
        0,
    );
}

#[test]
fn folder_for_temporary_files_that_is_not_there_is_named() {
    let (sandbox, night) = (Sandbox::new(), calm().serve_by(as_usual));
    let before = last_night(&sandbox);
    for (args, variable) in [
        (&["--temp-dir", "no-such-folder"][..], ""),
        (&[], "no-such-folder"),
    ] {
        let run = sandbox
            .crawl_at(&night.base_url(), args)
            .env("BATON_TMPDIR", variable)
            .run();
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains("no-such-folder"), "{}", run.stderr);
        assert_eq!(fs::read(sandbox.path("sync.c1z")).unwrap(), before);
        assert_eq!(sandbox.files(), ["sync.c1z"]);
    }
    tell(
        "--temp-dir that does not exist",
        "old snapshot as it was",
        2,
        night.asked().len() / 2,
    );
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /dev/shm")]
fn temporary_files_may_be_on_another_filesystem() {
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else {
        skip("there is no /dev/shm");
        return;
    };
    let (sandbox, night) = (Sandbox::new(), calm().serve_by(as_usual));
    let path = elsewhere.path().to_str().unwrap();
    for (args, variable) in [(&["--temp-dir", path][..], ""), (&[], path)] {
        let run = sandbox
            .crawl_at(&night.base_url(), args)
            .env("BATON_TMPDIR", variable)
            .run();
        run.succeeds_silently();
        assert_eq!(
            &Written::open(&sandbox.path("sync.c1z")).inventory,
            calm_inventory()
        );
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert_eq!(sandbox.files(), ["sync.c1z"]);
}

/// The kernel refuses to let a file grow beyond a limit of the process, as a full disk would.
#[test]
fn file_that_may_not_grow_leaves_the_old_snapshot() {
    let (sandbox, night) = (Sandbox::new(), large().serve_by(as_usual));
    let before = last_night(&sandbox);
    let program = env!("CARGO_BIN_EXE_posthog-c1z");
    // In blocks of 512 bytes: too small for the database; or with that elsewhere, for the snapshot.
    for blocks in ["64", "800"] {
        let mut shell = sandbox.crawl_at(&night.base_url(), &[]);
        let command = shell.command();
        let script =
            format!("trap '' XFSZ; ulimit -f {blocks}; exec {program} --memberships embedded");
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &script])
            .env_clear()
            .current_dir(sandbox.path(""));
        limited.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let output = limited.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with("error: "), "{said}");
        assert_eq!(
            fs::read(sandbox.path("sync.c1z")).unwrap(),
            before,
            "{said}"
        );
        assert_eq!(sandbox.files(), ["sync.c1z"], "{said}");
        sandbox.assert_no_litter();
    }
    tell(
        "file that may not grow beyond a limit",
        "old snapshot as it was, nothing left behind",
        2,
        night.asked().len() / 2,
    );
}

/// A filesystem of a few pages, as long as this stands.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(kilobytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={kilobytes}k");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "posthog-c1z-test"])
            .arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "mounts a tmpfs")]
fn full_disk_leaves_the_old_snapshot() {
    let Some(disk) = SmallDisk::mount(64) else {
        skip("no tmpfs can be mounted");
        return;
    };
    let (sandbox, night) = (Sandbox::new(), large().serve_by(as_usual));
    let calm = calm().serve_by(as_usual);
    let target = disk.0.path().join("sync.c1z");
    let path = target.to_str().unwrap();
    let temp = sandbox.temp_dir();
    let elsewhere = ["--temp-dir", temp.to_str().unwrap()];
    let run = sandbox
        .crawl_at(&calm.base_url(), &["-f", path, elsewhere[0], elsewhere[1]])
        .run();
    run.succeeds_silently();
    let before = fs::read(&target).unwrap();
    // The database beside the target; the database elsewhere.
    for more in [&[][..], &elsewhere] {
        let mut args = vec!["-f", path, "--memberships", "embedded"];
        args.extend(more);
        let run = sandbox.crawl_at(&night.base_url(), &args).run();
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.hint().contains("free some space"), "{}", run.stderr);
        assert_eq!(fs::read(&target).unwrap(), before);
        let left = fs::read_dir(disk.0.path()).unwrap();
        assert_eq!(left.count(), 1);
        sandbox.assert_no_litter();
        tell(
            "disk is full",
            "old snapshot as it was, nothing left behind",
            2,
            night.asked().len(),
        );
    }
}

/// Today and its time, as they stand in a name.
fn is_moment(text: &str) -> bool {
    let form = "dddd-dd-ddTdddddd";
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(c, form)| match form {
            b'd' => c.is_ascii_digit(),
            _ => c == form,
        })
}

#[test]
fn names_may_hold_date_time_and_organization() {
    let (sandbox, night) = (Sandbox::new(), calm().serve_by(as_usual));
    fs::create_dir(sandbox.path("out")).unwrap();
    let args = [
        "-f",
        "out/posthog-{organization}-{date}T{time}.c1z",
        "--latest",
        "latest.c1z",
        "--mode",
        "0640",
    ];
    sandbox
        .crawl_at(&night.base_url(), &args)
        .run()
        .succeeds_silently();
    assert_eq!(sandbox.files(), ["latest.c1z", "out"]);
    let made = fs::read_dir(sandbox.path("out")).unwrap();
    let made: Vec<_> = made.map(|entry| entry.unwrap().path()).collect();
    let [path] = &made[..] else {
        panic!("{made:?}")
    };
    let name = path.file_name().unwrap().to_str().unwrap();
    let moment = name
        .strip_prefix(&format!("posthog-{}-", organization_id()))
        .and_then(|rest| rest.strip_suffix(".c1z"));
    assert!(is_moment(moment.unwrap()), "{name}");
    // A copy, byte by byte, under the same permissions.
    let latest = sandbox.path("latest.c1z");
    assert_eq!(fs::read(path).unwrap(), fs::read(&latest).unwrap());
    assert_eq!(
        fs::metadata(&latest).unwrap().permissions().mode() & 0o777,
        0o640
    );
    sandbox.assert_no_litter();
}

#[test]
fn latest_that_cannot_be_written_is_told_before_anything_is_sent() {
    let (sandbox, night) = (Sandbox::new(), calm().serve_by(as_usual));
    let run = sandbox
        .crawl_at(
            &night.base_url(),
            &["--latest", "no-such-folder/latest.c1z"],
        )
        .run();
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("no-such-folder"), "{}", run.stderr);
    assert_eq!(night.asked_for_everything(), [""; 0]);
    assert_eq!(sandbox.files(), [""; 0]);
    tell(
        "--latest in a folder that does not exist",
        "nothing written",
        2,
        0,
    );
}

#[test]
fn names_with_unknown_braces_are_wrong_usage() {
    let (sandbox, night) = (Sandbox::new(), calm().serve_by(as_usual));
    for args in [
        &["-f", "p-{day}.c1z"][..],
        &["-f", "{date}/p.c1z"],
        &["-f", "p.c1z", "--keep-last", "3"],
        &["-f", "p-{organization}.c1z", "--keep-last", "3"],
        &["-f", "p-{time}.c1z"],
        &["-f", "p-{organization}-{time}.c1z"],
        &["-f", "p-{date}.c1z", "--keep-last", "0"],
        &["-f", "p-{date}.c1z", "--dry-run"],
    ] {
        let run = sandbox.crawl_at(&night.base_url(), args).run();
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
    }
    assert_eq!(
        (night.asked_for_everything(), sandbox.files()),
        (vec![], vec![])
    );
}

#[test]
fn old_snapshots_go_and_nothing_else_does() {
    let sandbox = Sandbox::new();
    let before = last_night(&sandbox);
    let old = ["p-2020-01-01.c1z", "p-2020-02-01.c1z", "p-2021-01-01.c1z"];
    let others = [
        "notes.txt",
        "p-2019-01-01.c1z.bak",
        "p-2019-01-01.rejected.c1z",
        "q-2019-01-01.c1z",
        "p-2019-1-1.c1z",
        "P-2019-01-01.c1z",
        "sync.c1z",
    ];
    for name in old.iter().chain(&others) {
        fs::write(sandbox.path(name), &before).unwrap();
    }
    fs::create_dir(sandbox.path("p-2018-01-01.c1z")).unwrap();
    let all = sandbox.files();

    let night = calm().serve_by(as_usual);
    let args = ["-f", "p-{date}.c1z", "--keep-last", "2"];
    let run = sandbox
        .crawl_at(&night.base_url(), &[&args[..], &["--dry-run"]].concat())
        .run();
    let run = run.succeeds();
    let told = String::from_utf8(run.stdout).unwrap();
    let (written, removed) = told.split_once('\n').unwrap();
    assert!(
        written.starts_with("would write p-20")
            && written.ends_with(".c1z, which counts as one of the 2 to keep"),
        "{written}"
    );
    assert_eq!(
        removed,
        "would keep ./p-2021-01-01.c1z, by last\n\
         would remove ./p-2020-02-01.c1z\n\
         would remove ./p-2020-01-01.c1z\n\
         would keep ./p-2019-01-01.rejected.c1z, by last\n"
    );
    assert_eq!(sandbox.files(), all);
    assert_eq!(night.asked_for_everything(), [""; 0]);

    sandbox
        .crawl_at(&night.base_url(), &args)
        .run()
        .succeeds_silently();
    let mut left = sandbox.files();
    let new = left
        .iter()
        .position(|name| name.starts_with("p-20") && !all.contains(name));
    let new = left.remove(new.unwrap());
    let mut expected = all.clone();
    expected.retain(|name| !told.contains(&format!("would remove ./{name}\n")));
    assert_eq!(left, expected);
    assert_eq!(
        &Written::open(&sandbox.path(&new)).inventory,
        calm_inventory()
    );
}

/// What a dry run says is what the run after it does, for every kind of name.
#[test]
fn dry_run_says_what_the_run_does() {
    let id = organization_id();
    let today = || posthog_c1z::model::Timestamp::now().to_seconds()[..10].to_owned();
    for (template, names, keep) in [
        (
            "p-{date}.c1z",
            vec!["p-2020-01-01.c1z", "p-2020-01-02.c1z"],
            "1",
        ),
        (
            "p-{date}.c1z",
            vec!["p-2020-01-01.c1z", "p-2020-01-02.c1z"],
            "2",
        ),
        ("p-{date}.c1z", vec!["p-2020-01-01.c1z", "p-§.c1z"], "2"),
        ("p-{date}.c1z", vec!["p-2020-01-01.c1z", "p-§.c1z"], "1"),
        (
            "p-{date}.c1z",
            vec!["p-2998-01-01.c1z", "p-2999-01-01.c1z"],
            "1",
        ),
        ("p-{date}.c1z", vec![], "1"),
        (
            "{organization}-{date}-{time}.c1z",
            vec![
                "@-2020-01-01-000000.c1z",
                "@-2020-01-02-000000.c1z",
                "x-2020-01-01-000000.c1z",
            ],
            "2",
        ),
    ] {
        let (night, sandbox) = (calm().serve_by(as_usual), Sandbox::new());
        let before = last_night(&sandbox);
        let day = today();
        for name in names {
            let name = name.replace('@', id).replace('§', &day);
            fs::write(sandbox.path(&name), &before).unwrap();
        }
        let files = sandbox.files();
        let base_url = night.base_url().replace(id, "@current");
        let args = ["-f", template, "--keep-last", keep];
        let dry = sandbox
            .crawl_at(&base_url, &[&args[..], &["--dry-run"]].concat())
            .run()
            .succeeds();
        assert_eq!(sandbox.files(), files);
        let said = String::from_utf8(dry.stdout).unwrap();
        let named = |beginning: &str| -> Vec<String> {
            let lines = said.lines().filter_map(|line| line.strip_prefix(beginning));
            let mut names: Vec<String> = lines
                .map(|rest| {
                    rest.split(',')
                        .next()
                        .unwrap()
                        .trim_start_matches("./")
                        .to_owned()
                })
                .collect();
            names.sort();
            names
        };
        sandbox.crawl_at(&base_url, &args).run().succeeds_silently();
        if today() != day {
            // Midnight came in between, and the names with it.
            continue;
        }
        let left = sandbox.files();
        let gone: Vec<_> = files.iter().filter(|name| !left.contains(name)).collect();
        assert_eq!(
            named("would remove ").iter().collect::<Vec<_>>(),
            gone,
            "{template}: {said}"
        );
        let [written] = &named("would write ")[..] else {
            panic!("{said}");
        };
        // The time may differ, the rest may not.
        let prefix = &written[..written.len() - "dd-dddddd.c1z".len().min(written.len())];
        assert!(
            left.iter().any(|name| name.starts_with(prefix)),
            "{said}: {left:?}"
        );
    }
}

#[test]
fn what_is_old_is_decided_by_the_time_in_the_file() {
    let sandbox = Sandbox::new();
    let before = last_night(&sandbox);
    for name in ["p-2026-99-99.c1z", "p-2998-01-01.c1z", "p-2999-01-01.c1z"] {
        fs::write(sandbox.path(name), &before).unwrap();
    }
    let night = calm().serve_by(as_usual);
    let args = ["-f", "p-{date}.c1z", "--keep-last", "1"];
    sandbox
        .crawl_at(&night.base_url(), &args)
        .run()
        .succeeds_silently();
    let files = sandbox.files();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(!files[0].contains("99"), "{files:?}");
}

#[test]
fn nothing_is_pruned_when_the_crawl_fails() {
    let sandbox = Sandbox::new();
    let before = last_night(&sandbox);
    for name in ["p-2020-01-01.c1z", "p-2020-02-01.c1z"] {
        fs::write(sandbox.path(name), &before).unwrap();
    }
    let files = sandbox.files();
    let args = ["-f", "p-{date}.c1z", "--keep-last", "1"];
    let night = calm().serve_by(at("roles/", ALWAYS, || {
        Reply::Give(Answer::new(403, "text/html", ""))
    }));
    sandbox
        .crawl_at(&night.base_url(), &args)
        .run()
        .fails(7, &["403"]);
    assert_eq!(sandbox.files(), files);
    // Nor when the new one is refused.
    let night = Organization::new().members([member(1)]).serve_by(as_usual);
    sandbox
        .crawl_at(&night.base_url(), &args)
        .run()
        .fails(9, &["fell from"]);
    assert_eq!(sandbox.files(), files);
}

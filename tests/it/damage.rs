//! Whatever bytes stand where a snapshot should: a clean exit code and a word about it, nothing left behind, and the
//! file as it was. Never a panic, never a signal, never memory without end.

use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::support::{Edited, Sandbox, Shelf, answer, decoded, golden, in_one_gigabyte, packed};

/// Every way to read a snapshot.
const COMMANDS: [&[&str]; 14] = [
    &["verify"],
    &["verify", "-o", "json"],
    &["stats"],
    &["stats", "-o", "json"],
    &["resource-types", "-o", "json"],
    &["resources"],
    &["entitlements", "-o", "json"],
    &["grants"],
    &["grants", "-o", "json"],
    &["principals"],
    &["access", "ada.lovelace.1@example.com"],
    &["export", "csv"],
    &["export", "csv", "--table", "grants"],
    &["export", "json"],
];

/// A folder with one snapshot in it that is replaced again and again, and one for temporary files.
struct Bench {
    root: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("tmp")).unwrap();
        Self { root }
    }

    /// Runs a command on these bytes and returns its exit code, which must be a clean one. What was done to the bytes is
    /// told by `what`.
    fn read(&self, command: &[&str], bytes: &[u8], what: &str) -> u8 {
        let path = self.root.path().join("damaged.c1z");
        if fs::read(&path).ok().as_deref() != Some(bytes) {
            fs::write(&path, bytes).unwrap();
        }
        let before = fs::metadata(&path).unwrap();
        let temp_dir = self.root.path().join("tmp");
        let args = [command, &["-f", path.to_str().unwrap()]].concat();
        let answered = catch_unwind(AssertUnwindSafe(|| answer(&temp_dir, &args)))
            .unwrap_or_else(|_| panic!("{what}: {command:?} panicked"));
        let code = answered.code;
        // 2 only where damaged e-mails match twice.
        let is_clean = matches!(code, 0 | 1 | 5 | 15) || (code == 2 && command[0] == "access");
        assert!(is_clean, "{what}: {command:?} gave {answered:?}");
        if code == 15 && command[0] != "verify" {
            assert!(answered.message.contains("damaged.c1z"), "{answered:?}");
        }
        if command[0] == "verify" {
            assert_ne!(answered.stdout.len() + usize::from(code == 0), 0, "{what}");
        }
        let after = fs::metadata(&path).unwrap();
        assert_eq!(after.modified().unwrap(), before.modified().unwrap());
        assert_eq!(after.len(), before.len());
        code
    }

    /// Fails if a temporary file is left, or the last file was written to.
    fn assert_untouched(&self, bytes: &[u8]) {
        assert_eq!(
            fs::read(self.root.path().join("damaged.c1z")).unwrap(),
            bytes
        );
        let left = fs::read_dir(self.root.path().join("tmp")).unwrap().count();
        assert_eq!(left, 0);
    }
}

fn small() -> Vec<u8> {
    fs::read(golden("small.c1z")).unwrap()
}

/// The sample organization's snapshot, by our own writer.
fn demo() -> Vec<u8> {
    let shelf = Shelf::with_demo();
    fs::read(shelf.path("demo.c1z")).unwrap()
}

/// Positions all over `length` bytes: each of the first 64 and the last 16, and every 64th part between.
fn regions(length: usize) -> Vec<usize> {
    let mut positions: Vec<_> = (0..64)
        .chain((0..64).map(|part| part * length / 64))
        .chain(length - 16..length)
        .collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bench = Bench::new();
    for whole in [small(), demo()] {
        for length in regions(whole.len()) {
            let cut = &whole[..length];
            let what = format!("cut to {length} of {}", whole.len());
            for command in [&["verify"][..], &["grants"]] {
                assert_eq!(bench.read(command, cut, &what), 15, "{what}: {command:?}");
            }
            bench.assert_untouched(cut);
        }
        for command in COMMANDS {
            let half = &whole[..whole.len() / 2];
            assert_eq!(bench.read(command, half, "cut in half"), 15, "{command:?}");
        }
    }
}

#[test]
fn a_byte_flipped_anywhere_in_the_file_never_goes_unnoticed() {
    let bench = Bench::new();
    for whole in [small(), demo()] {
        let expected = answers(&bench, &whole);
        for at in regions(whole.len()) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let what = format!("byte {at} of {}", whole.len());
            let code = bench.read(&["grants", "-o", "json"], &damaged, &what);
            // Some bits of a zstd frame's head mean nothing; then the content is the same to the last byte.
            if code == 0 {
                assert_eq!(answers(&bench, &damaged), expected, "{what}");
            } else {
                assert_eq!(code, 15, "{what}");
            }
        }
    }
}

fn answers(bench: &Bench, bytes: &[u8]) -> Vec<u8> {
    bench.read(&["verify"], bytes, "whole");
    let path = bench.root.path().join("damaged.c1z");
    let args = ["export", "json", "-f", path.to_str().unwrap()];
    answer(&bench.root.path().join("tmp"), &args).stdout
}

/// About 200 positions of a database: all over its head, at the head of each page, and in what is written on them.
fn database_positions(database: &[u8]) -> Vec<usize> {
    let written: Vec<_> = (100..database.len())
        .filter(|at| database[*at] != 0)
        .collect();
    let step = written.len() / 110;
    let mut positions: Vec<_> = (16..100)
        .step_by(3)
        .chain(
            (0..database.len())
                .step_by(4096)
                .flat_map(|page| [page, page + 3, page + 9]),
        )
        .chain(written.iter().step_by(step).copied())
        .collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

#[test]
fn a_byte_flipped_in_the_database_is_read_around_or_refused() {
    let bench = Bench::new();
    let database = decoded(&small());
    let positions = database_positions(&database);
    assert!((180..260).contains(&positions.len()), "{}", positions.len());
    let mut seen = [0; 16];
    for at in positions {
        let mut damaged = database.clone();
        damaged[at] ^= [0xff, 0x01, 0x80][at % 3];
        let bytes = packed(&damaged);
        for command in COMMANDS {
            let code = bench.read(command, &bytes, &format!("byte {at} of the database"));
            seen[usize::from(code)] += 1;
        }
        bench.assert_untouched(&bytes);
    }
    // All three happen; else the damage would be of one kind only.
    for code in [0, 1, 15] {
        assert_ne!(seen[code], 0, "{seen:?}");
    }
}

#[test]
fn a_byte_flipped_in_our_own_database_is_found_by_verify_unless_it_means_nothing() {
    let bench = Bench::new();
    let database = decoded(&demo());
    for at in (100..database.len()).step_by(database.len() / 60) {
        let mut damaged = database.clone();
        damaged[at] ^= 0xff;
        let what = format!("byte {at} of the demo's database");
        let bytes = packed(&damaged);
        let verdict = bench.read(&["verify"], &bytes, &what);
        let export = answers(&bench, &bytes);
        // Found, or nothing that is shown has changed.
        if verdict == 0 {
            assert_eq!(export, answers(&bench, &packed(&database)), "{what}");
        }
        bench.read(&["grants"], &bytes, &what);
    }
}

#[test]
fn a_database_cut_at_any_page_is_refused_or_read_around() {
    let bench = Bench::new();
    let database = decoded(&small());
    for length in (0..database.len()).step_by(4096).chain([1, 99, 101, 5000]) {
        let bytes = packed(&database[..length]);
        let what = format!("database cut to {length}");
        for command in COMMANDS {
            assert_ne!(bench.read(command, &bytes, &what), 0, "{what}: {command:?}");
        }
        bench.assert_untouched(&bytes);
    }
}

#[test]
fn noise_in_a_good_container_is_refused() {
    let bench = Bench::new();
    let mut noise = Vec::new();
    let mut state = 0x9e37_79b9_u32;
    for _ in 0..20_000 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        noise.push(state as u8);
    }
    let mut headed = decoded(&small())[..100].to_vec();
    headed.extend_from_slice(&noise);
    for bytes in [
        noise.clone(),
        headed,
        b"SQLite format 3\0".to_vec(),
        vec![0; 8192],
    ] {
        for command in COMMANDS {
            assert_eq!(bench.read(command, &packed(&bytes), "noise"), 15);
        }
    }
    assert_eq!(
        bench.read(&["grants"], &[b"C1ZF\0", &noise[..]].concat(), "noise"),
        15
    );
}

/// What is no c1z, and what is said of it.
fn strangers() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let small = small();
    let database = decoded(&small);
    let mut wrong_magic = small.clone();
    wrong_magic[..5].copy_from_slice(b"C9ZF\0");
    vec![
        ("empty", Vec::new(), "an empty file"),
        ("one-byte", b"C".to_vec(), "not a c1z"),
        ("four-bytes", b"C1ZF".to_vec(), "not a c1z"),
        ("five-bytes", b"C1ZF\0".to_vec(), "nothing follows"),
        ("wrong-magic", wrong_magic, "not a c1z"),
        ("sqlite", database.clone(), "a plain SQLite database"),
        ("zstd", small[5..].to_vec(), "plain zstd data"),
        (
            "gzip",
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0".to_vec(),
            "gzip data",
        ),
        (
            "png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(),
            "a PNG image",
        ),
        ("zip", b"PK\x03\x04\x14\0\0\0".to_vec(), "a ZIP archive"),
        ("json", b"{\"detail\": \"no\"}".to_vec(), "JSON"),
        ("html", b"<!doctype html>".to_vec(), "HTML or XML"),
        (
            "not-compressed",
            [b"C1ZF\0", &database[..]].concat(),
            "is not zstd data",
        ),
        (
            "bytes-behind",
            [&small[..], b"\0\0\0\0"].concat(),
            "not a zstd frame",
        ),
        (
            "two-in-one",
            [&small[..], &small[..]].concat(),
            "not a zstd frame",
        ),
        ("empty-frame", packed(b""), "damaged.c1z"),
    ]
}

#[test]
fn what_is_no_snapshot_is_named_for_what_it_is() {
    for (name, bytes, part) in strangers() {
        let shelf = Shelf::new();
        fs::write(shelf.path("damaged.c1z"), &bytes).unwrap();
        let before = fs::metadata(shelf.path("damaged.c1z")).unwrap().modified();
        for command in [&["grants"][..], &["stats"], &["export", "csv"]] {
            let run = shelf.run(&[command, &["damaged.c1z"]].concat());
            assert!(run.stderr.contains(part), "{name}: {}", run.stderr);
            run.fails(15, &["damaged.c1z"]);
        }
        assert_eq!(shelf.run(&["verify", "damaged.c1z"]).code, 15, "{name}");
        assert_eq!(fs::read(shelf.path("damaged.c1z")).unwrap(), bytes);
        let after = fs::metadata(shelf.path("damaged.c1z")).unwrap().modified();
        assert_eq!(after.unwrap(), before.unwrap());
        assert_eq!(shelf.sandbox.files(), ["damaged.c1z"]);
    }
}

#[test]
fn a_missing_file_is_not_found_and_a_folder_is_no_file() {
    let shelf = Shelf::new();
    fs::create_dir(shelf.path("folder")).unwrap();
    for command in [&["grants"][..], &["stats"], &["export", "json"]] {
        let run = shelf.run(&[command, &["missing.c1z"]].concat());
        run.fails(5, &["missing.c1z", "No such file"]);
        let run = shelf.run(&[command, &["folder"]].concat());
        run.fails(2, &["folder", "is a directory"]);
    }
    // Reading never makes the file that it does not find.
    assert_eq!(shelf.sandbox.files(), ["folder"]);
}

#[test]
fn a_read_only_file_and_folder_are_enough() {
    use std::os::unix::fs::PermissionsExt;
    let shelf = Shelf::new().with_golden("small.c1z");
    let lock = |name: &str, mode| {
        fs::set_permissions(shelf.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    lock("small.c1z", 0o400);
    lock("", 0o500);
    let text = shelf.text(&["grants", "small.c1z"]);
    lock("", 0o700);
    assert_eq!(text.lines().count(), 5);
}

#[test]
fn a_declared_size_that_is_wrong_is_refused() {
    let bench = Bench::new();
    let small = decoded(&small());
    // One that no reader decodes in one piece: the pages behind its end are not looked at.
    let large = [small.clone(), vec![0; 3 << 20]].concat();
    for database in [small, large] {
        let good = packed(&database);
        assert_eq!(bench.read(&["grants"], &good, "right size"), 0);
        // Behind the magics of c1z and zstd: one byte of flags, one of window unless single-segment, then the size.
        let flags = good[9];
        let (at, width) = match (flags & 0x20 != 0, flags >> 6) {
            (true, 0) => (10, 1),
            (single, kind) => (if single { 10 } else { 11 }, 1 << kind),
        };
        let declared = (0..width)
            .rev()
            .fold(0, |size, byte| size << 8 | usize::from(good[at + byte]));
        let expected = if width == 2 {
            database.len() - 256
        } else {
            database.len()
        };
        assert_eq!(declared, expected);
        for change in [1, 0x10, 0x80] {
            let mut wrong = good.clone();
            wrong[at] ^= change;
            assert_eq!(bench.read(&["grants"], &wrong, "wrong size"), 15);
        }
    }
}

/// The head of a zstd frame with a window of 128 KiB, and with its content size if one is given.
fn frame_head(declared: Option<u64>) -> Vec<u8> {
    let mut head = vec![0x28, 0xb5, 0x2f, 0xfd];
    match declared {
        None => head.extend([0x00, 0x38]),
        Some(size) => {
            head.extend([0xc0, 0x38]);
            head.extend(size.to_le_bytes());
        }
    }
    head
}

/// A block that stands for 128 KiB of zeros, in four bytes.
const ZEROS: [u8; 4] = [0x02, 0x00, 0x10, 0x00];
const BLOCK: u64 = 128 << 10;
const GIB: u64 = 1 << 30;

/// A c1z of zeros in `frames` frames of this many blocks each.
fn bomb(frames: usize, blocks: u64) -> Vec<u8> {
    let mut frame = frame_head(None);
    for _ in 1..blocks {
        frame.extend(ZEROS);
    }
    // The first bit says that it is the last.
    frame.extend([ZEROS[0] | 1, ZEROS[1], ZEROS[2], ZEROS[3]]);
    [b"C1ZF\0".to_vec(), frame.repeat(frames)].concat()
}

/// Lists the grants in a gigabyte; there must be none.
fn run_in_one_gigabyte(sandbox: &Sandbox, file: &Path, env: &[(&str, &str)]) -> (i32, String) {
    let output = in_one_gigabyte("grants", file)
        .env("TMPDIR", sandbox.temp_dir())
        .envs(env.iter().copied())
        .output()
        .unwrap();
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    sandbox.assert_no_litter();
    (
        output
            .status
            .code()
            .unwrap_or_else(|| panic!("a signal: {stderr}")),
        stderr,
    )
}

#[test]
fn a_bomb_of_twenty_gigabytes_is_refused_at_the_limit() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("bomb.c1z");
    for (frames, blocks) in [(1, 20 * GIB / BLOCK), (320, 20 * GIB / 320 / BLOCK)] {
        let bomb = bomb(frames, blocks);
        assert!(bomb.len() < 1 << 20, "{}", bomb.len());
        fs::write(&path, &bomb).unwrap();
        let limit = [("BATON_DECODER_MAX_DECODED_SIZE_MB", "64")];
        let (code, stderr) = run_in_one_gigabyte(&sandbox, &path, &limit);
        assert_eq!(code, 15, "{stderr}");
        assert!(stderr.contains("more than 64 MiB"), "{stderr}");
        assert!(
            stderr.contains("BATON_DECODER_MAX_DECODED_SIZE_MB"),
            "{stderr}"
        );
        assert_eq!(fs::read(&path).unwrap(), bomb);
    }
}

#[test]
fn rows_as_large_as_they_may_be_are_not_held_by_the_hundred() {
    let shelf = Shelf::new();
    let path = shelf.path("large.c1z");
    // Each a resource whose field 15, which nobody knows, holds four megabytes of zeros.
    let large = "insert into v1_resources (resource_type_id, external_id, data, sync_id, discovered_at)
        with recursive n(i) as (select 100 union all select i + 1 from n where i < 220)
        select 'user', 'user:' || i, cast(x'7a8092f401' || zeroblob(4000000) as blob), sync_id, started_at
        from n, v1_sync_runs";
    Edited::golden("small.c1z").sql(large).pack(&path);
    for words in ["stats", "resources -o json"] {
        let output = in_one_gigabyte(words, &path)
            .env("TMPDIR", shelf.sandbox.temp_dir())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}: {stderr}");
    }
}

#[test]
fn zeros_under_the_limit_are_decoded_and_then_found_to_be_no_database() {
    // So that the test above cannot pass for another reason than the limit.
    let sandbox = Sandbox::new();
    let path = sandbox.path("zeros.c1z");
    fs::write(&path, bomb(2, 16)).unwrap();
    let limit = [("BATON_DECODER_MAX_DECODED_SIZE_MB", "4")];
    let (code, stderr) = run_in_one_gigabyte(&sandbox, &path, &limit);
    assert_eq!(code, 15, "{stderr}");
    assert!(stderr.contains("not a SQLite database"), "{stderr}");
}

#[test]
fn a_declared_size_over_the_limit_is_refused_before_anything_is_decoded() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("declared.c1z");
    // The frame ends with its head: whoever decodes first calls it cut.
    for declared in [20 * GIB, 10 * GIB + 1, u64::MAX - 2] {
        fs::write(
            &path,
            [b"C1ZF\0".to_vec(), frame_head(Some(declared))].concat(),
        )
        .unwrap();
        let (code, stderr) = run_in_one_gigabyte(&sandbox, &path, &[]);
        assert_eq!(code, 15, "{stderr}");
        assert!(stderr.contains("more than 10240 MiB"), "{stderr}");
    }
    // What may be refused for its ratio, and what may not.
    let head = [b"C1ZF\0".to_vec(), frame_head(Some(64 << 20))].concat();
    let over = [b"C1ZF\0".to_vec(), frame_head(Some((64 << 20) + 1))].concat();
    for (file, said) in [(head, "it is cut short"), (over, "1,000 times its size")] {
        fs::write(&path, file).unwrap();
        let (code, stderr) = run_in_one_gigabyte(&sandbox, &path, &[]);
        assert_eq!(code, 15);
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn a_window_over_the_limit_is_refused_until_the_limit_is_raised() {
    let file = "corrupt-window-256MiB.c1z";
    let shelf = Shelf::new().with_golden(file).with_golden("small.c1z");
    let run = shelf.run(&["grants", file]).fails(15, &[file, "window"]);
    assert!(run.hint().contains("BATON_DECODER_MAX_MEMORY_MB"));
    let raised = |mib| {
        let program = shelf.sandbox.program(&["grants", file]);
        program.env("BATON_DECODER_MAX_MEMORY_MB", mib).run()
    };
    let text = String::from_utf8(raised("256").succeeds().stdout).unwrap();
    assert_eq!(text, shelf.text(&["grants", "small.c1z"]));
    raised("255").fails(15, &[file, "window"]);
}

#[test]
fn the_limit_on_the_decoded_size_counts_to_the_byte() {
    let shelf = Shelf::new();
    let edited = Edited::golden("small.c1z")
        .sql("create table ballast (b); insert into ballast values (zeroblob(900000))");
    let mut database = edited.bytes();
    assert!(database.len() < 1 << 20);
    // SQLite takes the size from the head, and does not mind more behind it.
    database.resize(1 << 20, 0);
    fs::write(shelf.path("at.c1z"), packed(&database)).unwrap();
    database.push(0);
    fs::write(shelf.path("over.c1z"), packed(&database)).unwrap();
    let run = |file: &str| {
        let program = shelf.sandbox.program(&["grants", file]);
        program.env("BATON_DECODER_MAX_DECODED_SIZE_MB", "1").run()
    };
    let _ = run("at.c1z").succeeds();
    run("over.c1z").fails(15, &["over.c1z", "more than 1 MiB"]);
}

#[test]
fn frames_in_any_number_and_of_any_kind_are_taken() {
    let shelf = Shelf::new().with_golden("small.c1z");
    let expected = shelf.text(&["grants", "small.c1z"]);
    let database = decoded(&small());
    let (first, second) = database.split_at(5000);
    let frame = |bytes: &[u8]| packed(bytes)[5..].to_vec();
    let mut streamed = zstd::Encoder::new(Vec::new(), 19).unwrap();
    streamed.write_all(&database).unwrap();
    let streamed = streamed.finish().unwrap();
    let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    for (name, frames) in [
        ("two", [frame(first), frame(second)].concat()),
        ("skippable", [skippable, frame(&database)].concat()),
        ("streamed", streamed),
    ] {
        fs::write(shelf.path("frames.c1z"), [b"C1ZF\0", &frames[..]].concat()).unwrap();
        assert_eq!(shelf.text(&["grants", "frames.c1z"]), expected, "{name}");
    }
}

/// The database with a table that has a page of rows `300^8` times, by interior pages that lead to one page again and
/// again.
fn without_end(edited: &Edited, table: &str) -> Vec<u8> {
    const CELLS: u16 = 300;
    let mut database = edited.bytes();
    let page_size = usize::from(u16::from_be_bytes([database[16], database[17]]));
    let root = edited.root_page(table);
    let at = (root - 1) * page_size;
    let rows = database[at..at + page_size].to_vec();
    assert_eq!(rows[0], 13, "{table} is a single page");
    let interior = |child: u32| {
        let mut page = vec![0; page_size];
        let start = page_size - 5 * usize::from(CELLS);
        page[0] = 5;
        page[3..5].copy_from_slice(&CELLS.to_be_bytes());
        page[5..7].copy_from_slice(&u16::try_from(start).unwrap().to_be_bytes());
        page[8..12].copy_from_slice(&child.to_be_bytes());
        for cell in 0..usize::from(CELLS) {
            let content = start + 5 * cell;
            page[content..content + 4].copy_from_slice(&child.to_be_bytes());
            page[content + 4] = 1;
            let pointer = 12 + 2 * cell;
            page[pointer..pointer + 2]
                .copy_from_slice(&u16::try_from(content).unwrap().to_be_bytes());
        }
        page
    };
    database.extend(rows);
    let mut last = u32::try_from(database.len() / page_size).unwrap();
    for _ in 0..7 {
        database.extend(interior(last));
        last += 1;
    }
    database[at..at + page_size].copy_from_slice(&interior(last));
    database[28..32].copy_from_slice(&last.to_be_bytes());
    database
}

#[test]
fn reading_a_table_without_end_comes_to_an_end() {
    let bench = Bench::new();
    let unindexed = Edited::golden("small.c1z").sql(
        "drop index idx_resource_types_external_sync_v1; drop index idx_entitlements_external_sync_v1; \
         drop index idx_resources_parent_resource_id_v1; drop index idx_grants_external_sync_v1; vacuum",
    );
    let long = Edited::golden("small.c1z").sql(
        "drop index idx_resource_types_external_sync_v1; delete from v1_resource_types where id = 1; \
         update v1_resource_types set data = zeroblob(2000000); vacuum",
    );
    let tables: &[&str] = &["v1_resource_types", "v1_entitlements", "v1_grants"];
    for (edited, tables) in [
        (Edited::golden("small.c1z"), tables),
        (unindexed, tables),
        (long, &tables[..1]),
    ] {
        for table in tables {
            let file = packed(&without_end(&edited, table));
            for command in COMMANDS {
                assert_eq!(
                    bench.read(command, &file, table),
                    15,
                    "{table}: {command:?}"
                );
            }
            bench.assert_untouched(&file);
        }
    }
}

#[test]
fn free_pages_and_maps_of_pages_are_no_damage() {
    let bench = Bench::new();
    for left_behind in [
        // Pages of a dropped table, some of which another uses anew.
        "create table old as with recursive n (n) as (select 1 union all select n + 1 from n where n < 3000) \
         select n, hex(zeroblob(200)) from n; create index old_index on old (n); drop table old; \
         create table other as with recursive n (n) as (select 1 union all select n + 1 from n where n < 900) \
         select n, hex(zeroblob(300)) from n",
        "pragma auto_vacuum = full; vacuum",
    ] {
        let file = packed(&Edited::golden("small.c1z").sql(left_behind).bytes());
        for command in COMMANDS {
            assert_eq!(bench.read(command, &file, left_behind), 0, "{command:?}");
        }
    }
}

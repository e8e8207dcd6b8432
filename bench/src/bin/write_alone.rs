//! Measures writing alone: writes a synthetic inventory from memory to a finished, synced file, using the library.
//!
//! ```text
//! cargo run --release -p posthog-c1z-bench --bin write_alone -- FILE --people 1000 --roles 100 --grants 10000 --seed 1 [--changed]
//! ```
//!
//! Prints one line of `name=value` pairs: the time of `snapshot::write` alone, the resident memory before it (the whole
//! inventory, without the organization from which it was built), and the peak while it ran.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use posthog_c1z::model::{SyncRun, Timestamp};
use posthog_c1z::progress::Silent;
use posthog_c1z::snapshot::{self, Contents, Target};
use posthog_c1z_bench::inventory::inventory;
use posthog_c1z_bench::organization::Organization;
use posthog_c1z_bench::process;
use posthog_c1z_bench::shape::Shape;

fn main() -> ExitCode {
    process::exit_code(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let (shape, others) = Shape::parse(env::args().skip(1))?;
    let [file] = others.as_slice() else {
        return Err(
            "expected one file, and `--people`, `--roles`, `--grants`, `--seed`, `--changed`"
                .into(),
        );
    };
    let begun = Instant::now();
    let inventory = inventory(Organization::new(&shape))?;
    let made = begun.elapsed().as_secs_f64();
    let before = process::resident_kib();
    process::forget_peak();

    let (begun, cpu) = (Instant::now(), process::cpu_seconds());
    let at = Timestamp::parse("2026-01-02T03:04:05.678901Z")?;
    let sync_run = SyncRun::full(snapshot::new_sync_id(at), at, at);
    let contents = Contents {
        sync_run: &sync_run,
        inventory: &inventory,
        evidence: None,
        organization: None,
    };
    let target = Target::File {
        path: Path::new(file),
        mode: 0o600,
    };
    let (written, _) = snapshot::write(target, &contents, None, &Silent)?;
    println!(
        "wall={:.3} cpu={:.2} made_s={made:.3} bytes={} decoded={} before_kib={before} peak_kib={} grown_kib={}",
        begun.elapsed().as_secs_f64(),
        process::cpu_seconds() - cpu,
        written.bytes,
        written.decoded_bytes,
        process::peak_kib(),
        process::peak_kib().saturating_sub(before)
    );
    Ok(())
}

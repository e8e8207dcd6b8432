//! The scripts and workflow files for CI, run for real with the program on `PATH`.

mod audit_script;
mod review;
mod workflows;

use crate::support::{Program, Run, Sandbox};

/// A folder with `demo.c1z`, the sample organization, and `later.c1z`, the same a week later.
fn demos() -> Sandbox {
    let sandbox = Sandbox::new();
    for (week, name) in [("--demo", "demo.c1z"), ("--demo=later", "later.c1z")] {
        let sync = sandbox.program(&["sync", week, "-f", name, "-q"]);
        sync.run().succeeds_silently();
    }
    sandbox
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs to the end, which must have this exit code.
#[track_caller]
fn ends(program: Program, code: i32) -> Run {
    let run = program.run();
    assert_eq!(run.code, code, "{}\n{}", run.stderr, text(&run.stdout));
    run
}

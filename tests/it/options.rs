//! What options take that several commands have.

use crate::support::Shelf;

#[test]
fn every_option_for_a_length_of_time_takes_units_and_names_what_is_wrong() {
    let shelf = Shelf::with_demo();
    for command in [
        &["--demo", "--wait"][..],
        &["--demo", "--max-duration"],
        &["stats", "demo.c1z", "--max-age"],
    ] {
        for length in ["90", "45s", "5m", "26h", "1.5d", "1w", "2h30m", "1h 30m"] {
            shelf.run(&[command, &[length]].concat()).succeeds();
        }
        for (length, problem) in [
            ("soon", "`soon` does not begin with a number"),
            ("5x", "`x` is not a unit of time"),
            ("1.5", "a number has no unit"),
            ("30M", "`M` is not a unit of a fixed length"),
            ("99999999999999999999", "the number is too large"),
        ] {
            let run = shelf.run(&[command, &[length]].concat());
            assert_eq!(run.code, 2, "{command:?} {length}: {}", run.stderr);
            for part in [
                problem,
                "as in 90, or units, as in 45s, 5m",
                command.last().unwrap(),
            ] {
                assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
            }
        }
    }
}

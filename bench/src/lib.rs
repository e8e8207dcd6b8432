//! Code shared by the benchmark programs: the synthetic organization, and memory and CPU time of the process.
//!
//! The programs are in `src/bin/`, the micro-benchmarks in `benches/`; BENCHMARKS.md describes them, and
//! `scripts/bench.sh` runs them.

pub mod inventory;
pub mod organization;
pub mod process;
pub mod shape;

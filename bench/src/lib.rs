//! What the benchmark's programs share: the synthetic organization, and what the system knows of the process.
//!
//! The programs are in `src/bin/`, the micro-benchmarks in `benches/`; BENCHMARKS.md describes them, and
//! `scripts/bench.sh` runs them.

pub mod inventory;
pub mod organization;
pub mod process;
pub mod shape;

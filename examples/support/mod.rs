//! What the benchmark's programs share: the synthetic organization, and what the system knows of the process.

#![allow(dead_code, reason = "each program uses its own part of this")]

pub mod inventory;
pub mod organization;
pub mod process;
pub mod shape;

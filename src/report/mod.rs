//! Values into text for people and for programs.

mod printable;

pub use printable::printable;

//! The headings under which help lists options.

pub(super) const KEY: &str = "Organization and key";
pub(super) const CRAWL: &str = "Crawl";
pub(super) const OUTPUT: &str = "Output file";
pub(super) const GUARDS: &str = "Guards";
pub(super) const RETENTION: &str = "Retention";
pub(super) const MONITORING: &str = "Monitoring";
pub(super) const GLOBAL: &str = "Global options";

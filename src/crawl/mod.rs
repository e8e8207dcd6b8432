//! Reads an organization over HTTP. PostHog is the only source so far; a second one would share everything outside
//! `posthog/`.

mod address;
mod coding;
mod error;
mod http;
mod json;
mod key;
mod pace;
pub mod posthog;
mod proxy;
mod resolve;

pub use address::{AddressError, BaseUrl, PlainHttp};
pub use error::{Error, Peer, Problem, Responder, is_passing_status};
pub use http::HttpSettings;
pub use key::{ApiKey, KeyError, holds_key, mask_secrets};
pub use pace::PaceSettings;

//! Reading an organization over HTTP. PostHog is the one source so far; `http.rs` is what a second would share.

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
pub use error::{Answerer, Error, Peer, Problem, is_passing_status};
pub use http::HttpSettings;
pub use key::{ApiKey, KeyError, holds_key, mask_secrets};
pub use pace::PaceSettings;

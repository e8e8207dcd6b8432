//! Measures the crawl alone: reads a synthetic organization from its server into an inventory in memory, using the
//! library.
//!
//! ```text
//! cargo run --release -p posthog-c1z-bench --bin crawl_alone -- URL endpoint|embedded WORKERS
//! ```
//!
//! Prints one line of `name=value` pairs: the time from the first request to the sorted and checked inventory, and the
//! peak memory of the process.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use posthog_c1z::crawl::posthog::{self, Config, Incomplete, Memberships, Surroundings};
use posthog_c1z::crawl::{ApiKey, BaseUrl, HttpSettings, PaceSettings, PlainHttp};
use posthog_c1z::model::Timestamp;
use posthog_c1z::progress::Silent;
use posthog_c1z_bench::process;

fn main() -> ExitCode {
    process::exit_code(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, memberships, workers] = arguments.as_slice() else {
        return Err("expected a URL, `endpoint` or `embedded`, and a number of workers".into());
    };
    let config = Config {
        base_url: BaseUrl::parse(url, None, PlainHttp::Refuse)?,
        public_base_url: None,
        key: ApiKey::parse("phx_benchmark", "this program")?,
        http: HttpSettings {
            // No request budget: measure this machine.
            pace: PaceSettings {
                per_minute: u32::MAX,
                per_hour: u32::MAX,
                ..PaceSettings::default()
            },
            ..HttpSettings::default()
        },
        memberships: match memberships.as_str() {
            "endpoint" => Memberships::Endpoint,
            "embedded" => Memberships::Embedded,
            other => return Err(format!("what is `{other}`?").into()),
        },
        workers: workers.parse()?,
        incomplete: Incomplete::Refuse,
        surroundings: Surroundings::Read,
    };
    let (begun, cpu) = (Instant::now(), process::cpu_seconds());
    let crawled = posthog::crawl(&config, &Timestamp::now, &Silent)?;
    let inventory = crawled
        .inventory
        .finish()
        .map_err(|defects| format!("{} defects", defects.len()))?;
    println!(
        "wall={:.3} cpu={:.2} resources={} grants={} peak_kib={}",
        begun.elapsed().as_secs_f64(),
        process::cpu_seconds() - cpu,
        inventory.resources().len(),
        inventory.grants().len(),
        process::peak_kib()
    );
    Ok(())
}

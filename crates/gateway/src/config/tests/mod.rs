mod environment;
mod example;
mod good;
mod interpolation;
mod messages;
mod robustness;
mod schema;
mod telemetry;

use super::{Config, Options, Report};

/// Every variable is set.
/// Of providers, callers and the webhook.
fn keys(name: &str) -> Option<String> {
    let is_key =
        !name.ends_with("_URL") && !name.starts_with("OTEL_") && name != "BUTTRESS_SEAL_KEYS";
    let key = match name {
        "BUTTRESS_ADMIN_KEY" => "another-key",
        _ => "a-key",
    };
    is_key.then(|| key.to_owned())
}

fn nothing(_: &str) -> Option<String> {
    None
}

fn parse(source: &str) -> Result<(Config, Report), Report> {
    Config::parse("buttress.toml", source, &Options::new(&keys))
}

/// The configuration, which is without fault.
fn fine(source: &str) -> Config {
    let (config, report) = parse(source).unwrap_or_else(|report| panic!("{report}"));
    assert!(report.is_empty(), "{report}");
    assert_eq!(schema::refused(source), [""; 0]);
    config
}

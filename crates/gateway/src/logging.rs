//! What the program tells about itself, on the standard error.

use crate::cli::{LogArgs, LogFormat};
use std::{io, io::IsTerminal};
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

/// Begins to log.
///
/// # Errors
/// When the filter can't be read, with what is wrong with it.
pub fn log(args: &LogArgs) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::try_new(&args.filter)?;
    let log = fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match args.format {
        LogFormat::Json => log.json().finish().try_init()?,
        LogFormat::Text => log.with_target(false).finish().try_init()?,
    }
    Ok(())
}

/// The names of levels.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Looks at a filter before it is used. A word that is no level would be taken for the name of a
/// target, and then nothing else would be logged.
pub(crate) fn parse_filter(filter: &str) -> Result<String, String> {
    let directives = filter.split(',').map(str::trim);
    for directive in directives.filter(|directive| !directive.is_empty()) {
        let word = directive.to_ascii_lowercase();
        let is_level = LEVELS.contains(&&*word) || directive.parse::<u8>().is_ok();
        if !is_level && !directive.contains(['=', '[']) {
            let levels = LEVELS.join(", ");
            return Err(match closest(&word) {
                Some(level) => {
                    format!("`{directive}` is no level: did you mean {level}? there are {levels}")
                }
                None => format!(
                    "`{directive}` is no level: there are {levels}; \
                     a target needs a level behind it, as in {directive}=debug"
                ),
            });
        }
        EnvFilter::try_new(directive).map_err(|error| format!("`{directive}`: {error}"))?;
    }
    Ok(filter.to_owned())
}

/// The level that may be meant.
fn closest(word: &str) -> Option<&'static str> {
    let distance = |level: &&str| strsim::damerau_levenshtein(word, level);
    let closest = LEVELS.into_iter().min_by_key(distance)?;
    (distance(&closest) <= 2).then_some(closest)
}

//! What the commands that look into stores have in common.

use crate::config::{Config, Lookup, Options};
use std::{error::Error, io, path::Path};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// All that was asked for was done.
pub(crate) const FINE: u8 = 0;

/// It was not.
pub(crate) const FAILED: u8 = 1;

/// Does something with the configuration, and tells what went wrong.
///
/// # Errors
///
/// Output could not be written.
pub(crate) fn run(
    file: Option<&Path>,
    env: Lookup<'_>,
    act: impl AsyncFnOnce(Config) -> Result<u8, BoxError>,
) -> io::Result<u8> {
    let options = Options::new(env).keys_may_be_missing();
    let config = match Config::load_stores(file, &options) {
        Ok(config) => config,
        Err(report) => {
            anstream::eprintln!("{}", report.styled());
            return Ok(FAILED);
        }
    };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(act(config)).or_else(|error| {
        match error.downcast::<io::Error>() {
            // Whoever reads it has read enough, or can't be written to: that is told elsewhere.
            Ok(error) => Err(*error),
            Err(error) => {
                anstream::eprintln!("buttress: {}", in_full(&*error));
                Ok(FAILED)
            }
        }
    })
}

/// What may come from somebody else, for a terminal: on one line, and without what moves one.
pub(crate) fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(plain).collect()
}

/// An error with what caused it.
pub(crate) fn in_full(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

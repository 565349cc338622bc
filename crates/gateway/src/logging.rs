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

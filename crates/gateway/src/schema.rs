//! `buttress schema`: every key of the configuration.

use crate::{cli::SchemaArgs, config};
use std::io::{self, Write};

/// Writes what was asked for. The number is what the program is to end with.
///
/// # Errors
///
/// When `out` can't be written to.
pub fn run(args: &SchemaArgs, out: &mut dyn Write) -> io::Result<u8> {
    let written = match args.markdown {
        true => config::markdown(),
        false => format!("{:#}\n", config::schema()),
    };
    out.write_all(written.as_bytes())?;
    Ok(0)
}

//! `buttress replay-journey`: what was done for a call, step by step, and why.

mod read;
mod words;

use crate::{
    cli::JourneyArgs,
    command::{FAILED, FINE},
};
use std::{
    fs::File,
    io::{self, Read, Write},
};

/// The most that is read: as much as a log of thousands of calls.
const MOST: u64 = 64 << 20;

/// Explains the journeys in a file.
///
/// What it ends with is what the program is to end with: 0 when there were journeys, 1 when there
/// were none or the file could not be read.
///
/// # Errors
/// Output could not be written.
pub fn run(args: &JourneyArgs, out: &mut dyn Write) -> io::Result<u8> {
    let mut text = String::new();
    let read = match args.file.as_os_str() == "-" {
        true => io::stdin().take(MOST).read_to_string(&mut text),
        false => File::open(&args.file).and_then(|file| file.take(MOST).read_to_string(&mut text)),
    };
    if let Err(error) = read {
        anstream::eprintln!("buttress: {}: {error}", args.file.display());
        return Ok(FAILED);
    }
    let journeys = read::journeys(&text);
    if journeys.is_empty() {
        anstream::eprintln!(
            "buttress: there is no journey in {}: give it lines of the log, or what \
             GET /admin/state has as `journeys`",
            args.file.display()
        );
        return Ok(FAILED);
    }
    for (at, journey) in journeys.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        write!(out, "{}", words::of(journey))?;
    }
    Ok(FINE)
}

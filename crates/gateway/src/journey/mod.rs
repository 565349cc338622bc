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

/// Explains the journeys in a file.
///
/// What it ends with is what the program is to end with: 0 when there were journeys, 1 when there
/// were none or the file could not be read to its end.
///
/// # Errors
/// Output could not be written.
pub fn run(args: &JourneyArgs, out: &mut dyn Write) -> io::Result<u8> {
    let input: io::Result<Box<dyn Read>> = match args.file.as_os_str() == "-" {
        true => Ok(Box::new(io::stdin())),
        false => File::open(&args.file).map(|file| Box::new(file) as _),
    };
    let name = args.file.display();
    let mut journeys = match input.and_then(read::Journeys::new) {
        Ok(journeys) => journeys,
        Err(error) => {
            anstream::eprintln!("buttress: {name}: {error}");
            return Ok(FAILED);
        }
    };
    let mut any = false;
    for journey in &mut journeys {
        match journey {
            Ok(journey) => {
                if any {
                    writeln!(out)?;
                }
                any = true;
                write!(out, "{}", words::of(&journey))?;
            }
            Err(error) => {
                anstream::eprintln!("buttress: {name}: {error}");
                return Ok(FAILED);
            }
        }
    }
    match journeys.left_out() {
        0 => {}
        lines => anstream::eprintln!(
            "buttress: {name}: left out lines that are too long to be of a log: {lines}"
        ),
    }
    if !any {
        anstream::eprintln!(
            "buttress: there is no journey in {name}: give it lines of the log, or what \
             GET /admin/state has as `journeys`"
        );
        return Ok(FAILED);
    }
    Ok(FINE)
}

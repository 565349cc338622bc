//! The program: reads the command line, and does what it says.

use buttress_gateway::{
    check,
    cli::{self, Command},
};
use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let (command, _log) = cli::parse(env::args_os()).unwrap_or_else(|error| error.exit());
    let variable = |name: &str| env::var(name).ok();
    let done = match command {
        Command::Check(args) => check::run(&args, &variable, &mut anstream::stdout()),
        _ => {
            anstream::eprintln!("buttress: only `check` is there yet");
            return ExitCode::from(check::WRONG);
        }
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            anstream::eprintln!("buttress: can't write: {error}");
            ExitCode::from(check::WRONG)
        }
    }
}

//! The program: reads the command line, and does what it says.

use buttress_gateway::{
    check,
    cli::{self, Command},
    explain, journey, queue, schema, serve, session, status, translate,
};
use std::{
    env,
    io::{ErrorKind, IsTerminal},
    process::ExitCode,
};

fn main() -> ExitCode {
    let (command, log) = cli::parse(env::args_os()).unwrap_or_else(|error| error.exit());
    if let Err(error) = buttress_gateway::log(&log) {
        anstream::eprintln!("buttress: can't log: {error}");
        return ExitCode::from(check::WRONG);
    }
    let variable = |name: &str| env::var(name).ok();
    let done = match command {
        Command::Serve(args) => return serve::run(&args),
        Command::Worker(args) => return serve::work(&args),
        Command::Check(args) => check::run(&args, &variable, &mut anstream::stdout()),
        Command::Schema(args) => schema::run(&args, &mut anstream::stdout()),
        Command::Explain(args) => {
            explain::run(&args, &mut anstream::stdout(), &mut anstream::stderr())
        }
        Command::Translate(args) => {
            translate::run(&args, &mut anstream::stdout(), &mut anstream::stderr())
        }
        Command::Session(args) => session::run(&args, &variable, &mut anstream::stdout()),
        Command::Queue(args) => queue::run(&args, &variable, &mut anstream::stdout()),
        Command::Status(args) => {
            let terminal = std::io::stdout().is_terminal();
            status::run(&args, &variable, terminal, &mut anstream::stdout())
        }
        Command::ReplayJourney(args) => journey::run(&args, &mut anstream::stdout()),
        _ => {
            anstream::eprintln!("buttress: this command is not there yet");
            return ExitCode::from(check::WRONG);
        }
    };
    match done {
        Ok(code) => ExitCode::from(code),
        // Whoever reads it has read enough, as `head` does.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("buttress: can't write: {error}");
            ExitCode::from(check::WRONG)
        }
    }
}

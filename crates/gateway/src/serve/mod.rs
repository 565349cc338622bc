//! `buttress serve`: the gateway.

mod again;
mod answer;
mod app;
mod auth;
mod call;
mod frames;
mod listener;
mod log;
mod models;
mod page;
mod queue;
mod ready;
mod refusal;
mod request_id;
mod room;
mod router;
mod running;
mod sandbox;
mod signal;
mod upstreams;

#[cfg(test)]
mod tests;

pub use self::running::{Running, start};

use crate::{
    cli::ServeArgs,
    config::{Config, Options},
};
use signal::Stop;
use std::{env, io::Write, process::ExitCode};

/// It can't start, or was told to stop twice.
const FAILED: u8 = 1;

/// Serves until the program is told to stop. What it ends with is what the program is to end
/// with: 0 after a stop in which every call could finish, 1 when it can't start or calls were cut
/// off.
#[must_use]
pub fn run(args: &ServeArgs) -> ExitCode {
    let variable = |name: &str| env::var(name).ok();
    let options = Options::new(&variable).listen(args.listen);
    let config = if args.sandbox {
        Config::sandbox(&options)
    } else {
        Config::load(args.config.as_deref(), &options).map(|(config, warnings)| {
            if !warnings.is_empty() {
                anstream::eprintln!("{}\n", warnings.styled());
            }
            config
        })
    };
    let config = match config {
        Ok(config) => config,
        Err(report) => {
            anstream::eprintln!("{}", report.styled());
            return ExitCode::from(FAILED);
        }
    };
    let runtime = tokio::runtime::Runtime::new();
    match runtime.map(|runtime| runtime.block_on(serve(config))) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => fail(&*error),
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    anstream::eprintln!("buttress: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        anstream::eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::from(FAILED)
}

async fn serve(config: Config) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let running = start(config).await?;
    // Whoever reads the greeting may tell it to stop at once.
    let mut stop = Stop::new()?;
    // Whoever started it in the background may have closed the output.
    let _ = write!(anstream::stdout(), "{}", running.greeting());

    stop.told().await;
    tracing::info!(drain_delay = ?running.drain_delay(), "stopping");
    let cut_off = tokio::select! {
        cut_off = running.stop() => cut_off?,
        () = stop.told() => {
            tracing::warn!("told to stop twice: calls are cut off");
            return Ok(ExitCode::from(FAILED));
        }
    };
    if cut_off > 0 {
        tracing::warn!(cut_off, "calls were cut off");
        return Ok(ExitCode::from(FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

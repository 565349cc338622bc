//! `buttress serve`: the gateway.

mod admin;
mod again;
mod answer;
mod app;
mod auth;
mod call;
mod frames;
mod layers;
mod listener;
mod live;
mod log;
mod metrics;
mod models;
mod page;
mod parts;
mod queue;
mod ready;
mod refusal;
mod reload;
mod request_id;
mod room;
mod router;
mod running;
mod sandbox;
mod serving;
mod session;
mod shared;
mod signal;
mod telemetry;
mod upstreams;
mod worker;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod written;

pub use self::{
    reload::NotReloaded,
    running::{Running, start},
};

use crate::{
    cli::{ServeArgs, WorkerArgs},
    config::{Config, Options, Report},
};
use app::App;
use signal::{Hangup, Stop};
use std::{env, io::Write, net::SocketAddr, path::Path, process::ExitCode};

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
        load(args.config.as_deref(), &options)
    };
    run_with(config, |config| serve(config, args.listen))
}

/// Works at the queue until the program is told to stop. What it ends with is what the program is
/// to end with: 0 after a stop, 1 when it can't start.
#[must_use]
pub fn work(args: &WorkerArgs) -> ExitCode {
    let variable = |name: &str| env::var(name).ok();
    let options = Options::new(&variable);
    run_with(load(args.config.as_deref(), &options), |config| {
        worker::run(config, args.listen)
    })
}

/// The configuration, whose warnings are told at once.
fn load(file: Option<&Path>, options: &Options<'_>) -> Result<Config, Report> {
    let (config, warnings) = Config::load(file, options)?;
    if !warnings.is_empty() {
        anstream::eprintln!("{}\n", warnings.styled());
    }
    Ok(config)
}

fn run_with<F>(config: Result<Config, Report>, run: impl FnOnce(Config) -> F) -> ExitCode
where
    F: Future<Output = Result<ExitCode, Box<dyn std::error::Error>>>,
{
    let config = match config {
        Ok(config) => config,
        Err(report) => {
            anstream::eprintln!("{}", report.styled());
            return ExitCode::from(FAILED);
        }
    };
    let runtime = tokio::runtime::Runtime::new();
    match runtime.map(|runtime| runtime.block_on(run(config))) {
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

async fn serve(
    config: Config,
    told: Option<SocketAddr>,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    // Before anything that takes time: a signal that nobody hears ends the process.
    let (mut stop, hangup) = (Stop::new()?, Hangup::new()?);
    let running = tokio::select! {
        running = running::start_on(config, told) => running?,
        () = stop.told() => return Ok(stopped_early()),
    };
    // Whoever started it in the background may have closed the output.
    let _ = write!(anstream::stdout(), "{}", running.greeting());

    told_to_stop(&mut stop, running.app(), hangup).await;
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

/// Told to stop while it starts: nothing is under way yet.
fn stopped_early() -> ExitCode {
    tracing::info!("told to stop before it had started");
    ExitCode::SUCCESS
}

/// Resolves when the program is told to stop. Until then its configuration may change.
async fn told_to_stop(stop: &mut Stop, app: &App, hangup: Hangup) {
    tokio::select! {
        () = stop.told() => {}
        () = reload::keep_reloading(app, hangup) => {}
    }
}

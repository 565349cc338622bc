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
mod turn;
mod upstreams;

#[cfg(test)]
mod tests;

pub use self::{
    reload::NotReloaded,
    running::{Running, start},
};

use crate::{
    cli::{ServeArgs, WorkerArgs},
    config::{Config, Mode, Options, Report},
};
use app::App;
use signal::{Hangup, Stop};
use std::{
    env, future::pending, io::Write, net::SocketAddr, path::Path, process::ExitCode, sync::Arc,
};

/// It can't start, or was told to stop twice.
const FAILED: u8 = 1;

/// Why a worker does not start: what is queued is not to be answered by the sandbox.
const NOBODY_TO_ASK: &str = "there is neither a file nor a key in the environment, so that \
    a worker has nobody to ask";

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
        work_at_queue(config, args.listen)
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

async fn work_at_queue(
    config: Config,
    listen: Option<SocketAddr>,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if config.mode == Mode::Sandbox {
        return Err(NOBODY_TO_ASK.into());
    }
    let (mut stop, hangup) = (Stop::new()?, Hangup::new()?);
    let app = tokio::select! {
        app = running::app(config) => app?,
        () = stop.told() => return Ok(stopped_early()),
    };
    let Some(queue) = &app.queue else {
        return Err(crate::queue::NOT_CONFIGURED.into());
    };
    let watched = match listen {
        Some(address) => Some(listener::bind(address).await?),
        None => None,
    };
    let working = queue::Working::start(&app, queue);
    let store = app
        .serving()
        .config
        .queue
        .store
        .as_ref()
        .map(ToString::to_string);
    let mut greeting = format!(
        "buttress works at the queue in {}",
        store.unwrap_or_default()
    );
    if let Some((_, address)) = &watched {
        greeting += &format!(", and tells how at http://{address}");
    }
    let _ = writeln!(anstream::stdout(), "{greeting}");

    let watched = async {
        match watched {
            Some((listener, _)) => {
                let router = router::of_worker(Arc::clone(&app));
                listener::serve(listener, router, &app.server, pending()).await;
            }
            None => pending().await,
        }
    };
    tokio::select! {
        () = told_to_stop(&mut stop, &app, hangup) => {}
        () = watched => {}
    }
    tracing::info!("stopping");
    tokio::select! {
        done = working.stop() => {
            let progress = done?;
            app.telemetry.stop(app.server.shutdown_grace).await;
            tracing::info!(done = progress.done, dead = progress.dead, "stopped");
            Ok(ExitCode::SUCCESS)
        }
        () = stop.told() => {
            tracing::warn!("told to stop twice: what is under way is cut off");
            Ok(ExitCode::from(FAILED))
        }
    }
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

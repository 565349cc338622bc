//! `buttress worker`: answers what is queued, and serves no callers.

use super::{
    FAILED, listener, queue, router, running,
    signal::{Hangup, Stop},
    stopped_early, told_to_stop,
};
use crate::config::{Config, Mode};
use std::{
    error::Error, future::pending, io::Write, net::SocketAddr, process::ExitCode, sync::Arc,
};

/// Why a worker does not start: what is queued is not to be answered by the sandbox.
const NOBODY_TO_ASK: &str = "there is neither a file nor a key in the environment, so that \
    a worker has nobody to ask";

/// Works at the queue until it is told to stop. Where it is to be watched, it can be until it ends.
pub(super) async fn run(
    config: Config,
    listen: Option<SocketAddr>,
) -> Result<ExitCode, Box<dyn Error>> {
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
    if let Some(address) = listen {
        let (listener, address) = listener::bind(address).await?;
        let (router, server) = (router::of_worker(Arc::clone(&app)), app.server.clone());
        tokio::spawn(async move { listener::serve(listener, router, &server, pending()).await });
        greeting += &format!(", and tells how at http://{address}");
    }
    let working = queue::Working::start(&app, queue);
    let _ = writeln!(anstream::stdout(), "{greeting}");

    told_to_stop(&mut stop, &app, hangup).await;
    tracing::info!("stopping");
    app.set_stopping();
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

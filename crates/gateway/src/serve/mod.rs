//! `buttress serve`: the gateway.

mod answer;
mod app;
mod auth;
mod call;
mod listener;
mod models;
mod sandbox;
mod signal;
mod upstreams;

use crate::{
    cli::ServeArgs,
    config::{Config, Mode, Options},
};
use app::App;
use signal::Stop;
use std::{env, io::Write, process::ExitCode, sync::Arc};
use tokio::net::TcpListener;
use upstreams::Upstreams;

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

async fn serve(mut config: Config) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let sandbox = match config.mode {
        Mode::Sandbox => Some(sandbox::start(&mut config).await?),
        _ => None,
    };
    let upstreams = Upstreams::new(&config)?;
    let listener = TcpListener::bind(config.server.listen).await;
    let listener =
        listener.map_err(|error| format!("can't listen on {}: {error}", config.server.listen))?;
    let address = listener.local_addr()?;

    let greeting = match &sandbox {
        Some(_) => sandbox::greeting(address),
        None => format!("buttress listens on http://{address}\n\n{config}"),
    };
    // Whoever started it in the background may have closed the output.
    let _ = write!(anstream::stdout(), "{greeting}");

    let server = config.server.clone();
    let app = Arc::new(App::new(config, upstreams));
    let mut stop = Stop::new()?;
    let mut stop_again = Stop::new()?;
    let told = async {
        stop.told().await;
        tracing::info!("stopping");
        app.drain();
    };
    let told_again = async {
        stop_again.told().await;
        stop_again.told().await;
    };
    let router = app::router(Arc::clone(&app));
    let cut_off = tokio::select! {
        cut_off = listener::serve(listener, router, &server, told) => cut_off,
        () = told_again => {
            tracing::warn!("told to stop twice: calls are cut off");
            return Ok(ExitCode::from(FAILED));
        }
    };
    drop(sandbox);
    if cut_off > 0 {
        tracing::warn!(cut_off, "calls were cut off");
        return Ok(ExitCode::from(FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

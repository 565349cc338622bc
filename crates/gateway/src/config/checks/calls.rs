//! Every attempt costs one of the request's upstream calls.

use super::{
    super::{Chain, Config, Diagnostic, notes::Notes, path::named, stream::Commit, value::quoted},
    note,
};

pub(super) fn doubts(config: &Config, notes: &mut Notes) {
    continuations(config, notes);
    // Whose own retries use up all calls leaves none to any route behind it.
    if !retries(config, notes) {
        for chain in &config.chains {
            routes(config, chain, notes);
        }
    }
}

/// The retries of one route alone may be more than there are calls.
fn retries(config: &Config, notes: &mut Notes) -> bool {
    let most = config.limits.max_calls;
    let mut found = false;
    for (index, route) in config.routes.iter().enumerate() {
        let paths = [format!("routes[{index}]"), "defaults".to_owned()]
            .map(|owner| format!("{owner}.retry.max_retries"));
        if let Some(path) = notes.first(&paths)
            && route.retry.max_retries >= most
        {
            let message = format!(
                "never reached: a request has no more than {most} upstream calls, the first one \
                 included"
            );
            let doubt = Diagnostic::warning(path, message);
            note(
                notes,
                doubt.help("lower it, or raise `limits.max_calls`"),
                &[],
            );
            found = true;
        }
    }
    found
}

/// The routes at the end may never be tried.
fn routes(config: &Config, chain: &Chain, notes: &mut Notes) {
    let routes = chain
        .routes
        .iter()
        .filter_map(|route| config.routes.get(*route));
    let calls = routes.map(|route| u64::from(route.retry.max_retries) + 1);
    // Those before the last one.
    let before: u64 = calls.take(chain.routes.len().saturating_sub(1)).sum();
    let most = config.limits.max_calls;
    if before >= u64::from(most) {
        let message = format!(
            "retries on the routes before the last one for model {} may use up all {most} calls",
            quoted(&chain.model),
        );
        let found = Diagnostic::warning("limits.max_calls", message);
        let found = found.help(format!(
            "raise it above {before}, or lower `retry.max_retries`"
        ));
        let model = named("models", &chain.model);
        let last = format!("routes[{}]", chain.routes.last().unwrap_or(&0));
        note(notes, found, &["defaults.retry.max_retries", &model, &last]);
    }
}

/// Each continuation is an upstream call.
fn continuations(config: &Config, notes: &mut Notes) {
    let limits = &config.limits;
    if limits.continuations >= limits.max_calls {
        let message = format!(
            "a request has no more than {} upstream calls, the first one included",
            limits.max_calls
        );
        let found = Diagnostic::warning("limits.continuations", message);
        let found = found.help("lower it, or raise `limits.max_calls`");
        note(notes, found, &["limits.max_calls"]);
    }
    let whole = |commit| commit == Commit::Complete;
    let mut commits = config.routes.iter().map(|route| route.stream.commit);
    if limits.continuations > 0 && !config.routes.is_empty() && commits.all(whole) {
        let message = "does nothing: every route gives streams out when they are complete, and \
                       one that breaks before is tried again";
        let found = Diagnostic::warning("limits.continuations", message);
        let help = "leave it out, or set `stream.commit` to \"content\"";
        note(notes, found.help(help), &[]);
    }
}

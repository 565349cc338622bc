//! Nothing lasts longer than the deadline, and a limit behind a shorter one never acts.

use super::{
    super::{Config, Diagnostic, Jitter, Route, notes::Notes, path::named, units, value::quoted},
    note,
};
use std::{sync::Arc, time::Duration};

/// An attempt that hangs may use up all the time there is.
pub(super) fn deadline(config: &Config, notes: &mut Notes) {
    let Some(deadline) = config.limits.deadline else {
        return;
    };
    let longer = config.routes.iter().find_map(|route| {
        let attempt = route
            .timeout
            .attempt
            .filter(|attempt| *attempt > deadline)?;
        Some((route, attempt))
    });
    if let Some((route, attempt)) = longer {
        let (deadline, attempt) = (units::duration(deadline), units::duration(attempt));
        let message = format!(
            "{deadline} is shorter than one attempt on {} may take ({attempt}): \
             one that hangs leaves no time for another",
            quoted(&route.name)
        );
        let found = Diagnostic::warning("limits.deadline", message);
        note(
            notes,
            found.help("raise it, or lower `timeout.attempt`"),
            &["defaults.timeout.attempt"],
        );
    }
}

/// Limits that never act, because another one always does so before.
pub(super) fn never(config: &Config, notes: &mut Notes) {
    for (index, route) in config.routes.iter().enumerate() {
        let waits = [
            ("patience", route.patience),
            ("retry.max_wait", Some(route.retry.max_wait)),
            (
                "gate.max_wait",
                Some(route.gate.max_wait).filter(|_| route.gate.enabled),
            ),
            (
                "breaker.slow",
                route.breaker.slow.filter(|_| route.breaker.enabled),
            ),
            ("timeout.headers", route.timeout.headers),
            ("timeout.first_content", route.timeout.first_content),
            ("timeout.idle", route.timeout.idle),
            ("timeout.stream", route.timeout.stream),
        ];
        let owners = [format!("routes[{index}]"), "defaults".to_owned()];
        for (field, limit) in waits {
            let sooner = ("limits.deadline", config.limits.deadline);
            let paths = owners.each_ref().map(|owner| format!("{owner}.{field}"));
            shorter(limit, &paths, &[sooner], notes);
        }
        // The first content of an answer in one piece is the whole of it.
        let first = ("timeout.first_content", route.timeout.first_content);
        let whole = ("timeout.attempt", route.timeout.attempt);
        let paths = owners
            .each_ref()
            .map(|owner| format!("{owner}.breaker.slow"));
        let slow = route.breaker.slow.filter(|_| route.breaker.enabled);
        shorter(slow, &paths, &[first, whole], notes);

        let provider = &route.provider;
        let mut of_it = config.routes.iter();
        let alike = of_it
            .all(|other| !Arc::ptr_eq(&other.provider, provider) || other.timeout == route.timeout);
        if alike {
            let path = named("providers", &provider.name) + ".connect_timeout";
            let limit = Some(provider.connect_timeout);
            shorter(limit, &[path], &[first, whole], notes);
        }
    }
}

/// Notes a limit that stands in the file, if each of these is shorter.
fn shorter(
    limit: Option<Duration>,
    paths: &[String],
    others: &[(&str, Option<Duration>)],
    notes: &mut Notes,
) {
    let (Some(limit), Some(path)) = (limit, notes.first(paths)) else {
        return;
    };
    let Some(others) = others
        .iter()
        .map(|(name, other)| Some((other.filter(|other| *other < limit)?, *name)))
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    // What acts at the latest is what has to be raised.
    if let Some((sooner, by)) = others.into_iter().max() {
        let (limit, sooner) = (units::duration(limit), units::duration(sooner));
        let never = format!("never acts: {limit} is longer than `{by}` ({sooner})");
        let found = Diagnostic::warning(path, never);
        note(notes, found.help(format!("lower it, or raise `{by}`")), &[]);
    }
}

/// Where a call has less patience than its first retry takes, it is never retried.
pub(super) fn patience(config: &Config, notes: &mut Notes) {
    for (index, route) in config.routes.iter().enumerate() {
        let mut chains = config.chains.iter();
        let last = chains.any(|chain| chain.routes.last() == Some(&index));
        let Some(patience) = route.patience.filter(|patience| !patience.is_zero()) else {
            continue;
        };
        let least = least_wait(route);
        // Nobody gives way at the end of a chain.
        if last || route.retry.max_retries == 0 || least <= patience {
            continue;
        }
        let owners = [format!("routes[{index}]"), "defaults".to_owned()];
        let fields = ["patience", "retry.base", "retry.jitter"];
        let paths = fields.map(|field| owners.each_ref().map(|owner| format!("{owner}.{field}")));
        let paths = paths.concat();
        if let Some(path) = notes.first(&paths) {
            let (least, patience) = (units::duration(least), units::duration(patience));
            let message = format!(
                "the first retry on {} comes after {least} at least, and a call waits there for \
                 {patience} (`patience`): it goes on to the next route instead",
                quoted(&route.name)
            );
            let found = Diagnostic::warning(path, message);
            let help = "raise `patience`, lower `retry.base`, or write `retry.max_retries = 0`";
            note(notes, found.help(help), &[]);
        }
    }
}

/// The shortest back-off that there can be.
fn least_wait(route: &Route) -> Duration {
    let base = route.retry.base;
    match route.retry.jitter {
        Jitter::Full => Duration::ZERO,
        Jitter::Equal => base / 2,
        Jitter::Decorrelated | Jitter::Additive | Jitter::None => base,
    }
}

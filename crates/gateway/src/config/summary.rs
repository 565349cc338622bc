use super::{Breaker, Config, Correct, Gate, Mode, Route, Window, duration, rate};
use http::Uri;
use std::fmt;

/// What a configuration amounts to, for people.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = &self.server;
        let callers = match server.client_key {
            Some(_) => format!("callers present the key in {}", server.client_key_env),
            None => "no key is asked for".to_owned(),
        };
        writeln!(f, "listens on {}; {callers}", server.listen)?;
        let deadline = or_off(self.limits.deadline.map(duration), "no deadline");
        let calls = self.limits.max_calls;
        writeln!(
            f,
            "a request may take {deadline} and {calls} upstream calls"
        )?;
        writeln!(f, "{}", correct(&self.correct))?;
        if self.limits.continuations > 0 {
            let times = self.limits.continuations;
            writeln!(f, "a stream that breaks is carried on up to {times} times")?;
        }
        if let Some(store) = &self.queue.store {
            let work = match self.queue.work {
                true => "answered later by this process, too",
                false => "answered later by `buttress worker`",
            };
            writeln!(f, "what nobody can answer is kept in {store}, and {work}")?;
        }
        if let Some(store) = &self.journal.store {
            writeln!(f, "sessions are recorded in {store}")?;
        }
        if let Some(collector) = &self.telemetry.endpoint {
            let what = match self.telemetry.content {
                true => "with their prompts and answers",
                false => "without prompts and answers",
            };
            writeln!(f, "calls are traced, {what}, to {}", host(collector))?;
        }
        if let Some(server) = &self.shared.server {
            writeln!(
                f,
                "circuits and keys are shared with other gateways over {server}"
            )?;
        }
        if self.mode == Mode::Sandbox {
            return writeln!(
                f,
                "asks providers in this process, which fail on purpose: no real model"
            );
        }
        writeln!(f)?;
        let head = [
            "ROUTE",
            "PROVIDER",
            "MODEL",
            "RETRIES",
            "PATIENCE",
            "ATTEMPT",
            "GATE HOLDS",
            "BREAKER OPENS AT",
        ];
        let rows = [head.map(str::to_owned)]
            .into_iter()
            .chain(self.routes.iter().map(row));
        table(f, &rows.collect::<Vec<_>>())?;
        writeln!(f)?;
        let chains = self.chains.iter().map(|chain| {
            let routes = chain
                .routes
                .iter()
                .filter_map(|route| self.routes.get(*route));
            let routes: Vec<&str> = routes.map(|route| &*route.name).collect();
            [chain.model.clone(), routes.join(", then ")]
        });
        let head = ["MODEL", "SERVED BY"].map(str::to_owned);
        table(f, &[head].into_iter().chain(chains).collect::<Vec<_>>())
    }
}

/// Where an address is, without what may be a key in its path.
fn host(address: &Uri) -> &str {
    address
        .authority()
        .map_or("", |authority| authority.as_str())
}

fn row(route: &Route) -> [String; 8] {
    [
        route.name.to_string(),
        route.provider.name.to_string(),
        route.model.as_deref().unwrap_or("as asked for").to_owned(),
        route.retry.max_retries.to_string(),
        or_off(route.patience.map(duration), "no limit"),
        or_off(route.timeout.attempt.map(duration), "no limit"),
        gate(&route.gate),
        breaker(&route.breaker),
    ]
}

fn correct(correct: &Correct) -> String {
    let times = match correct.max {
        None => return "answers are not checked for what was asked for".to_owned(),
        Some(0) => "not corrected".to_owned(),
        Some(1) => "corrected once".to_owned(),
        Some(max) => format!("corrected up to {max} times"),
    };
    let stronger = correct.stronger.as_ref();
    let stronger = stronger.map_or_else(String::new, |model| format!(", then {model} is asked"));
    format!("answers that do not follow the schema asked for are {times}{stronger}")
}

fn gate(gate: &Gate) -> String {
    match gate.enabled {
        true => format!("{} calls, {}", gate.max_waiting, duration(gate.max_wait)),
        false => "off".to_owned(),
    }
}

fn breaker(breaker: &Breaker) -> String {
    if !breaker.enabled {
        return "off".to_owned();
    }
    let window = match breaker.window {
        Window::Calls(calls) => format!("{calls} calls"),
        Window::Time(time) => duration(time),
    };
    let row = breaker
        .consecutive_failures
        .map(|failures| format!("{failures} in a row"));
    let share = breaker
        .failure_rate
        .map(|share| format!("{} of {window}", rate(share)));
    let slow = breaker
        .slow_rate
        .map(|share| format!("{} slow", rate(share)));
    let all: Vec<_> = [row, share, slow].into_iter().flatten().collect();
    all.join(", ")
}

fn or_off(value: Option<String>, off: &str) -> String {
    value.unwrap_or_else(|| off.to_owned())
}

/// Columns as wide as what is in them.
fn table<const N: usize>(f: &mut fmt::Formatter<'_>, rows: &[[String; N]]) -> fmt::Result {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

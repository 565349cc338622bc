//! From settings to the layers that they mean.

use super::upstreams::{BoxError, prices_of};
use crate::config::{self, Forgives, Window};
use buttress::{
    Declares, Route, Shapes,
    circuit_breaker::{CircuitBreakerLayer, Settings},
    client::{Commit, LlmClient},
    retry::{Backoff, Budget, BudgetBuilder, Jitter, RetryLayer},
    retry_after::{GateLayer, GateSettings},
    timeout::Limits,
};
use std::sync::Arc;

pub(super) fn client(provider: &config::Provider) -> Result<LlmClient, BoxError> {
    let mut client = LlmClient::builder(provider.kind)
        .headers(provider.headers.clone())
        .connect_timeout(provider.connect_timeout)
        .http_version(provider.http)
        .callers_dialect(provider.asks_as_callers_do());
    if let Some(dialect) = provider.dialect() {
        client = client.dialect(dialect);
    }
    if let Some(url) = &provider.base_url {
        client = client.base_url(url.to_string());
    }
    if let Some(key) = &provider.key {
        client = client.key(key.clone());
    }
    Ok(client.build()?)
}

/// A route with everything of its own but its retries, its gate and its breaker.
pub(super) fn bare(settings: &config::Route, client: &LlmClient) -> Route {
    let client = match &settings.model {
        Some(model) => client.model(Arc::clone(model)),
        None => client.clone(),
    };
    let client = client.target(|target| match settings.max_output_tokens {
        Some(tokens) => target.max_output_tokens(tokens),
        None => target,
    });
    let timeout = &settings.timeout;
    let whole = Limits::none().attempt(timeout.attempt);
    let streamed = Limits::none()
        .headers(timeout.headers)
        .first_content(timeout.first_content)
        .idle(timeout.idle)
        .attempt(timeout.stream);
    let client = client.whole_limits(whole).stream_limits(streamed);
    let commit = match settings.stream.commit {
        config::Commit::Content => Commit::Content,
        config::Commit::Tokens(tokens) => Commit::Tokens(tokens),
        config::Commit::ToolCall => Commit::ToolCall,
        config::Commit::Complete => Commit::Complete,
    };
    let client = client.commit(commit, settings.stream.max_held);

    let mut declares = Declares::default();
    declares.context_window = settings.context_window;
    declares.max_output_tokens = match settings.accepts.clamped {
        true => None,
        false => settings.max_output_tokens,
    };
    declares.tools = settings.accepts.tools;
    declares.images = settings.accepts.images;
    declares.json_schema = settings.accepts.json_schema;
    declares.content_policy = settings.accepts.content_policy;
    declares.invalid_request = settings.accepts.invalid_request;
    declares.prices = prices_of(settings);

    Route::new(Arc::clone(&settings.name), client)
        .declares(declares)
        .patience(settings.patience.unwrap_or(std::time::Duration::MAX))
        .shapes(shapes(&settings.shape))
}

fn shapes(settings: &config::Shape) -> Shapes {
    let mut shapes = Shapes::new();
    if let Some(percent) = settings.trim {
        shapes = shapes.trim_oldest(u8::try_from(percent).unwrap_or(100));
    }
    if let Some(tokens) = settings.fewer_tokens {
        shapes = shapes.fewer_tokens(tokens);
    }
    if let Some(model) = &settings.smaller_model {
        shapes = shapes.smaller_model(model.as_str());
    }
    shapes
}

pub(super) fn retry(
    settings: &config::Retry,
    budget: Option<Budget>,
) -> Result<RetryLayer, BoxError> {
    let backoff = Backoff::new(settings.base, settings.cap)?.jitter(match settings.jitter {
        config::Jitter::Full => Jitter::Full,
        config::Jitter::Equal => Jitter::Equal,
        config::Jitter::Decorrelated => Jitter::Decorrelated,
        config::Jitter::Additive => Jitter::Additive,
        config::Jitter::None => Jitter::None,
    });
    let layer = RetryLayer::standard()
        .max_retries(settings.max_retries)
        .max_timeouts(settings.max_timeouts)
        .max_wait(settings.max_wait)
        .backoff(backoff);
    Ok(match budget {
        Some(budget) => layer.budget(budget),
        None => layer.without_budget(),
    })
}

pub(super) fn budget(settings: &config::Retry) -> Option<BudgetBuilder> {
    let budget = Budget::builder().percent(settings.budget?);
    let budget = budget.reserve(settings.budget_reserve);
    Some(budget.cap(settings.budget_cap))
}

pub(super) fn gate(settings: &config::Gate) -> Result<GateLayer, BoxError> {
    Ok(GateLayer::new(gate_settings(settings))?)
}

fn gate_settings(settings: &config::Gate) -> GateSettings {
    GateSettings::standard()
        .max_wait(settings.max_wait)
        .max_waiting(settings.max_waiting)
        .backoff(settings.backoff, settings.max_backoff)
        .park_for(settings.park_for)
        .max_closed(settings.max_closed)
        .probe_lease(settings.probe_lease)
        .spacing(settings.spacing)
        .well_after(settings.well_after)
}

pub(super) fn breaker(settings: &config::Breaker) -> Result<CircuitBreakerLayer, BoxError> {
    Ok(CircuitBreakerLayer::new(breaker_settings(settings))?)
}

fn breaker_settings(settings: &config::Breaker) -> Settings {
    let breaker = Settings::standard();
    let breaker = match (settings.consecutive_failures, settings.success_forgives) {
        (Some(failures), Forgives::One) => breaker.failure_counter(failures),
        (failures, _) => breaker.consecutive_failures(failures),
    };
    let breaker = breaker
        .failure_rate(settings.failure_rate)
        .min_calls(settings.min_calls)
        .open_for(settings.open)
        .open_max(settings.open_max)
        .jitter(settings.jitter.unwrap_or(0.0))
        .probes(settings.probes)
        .successes_to_close(settings.successes)
        .probe_lease(settings.probe_lease);
    let breaker = match settings.window {
        Window::Calls(calls) => breaker.count_window(calls),
        Window::Time(span) => breaker.time_window(span),
    };
    match settings.slow.zip(settings.slow_rate) {
        Some((after, rate)) => breaker.slow_calls(after, rate),
        None => breaker,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_does_not_say_is_what_the_layers_do_by_themselves() {
        assert_eq!(
            gate_settings(&config::Gate::default()),
            GateSettings::standard()
        );

        // A file sets the longest time; left to itself it is no shorter than the first one.
        let standard = Settings::standard().open_max(Settings::DEFAULT_OPEN_MAX);
        assert_eq!(breaker_settings(&config::Breaker::default()), standard);

        // These show all of their numbers.
        let of_file = config::Retry::default();
        let retry = retry(&of_file, None).unwrap();
        let standard = RetryLayer::standard().without_budget();
        assert_eq!(format!("{retry:?}"), format!("{standard:?}"));
        let budget = budget(&of_file).unwrap();
        assert_eq!(format!("{budget:?}"), format!("{:?}", Budget::builder()));
    }
}

//! How everything stands, as JSON.

use super::{
    super::{app::App, ready, serving::Serving},
    history::History,
};
use crate::config;
use buttress::Route;
use buttress_queue::{Queue, State};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// How long a store may take to say how the queue is.
const PATIENCE: Duration = Duration::from_millis(800);

/// How many dead letters are shown.
const LETTERS: usize = 20;

pub(super) async fn of(app: &App, may_change: bool) -> Value {
    let serving = app.serving();
    let (history, journeys, told) = serving.recent.calls();
    let routes = serving.upstreams.routes().iter();
    let routes = routes.zip(&serving.config.routes);
    let routes = routes.map(|(made, settings)| route(&serving, made, settings));
    let chains = serving.config.chains.iter().map(|chain| {
        let names = chain.routes.iter();
        let names = names.filter_map(|&at| Some(&*serving.config.routes.get(at)?.name));
        json!({"model": chain.model, "routes": names.collect::<Vec<_>>()})
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "up_s": app.started.elapsed().as_secs(),
        "may_change": may_change,
        "draining": app.is_draining(),
        "step_s": History::<1>::STEP.as_secs(),
        "routes": routes.collect::<Value>(),
        "chains": chains.collect::<Value>(),
        "calls": history,
        "journeys": journeys,
        "journeys_told": told,
        "queue": match &app.queue {
            Some(queue) => timeout(PATIENCE, self::queue(queue)).await.unwrap_or_else(|_| json!({})),
            None => Value::Null,
        },
        "sandbox": match &app.sandbox {
            Some(sandbox) => sandbox.moods(),
            None => Value::Null,
        },
    })
}

fn route(serving: &Serving, route: &Route, settings: &config::Route) -> Value {
    let mut shown = Map::new();
    ready::route(&mut shown, route, settings);
    let breaker = route.breaker_handle();
    let counts = breaker.counts();
    let limits = route.limits();
    let limits = limits.iter().map(
        |left| json!({"counts": left.counts, "remaining": left.remaining, "limit": left.limit}),
    );
    shown.insert("provider".to_owned(), (*settings.provider.name).into());
    shown.insert("model".to_owned(), settings.model.as_deref().into());
    shown.insert("circuit_failures".to_owned(), counts.failures.into());
    shown.insert("circuit_calls".to_owned(), counts.calls.into());
    shown.insert("circuit_opened".to_owned(), counts.opened.into());
    shown.insert("limits".to_owned(), limits.collect());
    shown.insert("history".to_owned(), serving.recent.route(route.name()));
    Value::Object(shown)
}

/// Empty where the store can't say.
async fn queue(queue: &Queue) -> Value {
    let Ok(counts) = queue.counts().await else {
        return json!({});
    };
    let letters = match counts.dead {
        0 => Vec::new(),
        _ => {
            let page = queue.list(State::Dead, None, LETTERS).await;
            page.map(|page| page.records).unwrap_or_default()
        }
    };
    let ago = |time: SystemTime| time.elapsed().unwrap_or_default().as_secs();
    let letters = letters.iter().map(|letter| {
        json!({
            "id": letter.id.to_string(),
            "reason": letter.reason,
            "deliveries": letter.deliveries,
            "queued_s": ago(letter.queued_at),
            "dead_s": letter.ended_at.map(ago),
        })
    });
    json!({
        "waiting": counts.waiting + counts.behind,
        "running": counts.leased,
        "done": counts.done,
        "dead": counts.dead,
        "oldest_s": counts.oldest.map(ago),
        "letters": letters.collect::<Value>(),
    })
}

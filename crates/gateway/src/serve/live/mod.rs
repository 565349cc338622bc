//! The live page: what the gateway does, as it does it.
//!
//! `GET /` is a page without anything from elsewhere. It reads `GET /live/events`, which tells how
//! everything stands, once a second.

mod assets;
mod history;
mod latest;
mod recent;
mod repeats;
mod state;

pub(super) use self::{
    recent::{Ended, Outcome, Recent},
    repeats::Alike,
};

use super::{
    admin::MayLook,
    answer::{EVENTS, NO_CACHE},
    app::App,
};
use axum::{
    Extension, Json, Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use latest::Latest;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Interval, MissedTickBehavior, interval};

const EACH: Duration = Duration::from_secs(1);

/// What those who watch are told: those who may look, and those who may change something as well.
type Watched = Arc<[Latest; 2]>;

pub(super) fn router() -> Router<Arc<App>> {
    assets::router()
        .route("/live/events", get(events))
        .layer(Extension(Watched::default()))
        .route("/admin/state", get(show))
}

/// How everything stands, once.
async fn show(may: MayLook, State(app): State<Arc<App>>) -> Response {
    let state = state::of(&app, may.may_change()).await;
    ([(CACHE_CONTROL, NO_CACHE)], Json(state)).into_response()
}

/// How everything stands, once a second, until the gateway takes no more calls.
async fn events(
    may: MayLook,
    State(app): State<Arc<App>>,
    Extension(watched): Extension<Watched>,
) -> Response {
    let mut ticks = interval(EACH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let may_change = may.may_change();
    type Watching = (Arc<App>, Watched, Interval, bool);
    let next = move |(app, watched, mut ticks, last): Watching| async move {
        if last {
            return None;
        }
        // Whoever watches does not hold up the end. While others are still served, they see that.
        let last = tokio::select! {
            biased;
            () = app.closing() => true,
            _ = ticks.tick() => false,
        };
        let frame = async {
            let state = state::of(&app, may_change).await;
            Bytes::from(format!("data: {state}\n\n"))
        };
        let frame = match last {
            // As it is at the end.
            true => frame.await,
            false => {
                let latest = &watched[usize::from(may_change)];
                latest.of(app.started, frame).await
            }
        };
        Some((Ok::<_, Infallible>(frame), (app, watched, ticks, last)))
    };
    let body = Body::from_stream(stream::unfold((app, watched, ticks, false), next));
    ([(CONTENT_TYPE, EVENTS), (CACHE_CONTROL, NO_CACHE)], body).into_response()
}

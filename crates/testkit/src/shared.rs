use crate::{Dialect, Fault, Received, Reply, Script, log::Log, plan::Plan, received::Asked};
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};
use tokio::time::Instant;

/// The largest body that is taken, as Anthropic has it.
pub(crate) const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// A request, whichever protocol brought it.
pub(crate) struct Parts {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) too_large: bool,
}

/// What all connections of a provider share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) home: Dialect,
    pub(crate) key: Option<String>,
    pub(crate) models: Vec<String>,
    pub(crate) any_path: bool,
    pub(crate) script: Mutex<Script>,
    pub(crate) log: Log,
}

impl Shared {
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides what a request gets, and writes it down if it is a call, under the number that is
    /// returned.
    pub(crate) fn receive(&self, parts: Parts, connection: u64) -> (Option<usize>, Plan) {
        let place = parts.path.split('?').next().unwrap_or_default();
        let dialect = Dialect::of_path(place).filter(|_| parts.method == Method::POST);
        let asks_models =
            parts.method == Method::GET && matches!(place, "/v1/models" | "/v1beta/models");
        let asked = Asked::of(place, &parts.body);
        let too_large = parts.too_large;
        let mut call = Received {
            index: 0,
            connection,
            step: None,
            dialect: dialect.unwrap_or(self.home),
            at: Instant::now(),
            wall: SystemTime::now(),
            method: parts.method,
            path: parts.path,
            headers: hide_keys(parts.headers),
            asked,
            body: parts.body,
            finished: false,
            closed: None,
        };
        let keyed = self
            .key
            .as_deref()
            .is_none_or(|key| call.dialect.accepts(&call.headers, key));
        if asks_models && !self.any_path {
            let models = call.dialect.models(self.models.iter().map(String::as_str));
            let plan = match keyed {
                true => Plan::aside(&call, 200, &models),
                false => Plan::new(&Reply::invalid_key(), &call),
            };
            return (None, plan);
        }
        if too_large {
            return self.turn_away(call, Fault::RequestTooLarge);
        }
        if !keyed {
            return self.turn_away(call, Fault::InvalidKey);
        }
        if dialect.is_none() && !self.any_path {
            self.log.push(&mut call);
            let body = call.dialect.not_found(call.method.as_str(), &call.path);
            return (Some(call.index), Plan::aside(&call, 404, &body));
        }
        let respond = {
            let mut script = self.script();
            let (step, respond) = script.next();
            call.step = Some(step);
            // Under the same lock, so that calls and steps come in the same order.
            self.log.push(&mut call);
            respond
        };
        (Some(call.index), Plan::new(&respond.respond(&call), &call))
    }

    fn turn_away(&self, mut call: Received, fault: Fault) -> (Option<usize>, Plan) {
        self.log.push(&mut call);
        (Some(call.index), Plan::new(&Reply::error(fault), &call))
    }
}

fn hide_keys(mut headers: HeaderMap) -> HeaderMap {
    for (name, value) in &mut headers {
        let own = ["x-api-key", "x-goog-api-key", "api-key"];
        if name == header::AUTHORIZATION || own.contains(&name.as_str()) {
            value.set_sensitive(true);
        }
    }
    headers
}

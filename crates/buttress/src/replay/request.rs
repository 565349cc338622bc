use crate::degrade::Origin;
use buttress_llm::{Dialect, InvalidRequest, LlmRequest};
use buttress_queue::Task;
use serde_json::value::RawValue;
use std::{collections::HashMap, fmt};

/// Why a task can't be made a request of.
#[derive(Debug)]
pub(super) enum Unreadable {
    Invalid(InvalidRequest),
    Dialect,
    /// It names none, and there is none to take instead.
    NoModel,
}

/// The request of a task, for a whole answer.
pub(super) fn request(task: Task, model: Option<&str>) -> Result<LlmRequest, Unreadable> {
    let origin = Origin::read(&task).map_err(|_| Unreadable::Dialect)?;
    let text = String::from(Box::<str>::from(task.messages));
    let request = match origin {
        Some(origin) => {
            let request = match &origin.model {
                Some(model) if origin.dialect.is_addressed() => {
                    LlmRequest::parse_addressed(origin.dialect, model, false, text.into())?
                }
                _ => LlmRequest::parse(origin.dialect, text.into())?,
            };
            request.headers(origin.headers)
        }
        None => foreign(text, model)?,
    };
    Ok(request.unstreamed())
}

/// What another program has written: its messages, or a request for chat completions.
fn foreign(text: String, model: Option<&str>) -> Result<LlmRequest, Unreadable> {
    const CHAT: Dialect = Dialect::OpenAiChat;
    let model = model.map(|model| serde_json::Value::from(model).to_string());
    if text.starts_with('[') {
        let model = model.ok_or(Unreadable::NoModel)?;
        let body = format!(r#"{{"model":{model},"messages":{text}}}"#);
        return Ok(LlmRequest::parse(CHAT, body.into())?);
    }
    match LlmRequest::parse(CHAT, text.clone().into()) {
        Err(InvalidRequest::Missing { field: "model" }) => {
            let model = model.ok_or(Unreadable::NoModel)?;
            // It is an object, and has messages at least or it is refused for that.
            let body = text.replacen('{', &format!(r#"{{"model":{model},"#), 1);
            Ok(LlmRequest::parse(CHAT, body.into())?)
        }
        parsed => Ok(parsed?),
    }
}

/// The [lane](Task::lane) of a task that another program has written: the one that it names, or
/// else the model that it asks for, or else this one, which is [asked](crate::replay::Replay::model)
/// then.
#[must_use]
pub fn lane_of(task: &Task, model: Option<&str>) -> Option<String> {
    let asked = || {
        let fields: HashMap<String, &RawValue> = serde_json::from_str(task.messages.get()).ok()?;
        serde_json::from_str(fields.get("model")?.get()).ok()
    };
    let lane = task.lane.clone().or_else(asked);
    lane.or_else(|| model.map(str::to_owned))
}

impl From<InvalidRequest> for Unreadable {
    fn from(error: InvalidRequest) -> Self {
        Self::Invalid(error)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "invalid request: {error}"),
            Self::Dialect => f.write_str("the request is in a dialect that is not known here"),
            Self::NoModel => f.write_str("the request names no model"),
        }
    }
}

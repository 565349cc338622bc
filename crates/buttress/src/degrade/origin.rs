use buttress_llm::{Dialect, InvalidDialect, LlmRequest};
use buttress_queue::Task;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

/// What has to be known of a request beside its body, to make it again.
///
/// It stands in the [`task_context`](Task::task_context) as `buttress`, so that it is not taken
/// for anything that others put there:
///
/// ```json
/// {"buttress": {"dialect": "anthropic.messages", "headers": {"anthropic-beta": ["…"]},
///               "request_id": "…"}}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The dialect in which it is written.
    pub dialect: Dialect,
    /// The model that is asked for, where the address says so and the body does not.
    pub model: Option<String>,
    /// Its [headers](LlmRequest::own_headers), of those that say how it is meant and can't hold a
    /// key.
    pub headers: HeaderMap,
    /// What its caller calls it.
    pub request_id: Option<String>,
}

const NAME: &str = "buttress";
/// A key of idempotency is not among them: what was answered to that one was no answer.
const HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("openai-beta"),
];

impl Origin {
    /// That of this request.
    #[must_use]
    pub fn of(request: &LlmRequest) -> Self {
        let dialect = request.dialect();
        let mut headers = HeaderMap::new();
        for name in HEADERS {
            for value in request.own_headers().get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        Self {
            dialect,
            model: dialect.is_addressed().then(|| request.model().to_owned()),
            headers,
            request_id: None,
        }
    }

    /// That of the request that this task was written of: nothing, where another program wrote it.
    ///
    /// # Errors
    /// The dialect is one that is not known here.
    pub fn read(task: &Task) -> Result<Option<Self>, InvalidDialect> {
        let Some(ours) = task.task_context.get(NAME).and_then(Value::as_object) else {
            return Ok(None);
        };
        let text = |name| ours.get(name).and_then(Value::as_str);
        let mut headers = HeaderMap::new();
        for name in HEADERS {
            let values = ours.get("headers").and_then(|all| all.get(name.as_str()));
            for value in values.and_then(Value::as_array).into_iter().flatten() {
                // Whoever writes to the store may have written anything.
                if let Some(Ok(value)) = value.as_str().map(HeaderValue::from_str) {
                    headers.append(&name, value);
                }
            }
        }
        Ok(Some(Self {
            dialect: text("dialect").unwrap_or_default().parse()?,
            model: text("model").map(str::to_owned),
            headers,
            request_id: text("request_id").map(str::to_owned),
        }))
    }

    /// Writes it into the context of a task.
    pub fn write(&self, context: &mut Map<String, Value>) {
        let mut ours = Map::new();
        ours.insert("dialect".to_owned(), self.dialect.as_str().into());
        if let Some(model) = &self.model {
            ours.insert("model".to_owned(), json!(model));
        }
        let mut headers = Map::new();
        for (name, value) in &self.headers {
            if let Ok(value) = value.to_str() {
                let values = headers.entry(name.as_str()).or_insert_with(|| json!([]));
                values
                    .as_array_mut()
                    .into_iter()
                    .for_each(|values| values.push(value.into()));
            }
        }
        if !headers.is_empty() {
            ours.insert("headers".to_owned(), headers.into());
        }
        if let Some(id) = &self.request_id {
            ours.insert("request_id".to_owned(), json!(id));
        }
        context.insert(NAME.to_owned(), ours.into());
    }
}

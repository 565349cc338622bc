//! Failing answers: `{"status": 429, "body": …}`.

use super::{Translated, side::Speaker};
use buttress_llm::{Answer, LlmError};
use http::HeaderMap;
use serde_json::{Value, json};

pub(super) struct Sides {
    from: Speaker,
    to: Speaker,
}

impl Sides {
    pub(super) const fn new(from: Speaker, to: Speaker) -> Self {
        Self { from, to }
    }

    pub(super) fn translate(&self, input: &Value) -> Result<Translated, String> {
        let status = input.get("status").and_then(Value::as_u64);
        let status = status.and_then(|status| u16::try_from(status).ok());
        let status = status.filter(|status| (100..1000).contains(status));
        let status = status.ok_or("`status` must be a number from 100 to 999")?;
        let body = match input.get("body") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(body) => body.to_string(),
        };
        let headers = HeaderMap::new();
        let answer = Answer::new(status, &headers, body.as_bytes());
        let Err(error) = LlmError::check(self.from.provider, self.from.dialect, &answer) else {
            return Err("this is no failing answer: --kind response".to_owned());
        };
        let rendered = error.render(self.to.dialect);
        let body: Value = serde_json::from_slice(&rendered.body)
            .map_err(|_| "the body can't be written as JSON".to_owned())?;
        Ok(Translated {
            output: json!({"status": rendered.status, "body": body}),
            notes: if rendered.status == status {
                Vec::new()
            } else {
                vec!["changed the status"]
            },
        })
    }
}

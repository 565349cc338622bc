//! What a call is to be corrected for, and whom else it may ask.

use super::{Address, LlmRequest, Target};

impl LlmRequest {
    /// Sets how often the answer may be corrected, of a service that does so, which may allow
    /// less. With 0 it is not even looked at.
    #[must_use]
    pub const fn corrections(mut self, times: u32) -> Self {
        self.corrections = Some(times);
        self
    }

    /// How often the answer may be corrected, if the request says so.
    #[must_use]
    pub const fn asks_for_corrections(&self) -> Option<u32> {
        self.corrections
    }

    /// The request with this model for the one that it asks for: a place that is set to ask for
    /// another one still does, other than of one that is [for](Self::for_model) a model.
    ///
    /// `None` where the model is empty.
    #[must_use]
    pub fn with_model(&self, model: &str) -> Option<Self> {
        if self.dialect.is_addressed() {
            let address = Address {
                model,
                stream: self.streams(),
            };
            let read = Self::read(self.dialect, self.body.clone(), Some(address)).ok()?;
            return (!model.is_empty()).then(|| self.keeping(read));
        }
        let target = Target::new(self.dialect).model(model);
        self.with_body(self.amend(&target).body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    #[test]
    fn another_model_is_asked_for_in_each_dialect() {
        for dialect in Dialect::ALL {
            let list = dialect.messages_field();
            let body = format!(r#"{{"model": "small", "own": 1, "{list}": []}}"#).into();
            let request = match dialect {
                Dialect::Gemini => LlmRequest::parse_addressed(dialect, "small", true, body),
                _ => LlmRequest::parse(dialect, body),
            };
            let request = request.unwrap().corrections(1);
            let large = request.with_model("large").unwrap();
            assert_eq!(large.model(), "large", "{dialect}");
            assert_eq!(large.streams(), request.streams());
            assert_eq!(large.asks_for_corrections(), Some(1));
            assert!(large.body().windows(5).any(|five| five == b"\"own\""));
            assert!(request.with_model("").is_none());
        }
    }
}

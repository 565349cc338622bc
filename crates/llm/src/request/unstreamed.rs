use super::{Address, Field, Fields, LlmRequest, fields::range_of, splice::Splice};
use std::str;

impl LlmRequest {
    /// The same request for a whole answer, where it asks for a stream. The rest of its bytes stay
    /// as they are.
    ///
    /// ```
    /// use buttress_llm::{Dialect, LlmRequest};
    ///
    /// let body = r#"{"model": "m", "stream": true, "messages": []}"#;
    /// let request = LlmRequest::parse(Dialect::OpenAiChat, body.into())?;
    /// let whole = request.unstreamed();
    /// assert!(!whole.streams());
    /// assert_eq!(whole.body(), r#"{"model": "m", "stream": false, "messages": []}"#);
    /// # Ok::<_, buttress_llm::InvalidRequest>(())
    /// ```
    #[must_use]
    pub fn unstreamed(&self) -> Self {
        if !self.streams() {
            return self.clone();
        }
        let text = str::from_utf8(&self.body).expect("checked when it was parsed");
        let Fields(fields) = serde_json::from_str(text).expect("checked when it was parsed");
        let mut splice = Splice::default();
        for (name, value) in fields {
            let at = range_of(value.get(), text);
            if self.dialect.field(&name) == Field::Stream {
                splice.replace(at, "false");
            } else if name == "stream_options" {
                // OpenAI refuses them without a stream.
                splice.replace(at, "null");
            }
        }
        let address = self.dialect.is_addressed().then(|| Address {
            model: self.model(),
            stream: false,
        });
        let whole = Self::read(self.dialect, splice.apply(&self.body), address);
        let Self { body, index, .. } = whole.expect("it was valid before");
        let mut request = self.clone();
        (request.body, request.index, request.ahead) = (body, index, None);
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, Target};
    use buttress_core::{Call, Carry};

    #[test]
    fn only_what_asks_for_a_stream_is_changed() {
        let body = r#"{"model": "m", "stream" : true ,"stream_options":{"include_usage":true},
            "x": {"stream": true}, "messages": ["stream", 1.0]}"#;
        let whole = body
            .replacen("true ", "false ", 1)
            .replace(r#"{"include_usage":true}"#, "null");
        let mut request = LlmRequest::parse(Dialect::OpenAiChat, body.into()).unwrap();
        request.set_call(Call::new());
        let unstreamed = request.unstreamed();
        assert_eq!(unstreamed.body(), whole.as_bytes());
        assert!(!unstreamed.streams() && unstreamed.call().is_some());
        assert!(!unstreamed.includes_usage());
        assert_eq!(unstreamed.unstreamed().body(), unstreamed.body());

        let body = r#"{"model":"m","stream":true,"input":"Hi","stream_options":{"include_obfuscation":false}}"#;
        let request = LlmRequest::parse(Dialect::OpenAiResponses, body.into()).unwrap();
        let whole = r#"{"model":"m","stream":false,"input":"Hi","stream_options":null}"#;
        assert_eq!(request.unstreamed().body(), whole);
    }

    #[test]
    fn where_the_address_says_so_the_body_stays() {
        let body = r#"{"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}"#;
        let request = LlmRequest::parse_addressed(Dialect::Gemini, "g", true, body.into()).unwrap();
        let whole = request.unstreamed();
        assert!(!whole.streams());
        assert_eq!((whole.model(), &**whole.body()), ("g", body.as_bytes()));
    }

    #[test]
    fn what_was_written_ahead_is_written_anew() {
        let body = r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
        let mut request = LlmRequest::parse(Dialect::AnthropicMessages, body.into()).unwrap();
        let target = Target::new(Dialect::OpenAiChat);
        request.encode_ahead(&target).unwrap();
        let encoded = request.unstreamed().encode(&target).unwrap().body;
        let encoded = str::from_utf8(&encoded).unwrap();
        assert!(!encoded.contains(r#""stream":true"#), "{encoded}");
    }
}

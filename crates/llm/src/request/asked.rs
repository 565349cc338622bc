//! What form a request asks its answer to have.

use super::{Field, Fields, LlmRequest};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, str};

/// A function of the caller's that the model may call.
#[derive(Clone)]
#[non_exhaustive]
pub struct ToolParameters<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// The JSON schema of its arguments; none where it takes none.
    pub schema: Option<Cow<'a, RawValue>>,
}

impl LlmRequest {
    /// The JSON schema that the text of the answer has to follow; none where it
    /// [has to follow none](Self::wants_json_schema), or where that says no more than that there is
    /// one. Gemini's own form of schemas is turned into JSON Schema.
    ///
    /// That it is a good schema is not looked into.
    ///
    /// ```
    /// use buttress_llm::{Dialect, LlmRequest};
    ///
    /// let body = r#"{"contents": [], "generationConfig": {"responseMimeType": "application/json",
    ///     "responseSchema": {"type": "INTEGER", "nullable": true}}}"#;
    /// let request = LlmRequest::parse_addressed(Dialect::Gemini, "m", false, body.into())?;
    /// let schema = request.answer_schema().unwrap();
    /// assert_eq!(schema.get(), r#"{"type":["integer","null"]}"#);
    /// # Ok::<_, buttress_llm::InvalidRequest>(())
    /// ```
    #[must_use]
    pub fn answer_schema(&self) -> Option<Cow<'_, RawValue>> {
        if !self.wants_json_schema() {
            return None;
        }
        let generation = self.index.generation.as_ref().map(|it| &it.at);
        let at = self.index.format_at.as_ref().or(generation)?;
        let field = str::from_utf8(&self.body[at.clone()]).ok()?;
        self.dialect.answer_schema(field)
    }

    /// The functions of the caller's among its tools, each with the schema of its arguments. Tools
    /// that the provider runs itself, or that take text, are left out, and so is what can't be read.
    #[must_use]
    pub fn tool_parameters(&self) -> Vec<ToolParameters<'_>> {
        if !self.wants_tools() {
            return Vec::new();
        }
        let text = str::from_utf8(&self.body).unwrap_or_default();
        let fields = serde_json::from_str(text).map_or_else(|_| Vec::new(), |Fields(it)| it);
        let tools = fields
            .into_iter()
            .filter(|(name, _)| self.dialect.field(name) == Field::Tools);
        let functions = tools.flat_map(|(_, tools)| self.dialect.functions(tools.get()));
        let parameters = functions.map(|tool| ToolParameters {
            name: tool.name,
            schema: tool.parameters,
        });
        parameters.collect()
    }
}

/// Without the schema, which is the caller's own.
impl fmt::Debug for ToolParameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolParameters")
            .field("name", &self.name)
            .field("schema", &self.schema.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;
    use serde_json::{Value, json};

    fn parse(dialect: Dialect, mut body: Value) -> LlmRequest {
        let text = body.as_object_mut().unwrap();
        let list = json!([{"role": "user", "content": "Hi", "parts": [{"text": "Hi"}]}]);
        text.insert(dialect.messages_field().to_owned(), list);
        let body = body.to_string().into();
        match dialect {
            Dialect::Gemini => LlmRequest::parse_addressed(dialect, "m", false, body).unwrap(),
            _ => {
                let mut body: Value = serde_json::from_slice(&body).unwrap();
                body["model"] = "m".into();
                LlmRequest::parse(dialect, body.to_string().into()).unwrap()
            }
        }
    }

    const ALL: [Dialect; 4] = Dialect::ALL;

    #[test]
    fn the_schema_of_the_answer_is_found_in_each_dialect() {
        let schema = json!({"type": "object", "properties": {"a \"b\"": {"type": "string"}}});
        let gemini = |name: &str| json!({"generationConfig": {"responseMimeType": "application/json", name: schema}});
        let (chat, claude, responses) = (
            Dialect::OpenAiChat,
            Dialect::AnthropicMessages,
            Dialect::OpenAiResponses,
        );
        for (dialect, body) in [
            (
                chat,
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}),
            ),
            (
                claude,
                json!({"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema}}}),
            ),
            (
                claude,
                json!({"output_format": {"type": "json_schema", "schema": schema}}),
            ),
            (
                responses,
                json!({"text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": schema}}}),
            ),
            (Dialect::Gemini, gemini("responseJsonSchema")),
            (Dialect::Gemini, gemini("response_json_schema")),
            (Dialect::Gemini, gemini("responseSchema")),
            (Dialect::Gemini, gemini("response_schema")),
            (
                Dialect::Gemini,
                json!({"generation_config": {"response_schema": {
                "type": "OBJECT", "properties": {"a \"b\"": {"type": "STRING"}}}}}),
            ),
        ] {
            let request = parse(dialect, body.clone());
            let found = request.answer_schema().unwrap_or_else(|| panic!("{body}"));
            let found: Value = serde_json::from_str(found.get()).unwrap();
            assert_eq!(found, schema, "{body}");
            assert!(request.tool_parameters().is_empty());
        }
    }

    #[test]
    fn where_there_is_no_schema_none_is_found() {
        for dialect in ALL {
            for body in [
                json!({}),
                json!({"response_format": null, "text": null, "output_config": null, "generationConfig": null}),
                json!({"response_format": {"type": "json_object"}, "text": {"format": {"type": "json_object"}},
                    "output_config": {"format": null}, "generationConfig": {"responseMimeType": "application/json"}}),
                json!({"response_format": {"type": "json_schema"}, "text": {"format": {"type": "json_schema"}},
                    "output_config": {"format": {"type": "json_schema"}}, "generationConfig": {"responseSchema": null}}),
                json!({"response_format": {"type": "json_schema", "json_schema": {"schema": null}},
                    "text": {"format": {"type": "json_schema", "schema": null}},
                    "output_config": {"format": {"type": "json_schema", "schema": null}}, "generationConfig": {}}),
                json!({"response_format": "json_schema", "text": ["json_schema"], "output_config": 1}),
            ] {
                let request = parse(dialect, body.clone());
                assert!(request.answer_schema().is_none(), "{dialect}: {body}");
            }
        }
    }

    #[test]
    fn functions_are_found_among_all_tools() {
        let schema = json!({"type": "object"});
        for (dialect, tools) in [
            (
                Dialect::OpenAiChat,
                json!([
                {"type": "function", "function": {"name": "f", "parameters": schema}},
                {"type": "custom", "custom": {"name": "text"}}, 7, {},
                {"type": "function", "function": {"name": "g"}}]),
            ),
            (
                Dialect::OpenAiResponses,
                json!([
                {"type": "web_search"}, {"type": "function"}, null,
                {"type": "function", "name": "f", "parameters": schema},
                {"type": "function", "name": "g", "parameters": null}]),
            ),
            (
                Dialect::AnthropicMessages,
                json!([
                {"name": "f", "input_schema": schema}, {"type": "web_search_20250305", "name": "w"}, [],
                {"type": "custom", "name": "g"}]),
            ),
            (
                Dialect::Gemini,
                json!([
                {"googleSearch": {}}, {"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}, 1]},
                {"function_declarations": {"name": "g"}}]),
            ),
        ] {
            let request = parse(dialect, json!({"tools": tools}));
            let found = request.tool_parameters();
            let shown: Vec<_> = found
                .iter()
                .map(|tool| (&*tool.name, tool.schema.as_deref().map(RawValue::get)))
                .collect();
            let expected = [("f", Some(r#"{"type":"object"}"#)), ("g", None)];
            assert_eq!(shown, expected, "{dialect}");
            assert!(!format!("{found:?}").contains("object"));
        }
        assert!(
            parse(
                Dialect::Gemini,
                json!({"tools": {"functionDeclarations": [{"name": "f"}]}})
            )
            .tool_parameters()
            .len()
                == 1
        );
        assert!(
            parse(Dialect::OpenAiChat, json!({"tools": []}))
                .tool_parameters()
                .is_empty()
        );
    }
}

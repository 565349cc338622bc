use super::LlmCorrect;
use buttress_core::Uncorrected;
use buttress_llm::{ChatBuilder, LlmError, LlmRequest, LlmResponse, Said, WrongAnswer};
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{future::Future, sync::Arc};
use tower::{Layer, Service, ServiceExt};

/// Asks a service of language models for a value of a type.
///
/// ```
/// use buttress::correct::Complete;
/// use buttress::client::LlmClient;
/// use buttress::llm::{LlmRequest, Provider};
/// use buttress_testkit::Reply;
///
/// #[derive(schemars::JsonSchema, serde::Deserialize)]
/// struct City {
///     name: String,
///     people: u32,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let provider = buttress_testkit::Provider::openai()
/// #     .reply(Reply::text(r#"{"name": "Paris", "people": "two million"}"#))
/// #     .then(Reply::text(r#"{"name": "Paris", "people": 2100000}"#))
/// #     .start()
/// #     .await?;
/// let client = LlmClient::builder(Provider::OpenAi).base_url(provider.base_url()).build()?;
/// let request = LlmRequest::chat("gpt-5").user("Which city is the largest of France?");
/// let city: City = client.complete(request).await?;
/// assert_eq!((&*city.name, city.people), ("Paris", 2_100_000));
/// # Ok(())
/// # }
/// ```
pub trait Complete: Service<LlmRequest, Response = LlmResponse, Error = LlmError> {
    /// Asks for a value of this type, by its JSON schema, and corrects the answer until it is one,
    /// as [`LlmCorrect::new`] does: at most twice.
    ///
    /// The provider is asked for an answer that follows the schema where it has that.
    ///
    /// # Errors
    /// Those of the service; [`LlmError::Uncorrected`] with what each answer said when none of them
    /// is such a value; [`LlmError::Invalid`] when the request can't be built.
    fn complete<T>(&self, request: ChatBuilder) -> impl Future<Output = Result<T, LlmError>> + Send
    where
        T: JsonSchema + DeserializeOwned + Send,
        Self: Clone + Send + 'static,
        Self::Future: Send + 'static,
    {
        let service = self.clone();
        async move {
            let request = request.json_schema(name::<T>(), schema::<T>()).build()?;
            let is_one = |text: &str| match serde_json::from_str::<T>(text) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            };
            let layer = LlmCorrect::new().accepts(is_one).layer();
            let answer = layer.layer(service).oneshot(request).await?;
            let (dialect, model) = (answer.dialect, Arc::clone(&answer.model));
            let text = answer.into_text().await?;
            // An answer that refuses is let through, and is none.
            serde_json::from_str(&text).map_err(|_| {
                let said = Said::plain(dialect, &*model, text.as_str());
                let problem = "no value of the type: the model may have refused".to_owned();
                Uncorrected::new(vec![WrongAnswer::new(said, vec![problem])]).into()
            })
        }
    }
}

impl<S> Complete for S where S: Service<LlmRequest, Response = LlmResponse, Error = LlmError> {}

fn schema<T: JsonSchema>() -> Value {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<T>();
    // The default, which some providers do not know by name.
    schema.remove("$schema");
    schema.to_value()
}

/// The name of the type, as far as providers take it.
fn name<T: JsonSchema>() -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let name = T::schema_name();
    let letters = name
        .chars()
        .map(|letter| if fits(letter) { letter } else { '_' });
    let name: String = letters.take(64).collect();
    if name.is_empty() {
        "answer".to_owned()
    } else {
        name
    }
}

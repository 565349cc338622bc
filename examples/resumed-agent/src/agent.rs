//! The agent. It knows nothing of earlier runs: it only says which session it is in.

use buttress::client::LlmClient;
use buttress::journal::{JournalLayer, LlmJournal, ROUTE, Sessions, SqliteRecords};
use buttress::llm::{AnswerBody, Dialect, LlmError, LlmRequest, LlmResponse, Provider};
use buttress::{Route, Session, Stack};
use serde_json::{Value, json};
use std::{future::pending, path::Path};
use tower::{BoxError, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

type Llm = BoxCloneSyncService<LlmRequest, LlmResponse, LlmError>;

/// What it says before it does nothing more.
pub(crate) const HANGS: &str = "        the tool hangs";

/// Asks for the weather, as often as the model wants to know, and then for a report.
pub(crate) async fn run(
    url: &str,
    file: &Path,
    hangs_after: Option<usize>,
) -> Result<(), BoxError> {
    let sessions = Sessions::new(SqliteRecords::open(file)?);
    let client = LlmClient::builder(Provider::OpenAi).base_url(url).build()?;
    let llm = ServiceBuilder::new()
        .layer(JournalLayer::new(sessions, LlmJournal::new()))
        .service(Stack::new(Route::new("gpt", client)).service());
    let llm = BoxCloneSyncService::new(llm);

    let mut conversation = vec![json!({
        "role": "user", "content": "Where in Portugal is it warmest today?"
    })];
    let mut step = 0;
    loop {
        step += 1;
        let response = ask(&llm, &conversation, false).await?;
        let how = told(&response);
        let AnswerBody::Json(body) = response.body else {
            return Err("a whole answer was asked for".into());
        };
        let mut answer: Value = serde_json::from_slice(&body)?;
        let message = answer["choices"][0]["message"].take();
        let calls = message["tool_calls"].as_array().cloned();
        conversation.push(message);
        let Some(calls) = calls else {
            println!("step {step}: {how}, and it has seen enough");
            break;
        };
        for call in calls {
            println!(
                "step {step}: {how}, and wants {} of {}",
                call["function"]["name"], call["id"]
            );
            if hangs_after == Some(step) {
                println!("{HANGS}");
                pending::<()>().await;
            }
            // Tools run again in each run: what they do has to be harmless when done twice.
            let result = weather(&call["function"]["arguments"]);
            conversation
                .push(json!({"role": "tool", "tool_call_id": call["id"], "content": result}));
        }
    }

    conversation.push(json!({"role": "user", "content": "Write a report."}));
    let response = ask(&llm, &conversation, true).await?;
    let how = told(&response);
    let report = response.into_text().await?;
    println!("step {}: {how}, as a stream: {report}", step + 1);
    Ok(())
}

/// Without a number each request is the step that it tells itself: by the length of the
/// conversation.
async fn ask(llm: &Llm, conversation: &[Value], stream: bool) -> Result<LlmResponse, BoxError> {
    let body = json!({
        "model": "gpt-5-mini",
        "messages": conversation,
        "stream": stream,
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}
        }}}],
    });
    let request = LlmRequest::parse(Dialect::OpenAiChat, body.to_string().into())?;
    let request = request.session(Session::new("weather-of-today")?);
    Ok(llm.clone().oneshot(request).await?)
}

fn told(response: &LlmResponse) -> &'static str {
    match response.route.as_deref() {
        Some(ROUTE) => "given from the journal",
        _ => "paid",
    }
}

/// The tool.
fn weather(arguments: &Value) -> String {
    let arguments = arguments.as_str().unwrap_or_default();
    format!("{} degrees", 20 + arguments.len() % 7)
}

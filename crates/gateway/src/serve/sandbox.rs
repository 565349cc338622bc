//! The sandbox: providers that exist only in this process, and fail the way real ones do.

use crate::config::{Chain, Config, Provider, Route};
use buttress::{client::Secret, llm};
use buttress_testkit::{Fault, Provider as Scripted, Received, Reply, Script};
use serde_json::{Value, json};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The providers, which end with it.
pub(super) struct Sandbox {
    providers: [Acting; 2],
}

/// A provider, and what it does just now.
struct Acting {
    name: &'static str,
    provider: Scripted,
    usual: fn(&Received) -> Reply,
    mood: Mutex<&'static str>,
}

type Mood = (&'static str, Option<fn() -> Reply>);

/// What a provider can be told to do, by name: the first is what it does when nobody tells it
/// anything, the second is to be well.
const MOODS: [Mood; 11] = [
    ("usual", None),
    ("well", None),
    (
        "rate_limited",
        Some(|| Reply::rate_limited().retry_after(5)),
    ),
    ("overloaded", Some(Reply::overloaded)),
    ("server_error", Some(Reply::server_error)),
    ("silent", Some(Reply::silence)),
    ("reset", Some(Reply::reset)),
    (
        "breaks_off",
        Some(|| Reply::text("This stream breaks off in the middle of a").reset_after(4)),
    ),
    ("no_json", Some(Reply::not_json)),
    ("invalid_key", Some(Reply::invalid_key)),
    ("out_of_money", Some(Reply::insufficient_quota)),
];

/// How long a provider may keep silent, and take for a whole answer: several times what it takes
/// when it is well.
const MOMENT: Duration = Duration::from_secs(3);

/// Starts them, and points the configuration at them.
pub(super) async fn start(config: &mut Config) -> io::Result<Sandbox> {
    let gpt = Scripted::openai()
        .forever(moody)
        .remember(0)
        .start()
        .await?;
    let claude = Scripted::anthropic()
        .forever(hasty)
        .remember(0)
        .start()
        .await?;

    let mut add = |name: &str, kind, model: &str, url: String| {
        let mut provider = Provider::new(name, kind);
        provider.base_url = url.parse().ok();
        provider.key = Some(Secret::new("sandbox"));
        let mut route = Route::new(Arc::new(provider), Some(model));
        // So that the pauses can be watched without getting tired of it.
        route.retry.base = Duration::from_millis(400);
        route.breaker.open = Duration::from_secs(5);
        route.breaker.open_max = Duration::from_secs(10);
        // Nobody watches a silent provider for minutes.
        route.timeout.first_content = Some(MOMENT);
        route.timeout.idle = Some(MOMENT);
        route.timeout.attempt = Some(MOMENT);
        // Half of all calls fail: a budget made for outages would soon be empty.
        route.retry.budget = None;
        config.routes.push(route);
    };
    add(
        "sandbox-openai",
        llm::Provider::OpenAi,
        "gpt-sandbox",
        gpt.base_url(),
    );
    add(
        "sandbox-anthropic",
        llm::Provider::Anthropic,
        "claude-sandbox",
        claude.base_url(),
    );
    config.chains = vec![Chain::everything(config.routes.len())];
    let acting = |name, provider, usual| Acting {
        name,
        provider,
        usual,
        mood: Mutex::new(MOODS[0].0),
    };
    Ok(Sandbox {
        providers: [
            acting("sandbox-openai", gpt, moody as fn(&Received) -> Reply),
            acting("sandbox-anthropic", claude, hasty),
        ],
    })
}

impl Sandbox {
    /// Has a provider act like this from now on. Whether there are such a provider and such a way.
    pub(super) fn set(&self, provider: &str, mood: &str) -> bool {
        let mut providers = self.providers.iter();
        let acting = providers.find(|acting| acting.name == provider);
        let mood = MOODS.iter().find(|(name, _)| *name == mood);
        let (Some(acting), Some((name, reply))) = (acting, mood) else {
            return false;
        };
        let script = Script::new();
        let script = match reply {
            Some(reply) => script.forever(move |_: &Received| reply()),
            None if *name == MOODS[0].0 => script.forever(acting.usual),
            None => script.forever(hello),
        };
        acting.provider.play(script);
        *acting.mood.lock().unwrap_or_else(PoisonError::into_inner) = name;
        true
    }

    /// What each provider does, and what it could do.
    pub(super) fn moods(&self) -> Value {
        let mood = |acting: &Acting| {
            let mood = *acting.mood.lock().unwrap_or_else(PoisonError::into_inner);
            json!({"provider": acting.name, "mood": mood})
        };
        json!({
            "moods": MOODS.map(|(name, _)| name),
            "providers": self.providers.iter().map(mood).collect::<Value>(),
        })
    }
}

/// What a provider of the sandbox says when it is well.
fn hello(call: &Received) -> Reply {
    let text = format!(
        "This is a sandbox: no model was asked. What you see is a scripted answer, call {} to \
         this provider. Look at the x-buttress headers for how it got to you.",
        call.index() + 1
    );
    Reply::text(text).deltas(12).pace(Duration::from_millis(40))
}

/// The first choice: every other call fails, each time in another way.
fn moody(call: &Received) -> Reply {
    match call.index() % 16 {
        0 => Reply::rate_limited().retry_after(1),
        2 => Reply::server_error(),
        4 => Reply::overloaded(),
        6 => Reply::hang_up(),
        8 => Reply::bad_gateway(),
        10 => Reply::empty_stream(),
        12 => Reply::reset(),
        14 => Reply::error_first(Fault::Overloaded),
        _ => hello(call),
    }
}

/// The second choice: mostly well.
fn hasty(call: &Received) -> Reply {
    match call.index() % 5 {
        3 => Reply::overloaded(),
        _ => hello(call),
    }
}

/// What to try first.
pub(super) fn greeting(address: SocketAddr) -> String {
    format!(
        "\
buttress listens on http://{address}

THIS IS A SANDBOX. There is no configuration and no key in the environment, so the two providers
behind it are scripted ones in this process, which fail on purpose. No model is asked.

Open http://{address} in a browser to have them fail and to watch what is done about it.

Try it, several times over:

  curl -si http://{address}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{\"model\":\"any\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello?\"}}]}}'

With \"stream\":true it streams; the same works in Anthropic's dialect:

  curl -siN http://{address}/v1/messages -H 'content-type: application/json' \\
    -d '{{\"model\":\"any\",\"max_tokens\":99,\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello?\"}}]}}'

The headers tell how the answer came about: x-buttress-route, -attempts and -waited-ms.
The log below tells what failed. For real providers, set OPENAI_API_KEY or ANTHROPIC_API_KEY, or
write a buttress.toml.

"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Options;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    /// What comes of a call for a stream, up to where it ends or breaks.
    async fn called(provider: &Provider) -> String {
        let url = provider.base_url.as_ref().unwrap();
        let host = url.authority().unwrap().as_str();
        let (path, body) = match provider.kind {
            llm::Provider::Anthropic => (
                "/v1/messages",
                r#"{"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "Hello?"}]}"#,
            ),
            _ => (
                "/v1/chat/completions",
                r#"{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Hello?"}]}"#,
            ),
        };
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer sandbox\r\n\
             x-api-key: sandbox\r\nanthropic-version: 2023-06-01\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut socket = TcpStream::connect(host).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // What came before it broke is there all the same.
        let _ = socket.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_provider_does_as_it_is_told() {
        let mut config = Config::sandbox(&Options::new(&|_: &str| None)).unwrap();
        let sandbox = start(&mut config).await.unwrap();
        for route in &config.routes {
            let name = &*route.provider.name;
            let anthropic = route.provider.kind == llm::Provider::Anthropic;
            let of_money = if anthropic { "400" } else { "429" };
            let overloaded = if anthropic { "529" } else { "503" };
            for (mood, status, part) in [
                ("well", "200", "\"This"),
                ("rate_limited", "429", "retry-after: 5"),
                ("overloaded", overloaded, "error"),
                ("server_error", "500", "error"),
                ("breaks_off", "200", "\"This"),
                ("no_json", "200", "application/json"),
                ("invalid_key", "401", "error"),
                ("out_of_money", of_money, "error"),
            ] {
                assert!(sandbox.set(name, mood), "{name} {mood}");
                let answer = called(&route.provider).await;
                let line = format!("HTTP/1.1 {status} ");
                assert!(answer.starts_with(&line), "{name} {mood}: {answer}");
                assert!(answer.contains(part), "{name} {mood}: {answer}");
                let (_, body) = answer.split_once("\r\n\r\n").unwrap();
                let json = serde_json::from_str::<Value>(body).is_ok();
                assert_eq!(json, !status.starts_with('2'), "{name} {mood}: {answer}");
                let whole = body.contains("[DONE]") || body.contains("message_stop");
                assert_eq!(whole, mood == "well", "{name} {mood}: {answer}");
            }
            assert!(sandbox.set(name, "reset"));
            assert_eq!(called(&route.provider).await, "", "{name}");
        }
        let moods = sandbox.moods();
        for provider in moods["providers"].as_array().unwrap() {
            assert_eq!(provider["mood"], "reset");
        }
        assert!(!sandbox.set("sandbox-openai", "angry"));
        assert!(!sandbox.set("nobody", "well"));
    }
}

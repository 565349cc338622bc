use super::{
    super::{Config, Jitter, Mode, Options, Window},
    fine, nothing, parse,
};
use buttress_client::HttpVersion;
use buttress_llm as llm;
use std::time::Duration;

#[test]
fn two_lines_per_route_are_enough() {
    let config = fine(
        r#"
        [[routes]]
        provider = "openai"
        [[routes]]
        provider = "anthropic"
        model = "claude-sonnet-4-5"
        "#,
    );
    assert_eq!(config.mode, Mode::File("buttress.toml".into()));
    let [first, second] = &config.routes[..] else {
        panic!("{:?}", config.routes);
    };
    assert_eq!(&*first.name, "openai");
    assert_eq!(first.upstream_model("gpt-5"), "gpt-5");
    assert_eq!(&*second.name, "anthropic/claude-sonnet-4-5");
    assert_eq!(second.upstream_model("gpt-5"), "claude-sonnet-4-5");
    assert_eq!(second.provider.kind, llm::Provider::Anthropic);
    assert_eq!(second.provider.key.as_ref().unwrap().expose(), "a-key");
    assert_eq!(config.chain("whatever").unwrap().routes, [0, 1]);
    assert_eq!(config.models(), ["claude-sonnet-4-5"]);
}

#[test]
fn routes_inherit_field_by_field() {
    let config = fine(
        r#"
        [defaults]
        patience = "off"
        [defaults.retry]
        max_retries = 5
        jitter = "equal"
        [defaults.breaker]
        window = "2m"
        consecutive_failures = "off"

        [[routes]]
        provider = "groq"
        retry.max_retries = 1
        patience = "1.5s"
        breaker.failure_rate = 0.4

        [[routes]]
        provider = "openai"
        "#,
    );
    let [first, second] = &config.routes[..] else {
        panic!("{:?}", config.routes);
    };
    assert_eq!(first.patience, Some(Duration::from_millis(1500)));
    assert_eq!(
        (first.retry.max_retries, first.retry.jitter),
        (1, Jitter::Equal)
    );
    assert_eq!(first.breaker.window, Window::Time(Duration::from_secs(120)));
    assert_eq!(first.breaker.consecutive_failures, None);
    assert_eq!(first.breaker.failure_rate, Some(0.4));
    assert_eq!(second.patience, None);
    assert_eq!(
        (second.retry.max_retries, second.retry.jitter),
        (5, Jitter::Equal)
    );
    assert_eq!(second.breaker.failure_rate, Some(0.55));
}

#[test]
fn providers_can_be_declared() {
    let config = fine(
        r#"
        [providers]
        spare = { kind = "openai", key_env = "SPARE_KEY", base_url = "http://127.0.0.1:9/v1/" }

        [providers.vllm]
        kind = "openai-compatible"
        base_url = "http://10.0.0.7:8000/v1"
        http = "2"
        connect_timeout = "300ms"
        headers = { x-team = "blue" }

        [[routes]]
        provider = "spare"
        [[routes]]
        provider = "vllm"
        "#,
    );
    let spare = &config.routes[0].provider;
    assert_eq!(spare.base_url.as_ref().unwrap(), "http://127.0.0.1:9/v1");
    assert_eq!(spare.key_env.as_deref(), Some("SPARE_KEY"));
    let vllm = &config.routes[1].provider;
    assert_eq!(
        (vllm.kind, vllm.http),
        (llm::Provider::Compatible, HttpVersion::Http2)
    );
    assert_eq!(vllm.connect_timeout, Duration::from_millis(300));
    assert!(vllm.key_env.is_none() && vllm.key.is_none());
    assert_eq!(vllm.headers["x-team"], "blue");
    assert!(vllm.headers["x-team"].is_sensitive());
}

#[test]
fn the_line_that_says_most_about_a_model_counts() {
    let config = fine(
        r#"
        [[routes]]
        name = "a"
        provider = "openai"
        [[routes]]
        name = "b"
        provider = "anthropic"
        model = "claude-sonnet-4-5"
        [models]
        "gpt-*" = ["a", "b"]
        smart = ["b", "a"]
        "gpt-5-*" = ["a"]
        "#,
    );
    let routes = |model| config.chain(model).map(|chain| chain.routes.clone());
    assert_eq!(routes("smart"), Some(vec![1, 0]));
    assert_eq!(routes("gpt-4.1"), Some(vec![0, 1]));
    assert_eq!(routes("gpt-5-mini"), Some(vec![0]));
    assert_eq!(routes("o3"), None);
    assert_eq!(config.models(), ["claude-sonnet-4-5", "smart"]);
}

#[test]
fn no_key_is_shown() {
    let (config, _) = parse("[[routes]]\nprovider = \"openai\"").unwrap();
    assert!(config.server.client_key.is_some());
    assert!(!format!("{config:?} {config}").contains("a-key"));
}

#[test]
fn only_openai_itself_is_asked_as_its_callers_do() {
    let provider = |name: &str, fields: &str| {
        let config = fine(&format!(
            "[providers.{name}]\n{fields}\n[[routes]]\nprovider = \"{name}\""
        ));
        let provider = &config.routes[0].provider;
        (provider.dialect().unwrap(), provider.asks_as_callers_do())
    };
    let (chat, responses) = (llm::Dialect::OpenAiChat, llm::Dialect::OpenAiResponses);
    assert_eq!(provider("openai", ""), (chat, true));
    assert_eq!(provider("openai", "api = 'chat'"), (chat, false));
    assert_eq!(provider("openai", "api = 'responses'"), (responses, false));
    let elsewhere = "base_url = 'http://localhost:1/v1'";
    assert_eq!(provider("openai", elsewhere), (chat, false));
    let elsewhere = "base_url = 'http://localhost:1/v1'\napi = 'responses'";
    assert_eq!(provider("ollama", elsewhere), (responses, false));
    assert_eq!(provider("groq", ""), (chat, false));
    let own = llm::Dialect::AnthropicMessages;
    assert_eq!(provider("anthropic", ""), (own, false));
}

#[test]
fn a_queue_is_where_its_url_says_and_the_variable_goes_before_it() {
    let route = "[[routes]]\nprovider = \"ollama\"\n";
    let store = |source: &str, env: &dyn Fn(&str) -> Option<String>| {
        let source = format!("{source}\n{route}");
        let (config, _) = Config::parse("buttress.toml", &source, &Options::new(env)).unwrap();
        config.queue.store.map(|store| store.to_string())
    };
    let file = "[queue]\nurl = \"sqlite:/var/lib/buttress.db\"\n";
    let variable = |name: &str| {
        let is_it = name == "BUTTRESS_QUEUE_URL";
        is_it.then(|| "redis://user:secret@cache:6379/1?a=b".to_owned())
    };
    assert_eq!(store("", &nothing), None);
    assert_eq!(store("[queue]\nurl = \"off\"\n", &nothing), None);
    assert_eq!(
        store(file, &nothing).unwrap(),
        "sqlite:/var/lib/buttress.db"
    );
    // What can be seen of it has no password.
    assert_eq!(store(file, &variable).unwrap(), "redis://cache:6379/1");
}

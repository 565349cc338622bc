use super::{
    super::{Config, Mode, Options, Report},
    nothing,
};

fn from_env(variables: &[(&str, &str)]) -> Result<Option<Config>, String> {
    let env = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Config::from_env(&Options::new(&env)).map_err(|report| report.to_string())
}

fn served(config: &Config, model: &str) -> Vec<String> {
    let routes = config.chain(model).unwrap().routes.iter();
    routes
        .map(|route| config.routes[*route].name.to_string())
        .collect()
}

#[test]
fn one_key_passes_every_model_through() {
    let config = from_env(&[("OPENAI_API_KEY", "k")]).unwrap().unwrap();
    assert_eq!(config.mode, Mode::Environment);
    assert_eq!(served(&config, "gpt-5"), ["openai"]);
    assert_eq!(served(&config, "claude-sonnet-4-5"), ["openai"]);
    assert_eq!(config.routes[0].upstream_model("my-own"), "my-own");
    let provider = &config.routes[0].provider;
    assert_eq!(
        provider.base_url.as_ref().unwrap(),
        "https://api.openai.com/v1"
    );
}

#[test]
fn two_keys_stand_in_for_each_other() {
    let variables = [("OPENAI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "l")];
    let config = from_env(&variables).unwrap().unwrap();
    assert_eq!(
        served(&config, "gpt-5"),
        ["openai", "anthropic/claude-sonnet-4-5"]
    );
    assert_eq!(
        served(&config, "claude-opus-4-1"),
        ["anthropic", "openai/gpt-4.1"]
    );
    // A name that tells nothing goes to the first.
    assert_eq!(
        served(&config, "x"),
        ["openai", "anthropic/claude-sonnet-4-5"]
    );
    assert_eq!(config.models(), ["claude-sonnet-4-5", "gpt-4.1"]);
}

#[test]
fn the_variables_of_the_sdks_are_read() {
    let variables = [
        ("OPENAI_API_KEY", "k"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1/"),
        ("OPENAI_ORG_ID", "org-1"),
        ("OPENAI_MODEL", "gpt-5"),
        ("GROQ_API_KEY", "l"),
        ("GROQ_MODEL", "llama-4"),
        ("BUTTRESS_CLIENT_KEY", "m"),
        ("MISTRAL_API_KEY", ""),
    ];
    let config = from_env(&variables).unwrap().unwrap();
    assert_eq!(served(&config, "gpt-4"), ["openai", "groq/llama-4"]);
    let provider = &config.routes[0].provider;
    assert_eq!(provider.base_url.as_ref().unwrap(), "http://127.0.0.1:9/v1");
    assert_eq!(provider.headers["openai-organization"], "org-1");
    assert_eq!(provider.key.as_ref().unwrap().expose(), "k");
    assert_eq!(config.server.client_key.unwrap().expose(), "m");
}

#[test]
fn what_is_wrong_is_said_by_the_variable() {
    let variables = [
        ("OPENAI_API_KEY", "k"),
        ("OPENAI_BASE_URL", "api.openai.com"),
    ];
    let error = from_env(&variables).unwrap_err();
    let expected = "\
error: OPENAI_BASE_URL: has to begin with http:// or https://
 |
 = help: write it like \"https://api.example.com/v1\"

environment: 1 error";
    assert_eq!(error, expected);

    let error = from_env(&[("GROQ_API_KEY", "gsk_abcdefghij\n")]).unwrap_err();
    assert!(
        error.starts_with("error: GROQ_API_KEY: holds a space"),
        "{error}"
    );
    assert!(!error.contains("abcdefghij"), "{error}");
}

#[test]
fn a_model_has_to_have_a_name_that_can_be_shown() {
    for (name, part) in [
        (" ", "is empty"),
        ("é", "can't be sent"),
        (" a", "can't be sent"),
    ] {
        let error = from_env(&[("OPENAI_API_KEY", "k"), ("OPENAI_MODEL", name)]).unwrap_err();
        assert!(error.starts_with("error: OPENAI_MODEL: "), "{error}");
        assert!(error.contains(part), "{error}");
    }
    let config = from_env(&[("OPENAI_API_KEY", "k"), ("OPENAI_MODEL", "")]);
    let stand_in = &config.unwrap().unwrap().routes[1];
    assert_eq!(&*stand_in.name, "openai/gpt-4.1");
}

#[test]
fn an_address_is_doubted_as_in_a_file() {
    for (variable, url, part) in [
        ("OPENAI_BASE_URL", "http://example.com/v1", "unencrypted"),
        ("ANTHROPIC_BASE_URL", "https://example.com/v1", "/v1/v1"),
        ("GROQ_BASE_URL", "https://example.com", "without /v1"),
    ] {
        let key = variable.replace("BASE_URL", "API_KEY");
        let env = |name: &str| match name {
            _ if name == variable => Some(url.to_owned()),
            _ => (name == key).then(|| "k".to_owned()),
        };
        let (_, report) = Config::load(None, &Options::new(&env)).unwrap();
        let [found] = report.diagnostics() else {
            panic!("{report}");
        };
        assert_eq!(found.path, variable);
        assert!(found.message.contains(part), "{found:?}");
    }
}

#[test]
fn a_key_that_can_t_be_used_lets_nobody_in_and_is_named() {
    for variable in ["BUTTRESS_CLIENT_KEY", "BUTTRESS_ADMIN_KEY"] {
        for (key, part) in [("", "is empty"), ("two words", "holds a space")] {
            let named = |report: Report| {
                let [found] = report.diagnostics() else {
                    panic!("{report}");
                };
                assert_eq!(found.path, variable);
                assert!(found.message.starts_with(part), "{found:?}");
            };
            for keys in [&["OPENAI_API_KEY", variable][..], &[variable]] {
                let env = |name: &str| {
                    let value = if name == variable { key } else { "k" };
                    keys.contains(&name).then(|| value.to_owned())
                };
                let options = Options::new(&env);
                named(Config::load(None, &options).unwrap_err());
                named(Config::sandbox(&options).unwrap_err());
            }
        }
    }
}

#[test]
fn an_open_port_is_warned_about() {
    let listen = Some(([0, 0, 0, 0], 80).into());
    let (_, report) = Config::load(None, &Options::new(&nothing).listen(listen)).unwrap();
    let [found] = report.diagnostics() else {
        panic!("{report}");
    };
    assert_eq!(found.path, "server.listen");
}

#[test]
fn one_key_for_both_is_warned_about() {
    for provider in ["OPENAI_API_KEY", "BUTTRESS_ADMIN_KEY"] {
        let keys = ["BUTTRESS_CLIENT_KEY", "BUTTRESS_ADMIN_KEY", provider];
        let env = |name: &str| keys.contains(&name).then(|| "k".to_owned());
        let (_, report) = Config::load(None, &Options::new(&env)).unwrap();
        let [found] = report.diagnostics() else {
            panic!("{report}");
        };
        assert_eq!(found.path, "server.admin_key_env");
    }
}

#[test]
fn without_a_key_there_is_the_sandbox() {
    assert!(from_env(&[]).unwrap().is_none());
    assert!(
        from_env(&[("OPENAI_BASE_URL", "http://127.0.0.1:9")])
            .unwrap()
            .is_none()
    );
    let config = Config::sandbox(&Options::new(&nothing)).unwrap();
    assert_eq!(config.mode, Mode::Sandbox);
    assert!(config.server.listen.ip().is_loopback() && config.server.client_key.is_none());
}

/// Whose keys were forgotten is not to answer what real callers have queued.
#[test]
fn the_sandbox_opens_no_store() {
    let env = |name: &str| match name {
        "BUTTRESS_QUEUE_URL" | "BUTTRESS_JOURNAL_URL" => Some("sqlite:all.db".to_owned()),
        "BUTTRESS_SHARED_URL" => Some("redis://localhost".to_owned()),
        _ => None,
    };
    let options = Options::new(&env);
    let (loaded, _) = Config::load(None, &options).unwrap();
    for config in [loaded, Config::sandbox(&options).unwrap()] {
        assert_eq!(config.mode, Mode::Sandbox);
        assert!(config.queue.store.is_none() && config.journal.store.is_none());
        assert!(config.shared.server.is_none());
    }
    // Whoever only looks at what is kept needs nobody to ask.
    let config = Config::load_stores(None, &options).unwrap();
    assert!(config.queue.store.is_some() && config.journal.store.is_some());
    let wrong = |name: &str| (name == "BUTTRESS_QUEUE_URL").then(|| "nowhere".to_owned());
    let report = Config::load_stores(None, &Options::new(&wrong)).unwrap_err();
    assert_eq!(report.diagnostics()[0].path, "BUTTRESS_QUEUE_URL");
}

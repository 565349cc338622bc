use super::{
    super::{Config, Options, Report},
    schema::refused,
};
use proptest::prelude::*;
use std::time::Duration;

const SECRET: &str = "correct-horse-battery-staple";

/// Some variables.
fn variables(name: &str) -> Option<String> {
    let held = match name {
        "HOST" => "10.0.0.1",
        "PORT" => "9000",
        "RETRIES" => "5",
        "MANY" => "500",
        "NO" => "false",
        "WAIT" => "1500ms",
        "HALF" => "50%",
        "PRICE" => "2.5",
        "MODEL" => "gpt-4.1",
        "DOLLAR" => "${HOST}",
        "EMPTY" => "",
        "SECRET" => SECRET,
        "OPENAI_API_KEY" | "BUTTRESS_CLIENT_KEY" => "a-key",
        _ => return None,
    };
    Some(held.to_owned())
}

fn parse(lines: &str) -> Result<(Config, Report), Report> {
    let file = format!("{lines}\n[[routes]]\nprovider = \"openai\"\n");
    Config::parse("buttress.toml", &file, &Options::new(&variables))
}

/// What is read of lines that are as right in an editor.
fn fine(lines: &str) -> Config {
    assert_eq!(refused(lines), [""; 0]);
    parse(lines).unwrap_or_else(|report| panic!("{report}")).0
}

/// What is said of the one thing that is wrong, and what to do about it.
fn wrong(lines: &str) -> (String, String) {
    let report = parse(lines).expect_err(lines);
    let [found] = report.diagnostics() else {
        panic!("{report}");
    };
    let (line, column) = report.place(found).expect("a place");
    let said = format!("{line}:{column} {}: {}", found.path, found.message);
    (said, found.help.clone().unwrap_or_default())
}

#[test]
fn whatever_is_taken_can_stand_in_a_variable() {
    let config = fine(
        "[server]\n\
         listen = \"${HOST}:${PORT}\"\n\
         max_connections = \"${RETRIES}\"\n\
         max_body = \"${PORT}\"\n\
         [limits]\n\
         deadline = \"${DEADLINE:-off}\"\n\
         [defaults]\n\
         retry.max_retries = \"${RETRIES}\"\n\
         retry.base = \"${WAIT}\"\n\
         retry.cap = \"1${RETRIES}s\"\n\
         breaker.failure_rate = \"${HALF}\"\n\
         breaker.enabled = \"${NO}\"\n\
         [providers.openai]\n\
         headers.x-team = \"${TEAM:-a team}\"\n\
         headers.x-cost = \"$5 $${HOST} $$ ${DOLLAR}\"\n\
         [models]\n\
         m = [\"${ROUTE:-openai}\"]\n",
    );
    assert_eq!(config.server.listen.to_string(), "10.0.0.1:9000");
    assert_eq!(
        (config.server.max_connections, config.server.max_body),
        (5, 9000)
    );
    assert_eq!(config.limits.deadline, None);
    let route = &config.routes[0];
    assert_eq!(route.retry.max_retries, 5);
    assert_eq!(route.retry.base, Duration::from_millis(1500));
    assert_eq!(route.retry.cap, Duration::from_secs(15));
    assert_eq!(route.breaker.failure_rate, Some(0.5));
    assert!(!route.breaker.enabled);
    let headers = &route.provider.headers;
    assert_eq!(headers["x-team"], "a team");
    // What a variable holds is not looked into.
    assert_eq!(headers["x-cost"], "$5 ${HOST} $ ${HOST}");
    assert_eq!(config.chains[0].routes, [0]);
}

#[test]
fn a_text_that_looks_like_a_number_stays_a_text() {
    let config = fine("[providers.openai]\nheaders.x-number = \"${RETRIES}\"");
    assert_eq!(config.routes[0].provider.headers["x-number"], "5");
    let price = "[[routes]]\nname = \"other\"\nprovider = \"openai\"\n\
                 cost_per_million_input = \"${PRICE}\"\ncost_per_million_output = \"${RETRIES}\"";
    let config = fine(price);
    assert_eq!(config.routes[0].cost_per_million_input, Some(2.5));
    assert_eq!(config.routes[0].cost_per_million_output, Some(5.0));
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_its_variable() {
    let how = "write ${NAME} or ${NAME:-default}; $$ stands for a $";
    for (lines, said, help) in [
        (
            "[limits]\nmax_calls = \"${CALLS}\"",
            "2:13 limits.max_calls: CALLS is not set",
            "set it where buttress is started, or write a default: ${CALLS:-…}",
        ),
        (
            "[limits]\nmax_calls = \"${CALLS\"",
            "2:13 limits.max_calls: a `${` without its `}`",
            how,
        ),
        (
            "[limits]\nmax_calls = \"${MAX CALLS}\"",
            "2:13 limits.max_calls: no name of a variable stands in a `${…}`",
            how,
        ),
        (
            "[limits]\nmax_calls = \"${CALLS:-${RETRIES}}\"",
            "2:13 limits.max_calls: a default has no variables in it",
            how,
        ),
        (
            "[limits]\nmax_calls = \"${EMPTY}\"",
            "2:13 limits.max_calls: expected a whole number, found the string \"${EMPTY}\"",
            "write a whole number from 1 to 1000",
        ),
        (
            "[defaults]\nretry.max_retries = \"${MANY}\"",
            "2:21 defaults.retry.max_retries: \"${MANY}\" is out of range",
            "write a whole number from 0 to 100",
        ),
        (
            "[limits]\ndeadline = \"${SECRET}\"",
            "2:12 limits.deadline: expected a duration, found the string \"${SECRET}\"",
            "write a number and a unit, such as \"500ms\", \"1.5s\", \"2m\"; \"off\" switches it off",
        ),
        (
            "[models]\nm = [\"openai\", \"${NOBODY}\"]",
            "2:5 models.m: NOBODY is not set",
            "set it where buttress is started, or write a default: ${NOBODY:-…}",
        ),
        (
            "[providers.openai]\nheaders.x-a = \"${NOBODY}\"",
            "2:15 providers.openai.headers.x-a: NOBODY is not set",
            "set it where buttress is started, or write a default: ${NOBODY:-…}",
        ),
        // What it holds would be taken for a name, and shown.
        (
            "[providers.openai]\nkey_env = \"${MODEL}\"",
            "2:11 providers.openai.key_env: expected the name of an environment variable",
            "write its name, such as \"OPENAI_API_KEY\", without ${…}",
        ),
        // As without a variable, and told once.
        (
            "[providers.openai]\napi_key = \"${OPENAI_API_KEY}\"",
            "2:11 providers.openai.api_key: a key does not belong in a file",
            "put it into an environment variable, and write the variable's name: \
             key_env = \"OPENAI_API_KEY\"",
        ),
        (
            "[providers.openai]\napi_key = \"${NOBODY}\"",
            "2:11 providers.openai.api_key: a key does not belong in a file",
            "put it into an environment variable, and write the variable's name: \
             key_env = \"OPENAI_API_KEY\"",
        ),
    ] {
        assert_eq!(wrong(lines), (said.to_owned(), help.to_owned()));
    }
}

#[test]
fn names_of_keys_are_left_alone() {
    let (said, _) = wrong("[limits]\n\"${MODEL}\" = 1");
    assert!(said.contains("unknown field"), "{said}");
    let config = fine("[models]\n\"${MODEL}\" = [\"openai\"]");
    assert_eq!(config.chains[0].model, "${MODEL}");
}

#[test]
fn what_is_not_set_is_needed_to_serve_and_not_to_check() {
    let file = "[limits]\nmax_calls = \"${CALLS}\"\n[[routes]]\nprovider = \"${PROVIDER}\"\n";
    let options = Options::new(&variables);
    let report = Config::parse("buttress.toml", file, &options).unwrap_err();
    assert_eq!(report.diagnostics().len(), 2, "{report}");
    let checked = Config::parse("buttress.toml", file, &options.keys_may_be_missing());
    let (config, report) = checked.unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.limits.max_calls, 12);
    let said = report.to_string();
    for word in ["note", "CALLS is not set", "PROVIDER is not set"] {
        assert!(said.contains(word), "{said}");
    }
}

proptest! {
    /// Whoever reads a message may be somebody else than who set the variable.
    #[test]
    fn no_message_shows_what_a_variable_holds(
        field in prop::sample::select(vec![
            "server.listen", "server.max_body", "server.client_key_env", "limits.deadline",
            "limits.max_calls", "defaults.retry.jitter", "defaults.breaker.window",
            "defaults.breaker.failure_rate", "defaults.accepts.tools", "providers.openai.kind",
            "providers.openai.base_url", "providers.openai.http", "providers.openai.key_env",
            "queue.url", "queue.name", "queue.accept", "queue.degraded.status",
            "queue.webhook.url", "journal.url", "models.m", "correct.max", "defaults.gate.max_wait",
        ]),
        before in "[a-z:/@.]{0,4}",
        held in "[a-zA-Z0-9+/=_.:@-]{13,90}",
    ) {
        let variables = |name: &str| match name {
            "IT" => Some(held.clone()),
            name => variables(name),
        };
        let file = format!(
            "{field} = \"{before}${{IT}}\"\n[[routes]]\nprovider = \"openai\"\n"
        );
        if let Err(report) = Config::parse("buttress.toml", &file, &Options::new(&variables)) {
            let said = report.to_string();
            prop_assert!(!said.contains(&held[..13]), "{said}\n{held}");
        }
    }
}

use super::{
    super::{Config, Options, Report},
    nothing, parse,
};

fn report(source: &str) -> Report {
    parse(source).map_or_else(|report| report, |(_, report)| report)
}

/// Everything that is said: severity, place, field and message, and below it what to do.
fn said(report: &Report) -> String {
    let said = report.diagnostics().iter().map(|found| {
        let place = report.place(found);
        let place = place.map_or_else(String::new, |(line, column)| format!("{line}:{column} "));
        let path = match found.path.as_str() {
            "" => String::new(),
            path => format!("{path}: "),
        };
        let help = found.help.as_deref().unwrap_or("NO HELP");
        let help = help.replace('\n', "\n>   ");
        let severity = found.severity.as_str();
        format!("> {severity} {place}{path}{}\n>   {help}", found.message)
    });
    said.collect::<Vec<_>>().join("\n")
}

#[test]
fn mistakes_are_said_with_their_place_and_their_remedy() {
    let blocks = include_str!("messages.txt").split("\n\n").skip(1);
    let cases = blocks.filter(|block| !block.starts_with("//"));
    let mut count = 0;
    for case in cases {
        let (expected, file): (Vec<_>, Vec<_>) =
            case.lines().partition(|line| line.starts_with('>'));
        assert_eq!(
            said(&report(&file.join("\n"))),
            expected.join("\n"),
            "{case}"
        );
        count += 1;
    }
    assert!(count > 60, "{count}");
}

#[test]
fn a_key_is_needed_to_serve_and_not_to_check() {
    let source = "[[routes]]\nprovider = \"groq\"";
    let parse = |options| Config::parse("buttress.toml", source, &options);
    let rest = "2:12 providers.groq.key_env: GROQ_API_KEY is not set\n\
                >   set it where buttress is started: export GROQ_API_KEY=…";
    let serve = Options::new(&nothing);
    assert_eq!(said(&parse(serve).unwrap_err()), format!("> error {rest}"));
    let (_, report) = parse(serve.keys_may_be_missing()).unwrap();
    assert_eq!(said(&report), format!("> note {rest}"));

    // One that is set and is none is not missing.
    let wrong = |name: &str| (name == "GROQ_API_KEY").then(|| "two words".to_owned());
    let options = Options::new(&wrong).keys_may_be_missing();
    let (_, report) = Config::parse("buttress.toml", source, &options).unwrap();
    let said = said(&report);
    assert!(
        said.contains("> warning 2:12 providers.groq.key_env: "),
        "{said}"
    );
}

#[test]
fn a_webhook_needs_a_secret_to_be_called_and_not_to_be_checked() {
    let source = "[[routes]]\nprovider = \"ollama\"\n\
                  [queue]\nurl = \"sqlite:queue.db\"\n\
                  [queue.webhook]\nurl = \"https://example.com/hook\"";
    let secret = |secret: &'static str| {
        move |name: &str| (name == "BUTTRESS_WEBHOOK_SECRET").then(|| secret.to_owned())
    };
    let parse = |env: &dyn Fn(&str) -> Option<String>, needed| {
        let options = Options::new(env);
        let options = match needed {
            true => options,
            false => options.keys_may_be_missing(),
        };
        match Config::parse("buttress.toml", source, &options) {
            Ok((config, report)) => (config.queue.webhook.secret.is_some(), said(&report)),
            Err(report) => (false, said(&report)),
        }
    };
    let unset = "6:7 queue.webhook.secret_env: BUTTRESS_WEBHOOK_SECRET is not set\n\
                 >   set it where buttress is started: export BUTTRESS_WEBHOOK_SECRET=…";
    assert_eq!(parse(&nothing, true), (false, format!("> error {unset}")));
    assert_eq!(parse(&nothing, false), (false, format!("> note {unset}")));
    let (_, wrong) = parse(&secret("whsec_no-base64"), true);
    assert!(
        wrong.contains("BUTTRESS_WEBHOOK_SECRET is not whsec_"),
        "{wrong}"
    );
    assert!(!wrong.contains("no-base64"), "{wrong}");
    for fine in ["whsec_c2VjcmV0", "anything"] {
        assert_eq!(parse(&secret(fine), true), (true, String::new()));
    }
}

#[test]
fn a_port_that_others_can_reach_needs_a_key() {
    let source = "[server]\nlisten = \"[::]:80\"\n[[routes]]\nprovider = \"ollama\"";
    let (_, open) = Config::parse("buttress.toml", source, &Options::new(&nothing)).unwrap();
    let expected = "> warning 2:10 server.listen: [::]:80 can be reached from elsewhere, and no \
                    key is asked for\n>   set BUTTRESS_CLIENT_KEY to a key that callers have to \
                    present, or listen on 127.0.0.1";
    assert_eq!(said(&open), expected);
    assert_eq!(said(&report(source)), "");
}

#[test]
fn a_key_for_callers_is_none_for_who_operates_it() {
    let with = |settings: &str| format!("[server]\n{settings}\n[[routes]]\nprovider = \"ollama\"");
    let said = |source: &str, env: &dyn Fn(&str) -> Option<String>| {
        let (_, report) = Config::parse("buttress.toml", source, &Options::new(env)).unwrap();
        said(&report)
    };
    let same = |name: &str| name.ends_with("_KEY").then(|| "hunter2".to_owned());
    let message = "server.admin_key_env: the admin key is the client key, so every caller may \
                   change things by hand";
    let two = with("client_key_env = \"A_KEY\"\nadmin_key_env = \"B_KEY\"");
    let help = "make B_KEY a key of its own: `openssl rand -hex 32`";
    assert_eq!(
        said(&two, &same),
        format!("> warning 3:17 {message}\n>   {help}")
    );
    let own = |name: &str| name.ends_with("_KEY").then(|| name.to_owned());
    assert_eq!(said(&two, &own), "");

    let one = with("client_key_env = \"A_KEY\"\nadmin_key_env = \"A_KEY\"");
    let (_, report) = Config::parse(
        "buttress.toml",
        &one,
        &Options::new(&nothing).keys_may_be_missing(),
    )
    .unwrap();
    assert!(report.to_string().contains(message), "{report}");

    let none = "[[routes]]\nprovider = \"ollama\"";
    let found = said(none, &same);
    assert!(found.contains(message), "{found}");
    assert!(!found.contains("hunter2"), "{found}");
}

#[test]
fn text_that_is_not_utf_8() {
    let options = Options::new(&nothing);
    let report = Config::parse_bytes("buttress.toml", b"a = 1\nb = \"\xff\"", &options);
    let expected = "> error 2:6 not UTF-8 text\n>   save the file as UTF-8";
    assert_eq!(said(&report.unwrap_err()), expected);
}

#[test]
fn a_report_shows_the_lines_in_question_without_keys() {
    let source = "[server]\nlisten = 8080\napi_key = \"hunter2\"\n\n[[routes]]\nprovider = \"openai\"\n\n[[routes]]\nprovider = \"openai\"\n";
    let expected = r#"error: server.listen: 8080 is no address
 --> buttress.toml:2:10
  |
2 | listen = 8080
  |          ^^^^
  |
  = help: write the address as well: "127.0.0.1:8080"

error: server.api_key: a key does not belong in a file
 --> buttress.toml:3:11
  |
3 | api_key = "*******"
  |           ^^^^^^^^^
  |
  = help: put it into an environment variable, and write the variable's name: client_key_env = "BUTTRESS_CLIENT_KEY"

error: routes[1].name: there are two routes "openai"
 --> buttress.toml:8:1
  |
5 | [[routes]]
  | ---------- the first of them
...
8 | [[routes]]
  | ^^^^^^^^^^
  |
  = help: name one of them: name = …

buttress.toml: 3 errors"#;
    assert_eq!(report(source).to_string(), expected);
}

use super::super::{Config, Options, Protocol, Report, Telemetry};

const ROUTE: &str = "[[routes]]\nprovider = \"ollama\"\n";

fn read(telemetry: &str, variables: &[(&str, &str)]) -> Result<Telemetry, Report> {
    let env = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let file = format!("{ROUTE}[telemetry]\n{telemetry}");
    let parsed = Config::parse("buttress.toml", &file, &Options::new(&env));
    parsed.map(|(config, _)| config.telemetry)
}

fn endpoint(telemetry: &str, variables: &[(&str, &str)]) -> String {
    let telemetry = read(telemetry, variables).unwrap();
    let endpoint = telemetry.endpoint;
    endpoint.map_or_else(|| "off".to_owned(), |endpoint| endpoint.to_string())
}

#[test]
fn there_is_no_collector_unless_one_is_named() {
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const OWN: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    let here = "endpoint = \"http://localhost:4318/\"";
    assert_eq!(endpoint("", &[]), "off");
    assert_eq!(endpoint("endpoint = \"off\"", &[]), "off");
    assert_eq!(endpoint(here, &[]), "http://localhost:4318/v1/traces");
    let grpc = format!("{here}\nprotocol = \"grpc\"");
    assert_eq!(endpoint(&grpc, &[]), "http://localhost:4318/");
    // Variables go first, the one for traces before the one for everything.
    let (all, own) = ((ALL, "http://a:1/otlp"), (OWN, "https://b/exactly"));
    assert_eq!(endpoint(here, &[all]), "http://a:1/otlp/v1/traces");
    assert_eq!(endpoint("", &[all, own]), "https://b/exactly");
    assert_eq!(
        endpoint(here, &[(ALL, " ")]),
        "http://localhost:4318/v1/traces"
    );
    for off in [
        ("OTEL_SDK_DISABLED", "TRUE"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ] {
        assert_eq!(endpoint(here, &[all, off]), "off");
    }
}

#[test]
fn the_variables_of_opentelemetry_go_before_a_file() {
    let file = "service_name = \"mine\"\nsample = \"10%\"\nprotocol = \"grpc\"\ncontent = true";
    let telemetry = read(file, &[]).unwrap();
    assert_eq!(telemetry.service_name, "mine");
    assert_eq!(telemetry.sample, Some(0.1));
    assert_eq!(telemetry.protocol, Protocol::Grpc);
    assert!(telemetry.content);
    let telemetry = read(
        file,
        &[
            ("OTEL_SERVICE_NAME", "theirs"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b,service.name=others"),
            ("OTEL_TRACES_SAMPLER", "always_off"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ],
    );
    let telemetry = telemetry.unwrap();
    assert_eq!(telemetry.service_name, "theirs");
    assert_eq!(telemetry.sample, None);
    assert_eq!(telemetry.protocol, Protocol::Http);
    let others = [("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name = others")];
    assert_eq!(read(file, &others).unwrap().service_name, "others");
    assert!(!read("", &[]).unwrap().content);
}

#[test]
fn headers_come_from_a_variable_and_are_shown_nowhere() {
    let variables = [("OTEL_EXPORTER_OTLP_HEADERS", "x-key=SE%43RET%20, x-team=a")];
    let telemetry = read("", &variables).unwrap();
    assert_eq!(telemetry.headers["x-key"], "SECRET ");
    assert_eq!(telemetry.headers["x-team"], "a");
    assert!(
        !format!("{telemetry:?}").contains("SECRET"),
        "{telemetry:?}"
    );
    let own = read("headers_env = \"MINE\"", &[("MINE", "x-key=k")]);
    assert_eq!(own.unwrap().headers["x-key"], "k");
    for wrong in ["SECRET", "two words=SECRET", "x-key=SEC%0aRET"] {
        let said = read("", &[(variables[0].0, wrong)])
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("OTEL_EXPORTER_OTLP_HEADERS has something"),
            "{said}"
        );
        assert!(!said.contains("SEC"), "{said}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_variable() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://name:SECRET@host",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
    ] {
        let said = read("", &[(name, value)]).unwrap_err().to_string();
        assert!(said.contains(name) && !said.contains("SECRET"), "{said}");
        let env = |asked: &str| match asked {
            "OPENAI_API_KEY" => Some("k".to_owned()),
            asked => (asked == name).then(|| value.to_owned()),
        };
        let said = Config::from_env(&Options::new(&env)).unwrap_err();
        let said = said.to_string();
        assert!(said.contains("OTEL_") && !said.contains("SECRET"), "{said}");
    }
    let said = read("endpoint = \"localhost\"\nheaders = \"k\"", &[]).unwrap_err();
    assert_eq!(said.diagnostics().len(), 2, "{said}");
}

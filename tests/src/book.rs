//! What the book shows of Rust is compiled and run with the documentation of this package, which
//! is not published: so the book need not be in any package that is.

macro_rules! pages {
    ($($name:ident $path:literal)+) => {
        $(
            #[doc = include_str!(concat!("../../docs/", $path))]
            pub struct $name;
        )+
    };
}

pages! {
    Concepts "concepts.md"
    Stacking "stacking.md"
    CircuitBreaker "layers/circuit-breaker.md"
    Fallback "layers/fallback.md"
    Traces "traces.md"
    Axum "recipes/axum.md"
    Grpc "recipes/grpc.md"
}

//! A proxy that passes requests and answers on and does nothing else.

use http::{HeaderValue, Uri, header::HOST};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::TcpListener;

#[tokio::main]
pub(super) async fn run(upstream: &str) {
    let host = HeaderValue::from_str(upstream).expect("an address");
    let mut connector = hyper_util::client::legacy::connect::HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build::<_, Incoming>(connector);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (client, host) = (client.clone(), host.clone());
        let pass_on = service_fn(move |mut request: Request<Incoming>| {
            let path = request.uri().path_and_query().cloned();
            let mut parts = Uri::default().into_parts();
            parts.scheme = Some(http::uri::Scheme::HTTP);
            parts.authority = host.to_str().ok().and_then(|host| host.parse().ok());
            parts.path_and_query = path;
            *request.uri_mut() = Uri::from_parts(parts).expect("a whole address");
            request.headers_mut().insert(HOST, host.clone());
            client.request(request)
        });
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), pass_on)
                .await;
        });
    }
}

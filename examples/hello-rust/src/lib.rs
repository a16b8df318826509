//! The smallest useful popmesh function in Rust: an ordinary `wasi:http` server.
//! Nothing here knows popmesh; the same component runs in any wasi:http 0.2 host.

use wstd::http::{Body, Client, Error, Request, Response, StatusCode, Uri};
use wstd::time::Duration;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/" => Ok(text(greeting(&request))),
        // Streams: the bytes go back while they are still coming in.
        "/echo" => Ok(Response::new(request.into_body())),
        "/env" => Ok(text(environment())),
        "/log" => {
            println!("a line for the log");
            eprintln!("a line for the log, as an error");
            Ok(text("look at: popmesh logs hello-rust\n".into()))
        }
        "/fetch" => fetch(request.uri().query().unwrap_or_default()).await,
        "/sleep" => {
            let ms = request.uri().query().and_then(|q| q.parse().ok()).unwrap_or(100);
            wstd::task::sleep(Duration::from_millis(ms)).await;
            Ok(text(format!("slept {ms} ms\n")))
        }
        "/panic" => panic!("asked to panic"),
        _ => {
            let mut response = text("not found\n".into());
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
    }
}

fn text(body: String) -> Response<Body> {
    Response::builder()
        .header("content-type", "text/plain; charset=utf-8")
        .body(body.into())
        .expect("a valid response")
}

/// popmesh tells each function where it runs with a request header.
fn greeting(request: &Request<Body>) -> String {
    let header = request.headers().get("popmesh-pop").and_then(|v| v.to_str().ok());
    let pop = header.unwrap_or("the middle of nowhere");
    let greeting = std::env::var("GREETING").unwrap_or_else(|_| "Hello".into());
    format!("{greeting} from Rust in {pop}\n")
}

/// Only what `[env]` in popmesh.toml gives; nothing of the machine shines through.
fn environment() -> String {
    let mut lines: Vec<String> = std::env::vars().map(|(k, v)| format!("{k}={v}\n")).collect();
    lines.sort();
    lines.concat()
}

/// `/fetch?http://host/path`: the host must be listed under `outbound` in popmesh.toml.
async fn fetch(url: &str) -> Result<Response<Body>, Error> {
    let Ok(uri) = url.parse::<Uri>() else {
        return Ok(text(format!("{url:?} is not a URL\n")));
    };
    let request = Request::get(uri).body(Body::empty())?;
    match Client::new().send(request).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let mut response = text(format!("fetch failed: {error:#}\n"));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            Ok(response)
        }
    }
}

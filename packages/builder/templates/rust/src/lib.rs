//! An ordinary `wasi:http` server: nothing here knows popmesh.

use wstd::http::{Body, Error, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    match request.uri().path() {
        "/" => Ok(text(StatusCode::OK, greeting(&request))),
        // Streams: the bytes go back while they are still coming in.
        "/echo" => Ok(Response::new(request.into_body())),
        _ => Ok(text(StatusCode::NOT_FOUND, "not found\n".into())),
    }
}

/// popmesh tells each function where it runs with a request header, and gives [env] of popmesh.toml.
fn greeting(request: &Request<Body>) -> String {
    let header = request.headers().get("popmesh-pop").and_then(|value| value.to_str().ok());
    let greeting = std::env::var("GREETING").unwrap_or_else(|_| "Hello".into());
    format!("{greeting} from FUNCTION_NAME in {}\n", header.unwrap_or("nowhere"))
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", "text/plain; charset=utf-8")
        .body(body.into())
        .expect("a valid response")
}

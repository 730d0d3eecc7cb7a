//! The page at `/`: plain HTML, CSS and JavaScript, embedded in the binary, without a build and without other hosts.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::http::body::Path;
use crate::http::error::Problem;

/// The files of the page: name, type, text.
const ASSETS: [(&str, &str, &str); 5] = [
    ("style.css", "text/css; charset=utf-8", include_str!("../../dashboard/style.css")),
    ("app.js", "text/javascript; charset=utf-8", include_str!("../../dashboard/app.js")),
    ("api.js", "text/javascript; charset=utf-8", include_str!("../../dashboard/api.js")),
    ("feed.js", "text/javascript; charset=utf-8", include_str!("../../dashboard/feed.js")),
    ("mark.svg", "image/svg+xml", include_str!("../../dashboard/mark.svg")),
];

/// The page
#[utoipa::path(
    get, path = "/", tag = "live",
    responses((status = 200, description = "HTML", body = String, content_type = "text/html")),
    security(())
)]
pub(crate) async fn get_page() -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("../../dashboard/index.html")).into_response()
}

/// A file of the page
#[utoipa::path(
    get, path = "/assets/{file}", tag = "live",
    params(("file" = String, Path, description = "Its name")),
    responses((status = 200, description = "The file", body = String, content_type = "text/plain")),
    security(())
)]
pub(crate) async fn get_asset(Path(file): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|(name, ..)| *name == file);
    let (_, kind, text) = found.ok_or_else(|| Problem::not_found("file", &file))?;
    Ok(([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")], *text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_that_is_not_embedded() {
        let page = include_str!("../../dashboard/index.html");
        for chunk in page.split("/assets/").skip(1) {
            let name = chunk.split(['"', '\'']).next().unwrap();
            assert!(ASSETS.iter().any(|(asset, ..)| *asset == name), "`{name}`");
        }
        for (name, kind, text) in ASSETS.iter().filter(|(_, kind, _)| kind.contains("javascript")) {
            for chunk in text.split("from \"./").skip(1) {
                let import = chunk.split('"').next().unwrap();
                assert!(ASSETS.iter().any(|(asset, ..)| *asset == import), "{name} ({kind}) imports `{import}`");
            }
        }
    }

    #[test]
    fn the_page_has_nothing_inline_that_its_policy_refuses() {
        let page = include_str!("../../dashboard/index.html");
        for refused in ["<style", "style=\"", "onclick", "onload", "javascript:"] {
            assert!(!page.contains(refused), "`{refused}`");
        }
        assert!(page.split("<script").skip(1).all(|script| script.contains("src=\"/assets/")));
    }
}

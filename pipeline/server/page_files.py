"""The page on which a person tries the model: three files that ask the server itself and nobody else."""

from importlib import resources

from starlette.responses import Response

_KINDS = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; media-src blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def response(name: str) -> Response:
    """Returns one of the files: `index.html`, `page.css` or `page.js`."""
    content = resources.files(__package__).joinpath("page", name).read_bytes()
    return Response(content, headers={**_HEADERS, "Content-Type": _KINDS[name]})
